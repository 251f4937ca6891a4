//! Which packs are read as a whole, and in which order.

use rustic_core::Id;

use crate::{CheckRequest, EngineError, ErrorKind, ReadData, Result, embedded::catalog::Catalog};

/// A pack to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) id: Id,
    /// Its number in the catalog.
    pub(super) number: u32,
    pub(super) size: u32,
}

/// What is read, in its order.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) packs: Vec<Wanted>,
    pub(super) bytes: u64,
    /// Whether anything was to be read.
    pub(super) asked: bool,
    /// Whether the last of all packs is among them.
    pub(super) reaches_end: bool,
}

/// Where to begin, and fails on a request that makes no sense.
pub(super) fn validate(request: &CheckRequest) -> Result<Option<Id>> {
    let wrong = |what: String| EngineError::new(ErrorKind::InvalidRequest, what);
    if request.read_data == ReadData::Part(0) {
        return Err(wrong("cannot read one of no parts".to_owned()));
    }
    let Some(after) = &request.after else {
        return Ok(None);
    };
    after
        .parse()
        .map(Some)
        .map_err(|_| wrong(format!("cannot read from the pack `{after}` on: that is no id")))
}

/// The packs that the request asks for, as far as they are there as a whole: of others it is known already.
pub(super) fn choose(catalog: &Catalog, read_data: ReadData, after: Option<Id>) -> Chosen {
    let packs = (0..)
        .zip(&catalog.packs)
        .filter(|(_, pack)| !pack.marked && pack.is_there())
        .filter_map(|(number, pack)| {
            Some(Wanted {
                id: pack.id,
                number,
                size: u32::try_from(pack.expected).ok()?,
            })
        });
    choose_of(packs.collect(), read_data, after)
}

fn choose_of(mut packs: Vec<Wanted>, read_data: ReadData, after: Option<Id>) -> Chosen {
    if read_data == ReadData::None {
        return Chosen::default();
    }
    packs.sort_unstable();
    let count = packs.len();
    let size = |packs: &[Wanted]| packs.iter().map(|pack| u64::from(pack.size)).sum::<u64>();
    let all = size(&packs);
    let first = after.map_or(0, |after| packs.partition_point(|pack| pack.id <= after));
    // After the last comes the first.
    packs.rotate_left(if first < count { first } else { 0 });
    let to_the_last = if first < count { count - first } else { count };
    let enough = match read_data {
        ReadData::None | ReadData::All => None,
        ReadData::Part(parts) => Some(all.div_ceil(u64::from(parts.max(1)))),
        ReadData::Bytes(bytes) => Some(bytes),
    };
    if let Some(enough) = enough {
        let mut bytes = 0;
        let taken = packs
            .iter()
            .take(to_the_last)
            .take_while(|pack| {
                let more = bytes == 0 || bytes < enough;
                bytes += u64::from(pack.size);
                more
            })
            .count();
        packs.truncate(taken);
    }
    Chosen {
        bytes: size(&packs),
        asked: true,
        reaches_end: packs.len() >= to_the_last,
        packs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packs(count: u8) -> Vec<Wanted> {
        // Not in order.
        let mut packs: Vec<_> = (1..=count)
            .map(|number| Wanted {
                id: Id::new([number; 32]),
                number: u32::from(number),
                size: 10,
            })
            .collect();
        packs.reverse();
        packs
    }

    fn chosen(read_data: ReadData, after: u8) -> (Vec<u32>, bool) {
        let after = (after > 0).then(|| Id::new([after; 32]));
        let chosen = choose_of(packs(5), read_data, after);
        assert_eq!(chosen.bytes, chosen.packs.len() as u64 * 10);
        let numbers = chosen.packs.iter().map(|pack| pack.number).collect();
        (numbers, chosen.reaches_end)
    }

    #[test]
    fn packs_are_read_in_their_order_until_it_is_enough() {
        for (read_data, after, numbers, reaches_end) in [
            (ReadData::Bytes(20), 0, vec![1, 2], false),
            (ReadData::Bytes(11), 2, vec![3, 4], false),
            (ReadData::Bytes(1), 4, vec![5], true),
            (ReadData::Bytes(100), 3, vec![4, 5], true),
            (ReadData::Bytes(1), 5, vec![1], false),
            (ReadData::Bytes(0), 0, vec![1], false),
            (ReadData::Part(2), 0, vec![1, 2, 3], false),
            (ReadData::Part(2), 3, vec![4, 5], true),
            (ReadData::Part(1), 0, vec![1, 2, 3, 4, 5], true),
            (ReadData::Part(1000), 1, vec![2], false),
            (ReadData::All, 0, vec![1, 2, 3, 4, 5], true),
            (ReadData::All, 3, vec![4, 5, 1, 2, 3], true),
            (ReadData::All, 9, vec![1, 2, 3, 4, 5], true),
        ] {
            assert_eq!(
                chosen(read_data, after),
                (numbers, reaches_end),
                "{read_data:?} after {after}"
            );
        }
    }

    #[test]
    fn so_many_checks_as_there_are_parts_read_everything() {
        for parts in 1..=7 {
            let mut after = 0;
            let mut read = Vec::new();
            for _ in 0..parts {
                let (numbers, reaches_end) = chosen(ReadData::Part(parts), after);
                after = u8::try_from(*numbers.last().unwrap()).unwrap();
                read.extend(numbers);
                if reaches_end {
                    break;
                }
            }
            assert_eq!(read, [1, 2, 3, 4, 5], "{parts}");
        }
    }

    #[test]
    fn an_empty_repository_is_read_to_its_end() {
        for read_data in [ReadData::All, ReadData::Part(3), ReadData::Bytes(9)] {
            let chosen = choose_of(Vec::new(), read_data, Some(Id::new([7; 32])));
            assert!(chosen.asked && chosen.reaches_end && chosen.packs.is_empty());
        }
        assert!(!choose_of(packs(3), ReadData::None, None).asked);
    }

    #[test]
    fn nonsense_is_refused() {
        let with = |read_data, after: Option<&str>| {
            validate(&CheckRequest {
                read_data,
                after: after.map(str::to_owned),
                max_time: None,
            })
        };
        assert!(with(ReadData::Part(3), None).unwrap().is_none());
        assert!(with(ReadData::All, Some(&"ab".repeat(32))).unwrap().is_some());
        for wrong in [with(ReadData::Part(0), None), with(ReadData::All, Some("ab"))] {
            assert_eq!(wrong.unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
    }
}
