//! Modes as Go's `io/fs` writes them, which is how they stand in trees.

const PERMISSIONS: u32 = 0o777;
const FORMAT: u32 = 0o170_000;

/// (Unix's file format, Go's type bits). Go marks a character device as a device, too.
const TYPES: [(u32, u32); 6] = [
    (0o040_000, 1 << 31),
    (0o120_000, 1 << 27),
    (0o060_000, 1 << 26),
    (0o020_000, 1 << 26 | 1 << 21),
    (0o010_000, 1 << 25),
    (0o140_000, 1 << 24),
];

/// (Unix's bit, Go's bit): set-user-id, set-group-id, sticky.
const SPECIAL: [(u32, u32); 3] = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];

/// From `st_mode`.
pub(super) fn to_go(mode: u32) -> u32 {
    let kind = TYPES
        .iter()
        .find(|(unix, _)| mode & FORMAT == *unix)
        .map_or(0, |(_, go)| *go);
    let special = SPECIAL
        .iter()
        .filter(|(unix, _)| mode & unix != 0)
        .map(|(_, go)| go)
        .sum::<u32>();
    mode & PERMISSIONS | kind | special
}

/// Permission bits, as `chmod` takes them.
pub(super) fn permissions(go: u32) -> u32 {
    go & PERMISSIONS
        | SPECIAL
            .iter()
            .filter(|(_, bit)| go & bit != 0)
            .map(|(unix, _)| unix)
            .sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_survive_the_way_there_and_back() {
        for mode in [
            0o100_644, 0o040_755, 0o104_755, 0o042_775, 0o041_777, 0o020_666, 0o120_777,
        ] {
            assert_eq!(permissions(to_go(mode)), mode & 0o7777, "{mode:o}");
        }
        assert_eq!(to_go(0o040_755), 1 << 31 | 0o755);
    }
}
