//! Room: how large repositories are and were, and what a backup is expected to need.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _},
};

use backupd_core::{
    config::Repository,
    health::Health,
    name::{JobName, RepositoryName},
    protocol::{EstimateWork, Foreseen, Spec, StatisticsRecord, StatisticsWork, Work},
    run::{Operation, Run, RunResult},
    space::{Added, RUNS_LOOKED_AT, Sample, SpaceFacts, days_until_full},
};
use jiff::Timestamp;

use super::{Coordinator, Handle, SpaceView, message::Message, refusal::Refusal};
use crate::{
    journal::messages,
    ports::{AskError, RunQuery},
};

/// No answer about one repository is longer.
const LONGEST_ANSWER: u64 = 16 << 20;

impl Coordinator {
    /// Reads anew how large repositories were; keeps what is known where it cannot be read.
    pub(super) async fn refresh_sizes(&mut self) {
        match self.parts.store.sizes().await {
            Ok(sizes) => self.sizes = sizes,
            Err(error) => {
                tracing::warn!(MESSAGE_ID = messages::STORE_TROUBLE, %error, "how large repositories were cannot be read");
                self.trouble_with_store(error.to_string());
            }
        }
    }

    /// What a run that has ended says of its repository.
    pub(super) async fn learn_size_of(&mut self, run: &Run) {
        let last = self.sizes.get(&run.repository).and_then(|sizes| sizes.last());
        if let Some(sample) = Sample::of(run, last) {
            self.learn_size(&run.repository, sample).await;
        }
    }

    /// Remembers how large a repository is. What cannot be kept is known until the daemon ends.
    pub(super) async fn learn_size(&mut self, name: &RepositoryName, sample: Sample) {
        sample.keep_in(self.sizes.entry(name.clone()).or_default());
        self.touch_repository(name);
        if let Err(error) = self.parts.store.keep_size(name.clone(), sample).await {
            tracing::warn!(MESSAGE_ID = messages::STORE_TROUBLE, %error, "the size of repository `{name}` cannot be kept");
        }
    }

    fn sizes_of(&self, name: &RepositoryName) -> Vec<Sample> {
        self.sizes.get(name).cloned().unwrap_or_default()
    }

    /// What is known of the room that the next backup or copy of a job needs.
    pub(super) async fn foresee(
        &mut self,
        job: &JobName,
        repository: &RepositoryName,
        operation: Operation,
    ) -> Foreseen {
        let query = RunQuery {
            job: Some(job.clone()),
            repository: Some(repository.clone()),
            operation: Some(operation),
            limit: RUNS_LOOKED_AT,
            ..RunQuery::default()
        };
        let runs = self.parts.store.list(query).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "what backups have added cannot be read");
            Vec::new()
        });
        let good = runs
            .iter()
            .filter(|run| run.result.is_some_and(RunResult::is_good));
        let stored = self.sizes.get(repository).and_then(|sizes| sizes.last());
        Foreseen {
            added: Added::of(good.map(|run| run.statistics.bytes_stored).collect()),
            stored: stored.map(|sample| sample.stored),
        }
    }

    /// Tells a backup what is foreseen.
    pub(super) async fn foresee_for(&mut self, spec: &mut Spec) {
        let (foreseen, operation) = match &mut spec.work {
            Work::Backup(work) => (&mut work.foreseen, Operation::Backup),
            Work::Copy(work) => (&mut work.foreseen, Operation::Copy),
            _ => return,
        };
        if let Some(job) = &spec.job {
            *foreseen = self.foresee(job, &spec.repository.name, operation).await;
        }
    }

    /// The question how much a repository stores.
    pub(super) fn statistics_work(&self, name: &RepositoryName) -> Result<StatisticsWork, Refusal> {
        if !self.catalog.repositories.contains_key(name) {
            return Err(self.unknown_repository(name.as_str()));
        }
        Ok(StatisticsWork {
            sizes: self.sizes_of(name),
        })
    }

    /// The question what the next backup of a job would add.
    pub(super) async fn estimate_spec(&mut self, name: &JobName, scan: bool) -> Result<Box<Spec>, Refusal> {
        let mut spec = self.next_spec(name)?;
        self.foresee_for(&mut spec).await;
        if let Work::Backup(backup) = spec.work {
            spec.work = Work::Estimate(EstimateWork {
                backup,
                scan,
                sizes: self.sizes_of(&spec.repository.name),
            });
        }
        spec.run = self.ids.next();
        spec.progress_socket = None;
        Ok(spec)
    }

    pub(super) fn space_view(&self, repository: &Repository, now: Timestamp) -> SpaceView {
        let sizes = self.sizes.get(&repository.name).map_or(&[][..], Vec::as_slice);
        let room = &repository.room;
        let last = sizes.last();
        let total = last.and_then(|sample| sample.total);
        SpaceView {
            measured: last.map(|sample| sample.time),
            stored: last.map(|sample| sample.stored),
            free: last.and_then(|sample| sample.free),
            place: total,
            reserve: room.reserve(total),
            quota: room.quota,
            days_until_full: days_until_full(sizes, room, now),
        }
    }
}

impl SpaceView {
    fn facts(&self) -> SpaceFacts {
        SpaceFacts {
            free: self.free,
            reserve: self.reserve,
            days: self.days_until_full,
        }
    }

    /// The health of the repository as far as this goes.
    pub(super) fn health(&self) -> Health {
        self.facts().health()
    }

    /// Why it is not well.
    pub(super) fn reason(&self) -> String {
        if self.facts().is_out() {
            return "less is free at its place than is to stay free for a prune: backups stop".to_owned();
        }
        match self.days_until_full {
            Some(0) => "at the pace at which it grows there is no room left".to_owned(),
            Some(1) => "at the pace at which it grows there is no room left in a day".to_owned(),
            Some(days) => format!("at the pace at which it grows there is no room left in {days} days"),
            None => String::new(),
        }
    }
}

impl Handle {
    /// What a repository stores; the answer is a file to read from the start. The daemon remembers the size.
    pub(crate) async fn statistics(&self, name: RepositoryName) -> Result<Result<File, AskError>, Refusal> {
        let of = name.clone();
        let work = self.request(|answer| Message::StatisticsWork(of, answer)).await?;
        let answer = self.ask(name.clone(), Work::Statistics(work), None).await?;
        let Ok(mut file) = answer else { return Ok(answer) };
        match sample_of(&mut file) {
            Ok(sample) => self.request(|answer| Message::Size(name, sample, answer)).await?,
            Err(error) => tracing::warn!(%error, "what was counted in repository `{name}` cannot be read"),
        }
        Ok(Ok(file))
    }

    /// What the next backup of a job would add; the answer is a file to read from the start.
    pub(crate) async fn estimate(&self, job: JobName, scan: bool) -> Result<Result<File, AskError>, Refusal> {
        let spec = self
            .request(|answer| Message::EstimateSpec(job, scan, answer))
            .await?;
        Ok(self.put(&spec).await)
    }
}

/// The size that an answer says, which is read from the start afterwards.
fn sample_of(file: &mut File) -> io::Result<Sample> {
    let mut line = String::new();
    BufReader::new(file.try_clone()?.take(LONGEST_ANSWER)).read_line(&mut line)?;
    file.rewind()?;
    let record: StatisticsRecord = serde_json::from_str(&line)?;
    Ok(Sample {
        time: record.time,
        stored: record.bytes_stored,
        free: record.bytes_free,
        total: record.bytes_place,
    })
}

#[cfg(test)]
mod tests;
