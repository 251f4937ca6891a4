//! What is said of a job, from state alone: never from an event handler having run.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    failure::FailureClass,
    run::{Operation, RunResult},
};

/// Health of a job, a repository or the whole. Ordered from well to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// The last good snapshot is as young as it should be.
    Ok,
    /// Switched off by its file.
    Disabled,
    /// It does not start by itself for now, and its last good snapshot is young enough.
    Paused,
    /// Nothing was ever tried.
    NeverRan,
    /// What is known cannot be trusted.
    Unknown,
    /// There is a snapshot, but not all of it was readable, or a configuration file is refused.
    Degraded,
    /// The last good snapshot is older than `max_age`.
    Late,
    /// The last run failed.
    Failed,
}

impl Health {
    /// The word on the bus and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Disabled => "disabled",
            Self::Paused => "paused",
            Self::NeverRan => "never-ran",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// What health is derived from.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub struct JobFacts {
    /// The job's file says `enabled = false`.
    pub disabled: bool,
    /// Somebody paused it, or all.
    pub paused: bool,
    /// The job's file as it is now is refused, and an older state of it is in force.
    pub refused: bool,
    /// How the newest finished backup ended, cancelled and skipped ones left out.
    pub last_result: Option<RunResult>,
    /// When the newest good snapshot was finished.
    pub last_good: Option<Timestamp>,
    /// When the job was first known; a job that never ran is late when it is older than `max_age`.
    pub known_since: Option<Timestamp>,
    /// How old the last good snapshot may be.
    pub max_age: Option<SignedDuration>,
    /// Its retention could not be applied the last time.
    pub keeps_too_much: bool,
    /// What is known of its copies.
    pub copies: Vec<CopyFacts>,
}

/// What is known of a copy of a job's snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyFacts {
    /// How the newest one ended, cancelled and skipped ones left out.
    pub last_result: Option<RunResult>,
    /// When the newest good one was finished.
    pub last_good: Option<Timestamp>,
    /// When it was first known.
    pub known_since: Option<Timestamp>,
    /// How old the last good one may be.
    pub max_age: Option<SignedDuration>,
}

impl CopyFacts {
    /// When it is too old, unless a good one comes before.
    pub fn late_at(&self) -> Option<Timestamp> {
        let from = self.last_good.or(self.known_since)?;
        from.checked_add(self.max_age?).ok()
    }

    /// Whether it is too old at `now`.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.late_at().is_some_and(|late| late <= now)
    }

    /// Whether the last one went wrong.
    pub fn has_failed(&self) -> bool {
        self.last_result.is_some_and(|result| !result.is_good())
    }
}

impl JobFacts {
    /// When the job becomes late, unless a good snapshot, or a good copy, comes before.
    pub fn late_at(&self) -> Option<Timestamp> {
        if self.disabled {
            return None;
        }
        let copies = self.copies.iter().filter_map(CopyFacts::late_at);
        self.own_late_at().into_iter().chain(copies).min()
    }

    /// The same, whatever becomes of its copies.
    pub fn own_late_at(&self) -> Option<Timestamp> {
        let from = self.last_good.or(self.known_since)?;
        from.checked_add(self.max_age?).ok()
    }

    /// The job's health at `now`.
    pub fn health(&self, now: Timestamp) -> Health {
        if self.disabled {
            return Health::Disabled;
        }
        if self.last_result.is_some_and(|result| !result.is_good()) {
            return Health::Failed;
        }
        // A snapshot from the future says nothing about its age.
        if self
            .last_good
            .is_some_and(|good| good.duration_since(now) > SignedDuration::from_hours(24))
        {
            return Health::Unknown;
        }
        if self.late_at().is_some_and(|late| late <= now) {
            return Health::Late;
        }
        let lacks_copy = self.copies.iter().any(CopyFacts::has_failed);
        if self.refused || self.keeps_too_much || lacks_copy || self.last_result == Some(RunResult::Partial) {
            return Health::Degraded;
        }
        match self.last_good {
            _ if self.paused => Health::Paused,
            Some(_) => Health::Ok,
            None => Health::NeverRan,
        }
    }
}

