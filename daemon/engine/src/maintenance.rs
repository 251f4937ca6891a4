//! Removing snapshots, bringing them back, and freeing what none needs.

use std::{path::PathBuf, time::Duration};

/// How much of what no snapshot needs is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneRequest {
    /// As much may stay unused, rather than write what is used beside it anew.
    pub max_unused: Unused,
    /// No more than about so many bytes are written anew in one run; `None` is as many as needed.
    pub max_repack: Option<u64>,
    /// How long packs stay that are marked as needed no longer; zero removes them at once.
    pub keep_delete: Duration,
    /// Write anew what is stored without compression. Needs format 2.
    pub repack_uncompressed: bool,
}

impl Default for PruneRequest {
    fn default() -> Self {
        Self {
            max_unused: Unused::Percent(5),
            max_repack: None,
            keep_delete: Duration::from_hours(23),
            repack_uncompressed: false,
        }
    }
}

/// How much unused data is tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    /// Percent of the repository's size after it; from 100 on all is.
    Percent(u32),
    /// Bytes.
    Bytes(u64),
    /// All: only packs of which nothing is needed go.
    Any,
}

/// What a prune did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Snapshots, all of which stay whole.
    pub snapshots: u64,
    /// Bytes of all packs before.
    pub bytes_total: u64,
    /// Bytes of what snapshots need.
    pub bytes_used: u64,
    /// Bytes of what no snapshot needs, before; packs that are marked already are among them.
    pub bytes_unused: u64,
    /// Packs of which a part is needed, whose needed part is written anew.
    pub packs_repacked: u64,
    /// Bytes of those packs.
    pub bytes_repacked: u64,
    /// Bytes written anew; 0 in a plan, which does not know how well they compress.
    pub bytes_written: u64,
    /// Packs marked now, to be removed once `keep_delete` has passed.
    pub packs_marked: u64,
    /// Bytes of those packs.
    pub bytes_marked: u64,
    /// Packs marked by an earlier prune that stay, for it is too soon.
    pub packs_waiting: u64,
    /// Bytes of those packs.
    pub bytes_waiting: u64,
    /// Packs marked by an earlier prune that a snapshot needs again.
    pub packs_recovered: u64,
    /// Packs removed.
    pub packs_removed: u64,
    /// Bytes of the packs removed: what was freed.
    pub bytes_freed: u64,
    /// Bytes of what no snapshot needs in packs that stay, without those that are marked.
    pub bytes_still_unused: u64,
}

/// Which snapshots to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetRequest {
    /// Full ids.
    pub snapshots: Vec<String>,
    /// A directory, made where it is missing, that gets each snapshot's file as it was stored (encrypted) before it
    /// is removed, under the snapshot's id.
    pub keep: PathBuf,
}

/// What became of the snapshots that were to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgetReport {
    /// Removed, and kept.
    pub forgotten: Vec<String>,
    /// Were not there.
    pub missing: Vec<String>,
}

/// What became of the snapshots that were to be brought back. Their kept files stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnforgetReport {
    /// Are there again, whole.
    pub restored: Vec<String>,
    /// Were there all the time.
    pub present: Vec<String>,
    /// Could not be brought back.
    pub lost: Vec<Lost>,
    /// Packs that a prune had marked and that stay now.
    pub packs_recovered: u64,
}

/// A snapshot that cannot be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Full id.
    pub snapshot: String,
    /// Why, for people.
    pub reason: String,
}
