//! Locks of a repository.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A lock. Its members are part of the public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// Its id; 64 hex digits. Each refresh gives it another one.
    pub id: String,
    /// Whether it lets nobody be at work beside.
    pub exclusive: bool,
    /// Host of the process that holds it, as it says itself.
    pub host: String,
    /// Whose process it is.
    pub user: String,
    /// The number of the process on that host; 0 where it is not said.
    pub pid: u32,
    /// The run that it was taken for, where it was taken by backupd.
    pub run: Option<String>,
    /// When it was taken, where it was taken by backupd.
    pub since: Option<Timestamp>,
    /// When it was written last: every five minutes, as long as its process is well.
    pub refreshed: Option<Timestamp>,
    /// What is known of its process.
    pub state: LockState,
}

/// What is known of the process that holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockState {
    /// A worker of this machine that is at work.
    Alive,
    /// A worker of this machine that has certainly ended.
    Gone,
    /// Not refreshed in time: nobody heeds it any more.
    Stale,
    /// It may be at work.
    Unknown,
}

impl LockState {
    /// Whether nobody needs the lock any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Gone | Self::Stale)
    }
}

/// Locks that are to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlockWork {
    /// Their ids, in full.
    pub locks: Vec<String>,
    /// Also those that somebody may hold.
    pub force: bool,
}
