//! What an engine can be asked to do.

use std::path::PathBuf;

use crate::Allowance;

/// A backup of some directories or files into one snapshot.
#[derive(Debug, Clone, Default)]
pub struct BackupRequest {
    /// Absolute paths. One that is missing fails the request before anything is stored.
    pub sources: Vec<PathBuf>,
    /// Where not empty, only files that match one of these patterns are stored.
    pub include: Vec<String>,
    /// What matches one of these patterns is left out; wins over `include`.
    ///
    /// Patterns are gitignore-style. With a leading `/` they are absolute paths; any other pattern matches
    /// at every depth, as restic reads them.
    pub exclude: Vec<String>,
    /// A directory that holds a file of one of these names is left out (the directory itself is kept, empty
    /// but for that file).
    pub exclude_if_present: Vec<String>,
    /// Leave out directories with a valid `CACHEDIR.TAG`.
    pub exclude_caches: bool,
    /// Leave out files larger than this many bytes.
    pub exclude_larger_than: Option<u64>,
    /// Do not enter other file systems than the one of each source.
    pub one_file_system: bool,
    /// Host name in the snapshot.
    pub host: String,
    /// Tags of the snapshot.
    pub tags: Vec<String>,
    /// Free text in the snapshot.
    pub description: Option<String>,
    /// Which earlier snapshot to compare with; `None` reads every file.
    pub parent: Option<Series>,
    /// zstd level: 0 stores as is, `None` takes the repository's own.
    pub compression: Option<i32>,
    /// The program's name and version in the snapshot.
    pub program_version: String,
    /// The room that it may use. It stops with [`NoSpace`](crate::ErrorKind::NoSpace) before it uses more.
    pub allowance: Allowance,
}

/// Which snapshots are copied into another repository, and how.
#[derive(Debug, Clone, Default)]
pub struct CopyRequest {
    /// Full ids; empty for all that match. One that is not there is passed over.
    pub snapshots: Vec<String>,
    /// Which ones may be copied.
    pub query: SnapshotQuery,
    /// zstd level in the target: 0 stores as is, `None` takes the target's own.
    pub compression: Option<i32>,
    /// The room that it may use in the target. It stops with [`NoSpace`](crate::ErrorKind::NoSpace) before it uses more.
    pub allowance: Allowance,
}

/// Snapshots that follow one another; the newest of them is the parent of the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// Of this host, those with the tag; of all hosts where `None`.
    pub host: Option<String>,
    /// A tag that they carry.
    pub tag: String,
    /// What is of the series without the tag.
    pub adopted: Vec<SnapshotGroup>,
}

/// Snapshots that somebody made alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotGroup {
    /// Of this host.
    pub host: String,
    /// Of exactly these paths, in any order; of any where `None`.
    pub paths: Option<Vec<PathBuf>>,
    /// With exactly these tags, in any order; with any where `None`.
    pub tags: Option<Vec<String>>,
    /// None with a tag that begins so.
    pub without: Option<String>,
}

/// Which snapshots to list. Empty fields match all.
#[derive(Debug, Clone, Default)]
pub struct SnapshotQuery {
    /// Only of this host.
    pub host: Option<String>,
    /// Only with all of these tags.
    pub tags: Vec<String>,
    /// Only of this series.
    pub series: Option<Series>,
}

/// How much is checked after a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyLevel {
    /// The snapshot can be read back, and every tree and data blob it needs is in the index.
    Snapshot,
    /// As `Snapshot`, and index, packs and trees of the whole repository agree (data is not read).
    Structure,
}

/// What of a snapshot to list.
#[derive(Debug, Clone)]
pub struct ListRequest {
    /// Id, unique prefix of one, or `latest`.
    pub snapshot: String,
    /// Which ones `snapshot` may name.
    pub query: SnapshotQuery,
    /// Absolute path in the snapshot; `/` is its root.
    pub path: PathBuf,
    /// Also what lies below directories.
    pub recursive: bool,
}

/// What to write back, and where.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// Id, unique prefix of one, or `latest`.
    pub snapshot: String,
    /// Which ones `snapshot` may name.
    pub query: SnapshotQuery,
    /// Absolute paths in the snapshot; empty for all of it.
    pub paths: Vec<PathBuf>,
    /// An empty or missing directory; absolute source paths are put below it.
    pub target: PathBuf,
}
