//! What a worker that watches tells, one JSON object a line on standard output. Daemon and worker come from one package:
//! nobody else reads it.

use serde::{Deserialize, Serialize};

/// One line of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WatchRecord {
    /// How much is watched from now on. The first line, and again when it has become whole or is not any more.
    Watching {
        /// Directories that are watched.
        directories: u64,
        /// Directories for which the kernel has no watch left. They are looked at now and then.
        unwatched: u64,
    },
    /// Something has changed since the last time.
    Changed,
}
