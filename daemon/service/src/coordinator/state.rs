//! The state, and the loop that alone changes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use backupd_core::{
    audit::Entry,
    config::{Catalog, Fault, Settings},
    name::{JobName, RunId},
    protocol::CredentialStores,
    run::{Operation, Run},
};
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    Handle, Inbox, ObjectKey, Outbox, View,
    message::Message,
    meter::Meter,
    refusal::{Refusal, RefusalKind},
    start::title,
};
use crate::{
    configuration::{self, Editor, Texts},
    ids::Ids,
    journal::{messages, of_run},
    notify::Notifier,
    ports::{Clock, JobHistory, Launcher, Power, STAY, Store, StoreError, Surroundings},
    settings::Layers,
};

/// What a coordinator is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) launcher: Arc<dyn Launcher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) power: Box<dyn Power>,
    pub(crate) surroundings: Box<dyn Surroundings>,
    pub(crate) configuration: PathBuf,
    /// Where workers look for credentials that systemd does not hand them.
    pub(crate) credentials: CredentialStores,
    pub(crate) progress_socket: Option<PathBuf>,
    /// Takes the time at which the coordinator wants to be woken.
    pub(crate) alarm: watch::Sender<Option<Timestamp>>,
    /// Told of new settings.
    pub(crate) settings_changed: Box<dyn Fn(&Settings) + Send>,
    /// Troubles from before the coordinator was, such as a store that was set aside.
    pub(crate) troubles: Vec<String>,
}

/// A run that is an object on the bus.
pub(super) struct Live {
    pub(super) run: Arc<Run>,
    pub(super) meter: Meter,
    /// When it became an object again that was history.
    pub(super) recalled: Option<Timestamp>,
}

/// See the module.
pub(crate) struct Coordinator {
    pub(super) parts: Parts,
    pub(super) ids: Arc<Ids>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) editor: Editor,
    messages: mpsc::Receiver<Message>,
    handle: Handle,
    pub(super) settings: Settings,
    pub(super) catalog: Catalog,
    pub(super) faults: Vec<Fault>,
    pub(super) refused: BTreeSet<JobName>,
    pub(super) histories: BTreeMap<JobName, JobHistory>,
    pub(super) runs: BTreeMap<RunId, Live>,
    /// The store refused something that it has not done since.
    pub(super) store_trouble: Option<String>,
    /// Runs whose state is in memory alone, and what is to be recorded of them.
    pub(super) unsaved: BTreeMap<RunId, Vec<Entry>>,
    /// Jobs whose history could not be read.
    pub(super) unread: BTreeSet<JobName>,
    /// The settings of each file as they were when it had no faults.
    pub(super) layers: Layers,
    /// The files as they were when they were last loaded.
    pub(super) texts: Texts,
    pub(super) published: BTreeMap<ObjectKey, View>,
    pub(super) status: String,
}

impl Coordinator {
    /// Makes a coordinator. Nothing happens before [`Coordinator::begin`].
    pub(crate) fn new(parts: Parts, inbox: Inbox, messages: mpsc::Receiver<Message>) -> Self {
        let ids = Arc::new(Ids::new(Arc::clone(&parts.clock)));
        let outbox = Arc::new(Outbox::new());
        let handle = Handle::new(
            inbox,
            Arc::clone(&outbox),
            Arc::clone(&parts.store),
            Arc::clone(&parts.launcher),
            Arc::clone(&ids),
            parts.credentials.clone(),
            Arc::clone(&parts.clock),
        );
        let editor = Editor::new(parts.configuration.clone());
        Self {
            parts,
            ids,
            outbox,
            editor,
            messages,
            handle,
            settings: Settings::default(),
            catalog: Catalog::default(),
            faults: Vec::new(),
            refused: BTreeSet::new(),
            histories: BTreeMap::new(),
            runs: BTreeMap::new(),
            store_trouble: None,
            unsaved: BTreeMap::new(),
            texts: Texts::new(),
            unread: BTreeSet::new(),
            layers: Layers::default(),
            published: BTreeMap::new(),
            status: String::new(),
        }
    }

