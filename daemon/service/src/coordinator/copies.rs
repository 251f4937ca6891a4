//! Copies of a job's snapshots in other repositories: when they are made, by whom they were asked for, and how old they are.
//! Those with a schedule are planned as the care of repositories is.

use backupd_core::{
    audit::Who,
    config::{Job, JobCopy},
    failure::Failure,
    health::CopyFacts,
    name::{JobName, RepositoryName, RunId},
    protocol::{CopyWork, Foreseen, SnapshotFilter, Work},
    resources::Resources,
    retry::Retry,
    run::{Operation, Run, RunResult, Trigger},
};
use jiff::Timestamp;

use super::{
    Coordinator, CopyView, StartOptions,
    contents::owner,
    elapse::Batch,
    handle::repository_spec,
    publish::describe,
    refusal::{Refusal, RefusalKind},
    spec::gone,
};
use crate::{
    audit::daemon,
    ports::{CareHistory, CareKey},
};

/// The copy of a job's snapshots in a repository.
pub(super) fn copy_key(job: &JobName, to: &RepositoryName) -> CareKey {
    CareKey {
        repository: to.clone(),
        operation: Operation::Copy,
        job: Some(job.clone()),
    }
}

impl Coordinator {
    /// All copies that there are to be.
    pub(super) fn copy_keys(&self) -> impl Iterator<Item = CareKey> {
        let jobs = self.catalog.jobs.values();
        jobs.flat_map(|job| job.copies.iter().map(|copy| copy_key(&job.name, &copy.to)))
    }

    /// Notes that a backup has ended well, which those of its job's copies follow that have no time of their own.
    pub(super) fn copy_after(&mut self, run: &Run) {
        let good = run.operation == Operation::Backup && run.result.is_some_and(RunResult::is_good);
        let job = run.job.as_ref().and_then(|job| self.catalog.jobs.get(job));
        if let Some(job) = job.filter(|_| good) {
            self.copies.extend(following(job));
        }
    }

    /// Notes which copies a daemon before this one did not come to.
    pub(super) fn make_up_for_copies(&mut self) {
        let mut due = Vec::new();
        for job in self.catalog.jobs.values() {
            let Some(stored) = self
                .histories
                .get(&job.name)
                .and_then(|history| history.last_good)
            else {
                continue;
            };
            due.extend(following(job).filter(|key| {
                let history = self.cares.get(key).map(|care| &care.history);
                history.is_some_and(|history| history.last_good.max(history.known_since) < Some(stored))
            }));
        }
        self.copies.extend(due);
    }

    /// Queues what was noted.
    pub(super) async fn queue_copies(&mut self) {
        let mut batch = Batch::default();
        for key in std::mem::take(&mut self.copies) {
            match self.active_care(&key) {
                // It may have looked before there was what is to be copied.
                Some((_, state)) if state.has_worker() => drop(self.copies.insert(key)),
                // It copies that, too.
                Some(_) => {}
                None => batch.new.extend(self.copy_run(&key, Trigger::Backup)),
            }
        }
        if batch.new.is_empty() {
            return;
        }
        // What could not be kept is told; the next backup asks for it again.
        if self.keep(batch, &daemon()).await.is_ok() {
            self.pump().await;
        }
    }

    /// Queues a copy that somebody asks for.
    pub(super) async fn copy(
        &mut self,
        name: &JobName,
        to: &RepositoryName,
        options: StartOptions,
        who: &Who,
    ) -> Result<RunId, Refusal> {
        let job = self
            .catalog
            .jobs
            .get(name)
            .ok_or_else(|| self.unknown_job(name.as_str()))?;
        if job.copy_to(to).is_none() {
            return Err(without_copy(job, to));
        }
        let key = copy_key(name, to);
        if let Some((active, state)) = self.active_care(&key) {
            let doing = if state.has_worker() {
                "is being copied"
            } else {
                "is about to be copied"
            };
            return Err(Refusal::new(
                RefusalKind::AlreadyRunning,
                format!("the job `{name}` {doing} to `{to}` already, by run {active}"),
            )
            .hint(format!(
                "`backupctl show {active}` shows how far it is, `backupctl cancel {active}` stops it"
            )));
        }
        let retry = job.copy_to(to).and_then(|copy| copy.retry.clone());
        let Some(mut run) = self.copy_run(&key, Trigger::Manual) else {
            return Err(self.unknown_job(name.as_str()));
        };
        // Whoever starts it waits for its end, unless the file wants it otherwise.
        run.retry = retry;
        run.description = options.description;
        run.metadata = options.metadata;
        let id = self.accept(run, who).await?;
        self.pump().await;
        Ok(id)
    }

