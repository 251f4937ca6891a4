//! How a repository grows, and when there is no room left.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Room;
use crate::run::{Operation, Run, RunResult};

/// Sizes are remembered for so many days.
pub const KEPT_DAYS: i64 = 400;

/// What is older says little about the days that come.
const LOOKS_BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Of fewer sizes nobody can see a line,
const FEWEST: usize = 4;
/// nor of those of fewer days.
const SHORTEST_DAYS: f64 = 7.0;
/// Nobody knows what is further away.
const FURTHEST_DAYS: f64 = 3650.0;

const SECONDS_OF_DAY: f64 = 86400.0;

/// How large a repository was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// When.
    pub time: Timestamp,
    /// Bytes that it stored.
    pub stored: u64,
    /// Bytes that were free at its place, where known.
    pub free: Option<u64>,
    /// Bytes of its place in all, where known.
    pub total: Option<u64>,
}

impl Sample {
    /// The day that it is of: of each, the last size is kept.
    pub fn day(&self) -> i64 {
        self.time.as_second().div_euclid(24 * 3600)
    }

    /// What a run that has ended says of its repository, of which `last` was known before; nothing where it says nothing.
    pub fn of(run: &Run, last: Option<&Self>) -> Option<Self> {
        let sums = &run.statistics;
        let is_good = run.result.is_some_and(RunResult::is_good);
        let known = last.map(|last| last.stored);
        let stored = match run.operation {
            Operation::Backup | Operation::Copy | Operation::Check | Operation::Prune
                if sums.bytes_repository > 0 =>
            {
                Some(sums.bytes_repository)
            }
            // Of a remote place nobody counts the packs after each backup.
            Operation::Backup | Operation::Copy if is_good => {
                known.map(|known| known.saturating_add(sums.bytes_stored))
            }
            Operation::Backup | Operation::Copy | Operation::Check | Operation::Prune
                if sums.bytes_place > 0 =>
            {
                known
            }
            _ => None,
        };
        let is_told = sums.bytes_free > 0 || sums.bytes_place > 0;
        Some(Self {
            time: run.finished?,
            stored: stored?,
            free: is_told.then_some(sums.bytes_free),
            total: (sums.bytes_place > 0).then_some(sums.bytes_place),
        })
    }

    /// Puts it behind others, in the place of one of the same day.
    pub fn keep_in(self, samples: &mut Vec<Self>) {
        samples.retain(|sample| sample.day() != self.day() && self.day() - sample.day() <= KEPT_DAYS);
        samples.push(self);
        samples.sort_by_key(|sample| sample.time);
    }
}

/// Bytes by which a repository grows in a day, or shrinks; nothing where too little is known.
///
/// The median of the slopes between all pairs (Theil and Sen): a prune, a first backup or a wrong size now and then
/// does not bend it.
#[allow(clippy::cast_precision_loss, reason = "sizes for an estimate")]
pub fn growth_per_day(samples: &[Sample], now: Timestamp) -> Option<f64> {
    let points: Vec<(f64, f64)> = samples
        .iter()
        .filter(|sample| sample.time <= now && now.duration_since(sample.time) <= LOOKS_BACK)
        .map(|sample| {
            let age = now.duration_since(sample.time).as_secs_f64();
            (-age / SECONDS_OF_DAY, sample.stored as f64)
        })
        .collect();
    let oldest = points.iter().map(|point| point.0).reduce(f64::min)?;
    let newest = points.iter().map(|point| point.0).reduce(f64::max)?;
    if points.len() < FEWEST || newest - oldest < SHORTEST_DAYS {
        return None;
    }
    let mut slopes = Vec::new();
    for (number, one) in points.iter().enumerate() {
        for other in points.iter().skip(number + 1) {
            let days = other.0 - one.0;
            // Of the same hour what grew is one backup, and no pace.
            if days.abs() >= 1.0 / 24.0 {
                slopes.push((other.1 - one.1) / days);
            }
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied()
}

/// In how many whole days nothing is left of the room, at the pace of the last months; nothing where too little is known,
/// where it does not grow, or where it is further away than anybody can see.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "within what was checked"
)]
pub fn days_until_full(samples: &[Sample], room: &Room, now: Timestamp) -> Option<u32> {
    let newest = samples
        .iter()
        .filter(|sample| sample.time <= now)
        .max_by_key(|sample| sample.time)?;
    let left = room.left(newest)?;
    let pace = growth_per_day(samples, now)?;
    if pace < 1.0 {
        return None;
    }
    // Since then it has grown on.
    let since = now.duration_since(newest.time).as_secs_f64() / SECONDS_OF_DAY;
    let days = (left as f64 / pace - since).max(0.0);
    (days <= FURTHEST_DAYS).then_some(days.floor() as u32)
}
