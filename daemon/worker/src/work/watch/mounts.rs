//! What is mounted: inotify does not tell that something was mounted over a directory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

const TABLE: &str = "/proc/self/mountinfo";

/// File systems that the kernel makes up: nothing in them is stored for good, and inotify tells nothing of them.
const MADE_UP: [&str; 19] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// What is mounted where: the last at a place is what is seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mounts(BTreeMap<PathBuf, Mount>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    id: u64,
    is_made_up: bool,
}

impl Mounts {
    /// As they are now; nothing where nobody says.
    pub(super) fn now() -> Self {
        fs::read(TABLE).map_or_else(|_| Self::default(), |table| Self::parse(&table))
    }

    /// A file that has an exceptional condition when something is mounted, or is not any more.
    pub(super) fn watch() -> io::Result<File> {
        File::open(TABLE)
    }

    /// Lines of `proc(5)`: `ID PARENT DEVICE ROOT PLACE OPTIONS TAGS… - TYPE SOURCE OPTIONS`.
    fn parse(table: &[u8]) -> Self {
        let lines = table.split(|byte| *byte == b'\n');
        Self(
            lines
                .filter_map(|line| {
                    let mut words = line.split(|byte| *byte == b' ');
                    let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
                    let place = unescaped(words.nth(3)?);
                    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
                    let is_made_up = MADE_UP.iter().any(|name| name.as_bytes() == kind);
                    Some((place, Mount { id, is_made_up }))
                })
                .collect(),
        )
    }

    /// Whether one of the kernel's own file systems is mounted here.
    pub(super) fn is_made_up(&self, path: &Path) -> bool {
        self.0.get(path).is_some_and(|mount| mount.is_made_up)
    }

    /// Places where something else is mounted now.
    pub(super) fn differences(&self, other: &Self) -> BTreeSet<PathBuf> {
        let here = self
            .0
            .iter()
            .filter(|(place, mount)| other.0.get(*place) != Some(mount));
        let there = other
            .0
            .iter()
            .filter(|(place, mount)| self.0.get(*place) != Some(mount));
        here.chain(there).map(|(place, _)| place.clone()).collect()
    }
}

/// Blanks and backslashes stand as octal numbers.
fn unescaped(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, behind)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| {
                behind
                    .get(..3)
                    .and_then(|digits| std::str::from_utf8(digits).ok())
            })
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = octal {
            bytes.push(byte);
            rest = behind.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_as_the_kernel_writes_it() {
        let before = Mounts::parse(
            b"22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
              23 22 0:22 / /proc rw shared:2 master:1 - proc proc rw\n\
              24 22 8:1 / /mnt/my\\040disk\\134 rw - vfat /dev/sdb1 rw\n\n",
        );
        assert!(before.is_made_up(Path::new("/proc")) && !before.is_made_up(Path::new("/")));
        assert!(before.0.contains_key(Path::new("/mnt/my disk\\")));
        let after = Mounts::parse(
            b"22 1 0:21 / / rw - ext4 /dev/root rw\n\
              23 22 0:22 / /proc rw - proc proc rw\n\
              30 22 8:2 / /srv rw - ext4 /dev/sdc1 rw\n",
        );
        let places = ["/mnt/my disk\\", "/srv"].map(PathBuf::from);
        assert_eq!(before.differences(&after), BTreeSet::from(places));
        assert!(Mounts::now().is_made_up(Path::new("/proc")));
    }
}
