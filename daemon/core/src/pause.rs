//! Jobs that do not start by themselves for a while.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A pause of a job, or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` for until somebody resumes.
    pub until: Option<Timestamp>,
    /// Why, if anybody said so.
    pub reason: Option<String>,
}

impl Pause {
    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}
