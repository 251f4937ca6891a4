//! A store in memory that outlives daemons, with a plug that can be pulled before and after each write. A test holds
//! it against the real one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    sync::{Arc, Mutex, MutexGuard},
};

use backupd_core::{
    audit::Entry,
    clock::Seen,
    name::{JobName, RunId},
    pause::Pause,
    run::{Operation, Run, RunResult, RunState},
};
use jiff::Timestamp;

use super::ground::{Age, Ground};
use crate::ports::{AuditQuery, JobHistory, Pending, Reply, RunQuery, Store, StoreError};

/// What is on the disk.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) runs: BTreeMap<RunId, Run>,
    jobs: BTreeMap<JobName, (Timestamp, Seen)>,
    pub(super) pauses: BTreeMap<Option<JobName>, Pause>,
    pending: BTreeMap<JobName, Pending>,
    pub(super) full: bool,
    /// When it was full last.
    pub(super) trouble: Option<Age>,
    /// What was written since somebody looked: a run as it was before, and as it is.
    pub(super) written: Vec<(Option<Run>, Run)>,
}

/// See the module.
pub(super) struct Memory {
    ground: Arc<Ground>,
    disk: Mutex<Disk>,
}

impl Memory {
    pub(super) fn new(ground: Arc<Ground>) -> Self {
        Self {
            ground,
            disk: Mutex::default(),
        }
    }

    pub(super) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }

    fn write<'a, T: Send + 'a>(
        &'a self,
        change: impl FnOnce(&mut Disk) -> T + Send + 'a,
    ) -> Reply<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.ground.write().await;
            if self.disk().full {
                self.disk().trouble = Some(self.ground.age());
                return Err(StoreError("database or disk is full".to_owned()));
            }
            let answer = change(&mut self.disk());
            self.ground.write().await;
            Ok(answer)
        })
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        look: impl FnOnce(&Disk) -> T + Send + 'a,
    ) -> Reply<'a, Result<T, StoreError>> {
        Box::pin(async move { Ok(look(&self.disk())) })
    }
}

impl Disk {
    fn save(&mut self, run: &Run) {
        let before = self.runs.insert(run.id, run.clone());
        self.written.push((before, run.clone()));
    }

    fn see_to(&mut self, job: &JobName, elapse: Timestamp) {
        let elapse = whole(elapse);
        let (_, seen) = self.jobs.entry(job.clone()).or_insert((elapse, Seen::default()));
        *seen = seen.with(elapse);
    }

    fn of_job<'a>(&'a self, job: &'a JobName) -> impl Iterator<Item = &'a Run> {
        let of_job = move |run: &&Run| run.job.as_ref() == Some(job) && run.operation == Operation::Backup;
        let finished = |run: &&Run| run.state == RunState::Finished;
        self.runs.values().rev().filter(of_job).filter(finished)
    }

    fn history(&mut self, job: &JobName, now: Timestamp) -> JobHistory {
        let entry = self.jobs.entry(job.clone());
        let (known_since, seen) = *entry.or_insert((whole(now), Seen::default()));
        let telling = self.of_job(job).find(|run| tells(run));
        let good = self.of_job(job).find(|run| is_good(run));
        JobHistory {
            known_since: Some(known_since),
            seen,
            last_run: self.of_job(job).next().map(|run| run.id),
            last_began: self.of_job(job).next().and_then(|run| run.started),
            good_began: good.and_then(|run| Some(run.attempts.last()?.started)),
            last_result: telling.and_then(|run| run.result),
            last_failure: telling
                .and_then(|run| run.failure.as_ref())
                .map(|failure| failure.message.clone()),
            last_good: good.and_then(|run| run.finished),
            last_snapshot: good.and_then(|run| run.snapshot.clone()),
        }
    }

    /// When a job was first known.
    pub(super) fn known_since(&self, job: &JobName) -> Option<Timestamp> {
        self.jobs.get(job).map(|(known_since, _)| *known_since)
    }

    fn expire(&mut self, job: Option<&JobName>, now: Timestamp, keep: u32) -> Vec<RunId> {
        let mut positions: BTreeMap<Option<&JobName>, u32> = BTreeMap::new();
        let mut has_good: BTreeSet<Option<&JobName>> = BTreeSet::new();
        let mut has_telling: BTreeSet<Option<&JobName>> = BTreeSet::new();
        let mut gone = Vec::new();
        for run in self.runs.values().rev() {
            let position = positions.entry(run.job.as_ref()).or_default();
            *position += 1;
            let is_backup = run.operation == Operation::Backup && run.state == RunState::Finished;
            let newest_good = is_backup && is_good(run) && has_good.insert(run.job.as_ref());
            let newest_telling = is_backup && tells(run) && has_telling.insert(run.job.as_ref());
            let speaks = newest_good || newest_telling;
            let expired = run.expires.is_some_and(|expires| whole(expires) <= now);
            let meant = job.is_none() || run.job.as_ref() == job;
            if meant && expired && run.state == RunState::Finished && *position > keep && !speaks {
                gone.push(run.id);
            }
        }
        for id in &gone {
            self.runs.remove(id);
        }
        gone
    }
}

