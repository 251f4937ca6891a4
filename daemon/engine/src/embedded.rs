//! The embedded engine: `rustic_core`, with the locks, cancellation and honesty that it leaves to its callers.

mod backend;
mod backup;
mod bars;
pub(crate) mod beside;
mod catalog;
mod check;
pub(crate) mod copy;
mod crypto;
mod directory;
mod failure;
mod feed;
mod forget;
mod guard;
mod init;
mod kept;
pub(crate) mod keys;
mod lock;
mod lock_file;
mod mode;
pub(crate) mod moving;
mod node;
mod pack;
mod patterns;
mod place;
mod prune;
mod reader;
pub(crate) mod repair;
mod restore;
mod room;
mod scan;
mod session;
mod snapshots;
mod source;
mod statistics;
mod stored;
mod tree;
mod unforget;
mod verify;
mod walk;
mod wanted;

use std::path::Path;

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, CheckReport, CheckRequest, Engine, Entry,
    ForgetReport, ForgetRequest, ListRequest, LockInfo, Observer, PruneReport, PruneRequest, RepositoryInfo,
    RestoreReport, RestoreRequest, Result, Room, ScanReport, SnapshotInfo, SnapshotQuery, StatisticsReport,
    StatisticsRequest, UnforgetReport, VerifyLevel, VerifyReport,
};

pub(crate) use failure::reason as system_reason;
pub(crate) use lock::host;
pub(crate) use session::cancelled;
pub use wanted::Wanted;

/// Works on repositories inside this process, on this machine or on a remote place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embedded;

impl Embedded {
    /// An engine; it holds nothing.
    pub fn new() -> Self {
        Self
    }
}

impl Engine for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn version(&self) -> String {
        "rustic_core 0.13".to_owned()
    }

    fn init(&self, access: &Access) -> Result<RepositoryInfo> {
        init::create(access)
    }

    fn probe(&self, access: &Access) -> Result<RepositoryInfo> {
        init::probe(access)
    }

    fn backup(
        &self,
        access: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<BackupReport> {
        backup::run(access, request, observer, cancellation)
    }

    fn verify(
        &self,
        access: &Access,
        snapshot: &str,
        level: VerifyLevel,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<VerifyReport> {
        verify::run(access, snapshot, level, observer, cancellation)
    }

    fn remove_dead_locks(&self, access: &Access) -> Result<u64> {
        lock::tidy(access)
    }

    fn locks(&self, access: &Access) -> Result<Vec<LockInfo>> {
        lock::list(access)
    }

    fn unlock(&self, access: &Access, locks: &[String], force: bool) -> Result<Vec<LockInfo>> {
        lock::remove(access, locks, force)
    }

    fn snapshots(&self, access: &Access, query: &SnapshotQuery) -> Result<Vec<SnapshotInfo>> {
        snapshots::list(access, query)
    }

    fn list(
        &self,
        access: &Access,
        request: &ListRequest,
        each: &mut dyn FnMut(Entry) -> std::io::Result<()>,
    ) -> Result<()> {
        tree::list(access, request, each)
    }

    fn restore(
        &self,
        access: &Access,
        request: &RestoreRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RestoreReport> {
        restore::run(access, request, observer, cancellation)
    }

    fn check(
        &self,
        access: &Access,
        request: &CheckRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<CheckReport> {
        check::run(access, request, observer, cancellation)
    }

    fn prune(
        &self,
        access: &Access,
        request: &PruneRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<PruneReport> {
        prune::run(access, request, observer, cancellation)
    }

    fn prune_plan(
        &self,
        access: &Access,
        request: &PruneRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<PruneReport> {
        prune::plan(access, request, observer, cancellation)
    }

    fn forget(
        &self,
        access: &Access,
        request: &ForgetRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<ForgetReport> {
        forget::run(access, request, observer, cancellation)
    }

    fn unforget(
        &self,
        access: &Access,
        keep: &Path,
        snapshots: &[String],
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<UnforgetReport> {
        unforget::run(access, keep, snapshots, observer, cancellation)
    }

    fn room(&self, access: &Access, count: bool) -> Result<Room> {
        room::look(access, count)
    }

    fn statistics(
        &self,
        access: &Access,
        request: &StatisticsRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<StatisticsReport> {
        statistics::run(access, request, observer, cancellation)
    }

    fn scan(
        &self,
        access: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<ScanReport> {
        scan::run(access, request, observer, cancellation)
    }
}
