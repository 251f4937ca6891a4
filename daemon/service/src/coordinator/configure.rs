//! Configuration: loading it, and changing a file of it.

use backupd_core::{
    audit::{Action, Entry, Who},
    config::{Fault, PasswordSource, Repository, edit},
    name::{JobName, RepositoryName},
    run::{Operation, Run, RunEvent, Trigger},
};

use super::{
    Coordinator,
    record::of_text,
    refusal::{Refusal, RefusalKind, shown},
};
use crate::{
    audit::daemon,
    configuration::{self, EditError, Kind},
    journal::messages,
    settings,
};

impl Coordinator {
    /// Reads everything again. A file with faults stays in force as it was.
    pub(super) fn load_configuration(&mut self) {
        let settings = settings::load(&self.parts.configuration, &self.layers);
        let loaded = configuration::load(&self.parts.configuration, &self.catalog, &*self.parts.programs);
        self.settings = settings.settings;
        self.layers = settings.layers;
        (self.parts.settings_changed)(&self.settings);
        self.catalog = loaded.catalog;
        self.refused = loaded.refused;
        self.faults = settings.faults;
        self.faults.extend(loaded.faults);
        for fault in &self.faults {
            tracing::warn!(
                MESSAGE_ID = messages::CONFIGURATION_FAULT,
                BACKUPD_FILE = %fault.file.display(),
                "{fault}"
            );
        }
    }

    /// A repository that has a file: one made from the daemon's environment has none. `what` it would be for.
    pub(super) fn with_file(&self, name: &RepositoryName, what: &str) -> Result<&Repository, Refusal> {
        let repository = self
            .catalog
            .repositories
            .get(name)
            .ok_or_else(|| self.unknown_repository(name.as_str()))?;
        match &repository.password {
            PasswordSource::Environment(variable) => Err(Refusal::new(
                RefusalKind::Failed,
                format!(
                    "the repository `{name}` has no file {what}: it was made from the variable `{variable}`"
                ),
            )
            .hint(format!(
                "change it where the daemon's environment is set, or write `repositories.d/{name}.toml`"
            ))),
            _ => Ok(repository),
        }
    }

    pub(super) fn read_zones(&mut self) {
        self.local = self.parts.zones.local();
        self.zone_trouble = self.parts.zones.trouble();
    }

    /// `Reload` and SIGHUP. Answers the faults.
    pub(super) async fn reload(&mut self, who: Option<&Who>) -> Result<Vec<Fault>, Refusal> {
        self.parts.notifier.reloading();
        // Also where changes of zones are not noticed.
        backupd_core::zones::forget();
        self.read_zones();
        let found = configuration::texts(&self.parts.configuration);
        let recorded = match who {
            Some(who) => self.record_reload(who, "", found).await,
            None => self.record_reload(&daemon(), "SIGHUP", found).await,
        };
        if recorded.is_ok() {
            self.apply_configuration().await;
        } else {
            self.apply_zones().await;
        }
        self.parts.notifier.ready();
        recorded?;
        let (jobs, repositories) = (self.catalog.jobs.len(), self.catalog.repositories.len());
        match self.faults.len() {
            0 => tracing::info!(
                MESSAGE_ID = messages::RELOADED,
                "the configuration was read again: {jobs} jobs, {repositories} repositories"
            ),
            faults => tracing::warn!(
                MESSAGE_ID = messages::RELOAD_REFUSED,
                "the configuration was read again and has {faults} faults; of the files that have them, what they \
                 said before stays in force\nhint: mend them and reload; `backupctl config check` shows them"
            ),
        }
        Ok(self.faults.clone())
    }

    /// Rules of zones are others: what is read again is recorded as any change is.
    pub(super) async fn take_zones(&mut self) {
        self.read_zones();
        let found = configuration::texts(&self.parts.configuration);
        if found == self.texts || self.record_reload(&daemon(), "time zones", found).await.is_ok() {
            self.apply_configuration().await;
        } else {
            self.apply_zones().await;
        }
    }

    /// The machine is in another zone, and what the files say by now does not come into force: what they said before
    /// elapses by the new one.
    async fn apply_zones(&mut self) {
        self.plan_all().await;
        self.touch_all();
        self.look_at_windows().await;
        self.pump().await;
    }

    pub(super) async fn apply_configuration(&mut self) {
        let before = self.catalog.clone();
        self.load_configuration();
        self.refresh_histories().await;
        self.refresh_cares().await;
        self.reschedule(&before.jobs).await;
        self.reschedule_cares(&before).await;
        self.plan_all().await;
        self.rewatch = true;
        self.touch_all();
        self.let_go().await;
        // A file that was broken may be mended.
        self.rouse_pending();
        // A run at work may have to stop by what its job's file says now.
        self.look_at_windows().await;
        // A higher limit may let runs start.
        self.pump().await;
    }

    /// What waits for a job that is gone or switched off does not start, and its pause is not the next one's.
    /// A job whose file is broken is neither.
    pub(super) async fn let_go(&mut self) {
        let now = self.parts.clock.now();
        for id in self.unfinished.clone() {
            let Some(live) = self.runs.get(&id) else { continue };
            let mut run = Run::clone(&live.run);
            let Some(name) = run.job.clone().filter(|_| run.operation == Operation::Backup) else {
                continue;
            };
            if run.state.has_worker() || run.trigger == Trigger::Manual {
                continue;
            }
            let reason = match self.catalog.jobs.get(&name) {
                None if self.catalog.faulty.contains(&name) => continue,
                None => "the job is not configured any more",
                Some(job) if !job.enabled => "the job was disabled",
                Some(_) => continue,
            };
            if run.apply(RunEvent::Skip(reason.to_owned()), now).is_ok() {
                self.conclude(run).await;
            }
        }
        let pending: Vec<JobName> = self.pending.keys().cloned().collect();
        for name in pending {
            let job = self.catalog.jobs.get(&name);
            if job.map_or(!self.catalog.faulty.contains(&name), |job| !job.enabled) {
                self.let_go_of_pending(&name).await;
            }
        }
        for job in self.ended_pauses() {
            self.pause_ended(job).await;
        }
    }

