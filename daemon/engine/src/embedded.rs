//! The embedded engine: `rustic_core`, with what it leaves to its callers.

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, Engine, EngineError, Entry, ErrorKind, ListRequest,
    Observer, RepositoryInfo, RestoreReport, RestoreRequest, Result, SnapshotInfo, SnapshotQuery,
    VerifyLevel, VerifyReport,
};

/// Works on repositories inside this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embedded;

impl Embedded {
    /// An engine; it holds nothing.
    pub fn new() -> Self {
        Self
    }
}

fn absent<T>() -> Result<T> {
    Err(EngineError::new(ErrorKind::Other, "not there"))
}

impl Engine for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn version(&self) -> String {
        "rustic_core 0.13".to_owned()
    }

    fn init(&self, _access: &Access) -> Result<RepositoryInfo> {
        absent()
    }

    fn probe(&self, _access: &Access) -> Result<RepositoryInfo> {
        absent()
    }

    fn backup(
        &self,
        _access: &Access,
        _request: &BackupRequest,
        _observer: &dyn Observer,
        _cancellation: &Cancellation,
    ) -> Result<BackupReport> {
        absent()
    }

    fn verify(
        &self,
        _access: &Access,
        _snapshot: &str,
        _level: VerifyLevel,
        _observer: &dyn Observer,
        _cancellation: &Cancellation,
    ) -> Result<VerifyReport> {
        absent()
    }

    fn snapshots(&self, _access: &Access, _query: &SnapshotQuery) -> Result<Vec<SnapshotInfo>> {
        absent()
    }

    fn list(
        &self,
        _access: &Access,
        _request: &ListRequest,
        _each: &mut dyn FnMut(Entry) -> std::io::Result<()>,
    ) -> Result<()> {
        absent()
    }

    fn restore(
        &self,
        _access: &Access,
        _request: &RestoreRequest,
        _observer: &dyn Observer,
        _cancellation: &Cancellation,
    ) -> Result<RestoreReport> {
        absent()
    }
}
