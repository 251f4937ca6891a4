//! The systemd launcher: each worker is a transient service, which the daemon's end does not touch.

mod end;
mod manager;
mod properties;

use std::{
    ffi::OsStr,
    fs::File,
    io::{Seek as _, Write as _},
    os::fd::OwnedFd,
    path::PathBuf,
};

use backupd_core::{
    config::PasswordSource,
    failure::Failure,
    name::RunId,
    protocol::Spec,
    resources::Limits,
    unit::{ServiceManager, Unit, question_unit_name, run_unit_name},
};

pub(crate) use self::manager::{NAME, Systemd};
use self::{end::End, manager::Extra};
use super::{ask, base::Base, follow, rundir::RunDirectory};
use crate::ports::{AskError, LaunchError, Launcher, LimitError, Reply, Watching};

/// Standard input and output of a unit.
const INPUT: &str = "StandardInputFileDescriptor";
const OUTPUT: &str = "StandardOutputFileDescriptor";

/// Starts workers as transient services.
#[derive(Clone)]
pub(crate) struct SystemdLauncher {
    base: Base,
    systemd: Systemd,
}

impl SystemdLauncher {
    pub(crate) fn new(base: Base, systemd: Systemd) -> Self {
        Self { base, systemd }
    }

    /// Stops what an earlier daemon left of its questions, and removes it: nobody waits for an answer any more.
    pub(crate) fn end_questions(&self) {
        for directory in ask::clean(&self.base.settings().questions) {
            let name = directory.path().file_name().and_then(OsStr::to_str);
            let Some(unit) = name.map(question_unit_name) else {
                continue;
            };
            let this = self.clone();
            tokio::spawn(async move {
                this.systemd.stop(&unit).await;
                directory.abandoned().await;
                let _ = std::fs::remove_dir_all(directory.path());
            });
        }
    }

    async fn run(self, spec: Spec, directory: RunDirectory) {
        let (run, attempt, inbox) = (spec.run, spec.attempt, self.base.inbox.clone());
        let started = match self.base.unit(&spec, directory.path()).await {
            Ok(unit) => self
                .begin(&unit, &spec, Vec::new(), &directory)
                .await
                .map(|()| unit.name),
            Err(error) => Err(error),
        };
        match started {
            Ok(unit) => {
                let waiting = directory.clone();
                let gone = async move {
                    let end = self.over(&unit, &waiting).await;
                    self.why(end, &unit, &spec)
                };
                follow::follow(directory, run, attempt, gone, inbox).await;
            }
            Err(error) => match directory.claim() {
                Ok(true) => inbox.launch_failed(run, attempt, error).await,
                // systemd said no, or nothing, and the worker came all the same.
                _ => self.adopt(run, attempt),
            },
        }
    }

    /// Starts a unit. A worker that ends as soon as it has begun is a start that failed, to systemd 252: what it says of
    /// its end is worth more than that.
    async fn begin(
        &self,
        unit: &Unit,
        spec: &Spec,
        extra: Vec<Extra>,
        directory: &RunDirectory,
    ) -> Result<(), LaunchError> {
        let started = self.start(unit, spec, extra).await;
        started.or_else(|error| if directory.has_word() { Ok(()) } else { Err(error) })
    }

    async fn start(&self, unit: &Unit, spec: &Spec, mut extra: Vec<Extra>) -> Result<(), LaunchError> {
        // A variable would be seen by everybody who looks at the unit.
        let variable = spec.opened().find_map(|repository| match &repository.password {
            PasswordSource::Environment(variable) => Some(variable),
            _ => None,
        });
        if let Some(variable) = variable
            && !extra.iter().any(|(name, _)| *name == INPUT)
            && let Some(secret) = std::env::var_os(variable)
        {
            let file = in_memory(secret.as_encoded_bytes())
                .map_err(|error| self.failed(unit, &error.to_string()))?;
            extra.push((INPUT, file));
        }
        self.systemd.start(unit, extra).await.map_err(|not| {
            let without = not.end.and_then(|end| end.without_credential(spec));
            without.map_or_else(|| self.failed(unit, &not.reason), LaunchError::Credential)
        })
    }

