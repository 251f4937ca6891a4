//! What is in a repository, and whose it is.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::JobOwner;
use crate::name::JobName;

/// The question what is in a repository, with what the daemon knows that should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentsWork {
    /// The jobs that store into it.
    pub owners: Vec<JobOwner>,
    /// Snapshots that were there once and that backupd has not removed.
    pub known: Vec<OwnedSnapshot>,
    /// Where forgets kept the files of what they removed, each under its id, as far as they did.
    pub forgotten: Vec<PathBuf>,
}

/// A snapshot that the daemon knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedSnapshot {
    /// The job that it is of.
    pub job: JobName,
    /// Full id.
    pub id: String,
}

/// A line of what is in a repository: first the repository, then its snapshots in groups, then those that are gone. Its
/// members are part of the public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum ContentsRecord {
    /// The repository.
    Repository {
        /// Its own id.
        id: String,
        /// restic format version.
        version: u32,
        /// How many snapshots it holds.
        snapshots: u64,
        /// How many keys open it.
        keys: u64,
        /// What it stores, where that is known without counting.
        bytes_stored: Option<u64>,
    },
    /// Snapshots of one host, of the same paths and with the same tags.
    Group(SnapshotGroupRecord),
    /// A snapshot that was there, that backupd has not removed, and that is not there any more.
    Missing {
        /// Full id.
        id: String,
        /// The job that it was of.
        job: String,
    },
}

/// Snapshots that somebody made alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotGroupRecord {
    /// Host name.
    pub host: String,
    /// Sources, in order; names that are no UTF-8 as near as it gets.
    pub paths: Vec<String>,
    /// Tags, in order; with the one that names a job.
    pub tags: Vec<String>,
    /// The job here that owns them; nothing for those that none does.
    pub owner: Option<String>,
    /// Whether the owner has not made them, and adopts them.
    pub adopted: bool,
    /// The job that has made them by their tags, whether it is one here or not.
    pub made_by: Option<String>,
    /// How many there are.
    pub snapshots: u64,
    /// When the oldest was made.
    pub first: Timestamp,
    /// When the newest was made.
    pub last: Timestamp,
    /// Full id of the newest.
    pub latest: String,
    /// Bytes in the newest, as restored, where it says so.
    pub bytes: Option<u64>,
}
