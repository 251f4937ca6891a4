//! Questions that short-lived workers answer.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Seek as _},
    os::fd::OwnedFd,
};

use backupd_core::{
    audit::Action,
    name::{JobName, RepositoryName, RunId},
    protocol::{ReachRecord, RepositorySpec, SPEC_VERSION, Spec, UnforgetRecord, UnlockWork, Work},
    resources::Resources,
};
use jiff::Timestamp;

use super::{
    Handle,
    care::PruneWish,
    handle::repository_spec,
    message::Message,
    refusal::{Refusal, RefusalKind},
};
use crate::ports::AskError;

impl Handle {
    /// What a forget would do, now or then; the answer is a file to read from the start.
    pub(crate) async fn retention_preview(
        &self,
        job: JobName,
        at: Option<Timestamp>,
    ) -> Result<Result<File, AskError>, Refusal> {
        let (repository, work) = self
            .request(|answer| Message::RetentionPreview(job, at, answer))
            .await?;
        self.ask(repository, work, None).await
    }

    /// Brings back snapshots that a run forgot, all of them where none is named; the answer is a file to read from the
    /// start.
    pub(crate) async fn unforget(
        &self,
        run: RunId,
        snapshots: Vec<String>,
    ) -> Result<Result<File, AskError>, Refusal> {
        let (repository, work) = self
            .request(|answer| Message::UnforgetWork(run, snapshots, answer))
            .await?;
        let entry = self
            .entry(Action::RunUnforget)
            .repository(Some(&repository))
            .run(run);
        let name = repository.clone();
        let act = async move {
            match self.ask(name, work, None).await {
                Ok(outcome) => outcome.map_err(Ok),
                Err(refusal) => Err(Err(refusal)),
            }
        };
        let answer = unfold(self.recorded(entry, act, why).await?)?;
        let Ok(mut file) = answer else { return Ok(answer) };
        let present = present_of(&mut file).map_err(|error| {
            Refusal::new(
                RefusalKind::Failed,
                format!("the worker's answer cannot be read: {error}"),
            )
        })?;
        self.store.bring_back(repository, run, present).await?;
        Ok(Ok(file))
    }

    /// What a prune would do; the answer is a file to read from the start.
    pub(crate) async fn prune_plan(
        &self,
        repository: RepositoryName,
        wish: PruneWish,
    ) -> Result<Result<File, AskError>, Refusal> {
        let name = repository.clone();
        let work = self
            .request(|answer| Message::PruneWork(name, wish, answer))
            .await?;
        self.ask(repository, Work::PrunePlan(work), None).await
    }

    /// Makes a repository in its place.
    pub(crate) async fn initialize(
        &self,
        repository: RepositoryName,
    ) -> Result<Result<File, AskError>, Refusal> {
        // A repository that nobody knows is refused before anything is recorded.
        self.repository(repository.clone()).await?;
        let name = repository.clone();
        let act = async move {
            match self.ask(repository, Work::Initialize, None).await {
                Ok(outcome) => outcome.map_err(Ok),
                Err(refusal) => Err(Err(refusal)),
            }
        };
        let entry = self.entry(Action::RepositoryInitialize).repository(Some(&name));
        unfold(self.recorded(entry, act, why).await?)
    }

    /// Removes locks of a repository; the answer is a file to read from the start.
    pub(crate) async fn unlock(
        &self,
        repository: RepositoryName,
        work: UnlockWork,
    ) -> Result<Result<File, AskError>, Refusal> {
        self.repository(repository.clone()).await?;
        let force = if work.force { " (forced)" } else { "" };
        let locks = format!("{}{force}", work.locks.join(", "));
        let entry = self
            .entry(Action::RepositoryUnlock)
            .repository(Some(&repository))
            .values(&locks, "");
        let act = async move {
            match self.ask(repository, Work::Unlock(work), None).await {
                Ok(outcome) => outcome.map_err(Ok),
                Err(refusal) => Err(Err(refusal)),
            }
        };
        unfold(self.recorded(entry, act, why).await?)
    }

    /// Has a worker look whether hosts answer at their ports.
    pub(crate) async fn reach(&self, places: Vec<String>) -> Result<Vec<ReachRecord>, AskError> {
        let spec = self.question(RepositorySpec::none(), Work::Reach { places });
        let answer = self.launcher.ask(&spec, None).await?;
        let records = BufReader::new(answer)
            .lines()
            .map(|line| Ok(serde_json::from_str(&line?)?));
        records
            .collect::<io::Result<_>>()
            .map_err(|error| AskError::NoAnswer(error.to_string()))
    }

    /// Puts a question to a worker, which may read `input`; the coordinator only says which repository it is.
    pub(crate) async fn ask(
        &self,
        repository: RepositoryName,
        work: Work,
        input: Option<OwnedFd>,
    ) -> Result<Result<File, AskError>, Refusal> {
        let repository = self.repository(repository).await?;
        let spec = self.question(repository_spec(&repository, &self.common), work);
        Ok(self.launcher.ask(&spec, input).await)
    }

    fn question(&self, repository: RepositorySpec, work: Work) -> Spec {
        Spec {
            version: SPEC_VERSION,
            run: self.ids.next(),
            attempt: 1,
            job: None,
            repository,
            resources: Resources::default(),
            progress_socket: None,
            work,
        }
    }
}

/// The snapshots that are there again, of an answer that is read from the start afterwards.
fn present_of(file: &mut File) -> io::Result<Vec<String>> {
    let mut present = Vec::new();
    for line in BufReader::new(file.try_clone()?).lines() {
        let record: UnforgetRecord = serde_json::from_str(&line?)?;
        if record.present {
            present.push(record.id);
        }
    }
    file.rewind()?;
    Ok(present)
}

/// Why a question that is recorded was not answered, or not put.
pub(super) fn why(error: &Result<AskError, Refusal>) -> String {
    match error {
        Ok(error) => error.to_string(),
        Err(refusal) => refusal.message.clone(),
    }
}

/// A refusal is one whenever it comes.
pub(super) fn unfold<T>(
    outcome: Result<T, Result<AskError, Refusal>>,
) -> Result<Result<T, AskError>, Refusal> {
    match outcome {
        Ok(answer) => Ok(Ok(answer)),
        Err(Ok(error)) => Ok(Err(error)),
        Err(Err(refusal)) => Err(refusal),
    }
}