    /// A run that makes a copy.
    pub(super) fn copy_run(&self, key: &CareKey, trigger: Trigger) -> Option<Run> {
        let job = self.catalog.jobs.get(key.job.as_ref()?)?;
        let copy = job.copy_to(&key.repository)?;
        let mut run = Run::new(
            self.ids.next(),
            Some(job.name.clone()),
            copy.to.clone(),
            Operation::Copy,
            trigger,
            self.parts.clock.now(),
        );
        run.source = Some(job.repository.clone());
        run.retry = Some(copy.retry.clone().unwrap_or_default()).filter(|retry: &Retry| retry.attempts > 1);
        Some(run)
    }

    /// What its worker is told, by the configuration as it is now.
    pub(super) fn copy_work(&self, run: &Run) -> Result<(Work, Resources), Failure> {
        let job = self.job_of(run)?;
        let from = run.source.as_ref().unwrap_or(&job.repository);
        let repository = self.catalog.repositories.get(from);
        let repository =
            repository.ok_or_else(|| gone(&format!("the repository `{from}` is not configured any more")))?;
        let work = CopyWork {
            from: repository_spec(repository, &self.parts.common),
            filter: SnapshotFilter {
                job: Some(job.name.clone()),
                host: job.host.clone(),
                tags: Vec::new(),
                owners: vec![owner(job)],
            },
            compression: job.compression,
            foreseen: Foreseen::default(),
        };
        Ok((Work::Copy(Box::new(work)), job.resources.clone()))
    }

    /// What health follows from.
    pub(super) fn copy_facts(&self, job: &Job) -> Vec<CopyFacts> {
        let facts = job.copies.iter().map(|copy| {
            let care = self.cares.get(&copy_key(&job.name, &copy.to));
            let unknown = CareHistory::default();
            let history = care.map_or(&unknown, |care| &care.history);
            let expected = care.and_then(|care| care.plan?.max_age);
            CopyFacts {
                last_result: history.last_result,
                last_good: history.last_good,
                known_since: history.known_since,
                max_age: copy.max_age.or(expected),
            }
        });
        facts.collect()
    }

    /// Why they are not as they should be: what is late, or else what went wrong.
    pub(super) fn copies_reason(&self, job: &Job, facts: &[CopyFacts], now: Timestamp) -> Option<String> {
        let copies = || job.copies.iter().zip(facts);
        if let Some((copy, facts)) = copies().find(|(_, facts)| facts.is_late(now)) {
            return Some(match facts.last_good {
                Some(_) => format!("its last good copy in `{}` is older than it may be", copy.to),
                None => format!("there is no copy in `{}` yet", copy.to),
            });
        }
        let (copy, _) = copies().find(|(_, facts)| facts.has_failed())?;
        let care = self.cares.get(&copy_key(&job.name, &copy.to))?;
        let why = care.history.last_failure.as_ref();
        let why = why.map_or("no reason is known", |failure| failure.message.as_str());
        Some(format!("it was not copied to `{}`: {why}", copy.to))
    }

    pub(super) fn copy_views(&self, job: &Job, facts: &[CopyFacts]) -> Vec<CopyView> {
        let views = job
            .copies
            .iter()
            .zip(facts)
            .map(|(copy, facts)| self.copy_view(job, copy, facts));
        views.collect()
    }

    fn copy_view(&self, job: &Job, copy: &JobCopy, facts: &CopyFacts) -> CopyView {
        let key = copy_key(&job.name, &copy.to);
        let care = self.cares.get(&key);
        let last_run = care.and_then(|care| care.history.last_run);
        CopyView {
            to: copy.to.clone(),
            schedule: copy.schedule.as_ref().map(describe),
            next: care.and_then(|care| care.plan?.next).filter(|_| job.enabled),
            active_run: self.active_care(&key).map(|(run, _)| run),
            last_run: last_run.filter(|id| self.runs.contains_key(id)),
            last_result: facts.last_result,
            last_good: facts.last_good,
            late_at: facts.late_at().filter(|_| job.enabled),
        }
    }
}

/// Copies that have no time of their own.
fn following(job: &Job) -> impl Iterator<Item = CareKey> {
    let copies = job.copies.iter().filter(|copy| copy.schedule.is_none());
    copies.map(|copy| copy_key(&job.name, &copy.to))
}

fn without_copy(job: &Job, to: &RepositoryName) -> Refusal {
    let name = &job.name;
    let refusal = Refusal::new(
        RefusalKind::InvalidArgument,
        format!("the job `{name}` has no copy in `{to}`"),
    );
    let named: Vec<String> = job.copies.iter().map(|copy| format!("`{}`", copy.to)).collect();
    refusal.hint(if named.is_empty() {
        format!(
            "its file has no `copies`: write one, such as `copies = [\"{to}\"]`, with `backupctl job edit {name}`"
        )
    } else {
        format!("it has copies in {}", named.join(", "))
    })
}

#[cfg(test)]
mod tests;