fn tells(run: &Run) -> bool {
    !matches!(run.result, Some(RunResult::Cancelled | RunResult::Skipped))
}

fn is_good(run: &Run) -> bool {
    run.result.is_some_and(RunResult::is_good)
}

/// As a column of the store has it.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap()
}

/// As a record of the store has it.
fn reread(run: &Run) -> Run {
    serde_json::from_str(&serde_json::to_string(run).unwrap()).unwrap()
}

impl Store for Memory {
    fn save_audited(&self, run: &Run, _: Vec<Entry>) -> Reply<'_, Result<(), StoreError>> {
        let run = run.clone();
        self.write(move |disk| disk.save(&run))
    }

    fn append(&self, _: Entry) -> Reply<'_, Result<(), StoreError>> {
        self.write(|_| ())
    }

    fn export_audit(&self, _: AuditQuery) -> Reply<'_, Result<File, StoreError>> {
        Box::pin(async { Err(StoreError("nobody asks for it here".to_owned())) })
    }

    fn unfinished(&self) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.read(|disk| {
            let unfinished = disk.runs.values().filter(|run| run.state != RunState::Finished);
            unfinished.map(reread).collect()
        })
    }

    fn recent(&self, each: u32, all: u32) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.read(move |disk| {
            let mut positions: BTreeMap<Option<&JobName>, u32> = BTreeMap::new();
            let newest = disk.runs.values().rev().filter(|run| {
                let position = positions.entry(run.job.as_ref()).or_default();
                *position += 1;
                *position <= each && run.state == RunState::Finished
            });
            let mut recent: Vec<Run> = newest.take(all as usize).map(reread).collect();
            recent.reverse();
            recent
        })
    }

    /// By job alone, or one: nobody asks for more here.
    fn list(&self, query: RunQuery) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.read(move |disk| {
            let asked = |run: &&Run| {
                query
                    .id
                    .as_ref()
                    .is_none_or(|id| run.id.to_string().starts_with(id.as_str()))
                    && query.job.as_ref().is_none_or(|job| run.job.as_ref() == Some(job))
            };
            let runs = disk.runs.values().rev().filter(asked);
            runs.take(query.limit as usize).map(reread).collect()
        })
    }

    fn schedule(
        &self,
        runs: Vec<Run>,
        seen: Vec<(JobName, Timestamp)>,
        _: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.write(move |disk| {
            for run in &runs {
                disk.save(run);
                if let Some(job) = run.job.as_ref().filter(|_| run.state != RunState::Finished) {
                    disk.pending.remove(job);
                }
            }
            for (job, elapse) in &seen {
                disk.see_to(job, *elapse);
            }
        })
    }

    fn pauses(&self) -> Reply<'_, Result<BTreeMap<Option<JobName>, Pause>, StoreError>> {
        self.read(|disk| disk.pauses.clone())
    }

    fn pause(
        &self,
        job: Option<JobName>,
        pause: Option<Pause>,
        _: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.write(move |disk| match pause {
            Some(pause) => {
                let until = pause.until.map(whole);
                let since = whole(pause.since);
                disk.pauses.insert(
                    job,
                    Pause {
                        since,
                        until,
                        ..pause
                    },
                );
            }
            None => drop(disk.pauses.remove(&job)),
        })
    }

    fn pending(&self) -> Reply<'_, Result<BTreeMap<JobName, Pending>, StoreError>> {
        self.read(|disk| disk.pending.clone())
    }

    fn keep_pending(&self, job: JobName, pending: Option<Pending>) -> Reply<'_, Result<(), StoreError>> {
        self.write(move |disk| match pending {
            Some(pending) => drop(disk.pending.insert(job, pending)),
            None => drop(disk.pending.remove(&job)),
        })
    }

    fn job_facts(
        &self,
        jobs: Vec<JobName>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<JobHistory>, StoreError>> {
        self.write(move |disk| jobs.iter().map(|job| disk.history(job, now)).collect())
    }

    fn expire(
        &self,
        job: Option<JobName>,
        now: Timestamp,
        keep: u32,
    ) -> Reply<'_, Result<Vec<RunId>, StoreError>> {
        self.write(move |disk| disk.expire(job.as_ref(), now, keep))
    }
}

#[cfg(test)]
mod tests;
