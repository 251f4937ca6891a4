//! Records that a worker answers questions with, one JSON object a line on standard output.
//!
//! They go through to the client as they are, so their members are part of the public contract: times are
//! RFC 3339, sizes bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::PasswordSource;

/// What a repository says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryRecord {
    /// The repository's own id.
    pub id: String,
    /// restic format version.
    pub version: u32,
    /// How many snapshots it holds.
    pub snapshots: u64,
}

/// What a prune did, or would do. Sizes are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneRecord {
    /// Snapshots, all of which stay.
    pub snapshots: u64,
    /// What the repository stores before.
    pub bytes_repository: u64,
    /// How much of it no snapshot needs, before.
    pub bytes_unused: u64,
    /// Packs that are written anew.
    pub packs_repacked: u64,
    /// Their size.
    pub bytes_repacked: u64,
    /// Packs that are needed no more, and removed once everybody who might still read them is done.
    pub packs_marked: u64,
    /// Packs that are removed now.
    pub packs_removed: u64,
    /// Their size.
    pub bytes_freed: u64,
    /// What no snapshot needs and stays all the same, afterwards.
    pub bytes_unused_after: u64,
}

/// A line of what a repair would do. Its members are part of the public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum RepairRecord {
    /// Something that is wrong, or lost.
    Damage {
        /// A file of the repository, or a path in a snapshot.
        path: String,
        /// What is the matter with it.
        reason: String,
    },
    /// What would become of the index.
    Index {
        /// Index files that are there.
        index_files: u64,
        /// Those of them that cannot be read.
        index_damaged: u64,
        /// Packs that are in the index afterwards.
        packs: u64,
        /// Packs that were in none before.
        packs_found: u64,
        /// Packs that it named, and that are not there.
        packs_missing: u64,
        /// Packs of which it said something else than they do themselves.
        packs_corrected: u64,
        /// Packs that are damaged.
        packs_damaged: u64,
        /// Packs of which nothing is known and nothing can be read.
        packs_unreadable: u64,
        /// Pieces of damaged packs that cannot be read.
        blobs_lost: u64,
    },
    /// A snapshot of which something is lost.
    Snapshot {
        /// Full id.
        id: String,
        /// Whether nothing of it is left.
        lost: bool,
        /// Files of which a part or all is lost.
        files: u64,
        /// Directories of which nobody knows what was in them.
        directories: u64,
    },
}

/// Where a password is kept now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// What the repository's file is to say.
    pub password: PasswordSource,
    /// Whether it has opened the repository; `false` where there is none yet, or none was reached.
    pub opens: bool,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRecord {
    /// Full id.
    pub id: String,
    /// When its backup began.
    pub time: Timestamp,
    /// The job that made it, where its tags say so, or that adopts it.
    pub job: Option<String>,
    /// Whether the job has not made it, and adopts it.
    #[serde(default)]
    pub adopted: bool,
    /// The repository it is in, as configured.
    pub repository: String,
    /// Host name.
    pub host: String,
    /// Sources; names that are no UTF-8 as near as it gets.
    pub paths: Vec<String>,
    /// Tags, without the one that names the job.
    pub tags: Vec<String>,
    /// Free text.
    pub description: Option<String>,
    /// The snapshot it was compared with.
    pub parent: Option<String>,
    /// The program that made it.
    pub program: String,
    /// Files in it.
    pub files: Option<u64>,
    /// Bytes in it, as restored.
    pub bytes: Option<u64>,
    /// Bytes it added to the repository.
    pub bytes_stored: Option<u64>,
    /// It stays whatever the rules say: until `pinned_until`, or else for ever.
    #[serde(default)]
    pub pinned: bool,
    /// See `pinned`.
    #[serde(default)]
    pub pinned_until: Option<Timestamp>,
    /// From then on no rule keeps it.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// What somebody has noted about it.
    #[serde(default)]
    pub note: Option<String>,
}

/// One file, directory or link of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// Absolute path in the snapshot; a name that is no UTF-8 as near as it gets.
    pub path: String,
    /// The exact bytes of a path that is no UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<Vec<u8>>,
    /// `file`, `directory`, `symlink` or `special`.
    pub kind: String,
    /// Bytes, for files.
    pub size: u64,
    /// Last modification.
    pub modified: Option<Timestamp>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner's id.
    pub uid: Option<u32>,
    /// Group's id.
    pub gid: Option<u32>,
    /// Owner's name.
    pub user: Option<String>,
    /// Group's name.
    pub group: Option<String>,
    /// Where a symbolic link points to.
    pub target: Option<String>,
}
