//! What the workers of a job may use of the machine.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Limits of each backup of a job; what is not set is left to the system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// Niceness, -20 (first) to 19 (last).
    pub nice: Option<i32>,
    /// Share of the processor beside others, 1 to [`MOST_WEIGHT`]; others have 100.
    pub cpu_weight: Option<u64>,
    /// Share of the disks beside others, 1 to [`MOST_WEIGHT`]; others have 100.
    pub io_weight: Option<u64>,
    /// Bytes of memory from which on the worker is slowed down.
    pub memory_high: Option<u64>,
    /// Bytes of memory from which on the worker is killed.
    pub memory_max: Option<u64>,
    /// How long an attempt may take.
    pub max_runtime: Option<SignedDuration>,
}

/// The largest weight that cgroups know.
pub const MOST_WEIGHT: u64 = 10_000;

/// Limits of a run at work; what is `None` is not changed, or not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// As [`Resources::cpu_weight`].
    pub cpu_weight: Option<u64>,
    /// As [`Resources::io_weight`].
    pub io_weight: Option<u64>,
    /// As [`Resources::memory_high`].
    pub memory_high: Option<u64>,
    /// As [`Resources::memory_max`].
    pub memory_max: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, changed by what others name.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self {
            cpu_weight: others.cpu_weight.or(self.cpu_weight),
            io_weight: others.io_weight.or(self.io_weight),
            memory_high: others.memory_high.or(self.memory_high),
            memory_max: others.memory_max.or(self.memory_max),
        }
    }

    /// What is wrong with them, if anything is: a key and why.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let weights = [("cpu-weight", self.cpu_weight), ("io-weight", self.io_weight)];
        let wrong_weight = weights.into_iter().find_map(|(key, weight)| {
            weight
                .filter(|weight| !(1..=MOST_WEIGHT).contains(weight))
                .map(|weight| {
                    (
                        key,
                        format!("a weight is a number from 1 to {MOST_WEIGHT}, not `{weight}`"),
                    )
                })
        });
        let sizes = [("memory-high", self.memory_high), ("memory-max", self.memory_max)];
        wrong_weight.or_else(|| {
            sizes.into_iter().find_map(|(key, size)| {
                size.filter(|size| *size < LEAST_MEMORY)
                    .map(|_| (key, "no worker fits into less than `1 MiB`".to_owned()))
            })
        })
    }
}

/// A line for each that is set, as in a file.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        [
            ("cpu-weight", self.cpu_weight),
            ("io-weight", self.io_weight),
            ("memory-high", self.memory_high),
            ("memory-max", self.memory_max),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
    }
}

/// Less memory than this lets no process start.
pub const LEAST_MEMORY: u64 = 1 << 20;
