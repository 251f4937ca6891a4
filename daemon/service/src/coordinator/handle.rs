//! What everybody else holds of the coordinator.

use std::{fs::File, io, path::PathBuf, sync::Arc};

use backupd_core::{
    audit::{Action, Entry, Outcome, Who},
    config::{EngineName, Fault, Repository},
    name::{JobName, RepositoryName, RunId},
    protocol::{CredentialStores, DECISIONS_FILE, RepositorySpec, Spec},
    resources::Limits,
    run::{Run, Trigger},
};
use jiff::Timestamp;
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::{
    care::CareWish,
    message::{Answer, ComingElapse, ElapseQuery, Inbox, Message, RestoreRequest, StartOptions},
    outbox::Outbox,
    queue::launch_failure,
    record::of_run,
    refusal::{Refusal, RefusalKind},
    spec::refusal,
};
use crate::{
    audit::{Refusals, daemon},
    configuration::Kind,
    ids::Ids,
    ports::{AskError, AuditQuery, Caller, Clock, Launcher, LimitError, RunQuery, Store},
};

/// Sends wishes to the coordinator; answers come when all that follows from them is published.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(super) inbox: Inbox,
    pub(super) outbox: Arc<Outbox>,
    pub(super) store: Arc<dyn Store>,
    pub(super) launcher: Arc<dyn Launcher>,
    pub(super) ids: Arc<Ids>,
    pub(super) common: Common,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) who: Arc<Who>,
}

impl Handle {
    pub(super) fn new(
        inbox: Inbox,
        outbox: Arc<Outbox>,
        store: Arc<dyn Store>,
        launcher: Arc<dyn Launcher>,
        ids: Arc<Ids>,
        common: Common,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let refusals = Refusals::new(Arc::clone(&store), Arc::clone(&clock));
        Self {
            inbox,
            outbox,
            store,
            launcher,
            ids,
            common,
            clock,
            refusals: Arc::new(refusals),
            who: Arc::new(daemon()),
        }
    }

    /// The same for the wishes of a caller: what is done is recorded as done by it. Without this it is the
    /// daemon's own doing.
    #[must_use]
    pub(crate) fn by(&self, caller: &Caller) -> Self {
        Self {
            who: Arc::new(Who::from(caller)),
            ..self.clone()
        }
    }

    /// Where refused calls are recorded.
    pub(crate) fn refusals(&self) -> &Arc<Refusals> {
        &self.refusals
    }

    pub(super) fn who(&self) -> Who {
        Who::clone(&self.who)
    }

    pub(super) async fn request<T>(&self, message: impl FnOnce(Answer<T>) -> Message) -> Result<T, Refusal> {
        let (answer, wait) = oneshot::channel();
        self.inbox
            .0
            .try_send(message(answer))
            .map_err(|error| match error {
                TrySendError::Full(_) => Refusal::new(RefusalKind::LimitsExceeded, "too many calls at once")
                    .hint("wait for the answers of earlier calls"),
                TrySendError::Closed(_) => Refusal::shutting_down(),
            })?;
        let outcome = wait.await.map_err(|_| Refusal::shutting_down())?;
        self.outbox.flushed().await;
        outcome
    }

    pub(crate) async fn start(&self, job: JobName, options: StartOptions) -> Result<RunId, Refusal> {
        self.request(|answer| Message::Start(job, options, self.who(), answer))
            .await
    }

    /// Starts several jobs together; of one that is queued or at work, the answer is that run.
    pub(crate) async fn start_jobs(
        &self,
        jobs: Vec<JobName>,
        options: StartOptions,
    ) -> Result<Vec<RunId>, Refusal> {
        self.request(|answer| Message::StartJobs(jobs, options, self.who(), answer))
            .await
    }

