//! All schedules of one job together, with what their elapses depend on.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use super::{
    Schedule, When,
    gaps::{MOST_COMPARED, compared, gaps},
};
use crate::{
    name::{JobName, RepositoryName},
    run::Operation,
};

/// What a job's jitter hangs on: its machine and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The seed of a job on a machine; any text that names the machine will do.
    pub fn new(machine: &str, job: &JobName) -> Self {
        let mut digest = Sha256::new();
        digest.update(machine.as_bytes());
        digest.update([0]);
        digest.update(job.as_str().as_bytes());
        Self::of(digest)
    }

    /// The seed of how a repository is cared for on a machine; `what` is done to it.
    pub fn of_care(machine: &str, repository: &RepositoryName, what: Operation) -> Self {
        let mut digest = Sha256::new();
        for part in [machine, "", what.as_str()] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        digest.update(repository.as_str().as_bytes());
        Self::of(digest)
    }

    /// The seed of how a job's snapshots are copied on a machine.
    pub fn of_copy(machine: &str, job: &JobName, repository: &RepositoryName) -> Self {
        let mut digest = Sha256::new();
        for part in [machine, "", Operation::Copy.as_str(), job.as_str()] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        digest.update(repository.as_str().as_bytes());
        Self::of(digest)
    }

    fn of(digest: Sha256) -> Self {
        let bytes: [u8; 32] = digest.finalize().into();
        let (first, _) = bytes.split_at(8);
        Self(
            first
                .iter()
                .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        )
    }

    /// The part of `whole` by which the schedule with this index is late.
    fn part_of(self, whole: SignedDuration, index: usize) -> SignedDuration {
        let span = u128::try_from(whole.as_millis()).unwrap_or(0).saturating_add(1);
        let mixed = self.0.rotate_left(u32::try_from(index % 64).unwrap_or(0));
        let milliseconds = (u128::from(mixed) * span) >> 64;
        SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX))
    }
}

/// One elapse, jitter counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elapse {
    /// When.
    pub at: Timestamp,
    /// Which of the job's schedules.
    pub schedule: usize,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The last elapse that has come; all up to here are one run.
    pub last: Elapse,
    /// The last one of the schedules that catch up, for where `last` was missed and is passed over.
    pub catch_up: Option<Elapse>,
}

/// The schedules of a job.
#[derive(Debug, Clone, Copy)]
pub struct Timetable<'a> {
    /// Its schedules.
    pub schedules: &'a [Schedule],
    /// The machine's zone.
    pub local: &'a TimeZone,
    /// When the job was first known.
    pub anchor: Timestamp,
    /// What jitter hangs on.
    pub seed: Seed,
}

