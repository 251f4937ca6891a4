//! Run directories: `runs/ID/attempt-N` below the state directory.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use backupd_core::{
    name::RunId,
    protocol::{EVENTS_FILE, LOCK_FILE, LOG_FILE, SPEC_FILE, Spec},
};

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
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
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

    /// Whether a worker holds the directory.
    pub(super) fn is_held(&self) -> bool {
        File::open(self.0.join(LOCK_FILE))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Claims the directory of a worker that is gone.
    ///
    /// `None` while one lives. Otherwise its spec is taken away first, so that a worker that was started but
    /// had not come to its lock finds nothing to do.
    pub(super) fn claim(&self) -> Option<()> {
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.0.join(LOCK_FILE));
        let Ok(lock) = lock else { return Some(()) };
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => None,
            Ok(()) | Err(fs::TryLockError::Error(_)) => {
                let _ = fs::remove_file(self.0.join(SPEC_FILE));
                Some(())
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
