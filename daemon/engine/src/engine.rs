//! What every engine can do.

use std::path::Path;

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, CheckReport, CheckRequest, CopyReport, CopyRequest,
    Entry, ForgetReport, ForgetRequest, KeyInfo, ListRequest, LockInfo, MoveReport, MoveRequest, NewKey,
    Observer, PruneReport, PruneRequest, Remains, RemovalReport, RepairIndexReport, RepairIndexRequest,
    RepairSnapshotsReport, RepairSnapshotsRequest, RepositoryInfo, RestoreReport, RestoreRequest, Result,
    Room, ScanReport, SnapshotInfo, SnapshotQuery, StatisticsReport, StatisticsRequest, UnforgetReport,
    VerifyLevel, VerifyReport,
    embedded::{copy, keys, moving, repair},
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

    /// Removes the locks of processes of ours on this machine that are certainly gone; answers how many.
    fn remove_dead_locks(&self, access: &Access) -> Result<u64>;

    /// Who holds or has left a lock, the oldest first.
    fn locks(&self, access: &Access) -> Result<Vec<LockInfo>>;

    /// Removes locks by their ids; answers those that were there. One that somebody may hold fails the whole with `Locked`,
    /// unless `force` is given: whoever gives it knows that nobody is at work there.
    fn unlock(&self, access: &Access, locks: &[String], force: bool) -> Result<Vec<LockInfo>>;

    /// All keys, the oldest first. What keys are is a matter of the format, so that engines do it alike.
    fn keys(&self, access: &Access) -> Result<Vec<KeyInfo>> {
        keys::list(access)
    }

    /// Makes a key beside those that are there, and opens the repository with it. Fails with `InvalidRequest` where one
    /// opens with its password already, and with `Locked` while somebody excludes others.
    fn add_key(&self, access: &Access, new: &NewKey) -> Result<KeyInfo> {
        keys::add(access, new)
    }

    /// Removes the key with this full id, and answers what it was. Excludes all others. Fails with `InvalidRequest` where
    /// it is not there, and where it is the one that opens the repository now: that one stays.
    fn remove_key(&self, access: &Access, key: &str) -> Result<KeyInfo> {
        keys::remove(access, key)
    }

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

    /// Looks for damage in the whole repository, beside others that read and write.
    ///
    /// Each damage is told to the observer as a warning when it is found, and stands in the report. An error is what
    /// keeps the engine from looking at all.
    fn check(
        &self,
        access: &Access,
        request: &CheckRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<CheckReport>;

    /// Frees what no snapshot needs: marks packs, and removes those that were marked long ago.
    ///
    /// Excludes all others, and fails with `Locked` while one is there. After a cancellation or a failure the
    /// repository is sound, and all snapshots are whole.
    fn prune(
        &self,
        access: &Access,
        request: &PruneRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<PruneReport>;

    /// What [`prune`](Self::prune) would do now; changes nothing, and others may be at work.
    fn prune_plan(
        &self,
        access: &Access,
        request: &PruneRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<PruneReport>;

    /// Removes snapshots, and keeps their files elsewhere. Their data stays until a prune.
    ///
    /// Excludes all others. Nothing is removed unless all that is to go was kept; from then on the removal is not
    /// cancelled.
    fn forget(
        &self,
        access: &Access,
        request: &ForgetRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<ForgetReport>;

    /// Brings forgotten snapshots back from the files in `keep` (all of them, if `snapshots` is empty), each only if
    /// all that it needs is still there; packs that a prune has marked since stay then.
    fn unforget(
        &self,
        access: &Access,
        keep: &Path,
        snapshots: &[String],
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<UnforgetReport>;

    /// Makes the index say of all packs what is in them: packs that no index file names are looked into, and those that are
    /// not there are named no more. With `read_data` all packs are read, and what is whole in a damaged one is moved into
    /// another. What is wrong is told to the observer.
    ///
    /// Excludes all others, unless it only says what would be done. Cut off at any moment it has lost nothing that was
    /// whole, and the next one goes on.
    fn repair_index(
        &self,
        access: &Access,
        request: RepairIndexRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RepairIndexReport> {
        repair::index(access, request, observer, cancellation)
    }

    /// Frees snapshots of what is lost: the rest of each is stored as a snapshot with the same tags and `repaired`, in which
    /// a file that is not whole has `.repaired` behind its name; the old one is forgotten, as by [`forget`](Self::forget).
    /// What is lost is told to the observer, path by path.
    ///
    /// Excludes all others, unless it only says what would be done. Fails with `Corrupt` while the index speaks of packs
    /// that are not there: that has to be repaired first.
    fn repair_snapshots(
        &self,
        access: &Access,
        request: &RepairSnapshotsRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RepairSnapshotsReport> {
        repair::snapshots(access, request, observer, cancellation)
    }

    /// Copies snapshots, with all that they need, from one repository into another. Those that are there already stay as
    /// they are.
    ///
    /// A snapshot is written once all that it needs is stored and was looked for. Where something is damaged, those
    /// snapshots are copied that do not need it, and the call fails with `Corrupt`. What copying is follows from the
    /// format, so that engines do it alike.
    fn copy(
        &self,
        source: &Access,
        target: &Access,
        request: &CopyRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<CopyReport> {
        copy::run(source, target, request, observer, cancellation)
    }

    /// Brings a repository to another place, file by file as it is, and reads everything there. What is at the old place
    /// stays; what an earlier try has brought there is not written again.
    ///
    /// Excludes all others. Until it has ended well, no repository is at the new place. Fails with `RepositoryExists` or
    /// `TargetUnusable` where something else is there.
    fn move_to(
        &self,
        source: &Access,
        target: &Access,
        request: &MoveRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<MoveReport> {
        moving::run(source, target, request, observer, cancellation)
    }

    /// Removes files of a repository from a place where it is not any more, or is not yet; nothing else. `current` is
    /// opened, so that it is certain to be where it should.
    ///
    /// Fails with `InvalidRequest` where something would be lost, and with `Locked` while somebody works there.
    fn remove_remains(
        &self,
        current: &Access,
        old: &Access,
        why: &Remains,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RemovalReport> {
        moving::remove(current, old, why, observer, cancellation)
    }

    /// How much room there is at the place of the repository, which need not be there, and how much it has; nothing is
    /// known where that is not cheap to know. With `count` the packs of a remote place are listed, too. No password is
    /// needed.
    fn room(&self, access: &Access, count: bool) -> Result<Room>;

    /// Counts what the repository stores and what snapshots need of it, beside others that read and write.
    fn statistics(
        &self,
        access: &Access,
        request: &StatisticsRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<StatisticsReport>;

    /// Walks the sources as [`backup`](Self::backup) would, reads no file, and stores nothing.
    fn scan(
        &self,
        access: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<ScanReport>;
}
