//! What is known of a snapshot, as far as it decides whether it is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::protocol::SnapshotRecord;

/// A snapshot of a job. What is not known is `None` or the default, and nothing is concluded from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotFacts {
    /// Full id.
    pub id: String,
    /// When its backup began, as the snapshot says.
    pub time: Timestamp,
    /// Bytes it added to the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_stored: Option<u64>,
    /// Bytes in it, as restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Files in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether somebody pinned it.
    #[serde(default, skip_serializing_if = "Pin::is_no")]
    pub pinned: Pin,
    /// From then on no rule keeps it; a pin and the safety floor do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Where it stands in the order in which the daemon learnt of the job's snapshots. The numbers need not be without
    /// gaps; those of which it learnt together have the same. `None` has come just now: after all that have a number,
    /// and together with the others that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<u64>,
    /// An administrator has looked at its date: the guard doubts it no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub date_accepted: bool,
    /// Whether it was read back after it was stored, and found whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
}

/// A person's word that a snapshot stays. It changes nothing for the others. Ordered by how long it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// There is none.
    #[default]
    No,
    /// Before this time.
    Until(Timestamp),
    /// Until it is taken away.
    Forever,
}

impl Pin {
    /// Whether it holds at `now`.
    pub fn holds(self, now: Timestamp) -> bool {
        match self {
            Self::No => false,
            Self::Until(until) => now < until,
            Self::Forever => true,
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    fn is_no(&self) -> bool {
        *self == Self::No
    }
}

impl SnapshotFacts {
    /// A snapshot of which nothing else is known.
    pub fn new(id: impl Into<String>, time: Timestamp) -> Self {
        Self {
            id: id.into(),
            time,
            bytes_stored: None,
            bytes: None,
            files: None,
            tags: Vec::new(),
            pinned: Pin::No,
            expires: None,
            arrival: None,
            date_accepted: false,
            verified: false,
        }
    }
}

/// What the repository says of it; the daemon knows the rest.
impl From<&SnapshotRecord> for SnapshotFacts {
    fn from(record: &SnapshotRecord) -> Self {
        Self {
            bytes_stored: record.bytes_stored,
            bytes: record.bytes,
            files: record.files,
            tags: record.tags.clone(),
            ..Self::new(record.id.clone(), record.time)
        }
    }
}
