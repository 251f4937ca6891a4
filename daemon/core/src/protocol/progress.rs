//! Progress datagrams: at most four a second, and each may be lost.

use serde::{Deserialize, Serialize};

use crate::{name::RunId, run::Phase};

/// How far an attempt is. Sums since its phase began; no path of a file stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The run.
    pub run: RunId,
    /// Which try of it.
    pub attempt: u32,
    /// The part of the work that the sums are of.
    pub phase: Phase,
    /// Files finished.
    pub files_done: u64,
    /// Files in all; 0 while unknown.
    pub files_total: u64,
    /// Bytes finished.
    pub bytes_done: u64,
    /// Bytes in all; 0 while unknown.
    pub bytes_total: u64,
    /// Bytes new to the repository so far.
    pub bytes_added: u64,
    /// Files that could not be read so far.
    pub unreadable: u64,
}
