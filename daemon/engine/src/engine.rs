//! What every engine can do.

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, Entry, ListRequest, Observer, RepositoryInfo,
    RestoreReport, RestoreRequest, Result, SnapshotInfo, SnapshotQuery, VerifyLevel, VerifyReport,
};

/// An engine reads and writes restic-format repositories.
///
/// Calls block. They may be cancelled from another thread and then fail with
/// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled); whatever happens, the repository stays consistent
/// and the locks that the call took are removed.
pub trait Engine: Sync {
    /// The engine's name in configuration and history (`embedded`, `restic`).
    fn name(&self) -> &'static str;

    /// The version of what does the work.
    fn version(&self) -> String;

    /// Creates an empty repository. Fails with `RepositoryExists` where one is, and leaves it alone.
    fn init(&self, access: &Access) -> Result<RepositoryInfo>;

    /// Opens the repository with its password and counts snapshots; changes nothing.
    fn probe(&self, access: &Access) -> Result<RepositoryInfo>;

    /// Stores the sources as one snapshot.
    ///
    /// Unreadable files are warnings, and counted; a missing source, a cancellation or a repository that
    /// fails is an error, and then no snapshot was stored.
    fn backup(
        &self,
        access: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<BackupReport>;

    /// Checks that `snapshot` is whole; with `Structure`, the repository too.
    fn verify(
        &self,
        access: &Access,
        snapshot: &str,
        level: VerifyLevel,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<VerifyReport>;

    /// Removes the locks of processes of this machine that are certainly gone; answers how many.
    fn remove_dead_locks(&self, access: &Access) -> Result<u64>;

    /// Lists snapshots, oldest first.
    fn snapshots(&self, access: &Access, query: &SnapshotQuery) -> Result<Vec<SnapshotInfo>>;

    /// Tells `each` entry of a directory (or the one file) in a snapshot, in the order of paths.
    fn list(
        &self,
        access: &Access,
        request: &ListRequest,
        each: &mut dyn FnMut(Entry) -> std::io::Result<()>,
    ) -> Result<()>;

    /// Writes a snapshot, or paths of it, into an empty directory, with times, modes, owners (where allowed),
    /// links and extended attributes.
    fn restore(
        &self,
        access: &Access,
        request: &RestoreRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RestoreReport>;
}
