//! The restic engine: the restic program does what writes, removes and restores; questions are answered by the
//! embedded engine, which reads the same format.

mod backup;
mod check;
mod child;
mod command;
mod environment;
mod failure;
mod forget;
mod init;
mod locks;
mod message;
mod patterns;
mod program;
mod prune;
mod restore;

use std::path::{Path, PathBuf};

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, CheckReport, CheckRequest, Embedded, Engine, Entry,
    ForgetReport, ForgetRequest, ListRequest, LockInfo, Observer, PruneReport, PruneRequest, RepositoryInfo,
    RestoreReport, RestoreRequest, Result, Room, ScanReport, SnapshotInfo, SnapshotQuery, StatisticsReport,
    StatisticsRequest, UnforgetReport, VerifyLevel, VerifyReport,
};

use program::Program;

/// Works on repositories by a restic program, 0.14 or newer.
#[derive(Debug, Clone)]
pub struct Restic {
    program: Program,
}

impl Restic {
    /// The `restic` in `PATH`; it is looked for when it is needed.
    pub fn new() -> Self {
        Self::at("restic")
    }

    /// The one at this path.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: Program::new(program),
        }
    }

    /// Which version it is. Fails with `InvalidRequest` where there is none, or one that is too old.
    pub fn find(&self) -> Result<String> {
        self.program.version().map(|version| version.to_string())
    }
}

impl Default for Restic {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for Restic {
    fn name(&self) -> &'static str {
        "restic"
    }

    fn version(&self) -> String {
        match self.find() {
            Ok(version) => format!("restic {version}"),
            Err(_) => "restic".to_owned(),
        }
    }

    fn init(&self, access: &Access) -> Result<RepositoryInfo> {
        init::create(&self.program, access)
    }

    fn probe(&self, access: &Access) -> Result<RepositoryInfo> {
        init::probe(&self.program, access)
    }

    fn backup(
        &self,
        access: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<BackupReport> {
        backup::run(&self.program, access, request, observer, cancellation)
    }

    fn verify(
        &self,
        access: &Access,
        snapshot: &str,
        level: VerifyLevel,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<VerifyReport> {
        Embedded::new().verify(access, snapshot, level, observer, cancellation)
    }

    fn remove_dead_locks(&self, access: &Access) -> Result<u64> {
        locks::tidy(access)
    }

    fn locks(&self, access: &Access) -> Result<Vec<LockInfo>> {
        Embedded::new().locks(access)
    }

    fn unlock(&self, access: &Access, locks: &[String], force: bool) -> Result<Vec<LockInfo>> {
        Embedded::new().unlock(access, locks, force)
    }

    fn snapshots(&self, access: &Access, query: &SnapshotQuery) -> Result<Vec<SnapshotInfo>> {
        Embedded::new().snapshots(access, query)
    }

    fn list(
        &self,
        access: &Access,
        request: &ListRequest,
        each: &mut dyn FnMut(Entry) -> std::io::Result<()>,
    ) -> Result<()> {
        Embedded::new().list(access, request, each)
    }

    fn restore(
        &self,
        access: &Access,
        request: &RestoreRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<RestoreReport> {
        restore::run(&self.program, access, request, observer, cancellation)
    }

    fn check(
        &self,
        access: &Access,
        request: &CheckRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<CheckReport> {
        check::run(&self.program, access, request, observer, cancellation)
    }

    fn prune(
        &self,
        access: &Access,
        request: &PruneRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<PruneReport> {
        prune::run(&self.program, access, request, observer, cancellation)
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
        forget::run(&self.program, access, request, observer, cancellation)
    }

    fn unforget(
        &self,
        access: &Access,
        keep: &Path,
        snapshots: &[String],
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<UnforgetReport> {
        Embedded::new().unforget(access, keep, snapshots, observer, cancellation)
    }

    fn room(&self, access: &Access, count: bool) -> Result<Room> {
        Embedded::new().room(access, count)
    }

    fn statistics(
        &self,
        access: &Access,
        request: &StatisticsRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<StatisticsReport> {
        Embedded::new().statistics(access, request, observer, cancellation)
    }

    fn scan(
        &self,
        access: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<ScanReport> {
        Embedded::new().scan(access, request, observer, cancellation)
    }
}