    /// Starts every job that waits for this.
    pub(crate) async fn trigger(
        &self,
        trigger: Trigger,
        metadata: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Vec<RunId>, Refusal> {
        self.request(|answer| Message::Trigger(trigger, metadata, self.who(), answer))
            .await
    }

    /// Lets a job, or all, not start by themselves until then, or until somebody resumes.
    pub(crate) async fn pause(
        &self,
        job: Option<JobName>,
        until: Option<Timestamp>,
        reason: Option<String>,
    ) -> Result<(), Refusal> {
        self.request(|answer| Message::Pause(job, until, reason, self.who(), answer))
            .await
    }

    /// Ends the pause of a job, or of all.
    pub(crate) async fn resume(&self, job: Option<JobName>) -> Result<(), Refusal> {
        self.request(|answer| Message::Unpause(job, self.who(), answer))
            .await
    }

    /// What comes, in order.
    pub(crate) async fn elapses(&self, query: ElapseQuery) -> Result<Vec<ComingElapse>, Refusal> {
        self.request(|answer| Message::Elapses(query, answer)).await
    }

    pub(crate) async fn restore(&self, request: RestoreRequest) -> Result<RunId, Refusal> {
        self.request(|answer| Message::Restore(Box::new(request), self.who(), answer))
            .await
    }

    /// Checks or prunes a repository.
    pub(crate) async fn care(
        &self,
        repository: RepositoryName,
        wish: CareWish,
        options: StartOptions,
    ) -> Result<RunId, Refusal> {
        self.request(|answer| Message::Care(repository, wish, options, self.who(), answer))
            .await
    }

    /// Copies the snapshots of a job into another repository.
    pub(crate) async fn copy(
        &self,
        job: JobName,
        to: RepositoryName,
        options: StartOptions,
    ) -> Result<RunId, Refusal> {
        self.request(|answer| Message::Copy(job, to, options, self.who(), answer))
            .await
    }

    /// Applies the retention of a job; whatever the guard says, if it is forced.
    pub(crate) async fn forget(
        &self,
        job: JobName,
        force: bool,
        options: StartOptions,
    ) -> Result<RunId, Refusal> {
        self.request(|answer| Message::Forget(job, force, options, self.who(), answer))
            .await
    }

    /// What a run that forgot has decided of each snapshot.
    pub(crate) fn open_decisions(&self, run: RunId, attempt: u32) -> io::Result<File> {
        File::open(self.launcher.directory(run, attempt).join(DECISIONS_FILE))
    }

    pub(crate) async fn cancel(&self, run: RunId) -> Result<(), Refusal> {
        self.request(|answer| Message::Cancel(run, self.who(), answer))
            .await
    }

    pub(crate) async fn recall(&self, run: RunId) -> Result<(), Refusal> {
        self.request(|answer| Message::Recall(run, answer)).await
    }

    /// Whether there is such a job.
    pub(crate) async fn job(&self, name: JobName) -> Result<(), Refusal> {
        self.request(|answer| Message::Job(name, answer)).await
    }

    pub(crate) async fn repository(&self, name: RepositoryName) -> Result<Repository, Refusal> {
        self.request(|answer| Message::Repository(name, answer)).await
    }

    /// The text and revision of a file.
    pub(crate) async fn text(&self, kind: Kind, name: String) -> Result<(String, String), Refusal> {
        self.request(|answer| Message::Text(kind, name, answer)).await
    }

    /// The faults that a job's file with this text would have.
    pub(crate) async fn validate(&self, job: JobName, text: String) -> Result<Vec<Fault>, Refusal> {
        self.request(|answer| Message::Validate(job, text, answer)).await
    }

    pub(crate) async fn create(&self, kind: Kind, name: String, text: String) -> Result<(), Refusal> {
        self.request(|answer| Message::Create(kind, name, text, self.who(), answer))
            .await
    }

    pub(crate) async fn replace(
        &self,
        job: JobName,
        text: String,
        revision: Option<String>,
    ) -> Result<String, Refusal> {
        self.request(|answer| Message::Replace(job, text, revision, self.who(), answer))
            .await
    }

    pub(crate) async fn set_enabled(
        &self,
        job: JobName,
        enabled: bool,
        revision: Option<String>,
    ) -> Result<String, Refusal> {
        self.request(|answer| Message::SetEnabled(job, enabled, revision, self.who(), answer))
            .await
    }

    pub(crate) async fn delete(&self, job: JobName, revision: Option<String>) -> Result<(), Refusal> {
        self.request(|answer| Message::Delete(job, revision, self.who(), answer))
            .await
    }

    pub(crate) async fn reload(&self) -> Result<Vec<Fault>, Refusal> {
        self.request(|answer| Message::Reload(Some((self.who(), answer))))
            .await
    }

    /// The settings in force, as TOML.
    pub(crate) async fn settings(&self) -> Result<String, Refusal> {
        self.request(Message::Settings).await
    }

    /// The unit of a job's next backup, as text.
    pub(crate) async fn unit_text(&self, job: JobName) -> Result<String, Refusal> {
        let spec = self.request(|answer| Message::NextSpec(job, answer)).await?;
        // The file system may take its time, which is not the coordinator's.
        let text = self.launcher.describe(&spec).await;
        text.map_err(|error| refusal(launch_failure(&error)))
    }

    /// Changes the limits of a run at work; answers what is in force then.
    pub(crate) async fn limit(&self, run: RunId, limits: Limits) -> Result<Limits, Refusal> {
        let found = self.request(|answer| Message::AtWork(run, answer)).await?;
        // systemd may take its time, which is not the coordinator's.
        let limits_of = self.launcher.limits(run).await;
        let old = limits_of.map_err(|error| limit_refusal(run, error))?;
        let entry = of_run(self.entry(Action::RunLimit), &found);
        let entry = entry.values(&old.to_string(), &old.with(limits).to_string());
        let act = async {
            let outcome = self.launcher.limit(run, limits).await;
            outcome.map_err(|error| limit_refusal(run, error))
        };
        self.recorded(entry, act, |refusal| refusal.message.clone())
            .await?
    }

    /// A page of history; the coordinator is not in the way.
    pub(crate) async fn list_runs(&self, query: RunQuery) -> Result<Vec<Run>, Refusal> {
        Ok(self.store.list(query).await?)
    }

    /// The audit log as it stands in the store now, in a file to read from the start.
    pub(crate) async fn open_audit(&self, query: AuditQuery) -> Result<File, Refusal> {
        Ok(self.store.export_audit(query).await?)
    }

    /// Records something that this caller does outside of the coordinator, and does it; that it failed is recorded
    /// too. What cannot be recorded is not done.
    pub(crate) async fn recorded<T, E>(
        &self,
        entry: Entry,
        act: impl Future<Output = Result<T, E>>,
        why: impl Fn(&E) -> String,
    ) -> Result<Result<T, E>, Refusal> {
        self.store.append(entry.clone()).await?;
        let outcome = act.await;
        if let Err(error) = &outcome {
            self.record_failure(entry, &why(error)).await;
        }
        Ok(outcome)
    }

    /// Records that something failed.
    pub(super) async fn record_failure(&self, entry: Entry, why: &str) {
        let action = entry.action;
        let mut failed = entry.result(Outcome::Failed, why);
        failed.time_usec = self.clock.now().as_microsecond();
        if let Err(error) = self.store.append(failed).await {
            tracing::error!(%error, "that `{action}` failed cannot be recorded");
        }
    }

    /// An entry of this caller's, of now.
    pub(super) fn entry(&self, action: Action) -> Entry {
        Entry::new(action, &self.who, self.clock.now())
    }

    /// The event file of an attempt.
    pub(crate) fn open_events(&self, run: RunId, attempt: u32) -> std::io::Result<File> {
        self.launcher.open_events(run, attempt)
    }

    /// As [`ask`](Self::ask), for a question that is ready.
    pub(super) async fn put(&self, spec: &Spec) -> Result<File, AskError> {
        self.launcher.ask(spec, None).await
    }
}

fn limit_refusal(run: RunId, error: LimitError) -> Refusal {
    match error {
        LimitError::Unsupported => Refusal::new(
            RefusalKind::NotSupported,
            "the worker is a plain child of backupd, which nobody limits",
        )
        .hint("systemd keeps limits, where it starts the workers: `backupctl status` says why it does not"),
        LimitError::NoWorker => Refusal::new(RefusalKind::NotRunning, format!("run {run} has no worker now"))
            .hint(format!("`backupctl show {run}` shows where it is")),
        LimitError::Refused(reason) => Refusal::new(
            RefusalKind::Failed,
            format!("systemd does not change the limits of run {run}: {reason}"),
        ),
    }
}

/// What workers need to know of every repository.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// Where they look for credentials that systemd does not hand them.
    pub(crate) credentials: CredentialStores,
    /// Where they keep what they have seen of remote places.
    pub(crate) cache: PathBuf,
}

/// What a worker needs to know of a repository.
pub(super) fn repository_spec(repository: &Repository, common: &Common) -> RepositorySpec {
    RepositorySpec {
        name: repository.name.clone(),
        url: repository.url.clone(),
        password: repository.password.clone(),
        engine: repository.engine,
        credentials: common.credentials.clone(),
        // A copy of a local file beside it would only cost space; restic needs a place for more than that.
        cache: match (repository.local_path(), repository.engine) {
            (Some(_), EngineName::Embedded) => None,
            _ => Some(common.cache.clone()),
        },
        secrets: repository.credentials.clone(),
        reach: repository.reach.clone(),
        room: repository.room,
        lock_wait: repository.lock_wait,
        marks: repository.marks.clone(),
    }
}
