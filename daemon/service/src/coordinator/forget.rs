//! What a job's retention lets go: when it is applied, and what is learnt of the snapshots by it.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    sync::Arc,
};

use backupd_core::{
    audit::Who,
    config::Job,
    failure::Failure,
    name::{JobName, RepositoryName, RunId},
    protocol::{
        DECISIONS_FILE, DecisionRecord, FORGOTTEN_DIRECTORY, ForgetWork, KnownSnapshot, RetentionPreview,
        Spec, UnforgetWork, Work,
    },
    retention::{ObjectionKind, Rules},
    retry::Retry,
    run::{Operation, Run, RunResult, Trigger},
};
use jiff::Timestamp;

use super::{
    Coordinator, StartOptions,
    elapse::Batch,
    refusal::{Refusal, RefusalKind},
    spec::{gone, unknown},
};
use crate::{
    audit::daemon,
    journal::messages,
    ports::{SnapshotNews, StoreError},
};

impl Coordinator {
    /// Notes that a backup has ended well, after which its job's retention is applied.
    pub(super) fn retire_snapshots_after(&mut self, run: &Run) {
        let job = run.job.as_ref().and_then(|job| self.catalog.jobs.get(job));
        let good = run.operation == Operation::Backup && run.result.is_some_and(RunResult::is_good);
        let lets_go = |job: &&Arc<Job>| job.retention.as_ref().is_some_and(Rules::let_go);
        if let Some(job) = job.filter(lets_go).filter(|_| good) {
            self.forgets.insert(job.name.clone());
        }
    }

    /// Queues what was noted. A daemon that ends before loses nothing: the next backup asks for it again.
    pub(super) async fn queue_forgets(&mut self) {
        let mut batch = Batch::default();
        for job in std::mem::take(&mut self.forgets) {
            if self.active_forget(&job).is_some() {
                continue;
            }
            let Some(job) = self.catalog.jobs.get(&job) else {
                continue;
            };
            let mut run = self.forget_run(job, Trigger::Backup);
            run.retry = Some(Retry::default());
            batch.new.push(run);
        }
        if batch.new.is_empty() {
            return;
        }
        // What could not be kept is told.
        if self.keep(batch, &daemon()).await.is_ok() {
            self.pump().await;
        }
    }

    /// Queues a forget that somebody asks for.
    pub(super) async fn forget(
        &mut self,
        name: &JobName,
        force: bool,
        options: StartOptions,
        who: &Who,
    ) -> Result<RunId, Refusal> {
        let job = self.with_retention(name)?;
        if let Some(active) = self.active_forget(name) {
            return Err(Refusal::new(
                RefusalKind::AlreadyRunning,
                format!("the retention of the job `{name}` is applied already, by run {active}"),
            )
            .hint(format!(
                "`backupctl show {active}` shows how far it is, `backupctl cancel {active}` stops it"
            )));
        }
        let mut run = self.forget_run(job, Trigger::Manual);
        run.forced = force;
        run.description = options.description;
        run.metadata = options.metadata;
        let id = self.accept(run, who).await?;
        self.pump().await;
        Ok(id)
    }

    fn with_retention(&self, name: &JobName) -> Result<&Job, Refusal> {
        match self.catalog.jobs.get(name) {
            None => Err(self.unknown_job(name.as_str())),
            Some(job) if job.retention.is_none() => Err(Refusal::new(
                RefusalKind::InvalidArgument,
                format!("the job `{name}` keeps all its snapshots: its file has no `retention`"),
            )
            .hint(format!(
                "write which are kept into it, such as `retention = {{ keep_daily = 7, keep_weekly = 5 }}`, with \
                 `backupctl job edit {name}`"
            ))),
            Some(job) => Ok(job),
        }
    }

    fn forget_run(&self, job: &Job, trigger: Trigger) -> Run {
        Run::new(
            self.ids.next(),
            Some(job.name.clone()),
            job.repository.clone(),
            Operation::Forget,
            trigger,
            self.parts.clock.now(),
        )
    }

    /// The unfinished run that applies the job's retention.
    fn active_forget(&self, job: &JobName) -> Option<RunId> {
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        unfinished
            .map(|live| &live.run)
            .find(|run| run.operation == Operation::Forget && run.job.as_ref() == Some(job))
            .map(|run| run.id)
    }

    /// What is known of the snapshots that a run may forget. Without that it does not run: what is not known is suspect.
    pub(super) async fn known_snapshots(&mut self, run: &Run) -> Result<Vec<KnownSnapshot>, Failure> {
        let Some(job) = run.job.clone().filter(|_| run.operation == Operation::Forget) else {
            return Ok(Vec::new());
        };
        let known = self.parts.store.snapshots(run.repository.clone(), job).await;
        known.map_err(|error| unknown(&error))
    }

    /// The spec of a run that forgets, by what is known now.
    pub(super) fn forget_spec(&self, run: &Run, known: Vec<KnownSnapshot>) -> Result<Spec, Failure> {
        let job = self.job_of(run)?;
        let Some(rules) = job.retention.clone() else {
            let message = format!("the file of the job `{}` has no `retention` any more", job.name);
            return Err(gone(&message));
        };
        let work = ForgetWork {
            force: run.forced,
            ..self.forget_work(job, rules, known)
        };
        self.spec_for(run, Work::Forget(work), job.resources.clone())
    }

