//! The words a run is described with; the same in code, store, bus and tables.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A text that is none of the words of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no {kind}; expected one of {expected}")]
pub struct UnknownWord {
    /// What was read.
    pub found: String,
    /// What it should have been.
    pub kind: &'static str,
    /// All words of that kind.
    pub expected: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident ($kind:literal) { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word of this kind.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word itself.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord {
                    found: text.to_owned(),
                    kind: $kind,
                    expected: Self::ALL.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What a run does.
    Operation ("operation") {
        /// Store the sources as a snapshot.
        Backup = "backup",
        /// Write a snapshot back.
        Restore = "restore",
        /// See whether the repository is whole, and read some of its data.
        Check = "check",
        /// Remove what no snapshot needs any more.
        Prune = "prune",
        /// Remove the snapshots of a job that its retention lets go.
        Forget = "forget",
        /// Mend what a check has found.
        Repair = "repair",
        /// Copy the snapshots of a job into another repository.
        Copy = "copy",
        /// Bring the repository to another place, or remove what that has left at one.
        Move = "move",
    }
}

/// How an operation uses its repository beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryUse {
    /// Beside other shared uses.
    Shared,
    /// Alone.
    Exclusive,
}

/// What the machine must not do while an operation is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerUse {
    /// Going to sleep or down waits a moment, so that a worker that is nearly done ends well; one that is not is
    /// stopped in a state that the next run goes on from.
    Delay,
    /// Neither sleep nor shutdown, unless somebody insists: what is left half done is worse than a late sleep.
    Block,
}

impl Operation {
    /// What the machine must not do meanwhile.
    pub fn power_use(self) -> PowerUse {
        match self {
            // A backup that is cut off loses nothing that was stored.
            Self::Backup
            | Self::Check
            | Self::Prune
            | Self::Forget
            | Self::Repair
            | Self::Copy
            | Self::Move => PowerUse::Delay,
            Self::Restore => PowerUse::Block,
        }
    }

    /// Whether it cares for what is stored already, and makes way for backups.
    pub fn is_maintenance(self) -> bool {
        match self {
            // Whoever mends or moves a repository wants that before anything is stored in it.
            Self::Backup | Self::Restore | Self::Repair | Self::Move => false,
            Self::Check | Self::Prune | Self::Forget | Self::Copy => true,
        }
    }

    /// Whether it takes something away that cannot be had again; not while the clock is doubtful.
    pub fn is_destructive(self) -> bool {
        match self {
            Self::Backup | Self::Restore | Self::Check | Self::Repair | Self::Copy | Self::Move => false,
            Self::Prune | Self::Forget => true,
        }
    }

    /// Whether the operation may run beside others on the same repository.
    pub fn repository_use(self) -> RepositoryUse {
        match self {
            Self::Backup | Self::Restore | Self::Check | Self::Copy => RepositoryUse::Shared,
            Self::Prune | Self::Forget | Self::Repair | Self::Move => RepositoryUse::Exclusive,
        }
    }
}

words! {
    /// Why a run began.
    Trigger ("trigger") {
        /// Somebody asked for it.
        Manual = "manual",
        /// Its time had come.
        Schedule = "schedule",
        /// Its time had come while the machine was off or asleep.
        CatchUp = "catch-up",
        /// Packages were upgraded.
        PackageUpgrade = "package-upgrade",
        /// A watched path changed.
        PathChange = "path-change",
        /// The machine is going down.
        Shutdown = "shutdown",
        /// A device has come.
        Device = "device",
        /// A backup of its job has ended well.
        Backup = "backup",
    }
}

impl Trigger {
    /// Whether a person asked (`manual`) or the machine (`automatic`).
    pub fn kind(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            _ => "automatic",
        }
    }
}

words! {
    /// Where a run is in its life.
    RunState ("state") {
        /// Accepted; its turn has not come.
        Queued = "queued",
        /// Its turn has come, and something named in `BlockedBy` holds it.
        Waiting = "waiting",
        /// A worker is being started.
        Starting = "starting",
        /// A worker is at it.
        Running = "running",
        /// The worker has said how it ended, and is about to go.
        Finishing = "finishing",
        /// Between two attempts.
        Backoff = "backoff",
        /// Over; has a result.
        Finished = "finished",
    }
}

impl RunState {
    /// Whether a worker belongs to a run in this state.
    pub fn has_worker(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Finishing)
    }
}

words! {
    /// How a run ended.
    RunResult ("result") {
        /// All of it was done.
        Success = "success",
        /// A snapshot is stored or files are restored, but some files could not be read or written.
        Partial = "partial",
        /// Nothing that can be relied on was done.
        Failed = "failed",
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// It was not worth starting.
        Skipped = "skipped",
        /// Its worker ended without saying how.
        Interrupted = "interrupted",
        /// It took longer than it may.
        TimedOut = "timed-out",
    }
}

impl RunResult {
    /// Whether what the run was for exists now.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Partial)
    }
}

words! {
    /// What a worker is at.
    Phase ("phase") {
        /// Opening the repository.
        Open = "open",
        /// Reading the repository's index.
        Index = "index",
        /// Learning how much there is.
        Scan = "scan",
        /// Reading files and storing what is new.
        Backup = "backup",
        /// Checking what was stored.
        Verify = "verify",
        /// Writing files back.
        Restore = "restore",
        /// Looking whether the repository is whole.
        Check = "check",
        /// Removing what no snapshot needs.
        Prune = "prune",
        /// Removing snapshots.
        Forget = "forget",
        /// Looking into what is damaged, and mending it.
        Repair = "repair",
        /// Copying what another repository lacks.
        Copy = "copy",
    }
}