    fn failed(&self, unit: &Unit, reason: &str) -> LaunchError {
        LaunchError::Unit {
            unit: unit.name.clone(),
            reason: reason.to_owned(),
            journal: self.journal(&unit.name),
        }
    }

    /// The command that shows what the journal has of a unit.
    fn journal(&self, unit: &str) -> String {
        match self.base.settings().manager {
            ServiceManager::System => format!("journalctl -u {unit}"),
            ServiceManager::User => format!("journalctl --user -u {unit}"),
        }
    }

    fn why(&self, end: Option<End>, unit: &str, spec: &Spec) -> Option<Failure> {
        let end = end?;
        tracing::debug!(unit, ?end, "the unit has ended");
        end.failure(spec, &self.journal(unit))
    }

    async fn begin_watch(&self, spec: &Spec) -> Result<Watching, LaunchError> {
        let (watch, watching) = self.base.new_watch(spec)?;
        let unit = self.base.unit(spec, watch.directory.path()).await;
        let directory = watch.directory.clone();
        let (output, ended) = watch.hand_over();
        let started = match unit {
            Ok(unit) => {
                // That of the daemon before us, or of the job as it was, is about to end by itself.
                if self.systemd.stop(&unit.name).await {
                    self.systemd.ended_soon(&unit.name).await;
                }
                let extra = vec![(OUTPUT, OwnedFd::from(output))];
                self.begin(&unit, spec, extra, &directory)
                    .await
                    .map(|()| unit.name)
            }
            Err(error) => Err(error),
        };
        match started {
            Ok(unit) => {
                let this = self.clone();
                tokio::spawn(async move {
                    this.over(&unit, &directory).await;
                    ended.tell();
                });
                Ok(watching)
            }
            Err(error) => {
                ended.tell();
                Err(error)
            }
        }
    }

    async fn answer(&self, spec: &Spec, input: Option<OwnedFd>) -> Result<File, AskError> {
        let (question, output) = self.base.question(spec).await?;
        let unit = self.base.unit(spec, question.directory.path()).await;
        let unit = unit.map_err(AskError::Launch)?;
        let mut extra = vec![(OUTPUT, OwnedFd::from(output))];
        extra.extend(input.map(|input| (INPUT, input)));
        self.begin(&unit, spec, extra, &question.directory)
            .await
            .map_err(AskError::Launch)?;
        let Ok(end) = tokio::time::timeout(ask::LONGEST, self.over(&unit.name, &question.directory)).await
        else {
            let this = self.clone();
            // Its directory stays for as long as it does, which is not the client's to wait for.
            tokio::spawn(async move {
                this.systemd.stop(&unit.name).await;
                this.over(&unit.name, &question.directory).await;
                drop(question);
            });
            return Err(ask::Question::too_long());
        };
        let journal = self.journal(&unit.name);
        let silent = match self.why(end, &unit.name, spec) {
            Some(failure) => failure.message,
            None => format!("it ended without a word; `{journal}` may say more"),
        };
        question.answer(Some(silent))
    }

    /// Waits until the worker of a unit has come to its lock, or will not any more.
    async fn come(&self, unit: &str, directory: &RunDirectory) {
        let end = tokio::select! {
            () = directory.begun() => return,
            end = self.systemd.watch(unit) => end,
        };
        if end.is_err() {
            directory.begun_soon().await;
        }
    }

    /// Waits for the end of a worker that was started. What systemd says is believed when the lock says so too.
    async fn over(&self, unit: &str, directory: &RunDirectory) -> Option<End> {
        let end = match self.systemd.ended(unit).await {
            Ok(end) => end,
            Err(error) => {
                tracing::warn!(unit, %error, "the unit cannot be watched: its lock tells of its end");
                directory.begun_soon().await;
                None
            }
        };
        directory.abandoned().await;
        end
    }
}

