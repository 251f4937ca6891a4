//! What becomes of each snapshot.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::reason::{ForgetReason, KeepReason};

/// What becomes of all snapshots of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions {
    /// The time they were made for.
    pub now: Timestamp,
    /// So many of the newest that are not ahead of that time stay in any case.
    pub floor: u32,
    /// One for each snapshot, the newest first; of the same time the one with the greater id.
    pub all: Vec<Decision>,
}

/// What becomes of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its full id.
    pub id: String,
    /// When its backup began.
    pub time: Timestamp,
    /// The local day of that.
    pub day: Date,
    /// Whether it is kept, and why.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether a snapshot is kept, with all the reasons; there is always one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "reasons", rename_all = "kebab-case")]
pub enum Verdict {
    /// It stays.
    Keep(Vec<KeepReason>),
    /// It goes.
    Forget(Vec<ForgetReason>),
}

impl Verdict {
    /// Whether the snapshot stays.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep(_))
    }

    /// The reasons as words for programs.
    pub fn words(&self) -> Vec<&'static str> {
        match self {
            Self::Keep(reasons) => reasons.iter().map(KeepReason::as_str).collect(),
            Self::Forget(reasons) => reasons.iter().map(ForgetReason::as_str).collect(),
        }
    }

    /// The reasons as text for people, one after the other: `last 1 of 7, daily 2026-11-25`.
    pub fn why(&self) -> String {
        let texts: Vec<String> = match self {
            Self::Keep(reasons) => reasons.iter().map(ToString::to_string).collect(),
            Self::Forget(reasons) => reasons.iter().map(ToString::to_string).collect(),
        };
        texts.join(", ")
    }
}

impl Decisions {
    /// Those that stay, the newest first.
    pub fn kept(&self) -> impl Iterator<Item = &Decision> {
        self.all.iter().filter(|decision| decision.verdict.is_keep())
    }

    /// Those that go, the newest first.
    pub fn forgotten(&self) -> impl Iterator<Item = &Decision> {
        self.all.iter().filter(|decision| !decision.verdict.is_keep())
    }

    /// What becomes of the snapshot with this full id.
    pub fn of(&self, id: &str) -> Option<&Decision> {
        self.all.iter().find(|decision| decision.id == id)
    }
}
