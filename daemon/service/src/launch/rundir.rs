//! Run directories: `runs/ID/attempt-N` below the state directory.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_core::{
    name::RunId,
    protocol::{EVENTS_FILE, LOCK_FILE, LOG_FILE, SPEC_FILE, Spec},
};

use super::follow::Watch;

/// How long to wait before asking again what could not be told.
const AGAIN: Duration = Duration::from_secs(5);

/// From the start of the program to its lock.
const SOON: Duration = Duration::from_secs(10);

/// The directory of one attempt.
#[derive(Debug, Clone)]
pub(super) struct RunDirectory(PathBuf);

impl RunDirectory {
    /// Where the attempt's directory is, whether it exists or not.
    pub(super) fn of(runs: &Path, run: RunId, attempt: u32) -> Self {
        Self(runs.join(run.to_string()).join(format!("attempt-{attempt}")))
    }

    /// A directory with this path.
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn events(&self) -> PathBuf {
        self.0.join(EVENTS_FILE)
    }

    /// Makes the directory, readable by its owner alone, and writes the spec into it.
    pub(super) fn create(&self, spec: &Spec) -> io::Result<()> {
        if let Some(parent) = self.0.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        DirBuilder::new().mode(0o700).create(&self.0)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.0.join(SPEC_FILE))?;
        file.write_all(&serde_json::to_vec_pretty(spec)?)?;
        file.sync_all()
    }

    /// The file that takes the worker's standard error.
    pub(super) fn create_log(&self) -> io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.0.join(LOG_FILE))
    }

    /// Whether a worker has come: its first word is the first thing that it writes.
    pub(super) fn has_word(&self) -> bool {
        self.events().exists()
    }

    /// Whether a worker holds the directory.
    pub(super) fn is_held(&self) -> bool {
        File::open(self.0.join(LOCK_FILE))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Claims the directory if its worker is gone; answers whether it is.
    ///
    /// The spec is taken away first, so that a worker that was started but had not come to its lock finds
    /// nothing to do. An error means that nobody can tell.
    pub(super) fn claim(&self) -> io::Result<bool> {
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.0.join(LOCK_FILE));
        let lock = match lock {
            // No directory, no worker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            other => other?,
        };
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
            Ok(()) => match fs::remove_file(self.0.join(SPEC_FILE)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(true),
            },
        }
    }

    /// What its worker was told.
    pub(super) fn spec(&self) -> io::Result<Spec> {
        Ok(serde_json::from_slice(&fs::read(self.0.join(SPEC_FILE))?)?)
    }

    /// Waits until its worker has come to its lock, or is gone again.
    pub(super) async fn begun(&self) {
        let Ok(watch) = Watch::new(&self.0) else {
            return std::future::pending().await;
        };
        while !self.is_held() && !self.has_word() {
            watch.changed().await;
        }
    }

    /// The same for a worker whose program runs, if it does: it has its time to come to its lock.
    pub(super) async fn begun_soon(&self) {
        let _ = tokio::time::timeout(SOON, self.begun()).await;
    }

    /// Waits until its worker is gone, and claims it.
    pub(super) async fn abandoned(&self) {
        loop {
            let outcome = match self.claim() {
                Ok(true) => return,
                Ok(false) => self.released(),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(released) => {
                    let _ = released.await;
                }
                // A worker that may live is not given up; the machine may have descriptors again soon.
                Err(error) => {
                    tracing::warn!(%error, directory = %self.0.display(), "nobody can tell whether its worker lives");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Becomes ready when the worker that holds the directory is gone.
    ///
    /// A thread waits for the lock: that works for a worker of an earlier daemon, whose process id says
    /// nothing for sure. It dies with the daemon.
    pub(super) fn released(&self) -> io::Result<tokio::sync::oneshot::Receiver<()>> {
        let lock = File::open(self.0.join(LOCK_FILE))?;
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("worker-lock".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                // An error means that nobody can tell any more; the event file then decides.
                let _ = lock.lock_shared();
                let _ = tell.send(());
            })?;
        Ok(told)
    }
}
