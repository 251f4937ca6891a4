//! What everybody else holds of the coordinator.

use std::{fs::File, os::fd::OwnedFd, sync::Arc};

use backupd_core::{
    config::{Fault, Repository},
    name::{JobName, RepositoryName, RunId},
    protocol::{CredentialStores, RepositorySpec, SPEC_VERSION, Spec, Work},
    resources::Resources,
    run::Run,
};
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::{
    message::{Answer, Inbox, Message, RestoreRequest, StartOptions},
    outbox::Outbox,
    refusal::{Refusal, RefusalKind},
};
use crate::{
    configuration::Kind,
    ids::Ids,
    ports::{AskError, Launcher, RunQuery, Store},
};

/// Sends wishes to the coordinator; answers come when all that follows from them is published.
#[derive(Clone)]
pub(crate) struct Handle {
    inbox: Inbox,
    outbox: Arc<Outbox>,
    store: Arc<dyn Store>,
    launcher: Arc<dyn Launcher>,
    ids: Arc<Ids>,
    credentials: CredentialStores,
}

impl Handle {
    pub(super) fn new(
        inbox: Inbox,
        outbox: Arc<Outbox>,
        store: Arc<dyn Store>,
        launcher: Arc<dyn Launcher>,
        ids: Arc<Ids>,
        credentials: CredentialStores,
    ) -> Self {
        Self {
            inbox,
            outbox,
            store,
            launcher,
            ids,
            credentials,
        }
    }

    async fn request<T>(&self, message: impl FnOnce(Answer<T>) -> Message) -> Result<T, Refusal> {
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
        self.request(|answer| Message::Start(job, options, answer)).await
    }

    pub(crate) async fn restore(&self, request: RestoreRequest) -> Result<RunId, Refusal> {
        self.request(|answer| Message::Restore(Box::new(request), answer))
            .await
    }

    pub(crate) async fn cancel(&self, run: RunId) -> Result<(), Refusal> {
        self.request(|answer| Message::Cancel(run, answer)).await
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
        self.request(|answer| Message::Create(kind, name, text, answer))
            .await
    }

    pub(crate) async fn replace(
        &self,
        job: JobName,
        text: String,
        revision: Option<String>,
    ) -> Result<String, Refusal> {
        self.request(|answer| Message::Replace(job, text, revision, answer))
            .await
    }

    pub(crate) async fn set_enabled(
        &self,
        job: JobName,
        enabled: bool,
        revision: Option<String>,
    ) -> Result<String, Refusal> {
        self.request(|answer| Message::SetEnabled(job, enabled, revision, answer))
            .await
    }

    pub(crate) async fn delete(&self, job: JobName, revision: Option<String>) -> Result<(), Refusal> {
        self.request(|answer| Message::Delete(job, revision, answer))
            .await
    }

    pub(crate) async fn reload(&self) -> Result<Vec<Fault>, Refusal> {
        self.request(|answer| Message::Reload(Some(answer))).await
    }

    /// The settings in force, as TOML.
    pub(crate) async fn settings(&self) -> Result<String, Refusal> {
        self.request(Message::Settings).await
    }

    /// A page of history; the coordinator is not in the way.
    pub(crate) async fn list_runs(&self, query: RunQuery) -> Result<Vec<Run>, Refusal> {
        Ok(self.store.list(query).await?)
    }

    /// The event file of an attempt.
    pub(crate) fn open_events(&self, run: RunId, attempt: u32) -> std::io::Result<File> {
        self.launcher.open_events(run, attempt)
    }

    /// Puts a question to a worker, which may read `input`; the coordinator only says which repository it is.
    pub(crate) async fn ask(
        &self,
        repository: RepositoryName,
        work: Work,
        input: Option<OwnedFd>,
    ) -> Result<Result<File, AskError>, Refusal> {
        let repository = self.repository(repository).await?;
        let spec = Spec {
            version: SPEC_VERSION,
            run: self.ids.next(),
            attempt: 1,
            job: None,
            repository: repository_spec(&repository, &self.credentials),
            resources: Resources::default(),
            progress_socket: None,
            work,
        };
        Ok(self.launcher.ask(&spec, input).await)
    }
}

/// What a worker needs to know of a repository.
pub(super) fn repository_spec(repository: &Repository, credentials: &CredentialStores) -> RepositorySpec {
    RepositorySpec {
        name: repository.name.clone(),
        url: repository.url.clone(),
        password: repository.password.clone(),
        engine: repository.engine,
        credentials: credentials.clone(),
        // All places are local; a copy of a local file beside it would only cost space.
        cache: None,
    }
}