/// What the health of a repository is derived from, for one kind of care.
#[derive(Debug, Clone)]
pub struct CareFacts {
    /// What is done to it.
    pub operation: Operation,
    /// How the newest run ended, cancelled and skipped ones left out.
    pub last_result: Option<RunResult>,
    /// Why it did not end well.
    pub last_class: Option<FailureClass>,
    /// When what was done last is too old, where its schedule says.
    pub late_at: Option<Timestamp>,
}

impl CareFacts {
    /// The health of a repository as far as this goes, at `now`.
    pub fn health(&self, now: Timestamp) -> Health {
        if self.last_result.is_some_and(|result| !result.is_good()) {
            // What is stored may be lost, or nobody has looked: these are not the same.
            return match self.last_class {
                Some(FailureClass::Corrupt) => Health::Failed,
                _ => Health::Degraded,
            };
        }
        if self.late_at.is_some_and(|late| late <= now) {
            return Health::Late;
        }
        Health::Ok
    }
}

/// The health of a whole: its worst part. Jobs that are switched off or new do not make it bad.
pub fn overall(parts: impl IntoIterator<Item = Health>) -> Health {
    parts
        .into_iter()
        .filter(|health| *health > Health::NeverRan)
        .max()
        .unwrap_or(Health::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + hours * 3600).unwrap()
    }

    fn facts() -> JobFacts {
        JobFacts {
            last_result: Some(RunResult::Success),
            last_good: Some(at(0)),
            known_since: Some(at(-100)),
            max_age: Some(SignedDuration::from_hours(26)),
            ..JobFacts::default()
        }
    }

    #[test]
    fn health_follows_the_age_of_the_last_good_snapshot() {
        assert_eq!(facts().health(at(25)), Health::Ok);
        assert_eq!(facts().health(at(26)), Health::Late);
        assert_eq!(facts().late_at(), Some(at(26)));
    }

    #[test]
    fn a_failed_run_is_never_well_even_with_a_young_snapshot() {
        for result in [RunResult::Failed, RunResult::Interrupted, RunResult::TimedOut] {
            let facts = JobFacts {
                last_result: Some(result),
                ..facts()
            };
            assert_eq!(facts.health(at(1)), Health::Failed, "{result}");
        }
    }

    #[test]
    fn partial_and_refused_are_degraded_and_late_wins_over_both() {
        let partial = JobFacts {
            last_result: Some(RunResult::Partial),
            ..facts()
        };
        assert_eq!(partial.health(at(1)), Health::Degraded);
        assert_eq!(partial.health(at(30)), Health::Late);
        let refused = JobFacts {
            refused: true,
            ..facts()
        };
        assert_eq!(refused.health(at(1)), Health::Degraded);
    }

    #[test]
    fn a_job_that_never_ran_becomes_late() {
        let new = JobFacts {
            last_result: None,
            last_good: None,
            known_since: Some(at(0)),
            ..facts()
        };
        assert_eq!(new.health(at(1)), Health::NeverRan);
        assert_eq!(new.health(at(27)), Health::Late);
        let disabled = JobFacts {
            disabled: true,
            ..new
        };
        assert_eq!(disabled.health(at(27)), Health::Disabled);
        assert_eq!(disabled.late_at(), None);
    }

    #[test]
    fn a_pause_hides_neither_age_nor_failure() {
        let paused = JobFacts {
            paused: true,
            ..facts()
        };
        assert_eq!(paused.health(at(1)), Health::Paused);
        assert_eq!(paused.health(at(27)), Health::Late);
        let failed = JobFacts {
            last_result: Some(RunResult::Failed),
            ..paused
        };
        assert_eq!(failed.health(at(1)), Health::Failed);
    }

    #[test]
    fn a_clock_that_went_back_makes_it_unknown() {
        assert_eq!(facts().health(at(-48)), Health::Unknown);
    }

    #[test]
    fn the_whole_is_as_bad_as_its_worst_part() {
        assert_eq!(overall([]), Health::Ok);
        assert_eq!(
            overall([Health::Ok, Health::Disabled, Health::NeverRan]),
            Health::Ok
        );
        assert_eq!(
            overall([Health::Degraded, Health::Late, Health::Ok]),
            Health::Late
        );
        assert_eq!(overall([Health::Failed, Health::Late]), Health::Failed);
    }
}
