//! The embedded engine: `rustic_core`, with the locks, cancellation and honesty that it leaves to its callers.

mod backup;
mod bars;
mod crypto;
mod failure;
mod feed;
mod guard;
mod init;
mod lock;
mod lock_file;
mod mode;
mod node;
mod patterns;
mod place;
mod reader;
mod restore;
mod session;
mod snapshots;
mod source;
mod tree;
mod verify;
mod walk;
mod wanted;

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, Engine, Entry, ListRequest, Observer, RepositoryInfo,
    RestoreReport, RestoreRequest, Result, SnapshotInfo, SnapshotQuery, VerifyLevel, VerifyReport,
};

pub use wanted::Wanted;

/// Works on local repositories inside this process.
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
}