impl Timetable<'_> {
    /// The first elapse after `after`.
    pub fn next_after(&self, after: Timestamp) -> Option<Elapse> {
        self.first(after, |schedule, after| {
            schedule.next_after(after, self.local, self.anchor)
        })
    }

    fn first(
        &self,
        after: Timestamp,
        next: impl Fn(&Schedule, Timestamp) -> Option<Timestamp>,
    ) -> Option<Elapse> {
        self.schedules
            .iter()
            .enumerate()
            .filter_map(|(index, schedule)| {
                let delay = self.seed.part_of(schedule.jitter, index);
                let nominal = next(schedule, after.checked_sub(delay).ok()?)?;
                let at = nominal.checked_add(delay).ok()?;
                Some(Elapse { at, schedule: index })
            })
            .min()
    }

    /// What has come since `after`, up to and with `now`.
    pub fn due(&self, after: Timestamp, now: Timestamp) -> Option<Due> {
        let last = self.last(after, now, |_| true)?;
        let catches_up = |elapse: &Elapse| {
            self.schedules
                .get(elapse.schedule)
                .is_some_and(|schedule| schedule.catch_up)
        };
        let catch_up = Some(last)
            .filter(catches_up)
            .or_else(|| self.last(after, now, |schedule| schedule.catch_up));
        Some(Due { last, catch_up })
    }

    /// The last elapse of these schedules since `after`, up to and with `now`.
    fn last(&self, after: Timestamp, now: Timestamp, which: impl Fn(&Schedule) -> bool) -> Option<Elapse> {
        let next = |after| {
            let elapse = self.first(after, |schedule, after| {
                which(schedule)
                    .then(|| schedule.next_after(after, self.local, self.anchor))
                    .flatten()
            });
            elapse.filter(|elapse| elapse.at <= now)
        };
        let first = next(after)?;
        // It is looked for from ever further back, so that years of minutes are not walked through.
        let mut back = SignedDuration::from_mins(1);
        loop {
            let from = now.checked_sub(back).map_or(after, |from| from.max(after));
            let found = std::iter::successors(next(from), |elapse| next(elapse.at)).last();
            if found.is_some() || from == after {
                return found.or(Some(first));
            }
            back = back.saturating_mul(16);
        }
    }

    /// How old what each elapse makes may become before it is late: the longest time between two elapses, with a twelfth
    /// of it to spare, but a quarter of an hour at least and a day at most, and the jitter. `None` where nobody knows
    /// when to expect the next.
    pub fn allowed_age(&self, from: Timestamp) -> Option<SignedDuration> {
        let gap = self.longest_gap(from)?;
        let spare = (gap / 12).clamp(SignedDuration::from_mins(15), SignedDuration::from_hours(24));
        let jitter = self.schedules.iter().map(|schedule| schedule.jitter).max()?;
        gap.checked_add(spare)?.checked_add(jitter)
    }

    /// The longest time between two elapses of the next weeks, of more where they are rare; `None` where there are
    /// less than two. By how much a zone's clock is set back within a year is added, so that it is the same in all
    /// months.
    pub fn longest_gap(&self, from: Timestamp) -> Option<SignedDuration> {
        let by_clock = self
            .schedules
            .iter()
            .filter(|schedule| !matches!(schedule.when, When::Every(_)));
        let set_back = by_clock
            .map(|schedule| set_back(schedule.zone_or(self.local), from))
            .max();
        self.steady_gap(from)?.checked_add(set_back.unwrap_or_default())
    }

    /// The same, as if clocks were not set.
    fn steady_gap(&self, from: Timestamp) -> Option<SignedDuration> {
        let next = |after: Timestamp| {
            let elapse = self.first(after, |schedule, after| {
                let offset = schedule.zone_or(self.local).to_offset(from);
                schedule.next_in(after, &TimeZone::fixed(offset), self.anchor)
            });
            elapse.map(|elapse| elapse.at)
        };
        let mut periods = self.schedules.iter().map(Schedule::period);
        let period = periods.try_fold(SignedDuration::ZERO, |longest, period| Some(longest.max(period?)));
        if period.is_some() {
            let elapses = compared(std::iter::successors(next(from), |last| next(*last)), period);
            if elapses.len() < MOST_COMPARED {
                return gaps(&elapses).max();
            }
        }
        let looked_at = from.checked_add(WEEKS).ok()?;
        let mut last = next(from)?;
        let mut longest = None;
        for count in 2.. {
            let Some(at) = next(last) else { break };
            longest = longest.max(Some(at.duration_since(last)));
            last = at;
            if count >= FEWEST && last > looked_at {
                break;
            }
            if count >= MOST {
                return longest.map(|longest| longest_of_fine(last, looked_at, longest, next));
            }
        }
        longest
    }
}

/// The most by which a zone's clock is set back in the year to come.
fn set_back(zone: &TimeZone, from: Timestamp) -> SignedDuration {
    let Ok(until) = from.checked_add(YEAR) else {
        return SignedDuration::ZERO;
    };
    let mut offset = zone.to_offset(from);
    zone.following(from)
        .take_while(|change| change.timestamp() <= until)
        .map(|change| {
            let before = std::mem::replace(&mut offset, change.offset());
            SignedDuration::from_secs(i64::from(before.seconds()) - i64::from(change.offset().seconds()))
        })
        .max()
        .unwrap_or_default()
        .max(SignedDuration::ZERO)
}

const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Goes on in steps, for elapses so dense that to walk through them would take long; a gap that is longer than those
/// so far by more than a step, such as a weekend, is not missed.
fn longest_of_fine(
    mut from: Timestamp,
    until: Timestamp,
    mut longest: SignedDuration,
    next: impl Fn(Timestamp) -> Option<Timestamp>,
) -> SignedDuration {
    while from < until
        && let Ok(step) = from.checked_add(STEP)
        && let Some(after) = next(step)
    {
        if after.duration_since(step) > longest {
            let before = std::iter::successors(Some(from), |last| next(*last))
                .take_while(|at| *at <= step)
                .last();
            longest = longest.max(after.duration_since(before.unwrap_or(step)));
            from = after;
        } else {
            from = step;
        }
    }
    longest
}

/// All days of the week and of most months.
const WEEKS: SignedDuration = SignedDuration::from_hours(5 * 7 * 24);

/// As many years, months or weeks at least.
const FEWEST: usize = 30;

/// As many are walked through one by one.
const MOST: usize = 400;

const STEP: SignedDuration = SignedDuration::from_hours(1);

#[cfg(test)]
mod tests;
