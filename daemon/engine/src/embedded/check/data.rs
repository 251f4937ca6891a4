//! Reads packs as a whole, several at a time.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use rustic_core::Id;

use crate::{
    Damage, EngineError, Observer, ReadUpTo, Result,
    embedded::{
        catalog::{Catalog, Contents},
        feed::Feed,
        pack::{self, Piece},
        session::Session,
    },
};

use super::{
    choose::{Chosen, Wanted},
    found::{Extent, Found, Mask},
};

/// Each thread holds a window of a pack and a blob; more than a few only wait for the disk.
const THREADS: usize = 4;
/// So often is told how far it is: what a killed check has read is read again from there.
const TELL: Duration = Duration::from_secs(30);

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) packs: u64,
    pub(super) bytes: u64,
    /// Chosen, and not begun in time.
    pub(super) left: u64,
    pub(super) up_to: Option<ReadUpTo>,
}

/// Reads the chosen packs, as many as are begun in time.
pub(super) fn read(
    session: &Session,
    catalog: &Catalog,
    chosen: &Chosen,
    max_time: Option<Duration>,
    found: &Found<'_>,
    (feed, observer): (&Feed, &dyn Observer),
) -> Result<Read> {
    if chosen.packs.is_empty() {
        return Ok(Read {
            up_to: chosen.asked.then_some(ReadUpTo::End),
            ..Read::default()
        });
    }
    let began = Instant::now();
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(1, THREADS);
    let wanted: HashSet<u32> = chosen.packs.iter().map(|pack| pack.number).collect();
    let work = Work {
        session,
        found,
        feed,
        contents: catalog.contents(|pack| wanted.contains(&pack)),
        done: Mutex::default(),
        stop: AtomicBool::new(false),
        fatal: Mutex::new(None),
    };
    drop(wanted);
    let (give, take) = mpsc::sync_channel(0);
    let take = Mutex::new(take);
    let mut given = 0;
    let mut told = began;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work.run(&take));
        }
        for (place, pack) in chosen.packs.iter().enumerate() {
            let in_time = max_time.is_none_or(|limit| began.elapsed() < limit);
            if !in_time || work.stop.load(Ordering::SeqCst) {
                break;
            }
            // Nobody takes it when all threads have died.
            if give.send((place, *pack)).is_err() {
                break;
            }
            given += 1;
            if told.elapsed() >= TELL {
                told = Instant::now();
                work.tell(chosen, observer);
            }
        }
        drop(give);
    });
    if let Some(error) = lock(&work.fatal).take() {
        work.tell(chosen, observer);
        return Err(error);
    }
    let left = chosen.packs.len().saturating_sub(given);
    let done = lock(&work.done);
    let up_to = if left == 0 && chosen.reaches_end && done.damaged.is_none() {
        Some(ReadUpTo::End)
    } else {
        done.last_well(chosen).map(ReadUpTo::Pack)
    };
    Ok(Read {
        packs: done.packs,
        bytes: done.bytes,
        left: left as u64,
        up_to,
    })
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Done {
    packs: u64,
    bytes: u64,
    /// All before this place are.
    up_to: usize,
    /// And these.
    beyond: BTreeSet<usize>,
    /// The first place at which something is wrong.
    damaged: Option<usize>,
}

impl Done {
    fn add(&mut self, place: usize, pack: &PackRead) {
        self.packs += 1;
        self.bytes += pack.bytes;
        if !pack.well && self.damaged.is_none_or(|damaged| place < damaged) {
            self.damaged = Some(place);
        }
        self.beyond.insert(place);
        while self.beyond.remove(&self.up_to) {
            self.up_to += 1;
        }
    }

    /// How many were read and are well, with all before them.
    fn well(&self) -> usize {
        self.damaged.unwrap_or(usize::MAX).min(self.up_to)
    }

    /// The last of them: who goes on after it sees again what is wrong, until it is mended.
    fn last_well(&self, chosen: &Chosen) -> Option<String> {
        let last = chosen.packs.get(self.well().checked_sub(1)?)?;
        Some(last.id.to_hex().as_str().to_owned())
    }
}

/// How one pack was read.
struct PackRead {
    bytes: u64,
    well: bool,
}

struct Work<'a> {
    session: &'a Session,
    found: &'a Found<'a>,
    feed: &'a Feed,
    contents: Contents<'a>,
    done: Mutex<Done>,
    stop: AtomicBool,
    fatal: Mutex<Option<EngineError>>,
}

impl Work<'_> {
    fn run(&self, tasks: &Mutex<Receiver<(usize, Wanted)>>) {
        loop {
            let task = lock(tasks).recv();
            let Ok((place, wanted)) = task else { return };
            match self.pack(wanted) {
                Ok(pack) => lock(&self.done).add(place, &pack),
                Err(error) => {
                    self.stop.store(true, Ordering::SeqCst);
                    lock(&self.fatal).get_or_insert(error);
                }
            }
        }
    }

    fn pack(&self, wanted: Wanted) -> Result<PackRead> {
        let named = self.contents.of(wanted.number).map(Piece::named).collect();
        let seen = pack::inspect(self.session, &wanted.id, named, wanted.size, |bytes| {
            self.feed.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        })?;
        self.feed.files_done.fetch_add(1, Ordering::Relaxed);
        let well = seen.damage.is_none() && !seen.misnamed;
        let id = wanted.id.to_hex();
        if let Some(why) = seen.damage {
            let message = format!("pack `{:.8}` is damaged: {why}", id.as_str());
            let mask = self
                .found
                .add(Damage::DamagedPack, Some("data"), &wanted.id, message);
            self.broken(wanted.number, mask, seen.bad);
        } else if seen.misnamed {
            let message = format!("the index does not say what is in pack `{:.8}`", id.as_str());
            let mask = self
                .found
                .add(Damage::DamagedIndex, Some("data"), &wanted.id, message);
            self.broken(wanted.number, mask, seen.bad);
        }
        Ok(PackRead {
            bytes: seen.bytes,
            well,
        })
    }

    fn broken(&self, number: u32, mask: Mask, bad: HashSet<Id>) {
        if !bad.is_empty() {
            self.found
                .broken()
                .packs
                .insert(number, (mask, Extent::Blobs(bad)));
        }
    }

    /// Says how far it is.
    fn tell(&self, chosen: &Chosen, observer: &dyn Observer) {
        let last = lock(&self.done).last_well(chosen);
        if let Some(last) = last {
            observer.read_up_to(&last);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(places: &[(usize, bool)]) -> Vec<usize> {
        let mut done = Done::default();
        let steps = places.iter().map(|(place, well)| {
            let pack = PackRead {
                bytes: 10,
                well: *well,
            };
            done.add(*place, &pack);
            done.well()
        });
        steps.collect()
    }

    #[test]
    fn what_is_read_out_of_turn_counts_once_all_before_it_is() {
        let places = [1, 0, 4, 3, 2].map(|place| (place, true));
        assert_eq!(after(&places), [0, 2, 2, 2, 5]);
    }

    #[test]
    fn nothing_after_damage_counts() {
        assert_eq!(
            after(&[(0, true), (2, false), (1, false), (3, true)]),
            [1, 1, 1, 1]
        );
        assert_eq!(after(&[(0, false), (1, true)]), [0, 0]);
    }
}
