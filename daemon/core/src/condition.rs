//! What must hold before a run begins, and while it is at work.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The machine has mains power.
    AcPower,
    /// The machine has mains power, or its battery more than so many percent.
    BatteryAbove(u8),
    /// The network costs nothing by the byte.
    Unmetered,
    /// There is a network.
    Online,
    /// Something is mounted at a path.
    Mounted(PathBuf),
    /// A device node or other path is there.
    Device(PathBuf),
    /// A host answers at a port.
    Reachable(String),
    /// The load of the last minute is below so many hundredths.
    LoadBelow(u32),
    /// At least so many bytes of memory are available.
    FreeMemory(u64),
}

impl Condition {
    /// Whether a run can lose it: a backup loads the machine itself.
    pub fn is_kept_while_running(&self) -> bool {
        !matches!(self, Self::LoadBelow(_) | Self::FreeMemory(_))
    }
}

/// What becomes of a run that loses a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenLost {
    /// It goes on.
    #[default]
    Continue,
    /// It is stopped, and goes on when all of them hold again.
    Stop,
}

impl WhenLost {
    /// All of them, with the words that stand for them in files.
    pub const WORDS: [(&'static str, Self); 2] = [("continue", Self::Continue), ("stop", Self::Stop)];

    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Stop => "stop",
        }
    }
}

/// All that must hold for the runs of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Conditions {
    /// Each of these.
    pub all: Vec<Condition>,
    /// What becomes of a run that loses one.
    pub when_lost: WhenLost,
}

impl Conditions {
    /// Those that a run can lose while it is at work; the others are looked at before it begins, and only then: a
    /// backup that stopped itself for its own load would never end.
    pub fn kept_while_running(&self) -> impl Iterator<Item = &Condition> {
        self.all
            .iter()
            .filter(|condition| condition.is_kept_while_running())
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It does, or nobody can tell.
    Holds,
    /// It does not.
    Fails {
        /// What is instead.
        what: String,
        /// What would change that.
        clears: String,
    },
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcPower => f.write_str("mains power"),
            Self::BatteryAbove(percent) => write!(f, "mains power or a battery above {percent} %"),
            Self::Unmetered => f.write_str("a network that is not metered"),
            Self::Online => f.write_str("a network"),
            Self::Mounted(path) => write!(f, "`{}` mounted", path.display()),
            Self::Device(path) => write!(f, "`{}`", path.display()),
            Self::Reachable(place) => write!(f, "`{place}` reachable"),
            Self::LoadBelow(load) => write!(f, "a load below {}", f64::from(*load) / 100.0),
            Self::FreeMemory(bytes) => write!(f, "{} of free memory", crate::config::format_size(*bytes)),
        }
    }
}
