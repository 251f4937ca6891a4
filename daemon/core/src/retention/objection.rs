//! What speaks against letting snapshots go.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// What kind of thing.
    pub kind: ObjectionKind,
    /// What was found, as one sentence.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Full ids of the snapshots that it is about, the newest first.
    pub snapshots: Vec<String>,
}

/// What kind of thing speaks against letting snapshots go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectionKind {
    /// A snapshot would go that is pinned.
    Pinned,
    /// Fewer would stay than always do.
    Floor,
    /// A snapshot would go of which nothing is known.
    UnknownSnapshot,
    /// Nobody knows what time it is.
    ClockDoubtful,
    /// A snapshot has a date that has not come.
    FutureDate,
    /// A snapshot that came later has an earlier date.
    DatesDisagree,
    /// Most of the history would go at once.
    Collapse,
    /// The newest snapshot holds much less than those before.
    Shrunk,
    /// None would stay that was verified, and one would go.
    LastVerified,
}

impl ObjectionKind {
    /// The word for programs; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Floor => "floor",
            Self::UnknownSnapshot => "unknown-snapshot",
            Self::ClockDoubtful => "clock-doubtful",
            Self::FutureDate => "future-date",
            Self::DatesDisagree => "dates-disagree",
            Self::Collapse => "collapse",
            Self::Shrunk => "shrunk",
            Self::LastVerified => "last-verified",
        }
    }

    /// Whether an administrator may let the snapshots go all the same. Nobody may where that was promised never to
    /// happen, or nobody can know what would.
    pub fn yields_to_force(self) -> bool {
        !matches!(self, Self::Pinned | Self::Floor | Self::UnknownSnapshot)
    }

    /// What to do next.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Pinned | Self::Floor | Self::UnknownSnapshot => {
                "nothing was forgotten; let the rules be applied anew to the snapshots as they are now"
            }
            Self::ClockDoubtful => {
                "set the clock, best by a time service such as systemd-timesyncd; the rules are applied again once it is \
                 believed"
            }
            Self::FutureDate | Self::DatesDisagree => {
                "look with `backupctl snapshots` who made them; remove those that are not what they say with stock `restic \
                 forget ID`, or let an administrator force it if the dates are meant"
            }
            Self::Collapse => {
                "look with `backupctl retention preview` what would go; if that is meant, as with new rules for a long \
                 history, let an administrator force it once"
            }
            Self::Shrunk => {
                "look whether the sources are mounted and whole; if they did shrink, let an administrator force it, or \
                 wait until the smaller snapshots are the most"
            }
            Self::LastVerified => {
                "let a newer snapshot be verified, with `verify = \"snapshot\"` in the job's file or `backupctl check`"
            }
        }
    }
}

impl fmt::Display for ObjectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
