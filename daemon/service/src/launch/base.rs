//! What launchers have in common: where things are, and what can be read of a worker whoever started it.

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use backupd_core::{name::RunId, protocol::Spec, unit::ServiceManager};
use tokio::sync::Semaphore;

use super::{
    follow::{self, Tail},
    process,
    rundir::RunDirectory,
};
use crate::{coordinator::Inbox, ports::LaunchError};

/// Attempts that are looked for; no retry goes as far.
const MOST_ATTEMPTS: u32 = 1000;

/// Questions that may wait for their turn.
const WAITING_QUESTIONS: usize = 32;

/// Most questions at once; each is a process that opens a repository.
const QUESTIONS: usize = 4;

/// Where things are, and how long a worker may take to stop.
#[derive(Debug, Clone)]
pub(crate) struct LauncherSettings {
    /// Whose units workers are, where they are units.
    pub(crate) manager: ServiceManager,
    /// The worker program.
    pub(crate) worker: PathBuf,
    /// Run directories are made below this one.
    pub(crate) runs: PathBuf,
    /// Directories of questions are made below this one.
    pub(crate) questions: PathBuf,
    /// From SIGTERM to SIGKILL.
    pub(crate) grace: Duration,
    /// Variables that hold secrets: inherited only by a worker whose spec names them.
    pub(crate) secret_variables: Vec<String>,
}

/// See the module. Clones are the same.
#[derive(Clone)]
pub(crate) struct Base {
    settings: Arc<Mutex<LauncherSettings>>,
    pub(super) questions: Arc<Semaphore>,
    pub(super) askers: Arc<Semaphore>,
    pub(super) inbox: Inbox,
}

impl Base {
    pub(crate) fn new(settings: LauncherSettings, inbox: Inbox) -> Self {
        Self {
            settings: Arc::new(Mutex::new(settings)),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            askers: Arc::new(Semaphore::new(QUESTIONS + WAITING_QUESTIONS)),
            inbox,
        }
    }

    /// The program that does the work.
    pub(crate) fn worker(&self) -> PathBuf {
        self.settings().worker
    }

    /// What is in force now.
    pub(super) fn settings(&self) -> LauncherSettings {
        self.settings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes over new settings, for workers that start from now on.
    pub(crate) fn configure(&self, worker: PathBuf, grace: Duration) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        settings.worker = worker;
        settings.grace = grace;
    }

    pub(super) fn directory(&self, run: RunId, attempt: u32) -> RunDirectory {
        RunDirectory::of(&self.settings().runs, run, attempt)
    }

    /// Makes the directory of an attempt, with its spec.
    pub(super) fn create(&self, spec: &Spec) -> Result<RunDirectory, LaunchError> {
        let directory = self.directory(spec.run, spec.attempt);
        directory.create(spec).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => LaunchError::Exists(directory.path().to_owned()),
            _ => LaunchError::Directory(directory.path().to_owned(), error.to_string()),
        })?;
        Ok(directory)
    }

    /// The process id that the worker's first event says.
    pub(super) fn told_pid(&self, run: RunId, attempt: u32) -> Option<u32> {
        let events = Tail::new(self.directory(run, attempt).events()).read().ok()??;
        follow::pid_of(&events)
    }

    /// Asks a worker to stop by its process id, and kills it when its time is up; `lives` beside what its lock says.
    pub(super) fn stop_process(
        &self,
        run: RunId,
        attempt: u32,
        pid: u32,
        lives: impl Fn() -> bool + Send + Sync + 'static,
    ) {
        let directory = self.directory(run, attempt);
        let grace = self.settings().grace;
        tokio::spawn(async move { process::stop(pid, grace, || lives() || directory.is_held()).await });
    }

    pub(super) fn open_events(&self, run: RunId, attempt: u32) -> io::Result<File> {
        File::open(self.directory(run, attempt).events())
    }

    pub(super) fn survey(&self) -> Vec<(RunId, Option<Spec>)> {
        let Ok(entries) = std::fs::read_dir(self.settings().runs) else {
            return Vec::new();
        };
        let runs = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        runs.map(|run| {
            let held = (1..=MOST_ATTEMPTS)
                .map(|attempt| self.directory(run, attempt))
                .take_while(|directory| directory.path().exists())
                .find(RunDirectory::is_held);
            (run, held.and_then(|directory| directory.spec().ok()))
        })
        .collect()
    }

    pub(super) fn forget(&self, run: RunId) {
        let directory = self.settings().runs.join(run.to_string());
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, directory = %directory.display(), "a forgotten run cannot be removed");
            }
            _ => {}
        }
    }
}
