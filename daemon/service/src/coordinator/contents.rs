//! What is in a repository: whose snapshots are whose, and which should be there and are not.

use std::fs::File;

use backupd_core::{
    name::RepositoryName,
    protocol::{ContentsWork, FORGOTTEN_DIRECTORY, JobOwner, ListWork, SnapshotFilter, Work},
    run::Operation,
};

use super::{Coordinator, Handle, message::Message, refusal::Refusal};
use crate::ports::{AskError, RunQuery};

/// Runs that forgot, or mended, which are looked at for what they removed: a later one has learnt of all before it.
const FORGETS_LOOKED_AT: u32 = 50;

impl Coordinator {
    /// The jobs that store into a repository, with what each takes for its own.
    pub(super) fn owners(&self, name: &RepositoryName) -> Result<Vec<JobOwner>, Refusal> {
        if !self.catalog.repositories.contains_key(name) {
            return Err(self.unknown_repository(name.as_str()));
        }
        let jobs = self.catalog.jobs.values().filter(|job| job.repository == *name);
        Ok(jobs.map(|job| owner(job)).collect())
    }

    /// The question what is in a repository.
    pub(super) async fn contents_work(&mut self, name: &RepositoryName) -> Result<ContentsWork, Refusal> {
        let owners = self.owners(name)?;
        let mut runs = Vec::new();
        for operation in [Operation::Forget, Operation::Repair] {
            let query = RunQuery {
                repository: Some(name.clone()),
                operation: Some(operation),
                limit: FORGETS_LOOKED_AT,
                ..RunQuery::default()
            };
            runs.extend(self.parts.store.list(query).await?);
        }
        let attempts = runs.iter().flat_map(|run| {
            let numbers = run.attempts.iter().map(|attempt| attempt.number);
            numbers.map(|number| {
                self.parts
                    .launcher
                    .directory(run.id, number)
                    .join(FORGOTTEN_DIRECTORY)
            })
        });
        let forgotten = attempts.collect();
        Ok(ContentsWork {
            owners,
            known: self.parts.store.owned_snapshots(name.clone()).await?,
            forgotten,
        })
    }
}

/// What a job takes for its own.
pub(super) fn owner(job: &backupd_core::config::Job) -> JobOwner {
    JobOwner {
        job: job.name.clone(),
        host: job.host.clone(),
        adopts: job.adopts.clone(),
    }
}

impl Handle {
    /// What is in a repository; the answer is a file to read from the start.
    pub(crate) async fn contents(&self, name: RepositoryName) -> Result<Result<File, AskError>, Refusal> {
        let of = name.clone();
        let work = self.request(|answer| Message::ContentsWork(of, answer)).await?;
        self.ask(name, Work::Contents(work), None).await
    }

    /// Lists snapshots; the answer is a file to read from the start.
    pub(crate) async fn snapshots(
        &self,
        name: RepositoryName,
        filter: SnapshotFilter,
    ) -> Result<Result<File, AskError>, Refusal> {
        let filter = self.with_owners(&name, filter).await?;
        self.ask(name, Work::Snapshots { filter }, None).await
    }

    /// Lists files of a snapshot; the answer is a file to read from the start.
    pub(crate) async fn listing(
        &self,
        name: RepositoryName,
        mut work: ListWork,
    ) -> Result<Result<File, AskError>, Refusal> {
        work.filter = self.with_owners(&name, work.filter).await?;
        self.ask(name, Work::List(work), None).await
    }

    async fn with_owners(
        &self,
        name: &RepositoryName,
        filter: SnapshotFilter,
    ) -> Result<SnapshotFilter, Refusal> {
        let name = name.clone();
        let owners = self.request(|answer| Message::Owners(name, answer)).await?;
        Ok(SnapshotFilter { owners, ..filter })
    }
}
