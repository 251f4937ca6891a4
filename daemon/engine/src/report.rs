//! What an engine answers.

use std::path::PathBuf;

use jiff::Timestamp;

/// What a repository says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryInfo {
    /// The repository's own id (hex).
    pub id: String,
    /// restic format version.
    pub version: u32,
    /// How many snapshots it holds.
    pub snapshots: u64,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Full id (64 hex digits).
    pub id: String,
    /// When the backup began.
    pub time: Timestamp,
    /// Host name.
    pub host: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Sources.
    pub paths: Vec<PathBuf>,
    /// Free text.
    pub description: Option<String>,
    /// The program that made it.
    pub program_version: String,
    /// The snapshot it was compared with.
    pub parent: Option<String>,
    /// Files in it, where the snapshot says so.
    pub files: Option<u64>,
    /// Bytes in it (as restored), where the snapshot says so.
    pub bytes: Option<u64>,
    /// Bytes that it added to the repository, where the snapshot says so.
    pub bytes_stored: Option<u64>,
    /// What the snapshot itself says of its end; restic knows no such mark.
    pub deletion: Deletion,
}

/// When a snapshot may be removed, by a mark in its own file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deletion {
    /// It says nothing.
    #[default]
    Unmarked,
    /// Never.
    Never,
    /// Not before this time, and then it should be.
    After(Timestamp),
}

/// What a backup did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// The snapshot that was stored.
    pub snapshot: SnapshotInfo,
    /// Files not in the parent.
    pub files_new: u64,
    /// Files that differ from the parent.
    pub files_changed: u64,
    /// Files as in the parent.
    pub files_unmodified: u64,
    /// Files and directories that could not be read; each was told as a warning.
    pub files_unreadable: u64,
    /// Directories in the snapshot.
    pub directories: u64,
    /// Bytes of all files looked at.
    pub bytes_processed: u64,
    /// Bytes read from new and changed files.
    pub bytes_read: u64,
    /// Bytes new to the repository, before compression.
    pub bytes_added: u64,
    /// Bytes written for them, after compression and encryption.
    pub bytes_stored: u64,
}

/// What a copy did. After an error nothing is told of what was copied before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Snapshots that were copied, the newest first.
    pub copied: Vec<CopiedSnapshot>,
    /// Snapshots that were asked for and are in the target already.
    pub there_already: u64,
    /// Bytes read from the source's packs, as they are stored there.
    pub bytes_read: u64,
    /// Bytes of the packs that were written.
    pub bytes_stored: u64,
    /// Blobs that the target lacked.
    pub blobs: u64,
}

/// A snapshot that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedSnapshot {
    /// Its full id in the source.
    pub source: String,
    /// Its full id in the target.
    pub snapshot: String,
    /// When its backup began.
    pub time: Timestamp,
}

/// What a verification looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Trees that were read.
    pub trees: u64,
    /// Data blobs that were looked up.
    pub blobs: u64,
}

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// The snapshot it came from (full id).
    pub snapshot: String,
    /// Files written.
    pub files: u64,
    /// Directories made.
    pub directories: u64,
    /// Bytes written.
    pub bytes: u64,
    /// What could not be restored as it was; each was told as a warning.
    pub failed: u64,
}

/// One thing in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Absolute path in the snapshot; bytes as the file system has them.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes, for files.
    pub size: u64,
    /// Last modification.
    pub modified: Option<Timestamp>,
    /// Permission bits, as `chmod` takes them.
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
    pub target: Option<PathBuf>,
}

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Device, FIFO or socket.
    Special,
}
