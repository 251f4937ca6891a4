//! Questions about room: what a repository stores, and what a backup would add.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::BackupWork;
use crate::space::{Added, Sample};

/// What is known before a backup begins, from the runs before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Foreseen {
    /// What backups of the job have added.
    pub added: Option<Added>,
    /// Bytes that the repository stored when anybody looked last; of a place on this machine the worker looks itself.
    pub stored: Option<u64>,
}

/// How large a repository is, and how it came to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticsWork {
    /// Its sizes so far, oldest first.
    pub sizes: Vec<Sample>,
}

/// What a backup would add.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateWork {
    /// The backup.
    pub backup: BackupWork,
    /// Walk the sources, and compare them with the job's last snapshot.
    pub scan: bool,
    /// Sizes of the repository so far, oldest first.
    pub sizes: Vec<Sample>,
}

/// What a repository stores. Sizes are bytes; what is not known is missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatisticsRecord {
    /// Its name.
    pub repository: String,
    /// When anybody looked.
    pub time: Timestamp,
    /// Snapshots in it.
    pub snapshots: u64,
    /// Packs, in which everything is.
    pub packs: u64,
    /// Pieces of files and directories that snapshots need, each once.
    pub blobs: u64,
    /// All packs.
    pub bytes_stored: u64,
    /// What restoring every snapshot would write.
    pub bytes_restored: u64,
    /// What snapshots need, each piece once.
    pub bytes_unique: u64,
    /// The same, as it is stored: compressed and encrypted.
    pub bytes_needed: u64,
    /// `bytes_restored / bytes_unique`.
    pub deduplication: Option<f64>,
    /// `bytes_unique / bytes_needed`.
    pub compression: Option<f64>,
    /// What no snapshot needs, in packs that no prune has marked yet.
    pub bytes_unused: u64,
    /// Packs that a prune has marked, and that the next one removes once they have waited long enough.
    pub bytes_marked: u64,
    /// By job, the largest first.
    pub jobs: Vec<JobSizeRecord>,
    /// How it grew, oldest first.
    pub growth: Vec<GrowthRecord>,
    /// By how much it grows in a day.
    pub bytes_per_day: Option<i64>,
    /// In how many days there is no room left.
    pub days_until_full: Option<u32>,
    /// What is free at its place.
    pub bytes_free: Option<u64>,
    /// Its place in all.
    pub bytes_place: Option<u64>,
    /// What backups leave free.
    pub bytes_reserve: u64,
    /// What it may have.
    pub bytes_quota: Option<u64>,
}

/// What the snapshots of a job need. Sizes are bytes, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSizeRecord {
    /// Its name; missing for all snapshots that no job made.
    pub job: Option<String>,
    /// Snapshots of it.
    pub snapshots: u64,
    /// What restoring each of them would write.
    pub bytes_restored: u64,
    /// All that they need.
    pub bytes_needed: u64,
    /// What nobody else needs: as much would be of no use without them.
    pub bytes_alone: u64,
}

/// How large it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrowthRecord {
    /// When.
    pub time: Timestamp,
    /// All packs then.
    pub bytes_stored: u64,
}

/// What a backup of a job would add. Sizes are bytes; what is not known is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EstimateRecord {
    /// The job.
    pub job: String,
    /// Where to.
    pub repository: String,
    /// Good backups that were looked at.
    pub runs: u64,
    /// What the one in the middle has added, as stored.
    pub bytes_median: Option<u64>,
    /// What the largest has added.
    pub bytes_largest: Option<u64>,
    /// What the sources hold, if they were walked.
    pub scan: Option<ScanRecord>,
    /// What the repository stores.
    pub bytes_stored: Option<u64>,
    /// What is free at its place.
    pub bytes_free: Option<u64>,
    /// Its place in all.
    pub bytes_place: Option<u64>,
    /// What backups leave free.
    pub bytes_reserve: u64,
    /// What the repository may have.
    pub bytes_quota: Option<u64>,
    /// In how many days there is no room left.
    pub days_until_full: Option<u32>,
}

/// What a backup would find. Sizes are bytes, before compression.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanRecord {
    /// Files, links and whatever else is no directory.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Files that the last snapshot lacks.
    pub files_new: u64,
    /// Bytes in them.
    pub bytes_new: u64,
    /// Files that are others than in the last snapshot.
    pub files_changed: u64,
    /// Bytes in them.
    pub bytes_changed: u64,
    /// Files and directories that could not be looked at.
    pub files_unreadable: u64,
    /// The snapshot that they were compared with; everything is new without one.
    pub snapshot: Option<String>,
}
