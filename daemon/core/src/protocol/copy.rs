//! How the snapshots of a job get into another repository.

use serde::{Deserialize, Serialize};

use super::{Foreseen, RepositorySpec, SnapshotFilter};

/// A copy: all snapshots that match and are not there yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyWork {
    /// Where they are.
    pub from: RepositorySpec,
    /// Which ones.
    pub filter: SnapshotFilter,
    /// zstd level, 0 for none.
    pub compression: Option<i32>,
    /// What is known of the room that it needs.
    #[serde(default)]
    pub foreseen: Foreseen,
}