    fn forget_work(&self, job: &Job, rules: Rules, known: Vec<KnownSnapshot>) -> ForgetWork {
        let history = self.histories.get(&job.name);
        let newest = history.and_then(|history| history.last_good);
        ForgetWork {
            job: job.name.clone(),
            host: job.host.clone(),
            adopts: job.adopts.clone(),
            rules,
            zone: job.zone_or(&self.local).iana_name().map(str::to_owned),
            known,
            known_since: history.and_then(|history| history.known_since),
            clock_doubt: self.clock.doubt(self.parts.clock.reading(), newest),
            force: false,
        }
    }

    /// The question what a forget would do.
    pub(super) async fn retention_preview(
        &mut self,
        name: &JobName,
        at: Option<Timestamp>,
    ) -> Result<(RepositoryName, Work), Refusal> {
        let repository = self.with_retention(name)?.repository.clone();
        let known = self.parts.store.snapshots(repository.clone(), name.clone());
        let known = known.await?;
        let job = self.with_retention(name)?;
        let rules = job.retention.clone().unwrap_or_default();
        let forget = self.forget_work(job, rules, known);
        Ok((
            repository,
            Work::RetentionPreview(RetentionPreview { forget, at }),
        ))
    }

    /// What brings back what a run forgot.
    pub(super) async fn unforget_work(
        &mut self,
        id: RunId,
        snapshots: Vec<String>,
    ) -> Result<(RepositoryName, Work), Refusal> {
        self.recall(id).await?;
        let Some(live) = self.runs.get(&id) else {
            return Err(Refusal::new(
                RefusalKind::RunNotFound,
                format!("there is no run {id}"),
            ));
        };
        let run = &live.run;
        if !matches!(run.operation, Operation::Forget | Operation::Repair) {
            return Err(Refusal::new(
                RefusalKind::InvalidArgument,
                format!("run {id} is a {}, and forgot nothing", run.operation),
            )
            .hint("`backupctl history --operation forget` lists the runs that did"));
        }
        if run.result.is_none() {
            return Err(
                Refusal::new(RefusalKind::AlreadyRunning, format!("run {id} is not over yet"))
                    .hint(format!("`backupctl cancel {id}` stops it")),
            );
        }
        let directories = run.attempts.iter().map(|attempt| {
            let directory = self.parts.launcher.directory(id, attempt.number);
            directory.join(FORGOTTEN_DIRECTORY)
        });
        let work = UnforgetWork {
            directories: directories.collect(),
            snapshots,
        };
        Ok((run.repository.clone(), Work::Unforget(work)))
    }

    /// Learns from a run that forgot which snapshots there are.
    pub(super) async fn learn_from_forget(&mut self, run: &Run) {
        let (Some(job), Operation::Forget, true) = (
            &run.job,
            run.operation,
            run.result.is_some_and(RunResult::is_good),
        ) else {
            return;
        };
        let Some((attempt, earlier)) = run.attempts.split_last() else {
            return;
        };
        let directory = self.parts.launcher.directory(run.id, attempt.number);
        let mut news = SnapshotNews {
            repository: run.repository.clone(),
            job: job.clone(),
            run: run.id,
            kept: Vec::new(),
            forgotten: Vec::new(),
            early: BTreeSet::new(),
            accepted: Vec::new(),
        };
        let known_since = self.histories.get(job).and_then(|history| history.known_since);
        let learnt = match read_decisions(&directory, known_since, &mut news) {
            Ok(()) => {
                // What an attempt that was cut off had removed by then is not seen by the last one.
                for attempt in earlier {
                    let directory = self.parts.launcher.directory(run.id, attempt.number);
                    removed_before(&directory, known_since, &mut news);
                }
                let forgotten = self.forgotten.entry(run.repository.clone()).or_default();
                forgotten.extend(news.forgotten.iter().cloned());
                self.parts.store.learn_snapshots(news).await
            }
            Err(error) => Err(StoreError(error.to_string())),
        };
        if let Err(error) = learnt {
            // The next one finds them again.
            tracing::warn!(
                MESSAGE_ID = messages::STORE_TROUBLE,
                %error,
                "which snapshots the job `{job}` has now is not kept"
            );
        }
    }
}

/// Adds what an earlier attempt has decided to remove, and the last one has not found.
fn removed_before(directory: &Path, known_since: Option<Timestamp>, news: &mut SnapshotNews) {
    let mut earlier = SnapshotNews {
        kept: Vec::new(),
        forgotten: Vec::new(),
        early: BTreeSet::new(),
        accepted: Vec::new(),
        ..news.clone()
    };
    // One that did not come as far has removed nothing.
    if read_decisions(directory, known_since, &mut earlier).is_err() {
        return;
    }
    for id in earlier.forgotten {
        if !news.kept.contains(&id) && !news.forgotten.contains(&id) {
            news.forgotten.push(id);
        }
    }
}

/// Reads what a forget decided.
fn read_decisions(
    directory: &Path,
    known_since: Option<Timestamp>,
    news: &mut SnapshotNews,
) -> std::io::Result<()> {
    for line in BufReader::new(File::open(directory.join(DECISIONS_FILE))?).lines() {
        match serde_json::from_str(&line?)? {
            DecisionRecord::Snapshot { decision, .. } => {
                if known_since.is_some_and(|since| decision.time < since) {
                    news.early.insert(decision.id.clone());
                }
                if decision.verdict.is_keep() {
                    news.kept.push(decision.id);
                } else {
                    news.forgotten.push(decision.id);
                }
            }
            DecisionRecord::Objection {
                objection,
                overridden: true,
            } if matches!(
                objection.kind,
                ObjectionKind::FutureDate | ObjectionKind::DatesDisagree
            ) =>
            {
                news.accepted.extend(objection.snapshots);
            }
            DecisionRecord::Objection { .. } => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