/// A file that has no name, to be read from its start.
fn in_memory(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create(
        "backupd-password",
        rustix::fs::MemfdFlags::CLOEXEC,
    )?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

impl Launcher for SystemdLauncher {
    fn name(&self) -> &'static str {
        "systemd"
    }

    fn launch(&self, spec: &Spec) -> Reply<'_, Result<(), LaunchError>> {
        // systemd may take its time, which is not the coordinator's.
        let outcome = self.base.create(spec).map(|directory| {
            tokio::spawn(self.clone().run(spec.clone(), directory));
        });
        Box::pin(async move { outcome })
    }

    fn adopt(&self, run: RunId, attempt: u32) {
        let (this, directory) = (self.clone(), self.base.directory(run, attempt));
        let waiting = directory.clone();
        let spec = directory.spec().ok();
        let gone = async move {
            let unit = run_unit_name(&run.to_string());
            // While we refer to the unit, systemd keeps what there is to know of its end.
            let known = this.systemd.refer(&unit).await;
            // The daemon before us may have gone while the unit was on its way to its lock.
            match &known {
                Ok(true) => this.come(&unit, &waiting).await,
                Ok(false) => {}
                Err(_) => waiting.begun_soon().await,
            }
            waiting.abandoned().await;
            let end = if matches!(known, Ok(true)) {
                this.systemd.ended_soon(&unit).await
            } else {
                None
            };
            this.why(end, &unit, &spec?)
        };
        let inbox = self.base.inbox.clone();
        tokio::spawn(follow::follow(directory, run, attempt, gone, inbox));
    }

    fn stop(&self, run: RunId, attempt: u32) {
        let this = self.clone();
        tokio::spawn(async move {
            let stopped = this.systemd.stop(&run_unit_name(&run.to_string())).await;
            // It is a plain child of an earlier daemon, or has no unit yet: then it is told again after its first word.
            if !stopped && let Some(pid) = this.base.told_pid(run, attempt) {
                this.base.stop_process(run, attempt, pid, || false);
            }
        });
    }

    fn ask(&self, spec: &Spec, input: Option<OwnedFd>) -> Reply<'_, Result<File, AskError>> {
        let spec = spec.clone();
        Box::pin(async move { self.answer(&spec, input).await })
    }

    fn watch(&self, spec: &Spec) -> Reply<'_, Result<Watching, LaunchError>> {
        let spec = spec.clone();
        Box::pin(async move { self.begin_watch(&spec).await })
    }

    fn unit_name(&self, run: RunId) -> Option<String> {
        Some(run_unit_name(&run.to_string()))
    }

    fn describe(&self, spec: &Spec) -> Reply<'_, Result<String, LaunchError>> {
        let spec = spec.clone();
        Box::pin(async move { Ok(self.base.next_unit(&spec).await?.to_text()) })
    }

    fn limits(&self, run: RunId) -> Reply<'_, Result<Limits, LimitError>> {
        let unit = run_unit_name(&run.to_string());
        Box::pin(async move { self.systemd.limits(&unit).await })
    }

    fn limit(&self, run: RunId, limits: Limits) -> Reply<'_, Result<Limits, LimitError>> {
        let unit = run_unit_name(&run.to_string());
        Box::pin(async move { self.systemd.limit(&unit, limits).await })
    }

    fn directory(&self, run: RunId, attempt: u32) -> PathBuf {
        self.base.directory(run, attempt).path().to_owned()
    }

    fn open_events(&self, run: RunId, attempt: u32) -> std::io::Result<File> {
        self.base.open_events(run, attempt)
    }

    fn survey(&self) -> Vec<(RunId, Option<Spec>)> {
        self.base.survey()
    }

    fn forget(&self, run: RunId) {
        self.base.forget(run);
    }
}

#[cfg(test)]
mod tests;
