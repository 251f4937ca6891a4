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
};

use backupd_core::{
    config::PasswordSource,
    name::{JobName, RunId},
    protocol::Spec,
    resources::{Limits, Resources},
};
use tokio::process::Command;

use super::{ask, base::Base, follow, process, rundir::RunDirectory};
use crate::ports::{AskError, LaunchError, Launcher, LimitError, Reply, Watching};

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

/// Starts workers as children.
#[derive(Clone)]
pub(crate) struct ChildLauncher {
    base: Base,
    /// Somebody was told already that nothing is limited here.
    told: Arc<AtomicBool>,
    /// Process ids of our own children; of adopted workers the event file tells.
    pids: Arc<Mutex<HashMap<(RunId, u32), u32>>>,
}

impl ChildLauncher {
    pub(crate) fn new(base: Base) -> Self {
        Self {
            base,
            told: Arc::default(),
            pids: Arc::default(),
        }
    }

    /// Removes what an earlier daemon left of its questions. Its children that are still at work end by themselves.
    pub(crate) fn end_questions(&self) {
        ask::clean(&self.base.settings().questions);
    }

    /// The command that works on a run directory.
    fn command(&self, directory: &RunDirectory, spec: &Spec) -> std::io::Result<Command> {
        let settings = self.base.settings();
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
            let mut opened = std::iter::once(&spec.repository).chain(spec.opened());
            let is_wanted = opened.any(|repository| {
                matches!(&repository.password, PasswordSource::Environment(wanted) if wanted == name)
            });
            if !is_wanted {
                command.env_remove(name);
            }
        }
        Ok(command)
    }

    fn program_error(&self, error: &std::io::Error) -> LaunchError {
        LaunchError::Program(self.base.settings().worker, error.to_string())
    }

    fn start(&self, spec: &Spec) -> Result<(), LaunchError> {
        let (run, attempt) = (spec.run, spec.attempt);
        self.tell_of_limits(spec);
        let directory = self.base.create(spec)?;
        let unwritable =
            |error: std::io::Error| LaunchError::Directory(directory.path().to_owned(), error.to_string());
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
            None
        };
        tokio::spawn(follow::follow(
            directory,
            run,
            attempt,
            gone,
            self.base.inbox.clone(),
        ));
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
        own.or_else(|| self.base.told_pid(run, attempt))
    }

    fn begin_watch(&self, spec: &Spec) -> Result<Watching, LaunchError> {
        let (watch, watching) = self.base.new_watch(spec)?;
        let command = self.command(&watch.directory, spec);
        let (output, ended) = watch.hand_over();
        let started = command.and_then(|mut command| command.stdout(Stdio::from(output)).spawn());
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                ended.tell();
                return Err(self.program_error(&error));
            }
        };
        tokio::spawn(async move {
            let _ = child.wait().await;
            ended.tell();
        });
        Ok(watching)
    }

    async fn answer(&self, spec: &Spec, input: Option<OwnedFd>) -> Result<std::fs::File, AskError> {
        let (question, output) = self.base.question(spec).await?;
        let mut child = self
            .command(&question.directory, spec)
            .map_err(|error| question.unwritable(&error))?
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::from(output))
            // Nobody waits for the answer any more when the daemon is told to stop; but nothing is left half made.
            .kill_on_drop(ask::may_be_dropped(&spec.work))
            .spawn()
            .map_err(|error| AskError::Launch(self.program_error(&error)))?;
        match tokio::time::timeout(ask::LONGEST, child.wait()).await {
            Ok(Ok(_)) => question.answer(None),
            Ok(Err(error)) => Err(AskError::NoAnswer(error.to_string())),
            Err(_) => {
                if let Some(pid) = child.id() {
                    process::stop(pid, self.base.settings().grace, || question.directory.is_held()).await;
                }
                Err(ask::Question::too_long())
            }
        }
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
        let directory = self.base.directory(run, attempt);
        let waiting = directory.clone();
        let gone = async move {
            waiting.abandoned().await;
            None
        };
        let inbox = self.base.inbox.clone();
        tokio::spawn(follow::follow(directory, run, attempt, gone, inbox));
    }

    fn stop(&self, run: RunId, attempt: u32) {
        let Some(pid) = self.pid(run, attempt) else { return };
        let pids = Arc::clone(&self.pids);
        // Our own child lives until it was awaited, even before it came to its lock.
        let lives = move || {
            pids.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(&(run, attempt))
        };
        self.base.stop_process(run, attempt, pid, lives);
    }

    fn ask(&self, spec: &Spec, input: Option<OwnedFd>) -> Reply<'_, Result<std::fs::File, AskError>> {
        let spec = spec.clone();
        Box::pin(async move { self.answer(&spec, input).await })
    }

    fn watch(&self, spec: &Spec) -> Reply<'_, Result<Watching, LaunchError>> {
        let spec = spec.clone();
        Box::pin(async move { self.begin_watch(&spec) })
    }

    fn unit_name(&self, _run: RunId) -> Option<String> {
        None
    }

    fn describe(&self, spec: &Spec) -> Reply<'_, Result<String, LaunchError>> {
        let spec = spec.clone();
        Box::pin(async move {
            let unit = self.base.next_unit(&spec).await?;
            Ok(format!(
                "# without effect: backupd starts workers as plain children here, and not through systemd\n{unit}"
            ))
        })
    }

    fn limits(&self, _run: RunId) -> Reply<'_, Result<Limits, LimitError>> {
        Box::pin(async { Err(LimitError::Unsupported) })
    }

    fn limit(&self, _run: RunId, _limits: Limits) -> Reply<'_, Result<Limits, LimitError>> {
        Box::pin(async { Err(LimitError::Unsupported) })
    }

    fn directory(&self, run: RunId, attempt: u32) -> PathBuf {
        self.base.directory(run, attempt).path().to_owned()
    }

    fn open_events(&self, run: RunId, attempt: u32) -> std::io::Result<std::fs::File> {
        self.base.open_events(run, attempt)
    }

    fn survey(&self) -> Vec<(RunId, Option<Spec>)> {
        self.base.survey()
    }

    fn forget(&self, run: RunId) {
        self.base.forget(run);
    }
}