    /// The settings in force, as TOML.
    pub(super) fn settings_text(&self) -> Result<String, Refusal> {
        self.settings.to_toml().map_err(|error| {
            Refusal::new(
                RefusalKind::Failed,
                format!("the settings cannot be shown: {error}"),
            )
        })
    }

    /// Writes the file of a new job or repository.
    pub(super) async fn create(
        &mut self,
        kind: Kind,
        name: &str,
        text: &str,
        who: &Who,
    ) -> Result<(), Refusal> {
        let invalid = |error: backupd_core::name::NameError| {
            Refusal::new(
                RefusalKind::InvalidArgument,
                format!("`{}` is no name: {error}", shown(name)),
            )
            .hint("choose one such as `home` or `db-1`")
        };
        let (faults, entry) = match kind {
            Kind::Job => {
                let job: JobName = name.parse().map_err(invalid)?;
                self.editor.require_absent(kind, &job)?;
                let entry = self.entry(Action::JobCreate, who).job(Some(&job));
                (self.editor.check_job(&self.catalog, &job, text), entry)
            }
            Kind::Repository => {
                let repository: RepositoryName = name.parse().map_err(invalid)?;
                self.editor.require_absent(kind, &repository)?;
                let entry = self
                    .entry(Action::RepositoryCreate, who)
                    .repository(Some(&repository));
                let faults = self.editor.check_repository(&self.catalog, &repository, text);
                (faults, entry)
            }
        };
        refuse_faults(faults)?;
        let prepared = self.editor.create(kind, &name, text)?;
        let entry = of_text(entry, None, Some(text));
        let file = kind.file(&name);
        self.change(entry, (file, Some(text)), || prepared.commit())
            .await?;
        self.apply_configuration().await;
        Ok(())
    }

    /// Replaces a job's file. Answers its new revision.
    pub(super) async fn replace(
        &mut self,
        job: &JobName,
        text: &str,
        revision: Option<&str>,
        who: &Who,
    ) -> Result<String, Refusal> {
        let entry = self.entry(Action::JobReplace, who);
        self.replace_as(entry, job, text, revision).await
    }

    async fn replace_as(
        &mut self,
        entry: Entry,
        job: &JobName,
        text: &str,
        revision: Option<&str>,
    ) -> Result<String, Refusal> {
        refuse_faults(self.editor.check_job(&self.catalog, job, text))?;
        let before = self.editor.read_unchanged(Kind::Job, job, revision)?;
        let prepared = self.editor.replace(Kind::Job, job, text, revision)?;
        let entry = of_text(entry.job(Some(job)), Some(&before), Some(text));
        let file = Kind::Job.file(job);
        self.change(entry, (file, Some(text)), || prepared.commit())
            .await?;
        self.apply_configuration().await;
        Ok(edit::revision(text))
    }

    /// Writes `enabled` into a job's file, and leaves the rest as it is.
    pub(super) async fn set_enabled(
        &mut self,
        job: &JobName,
        enabled: bool,
        revision: Option<&str>,
        who: &Who,
    ) -> Result<String, Refusal> {
        let text = self.editor.read_unchanged(Kind::Job, job, revision)?;
        let path = self.editor.path(Kind::Job, job);
        let changed = edit::set_enabled(&text, enabled)
            .map_err(|fault| EditError::Faults(vec![fault.in_file(&path)]))?;
        let action = if enabled {
            Action::JobEnable
        } else {
            Action::JobDisable
        };
        let entry = self.entry(action, who);
        self.replace_as(entry, job, &changed, Some(&edit::revision(&text)))
            .await
    }

    /// Deletes a job's file. Snapshots and history stay.
    pub(super) async fn delete(
        &mut self,
        job: &JobName,
        revision: Option<&str>,
        who: &Who,
    ) -> Result<(), Refusal> {
        if let Some(active) = self
            .active_run(job)
            .filter(|run| run.state.has_worker() || run.trigger == Trigger::Manual)
        {
            return Err(Refusal::new(
                RefusalKind::AlreadyRunning,
                format!("the job `{job}` is at work, as run {}", active.id),
            )
            .hint(format!("`backupctl cancel {job}` stops it")));
        }
        if let Some(other) = self.catalog.waiting_for(job).next() {
            let message = format!("the job `{other}` waits for `{job}`");
            return Err(Refusal::new(RefusalKind::InvalidConfiguration, message)
                .hint(format!("take it out of the `after` of `{other}` first")));
        }
        let before = self.editor.read_unchanged(Kind::Job, job, revision)?;
        let entry = self.entry(Action::JobDelete, who).job(Some(job));
        let (editor, entry) = (self.editor.clone(), of_text(entry, Some(&before), None));
        let file = Kind::Job.file(job);
        self.change(entry, (file, None), || editor.delete(Kind::Job, job))
            .await?;
        self.apply_configuration().await;
        Ok(())
    }
}

pub(super) fn refuse_faults(faults: Vec<Fault>) -> Result<(), Refusal> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(EditError::Faults(faults).into())
    }
}