    /// A channel for [`Coordinator::new`]: launchers need its one end before there is a coordinator.
    pub(crate) fn channel() -> (Inbox, mpsc::Receiver<Message>) {
        Inbox::new()
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Loads configuration and history, adopts running workers, and publishes everything.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        self.texts = configuration::texts(&self.parts.configuration);
        self.load_configuration();
        self.refresh_histories().await;
        let mut runs = self.parts.store.recent(STAY).await?;
        runs.extend(self.parts.store.unfinished().await?);
        if let Some(newest) = runs.iter().map(|run| run.id).max() {
            self.ids.continue_after(newest);
        }
        for run in runs {
            if run.state.has_worker() {
                self.adopt(&run);
            }
            self.insert(run);
        }
        self.adopt_unknown().await;
        self.forget_expired().await;
        self.pump().await;
        self.publish();
        Ok(())
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(mut self) {
        let refusals = Arc::clone(self.handle.refusals());
        let counting = tokio::spawn(Arc::clone(&refusals).serve());
        // It stops while the machine sleeps, as the clock does by which systemd watches.
        let mut watchdog = self.parts.notifier.watchdog().map(|period| {
            let mut watchdog = interval(period / 2);
            watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
            watchdog
        });
        loop {
            let message = tokio::select! {
                message = self.messages.recv() => message,
                () = tick(watchdog.as_mut()) => {
                    self.parts.notifier.alive();
                    continue;
                }
            };
            match message {
                None | Some(Message::Stop) => break,
                Some(message) => self.take(message).await,
            }
        }
        counting.abort();
        refusals.finish().await;
    }

    /// Handles one message: changes, publishes, and only then answers.
    async fn take(&mut self, message: Message) {
        // An answer that nobody waits for any more is no error: what was asked is done all the same.
        match message {
            Message::Start(job, options, who, answer) => {
                let outcome = self.start(&job, options, &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Restore(request, who, answer) => {
                let outcome = self.restore(*request, &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Cancel(run, who, answer) => {
                let outcome = self.cancel(run, &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Recall(run, answer) => {
                let outcome = self.recall(run).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Repository(name, answer) => {
                let found = self.catalog.repositories.get(&name).cloned();
                let _ = answer.send(found.ok_or_else(|| self.unknown_repository(name.as_str())));
            }
            Message::Job(name, answer) => {
                let known = self.catalog.jobs.contains_key(&name);
                let _ = answer.send(known.then_some(()).ok_or_else(|| self.unknown_job(name.as_str())));
            }
            Message::Text(kind, name, answer) => {
                let _ = answer.send(self.editor.read(kind, &name).map_err(Refusal::from));
            }
            Message::Validate(job, text, answer) => {
                let _ = answer.send(Ok(self.editor.check_job(&self.catalog, &job, &text)));
            }
            Message::Create(kind, name, text, who, answer) => {
                let outcome = self.create(kind, &name, &text, &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Replace(job, text, revision, who, answer) => {
                let outcome = self.replace(&job, &text, revision.as_deref(), &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::SetEnabled(job, enabled, revision, who, answer) => {
                let outcome = self.set_enabled(&job, enabled, revision.as_deref(), &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Password(wish) => self.take_password(wish).await,
            Message::Delete(job, revision, who, answer) => {
                let outcome = self.delete(&job, revision.as_deref(), &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Reload(call) => {
                let outcome = self.reload(call.as_ref().map(|(who, _)| who)).await;
                self.publish();
                if let Some((_, answer)) = call {
                    let _ = answer.send(outcome);
                }
            }
            Message::Settings(answer) => {
                let _ = answer.send(self.settings_text());
            }
            message @ (Message::WorkerEvents(..)
            | Message::WorkerGone(..)
            | Message::LaunchFailed(..)
            | Message::Progress(..)) => self.hear(message).await,
            Message::NextSpec(job, answer) => {
                let _ = answer.send(self.next_spec(&job));
            }
            Message::AtWork(run, answer) => {
                let outcome = self.at_work(run).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Standings(_) | Message::Triggered(..) => {}
            Message::ZonesChanged => self.apply_configuration().await,
            Message::Wake | Message::Resumed => {
                self.catch_up_with_store().await;
                self.publish();
            }
            Message::Stop => {}
        }
    }

    /// What workers do.
    async fn hear(&mut self, message: Message) {
        match message {
            Message::WorkerEvents(run, attempt, events) => {
                if self.worker_events(run, attempt, events).await {
                    self.publish();
                } else {
                    self.publish_run(run);
                }
            }
            Message::WorkerGone(run, attempt, why) => {
                self.worker_gone(run, attempt, why).await;
                self.publish();
            }
            Message::LaunchFailed(run, attempt, error) => {
                self.launch_failed(run, attempt, &error).await;
                self.publish();
            }
            Message::Progress(progress) => {
                let now = self.parts.clock.now();
                if let Some(live) = self.runs.get_mut(&progress.run)
                    && live.run.state.has_worker()
                    && live
                        .run
                        .attempts
                        .last()
                        .is_some_and(|last| last.number == progress.attempt)
                {
                    let run = progress.run;
                    live.meter.take(progress, now);
                    self.publish_run(run);
                }
            }
            _ => {}
        }
    }

    /// Keeps the run as it is together with its records, for a step that is not taken where it cannot be kept.
    pub(super) async fn try_save(
        &mut self,
        run: &Run,
        new: impl IntoIterator<Item = Entry> + Send,
    ) -> Result<(), StoreError> {
        let mut entries = self.unsaved.get(&run.id).cloned().unwrap_or_default();
        entries.extend(new);
        let outcome = self.parts.store.save_audited(run, entries).await;
        match &outcome {
            Ok(()) => drop(self.unsaved.remove(&run.id)),
            Err(error) => {
                of_run!(
                    error,
                    messages::STORE_TROUBLE,
                    run,
                    "{} cannot be kept in the store: {error}",
                    title(run)
                );
                self.store_trouble = Some(error.to_string());
            }
        }
        outcome
    }

    /// Keeps the run as it is together with its record; where that fails, it is tried again until it works.
    pub(super) async fn save(&mut self, run: &Run, entry: Option<Entry>) {
        match self.try_save(run, entry.clone()).await {
            Ok(()) if self.unsaved.is_empty() => self.store_trouble = None,
            Ok(()) => {}
            Err(_) => self.unsaved.entry(run.id).or_default().extend(entry),
        }
    }

    /// Does what the store refused before.
    async fn catch_up_with_store(&mut self) {
        if self.store_trouble.is_none() {
            return;
        }
        let unsaved: Vec<Arc<Run>> = self
            .unsaved
            .keys()
            .filter_map(|id| self.runs.get(id))
            .map(|live| Arc::clone(&live.run))
            .collect();
        for run in unsaved {
            self.save(&run, None).await;
        }
        let unread: Vec<JobName> = std::mem::take(&mut self.unread).into_iter().collect();
        for job in unread {
            if self.catalog.jobs.contains_key(&job) {
                self.refresh_history(&job).await;
            }
        }
        if self.unsaved.is_empty() && self.unread.is_empty() {
            self.store_trouble = None;
        }
        // A run that was not started because it could not be kept.
        self.pump().await;
    }

    /// Makes a run an object.
    pub(super) fn insert(&mut self, run: Run) {
        let live = Live {
            run: Arc::new(run),
            meter: Meter::default(),
            recalled: None,
        };
        self.runs.insert(live.run.id, live);
    }

    /// The run of a job that is queued or at work.
    pub(super) fn active_run(&self, job: &JobName) -> Option<&Arc<Run>> {
        self.runs.values().map(|live| &live.run).rev().find(|run| {
            run.job.as_ref() == Some(job) && run.operation == Operation::Backup && run.result.is_none()
        })
    }

    pub(super) async fn refresh_histories(&mut self) {
        let names: Vec<JobName> = self.catalog.jobs.keys().cloned().collect();
        self.histories
            .retain(|name, _| self.catalog.jobs.contains_key(name));
        for name in names {
            if !self.histories.contains_key(&name) {
                self.refresh_history(&name).await;
            }
        }
    }

    pub(super) async fn refresh_history(&mut self, job: &JobName) {
        match self.parts.store.job_facts(job, self.parts.clock.now()).await {
            Ok(history) => {
                self.unread.remove(job);
                self.histories.insert(job.clone(), history);
            }
            Err(error) => {
                tracing::error!(
                    MESSAGE_ID = messages::STORE_TROUBLE,
                    BACKUPD_JOB = %job,
                    "the history of the job `{job}` cannot be read: {error}"
                );
                self.unread.insert(job.clone());
                self.store_trouble = Some(error.to_string());
            }
        }
    }

    pub(super) fn unknown_job(&self, name: &str) -> Refusal {
        let refusal = Refusal::new(RefusalKind::JobNotFound, format!("there is no job `{name}`"));
        match backupd_core::config::nearest(name, self.catalog.jobs.keys().map(JobName::as_str)) {
            Some(near) => refusal.hint(format!("did you mean `{near}`?")),
            None => refusal.hint("`backupctl jobs` lists the jobs, `backupctl job create` makes one"),
        }
    }

    pub(super) fn unknown_repository(&self, name: &str) -> Refusal {
        let refusal = Refusal::new(
            RefusalKind::UnknownRepository,
            format!("there is no repository `{name}`"),
        );
        let known = self
            .catalog
            .repositories
            .keys()
            .map(backupd_core::name::RepositoryName::as_str);
        match backupd_core::config::nearest(name, known) {
            Some(near) => refusal.hint(format!("did you mean `{near}`?")),
            None => refusal
                .hint("`backupctl repository list` lists them, `backupctl repository add` makes one known"),
        }
    }
}

async fn tick(watchdog: Option<&mut Interval>) {
    match watchdog {
        Some(watchdog) => {
            watchdog.tick().await;
        }
        None => std::future::pending().await,
    }
}
