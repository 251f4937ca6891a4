//! Taking a repository to another place.

use crate::Allowance;

/// How a repository is brought to another place.
#[derive(Debug, Clone, Default)]
pub struct MoveRequest {
    /// The room that it may use there.
    pub allowance: Allowance,
}

/// What of a repository is at its new place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoveReport {
    /// Files of the repository.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Files that an earlier try had brought there.
    pub files_there: u64,
    /// Bytes that were written.
    pub bytes_written: u64,
    /// Tells the snapshots that are at the place before: see [`Remains::Moved`].
    pub contents: String,
}

/// Why the files at a place are needed by nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remains {
    /// The repository was moved away from there, and no snapshot has come or gone since: what
    /// [`MoveReport::contents`] said then.
    Moved(String),
    /// A move there was given up: all that is there is in the repository, too.
    GivenUp,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemovalReport {
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}
