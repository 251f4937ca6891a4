//! Room: what a repository stores, and what a backup would add. Times are RFC 3339, sizes bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zbus::{DeserializeDict, SerializeDict, Type};

/// How large a repository is, and the room that it has; a member is missing where that is not known.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct SpaceProperties {
    /// When anybody looked last.
    #[zbus(rename = "MeasuredUSec")]
    pub measured_usec: Option<u64>,
    /// Bytes that it stores.
    pub bytes_stored: Option<u64>,
    /// Bytes that are free at its place.
    pub bytes_free: Option<u64>,
    /// Bytes of its place in all.
    pub bytes_place: Option<u64>,
    /// Bytes that backups leave free there.
    pub bytes_reserve: Option<u64>,
    /// Bytes that it may have.
    pub bytes_quota: Option<u64>,
    /// In how many days there is no room left, at the pace of the last months.
    pub days_until_full: Option<u32>,
}

/// What `Repository.OpenStatistics` answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RepositoryStatistics {
    /// Its name.
    pub repository: String,
    /// When it was counted.
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
    /// The same, as it is stored.
    pub bytes_needed: u64,
    /// `bytes_restored / bytes_unique`.
    pub deduplication: Option<f64>,
    /// `bytes_unique / bytes_needed`.
    pub compression: Option<f64>,
    /// What no snapshot needs, in packs that no prune has marked yet.
    pub bytes_unused: u64,
    /// Packs that a prune has marked.
    pub bytes_marked: u64,
    /// By job, the largest first.
    pub jobs: Vec<JobSize>,
    /// How it grew, oldest first.
    pub growth: Vec<Growth>,
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

/// What the snapshots of a job need, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSize {
    /// Its name; missing for all snapshots that no job made.
    pub job: Option<String>,
    /// Snapshots of it.
    pub snapshots: u64,
    /// What restoring each of them would write.
    pub bytes_restored: u64,
    /// All that they need.
    pub bytes_needed: u64,
    /// What nobody else needs.
    pub bytes_alone: u64,
}

/// How large a repository was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// When.
    pub time: Timestamp,
    /// All packs then.
    pub bytes_stored: u64,
}

/// What `Job.OpenEstimate` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
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
    pub scan: Option<Scan>,
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

/// What a backup would find, before compression.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
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
