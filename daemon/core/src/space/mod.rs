//! Room: what keeps some of it free, what a repository may use of it, and how long it lasts.

mod forecast;

use serde::{Deserialize, Serialize};

pub use forecast::{KEPT_DAYS, Sample, days_until_full, growth_per_day};

use crate::health::Health;

/// As much stays free at most where a repository's file does not say how much.
///
/// A prune writes index files anew before it removes anything, which takes far less than a hundredth of what is stored;
/// 256 MiB are enough for that where much is, and a part of a small disk is not missed.
pub const MOST_RESERVED: u64 = 256 << 20;
/// Of the file system, in hundredths, where that is less.
pub const PERCENT_RESERVED: u64 = 1;

/// A repository that is full within so many days is not well.
pub const SOON: u32 = 7;

/// Of fewer runs nobody can say what the next one adds: the first of a job stores everything.
pub const FEWEST_RUNS: usize = 3;
/// So many of the last runs are looked at.
pub const RUNS_LOOKED_AT: u32 = 10;

/// What a repository's file says of the room that it may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Room {
    /// Bytes that backups leave free at its place; as [`Room::reserve`] has it where `None`.
    pub reserve: Option<u64>,
    /// Bytes that the repository may have; no limit where `None`.
    pub quota: Option<u64>,
}

impl Room {
    /// Bytes that backups leave free on a place with so many in all.
    pub fn reserve(&self, total: Option<u64>) -> u64 {
        self.reserve.unwrap_or_else(|| {
            let part = total.map(|total| total / 100 * PERCENT_RESERVED);
            part.map_or(MOST_RESERVED, |part| part.min(MOST_RESERVED))
        })
    }

    /// Bytes that backups can still store, as far as anybody knows.
    pub fn left(&self, sample: &Sample) -> Option<u64> {
        let free = sample
            .free
            .map(|free| free.saturating_sub(self.reserve(sample.total)));
        let quota = self.quota.map(|quota| quota.saturating_sub(sample.stored));
        match (free, quota) {
            (Some(free), Some(quota)) => Some(free.min(quota)),
            (one, other) => one.or(other),
        }
    }
}

/// What backups of a job have added to the repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// How many were looked at.
    pub runs: u64,
    /// As much as the one in the middle.
    pub median: u64,
    /// As much as the largest.
    pub largest: u64,
}

impl Added {
    /// By what each has added; nothing where there was none.
    pub fn of(mut bytes: Vec<u64>) -> Option<Self> {
        bytes.sort_unstable();
        let median = *bytes.get(bytes.len() / 2)?;
        Some(Self {
            runs: bytes.len() as u64,
            median,
            largest: *bytes.last()?,
        })
    }

    /// What the next one adds, where enough of them were looked at to say so.
    ///
    /// The middle one: a first backup, or a large one now and then, must not keep all others from being made.
    pub fn expected(&self) -> Option<u64> {
        (self.runs >= FEWEST_RUNS as u64).then_some(self.median)
    }
}

/// What the health of a repository is derived from, as far as room goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpaceFacts {
    /// What is free at its place, where known.
    pub free: Option<u64>,
    /// What backups leave free.
    pub reserve: u64,
    /// In how many days nothing is left, where anybody can say.
    pub days: Option<u32>,
}

impl SpaceFacts {
    /// Whether backups find no room, now.
    pub fn is_out(&self) -> bool {
        self.free.is_some_and(|free| free < self.reserve)
    }

    /// The health of a repository as far as this goes.
    pub fn health(&self) -> Health {
        if self.is_out() || self.days.is_some_and(|days| days <= SOON) {
            Health::Degraded
        } else {
            Health::Ok
        }
    }
}

#[cfg(test)]
mod tests;
