//! What a worker that looks for hosts tells, one JSON object a line on standard output. Daemon and worker come from one
//! package: nobody else reads it.

use serde::{Deserialize, Serialize};

/// Whether one host answers at one port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachRecord {
    /// `host:port`, as it was asked for.
    pub place: String,
    /// Why it does not; nothing where it does.
    pub silent: Option<String>,
}
