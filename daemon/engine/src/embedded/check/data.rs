//! Reads packs as a whole, several at a time.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
};

use rustic_core::{Id, repofile::IndexPack};

use crate::{
    CheckRequest, Damage, EngineError, ErrorKind, ReadData, Result,
    embedded::{
        catalog::{self, Catalog},
        feed::Feed,
        pack,
        session::Session,
    },
};

use super::found::{Extent, Found, Mask};

/// Each thread holds a window of a pack and a blob; more than a few only wait for the disk.
const THREADS: usize = 4;
/// restic divides packs by the first byte of their ids.
const MOST_PARTS: u32 = 256;

/// Which packs are read, by number.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Number and size, by id.
    packs: HashMap<Id, (u32, u32)>,
    pub(super) bytes: u64,
    /// Asked for, and left out.
    pub(super) left: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) packs: u64,
    pub(super) bytes: u64,
}

impl Chosen {
    pub(super) fn len(&self) -> u64 {
        self.packs.len() as u64
    }
}

/// Fails if there is no such part.
pub(super) fn validate(request: &CheckRequest) -> Result<()> {
    match request.read_data {
        ReadData::Subset { index, of } if index == 0 || index > of || of > MOST_PARTS => {
            Err(EngineError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "cannot read part {index} of {of}: parts count from 1, and {MOST_PARTS} are the most"
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// The packs that the request asks for, as far as they are there as a whole: of others it is known already.
pub(super) fn choose(catalog: &Catalog, request: &CheckRequest) -> Result<Chosen> {
    let wanted = |id: &Id| match request.read_data {
        ReadData::None => false,
        ReadData::All => true,
        // The first byte of the id.
        ReadData::Subset { index, of } => (id.as_u32() & 0xff) % of == index - 1,
    };
    let mut packs: Vec<(Id, u32, u32)> = (0..)
        .zip(&catalog.packs)
        .filter(|(_, pack)| !pack.marked && pack.is_there() && wanted(&pack.id))
        .filter_map(|(number, pack)| Some((pack.id, number, u32::try_from(pack.expected).ok()?)))
        .collect();
    if request.cap_bytes.is_some() && !packs.is_empty() {
        packs.sort_unstable();
        let start = chance()? % packs.len();
        packs.rotate_left(start);
    }
    let mut chosen = Chosen::default();
    for (id, number, size) in packs {
        let bytes = chosen.bytes + u64::from(size);
        if request.cap_bytes.is_some_and(|cap| bytes > cap) {
            chosen.left += 1;
        } else {
            chosen.bytes = bytes;
            chosen.packs.insert(id, (number, size));
        }
    }
    Ok(chosen)
}

fn chance() -> Result<usize> {
    let mut bytes = [0; size_of::<usize>()];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| crate::embedded::failure::system("cannot throw a die", &error.into()))?;
    Ok(usize::from_ne_bytes(bytes))
}

/// Reads the chosen packs.
pub(super) fn read(session: &Session, chosen: Chosen, found: &Found<'_>, feed: &Feed) -> Result<Read> {
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(1, THREADS);
    let work = Work {
        session,
        found,
        feed,
        packs: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        fatal: Mutex::new(None),
    };
    let (give, take) = mpsc::sync_channel(threads);
    let take = Mutex::new(take);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work.run(&take));
        }
        // The index says what is in each pack; it is read again rather than held in memory as it is stored.
        let mut left = chosen.packs;
        let told = catalog::each_index(session, |_, file| {
            for pack in file.map(|file| file.packs).unwrap_or_default() {
                if let Some((number, size)) = left.remove(&*pack.id)
                    && !work.stop.load(Ordering::SeqCst)
                {
                    // Nobody takes it when the work has failed.
                    let _ = give.send((pack, number, size));
                }
            }
            Ok(())
        });
        drop(give);
        told
    })?;
    match work.fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(Read {
            packs: work.packs.into_inner(),
            bytes: work.bytes.into_inner(),
        }),
    }
}

type Task = (IndexPack, u32, u32);

struct Work<'a> {
    session: &'a Session,
    found: &'a Found<'a>,
    feed: &'a Feed,
    packs: AtomicU64,
    bytes: AtomicU64,
    stop: AtomicBool,
    fatal: Mutex<Option<EngineError>>,
}

impl Work<'_> {
    fn run(&self, tasks: &Mutex<Receiver<Task>>) {
        loop {
            let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((pack, number, size)) = task else { return };
            if self.stop.load(Ordering::SeqCst) {
                // Takes the rest, so that nobody waits for room.
                continue;
            }
            if let Err(error) = self.pack(&pack, number, size) {
                self.stop.store(true, Ordering::SeqCst);
                self.fatal
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(error);
            }
        }
    }

    fn pack(&self, pack: &IndexPack, number: u32, size: u32) -> Result<()> {
        let seen = pack::inspect(self.session, pack, size, |bytes| {
            self.feed.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        })?;
        self.packs.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(seen.bytes, Ordering::SeqCst);
        self.feed.files_done.fetch_add(1, Ordering::Relaxed);
        let id = pack.id.to_hex();
        if let Some(why) = seen.damage {
            let message = format!("pack `{:.8}` is damaged: {why}", id.as_str());
            let mask = self
                .found
                .add(Damage::DamagedPack, Some("data"), &pack.id, message);
            self.broken(number, mask, seen.bad);
        } else if seen.misnamed {
            let message = format!("the index does not say what is in pack `{:.8}`", id.as_str());
            let mask = self
                .found
                .add(Damage::DamagedIndex, Some("data"), &pack.id, message);
            self.broken(number, mask, seen.bad);
        }
        Ok(())
    }

    fn broken(&self, number: u32, mask: Mask, bad: std::collections::HashSet<Id>) {
        if !bad.is_empty() {
            self.found
                .broken()
                .packs
                .insert(number, (mask, Extent::Blobs(bad)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_there_or_refused() {
        let valid = |index, of| {
            validate(&CheckRequest {
                read_data: ReadData::Subset { index, of },
                cap_bytes: None,
            })
        };
        for (index, of) in [(1, 1), (1, 256), (256, 256), (3, 7)] {
            valid(index, of).unwrap();
        }
        for (index, of) in [(0, 1), (2, 1), (1, 0), (0, 0), (1, 257)] {
            assert_eq!(
                valid(index, of).unwrap_err().kind(),
                ErrorKind::InvalidRequest,
                "{index}/{of}"
            );
        }
    }
}
