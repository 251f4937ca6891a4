//! Who is at work on a repository.

use jiff::Timestamp;

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInfo {
    /// Its name (64 hex digits); a refresh changes it.
    pub id: String,
    /// Whether it lets nobody be there beside.
    pub exclusive: bool,
    /// The host of the process that holds it; may be empty, as all that it says.
    pub host: String,
    /// Whose process it is.
    pub user: String,
    /// Its number on that host, 0 where unknown.
    pub pid: u32,
    /// The run of backupd that it was taken for.
    pub run: Option<String>,
    /// When it was taken; only ours say so.
    pub since: Option<Timestamp>,
    /// When it was written last; every five minutes as long as its process is well.
    pub refreshed: Option<Timestamp>,
    /// What is known of that process.
    pub standing: LockStanding,
}

/// What is known of the process that holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockStanding {
    /// It is a backupd of this machine that is at work.
    Alive,
    /// It was a backupd of this machine, and has certainly ended.
    Gone,
    /// It was not refreshed in time: nobody heeds it any more.
    Stale,
    /// It may be at work.
    Unknown,
}

impl LockStanding {
    /// Whether nobody needs the lock any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Gone | Self::Stale)
    }
}
