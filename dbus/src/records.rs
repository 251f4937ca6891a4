//! Records that come through file descriptors: one JSON object a line. Times are RFC 3339, sizes bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What `Repository.Initialize` and `Repository.Test` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryInfo {
    /// The repository's own id.
    pub id: String,
    /// restic format version.
    pub version: u32,
    /// How many snapshots it holds.
    pub snapshots: u64,
}

/// What `Repository.OpenPrunePlan` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunePlan {
    /// Snapshots, all of which stay.
    pub snapshots: u64,
    /// What the repository stores now.
    pub bytes_repository: u64,
    /// How much of it no snapshot needs.
    pub bytes_unused: u64,
    /// Packs that would be written anew.
    pub packs_repacked: u64,
    /// Their size.
    pub bytes_repacked: u64,
    /// Packs that would be needed no more, to be removed by a later prune.
    pub packs_marked: u64,
    /// Packs that would be removed.
    pub packs_removed: u64,
    /// Their size.
    pub bytes_freed: u64,
    /// What no snapshot needs and would stay all the same.
    pub bytes_unused_after: u64,
}

/// A line of `Repository.OpenSnapshots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Full id.
    pub id: String,
    /// When its backup began.
    pub time: Timestamp,
    /// The job that made it, where its tags say so, or that adopts it.
    pub job: Option<String>,
    /// Whether the job has not made it, and adopts it.
    #[serde(default)]
    pub adopted: bool,
    /// The repository it is in.
    pub repository: String,
    /// Host name.
    pub host: String,
    /// Sources.
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

/// A line of `Manager.OpenAudit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its place in the log, from 1.
    pub seq: u64,
    /// Its canonical form, to the byte: a JSON object.
    pub record: String,
    /// The SHA-256 of that, in hexadecimal digits.
    pub hash: String,
}

/// A line of `Repository.OpenListing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
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

/// A line of `Run.OpenLog`: `event` says what it is, `rest` holds its members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEvent {
    /// From 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// `hello`, `phase`, `warning`, `snapshot`, `read`, `stats`, `failure`, `done`, or one of a newer version.
    pub event: String,
    /// The other members.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}
