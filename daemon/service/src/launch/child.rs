//! The child launcher: each worker is a plain child in its own process group, for where there is no systemd.

use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use backupd_core::{
    config::PasswordSource,
    name::{JobName, RunId},
    protocol::Spec,
    resources::{Limits, Resources},
};
use tokio::{process::Command, sync::Semaphore};

use super::{follow, follow::Tail, process, rundir::RunDirectory};
use crate::{
    coordinator::Inbox,
    ports::{AskError, LaunchError, Launcher, Reply},
};

/// Variables that are the daemon's own; a worker that inherited them would speak in its name.
const NOT_INHERITED: &[&str] = &[
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
];

/// Where things are, and how long a worker may take to stop.
#[derive(Debug, Clone)]
pub(crate) struct LauncherSettings {
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

/// Starts workers as children.
#[derive(Clone)]
pub(crate) struct ChildLauncher {
    settings: Arc<Mutex<LauncherSettings>>,
    pub(super) questions: Arc<Semaphore>,
    pub(super) askers: Arc<Semaphore>,
    inbox: Inbox,
    /// Somebody was told already that nothing is limited here.
    told: Arc<AtomicBool>,
    /// Process ids of our own children; of adopted workers the event file tells.
    pids: Arc<Mutex<HashMap<(RunId, u32), u32>>>,
}

/// Attempts that are looked for; no retry goes as far.
const MOST_ATTEMPTS: u32 = 1000;

/// Questions that may wait for their turn.
const WAITING_QUESTIONS: usize = 32;

/// Most questions at once; each is a process that opens a repository.
const QUESTIONS: usize = 4;

impl ChildLauncher {
    pub(crate) fn new(settings: LauncherSettings, inbox: Inbox) -> Self {
        Self {
            settings: Arc::new(Mutex::new(settings)),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            askers: Arc::new(Semaphore::new(QUESTIONS + WAITING_QUESTIONS)),
            inbox,
            told: Arc::default(),
            pids: Arc::default(),
        }
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

    fn directory(&self, run: RunId, attempt: u32) -> RunDirectory {
        RunDirectory::of(&self.settings().runs, run, attempt)
    }

    /// The command that works on a run directory.
    pub(super) fn command(&self, directory: &RunDirectory, spec: &Spec) -> std::io::Result<Command> {
        let settings = self.settings();
        let mut command = Command::new(&settings.worker);
        command
            .arg(directory.path())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // The worker begins a session of its own: a signal to ours, such as Ctrl-C, is not meant for it.
            .stderr(Stdio::from(directory.create_log()?));
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        for name in &settings.secret_variables {
            if !matches!(&spec.repository.password, PasswordSource::Environment(wanted) if wanted == name) {
                command.env_remove(name);
            }
        }
        Ok(command)
    }

    pub(super) fn program_error(&self, error: &std::io::Error) -> LaunchError {
        LaunchError::Program(self.settings().worker, error.to_string())
    }

    fn start(&self, spec: &Spec) -> Result<(), LaunchError> {
        let (run, attempt) = (spec.run, spec.attempt);
        self.tell_of_limits(spec);
        let directory = self.directory(run, attempt);
        let unwritable =
            |error: std::io::Error| LaunchError::Directory(directory.path().to_owned(), error.to_string());
        directory.create(spec).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => LaunchError::Exists(directory.path().to_owned()),
            _ => unwritable(error),
        })?;
        let mut child = self
            .command(&directory, spec)
            .map_err(unwritable)?
            .spawn()
            .map_err(|error| self.program_error(&error))?;
        let key = (run, attempt);
        if let Some(pid) = child.id() {
            self.pids
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(key, pid);
        }
        let pids = Arc::clone(&self.pids);
        let gone = async move {
            match child.wait().await {
                Ok(status) => tracing::debug!(%run, attempt, %status, "the worker has ended"),
                Err(error) => tracing::warn!(%run, attempt, %error, "the worker's end cannot be awaited"),
            }
            pids.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        };
        tokio::spawn(follow::follow(directory, run, attempt, gone, self.inbox.clone()));
        Ok(())
    }

    /// Weights and memory are for systemd to limit; niceness and time the worker sees to itself.
    fn tell_of_limits(&self, spec: &Spec) {
        let Resources {
            cpu_weight,
            io_weight,
            memory_high,
            memory_max,
            ..
        } = spec.resources;
        let limits = Limits {
            cpu_weight,
            io_weight,
            memory_high,
            memory_max,
        };
        if !limits.is_empty() && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                BACKUPD_JOB = spec.job.as_ref().map(JobName::as_str),
                "weights and memory limits of jobs are not in force: only systemd can keep them, and it starts no \
                 workers here"
            );
        }
    }

    /// The worker's process id: our own child's, else what its first event says.
    fn pid(&self, run: RunId, attempt: u32) -> Option<u32> {
        let own = self
            .pids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(run, attempt))
            .copied();
        own.or_else(|| {
            let events = Tail::new(self.directory(run, attempt).events()).read().ok()??;
            follow::pid_of(&events)
        })
    }
}

impl Launcher for ChildLauncher {
    fn name(&self) -> &'static str {
        "child"
    }

    fn launch(&self, spec: &Spec) -> Reply<'_, Result<(), LaunchError>> {
        let spec = spec.clone();
        Box::pin(async move { self.start(&spec) })
    }

    fn adopt(&self, run: RunId, attempt: u32) {
        let directory = self.directory(run, attempt);
        let waiting = directory.clone();
        let gone = async move { waiting.abandoned().await };
        tokio::spawn(follow::follow(directory, run, attempt, gone, self.inbox.clone()));
    }

    fn stop(&self, run: RunId, attempt: u32) {
        let Some(pid) = self.pid(run, attempt) else { return };
        let directory = self.directory(run, attempt);
        let pids = Arc::clone(&self.pids);
        // Our own child lives until it was awaited, even before it came to its lock.
        let lives = move || {
            pids.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(&(run, attempt))
                || directory.is_held()
        };
        let grace = self.settings().grace;
        tokio::spawn(async move { process::stop(pid, grace, lives).await });
    }

    fn ask(&self, spec: &Spec, input: Option<OwnedFd>) -> Reply<'_, Result<std::fs::File, AskError>> {
        let spec = spec.clone();
        Box::pin(async move { self.answer(&spec, input).await })
    }

    fn open_events(&self, run: RunId, attempt: u32) -> std::io::Result<std::fs::File> {
        std::fs::File::open(self.directory(run, attempt).events())
    }

    fn survey(&self) -> Vec<(RunId, Option<Spec>)> {
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

    fn forget(&self, run: RunId) {
        let directory = self.settings().runs.join(run.to_string());
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, directory = %directory.display(), "a forgotten run cannot be removed");
            }
            _ => {}
        }
    }
}
