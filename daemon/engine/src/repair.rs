//! Mending what a check has found.

use std::path::PathBuf;

/// How thoroughly the index is made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepairIndexRequest {
    /// Read all packs, and write what is whole in a damaged one into another; without it only packs are looked at of which
    /// the index says something wrong, or nothing.
    pub read_data: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What was wrong with the index, and is not any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairIndexReport {
    /// Index files that were read.
    pub index_files: u64,
    /// Those of them that cannot be read, and go.
    pub index_damaged: u64,
    /// Packs that are in the index afterwards.
    pub packs: u64,
    /// Packs that were in none before.
    pub packs_found: u64,
    /// Packs that it named, and that are not there.
    pub packs_missing: u64,
    /// Packs of which it said something else than they do themselves.
    pub packs_corrected: u64,
    /// Packs that are damaged. What is whole in them was written into others, and they were removed.
    pub packs_damaged: u64,
    /// Packs of which nothing is known and nothing can be read: they are left alone.
    pub packs_unreadable: u64,
    /// Blobs of damaged packs that cannot be read.
    pub blobs_lost: u64,
    /// Bytes of the packs that were written.
    pub bytes_written: u64,
}

impl RepairIndexReport {
    /// Whether there was nothing to do.
    pub fn is_well(&self) -> bool {
        let Self {
            index_damaged,
            packs_found,
            packs_missing,
            packs_corrected,
            packs_damaged,
            ..
        } = self;
        [
            index_damaged,
            packs_found,
            packs_missing,
            packs_corrected,
            packs_damaged,
        ]
        .into_iter()
        .all(|count| *count == 0)
    }
}

/// Snapshots that are to be freed of what is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairSnapshotsRequest {
    /// Where the files of the snapshots that go are kept; see [`ForgetRequest::keep`](crate::ForgetRequest::keep).
    pub keep: PathBuf,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What is lost of the snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairSnapshotsReport {
    /// Snapshots that were looked at.
    pub snapshots: u64,
    /// Those of which something is lost.
    pub hurt: Vec<HurtSnapshot>,
}

/// A snapshot of which something is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HurtSnapshot {
    /// Full id.
    pub id: String,
    /// The one that has the rest of it, if there is any; not known before.
    pub repaired: Option<String>,
    /// Whether nothing of it is left.
    pub is_lost: bool,
    /// Files of which a part or all is lost; each was told to the observer.
    pub files: u64,
    /// Directories of which nobody knows what was in them.
    pub directories: u64,
}
