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
    name::{JobName, RepositoryName, RunId},
    pause::Pause,
    protocol::{KnownSnapshot, OwnedSnapshot},
    run::{Operation, Run, RunResult, RunState},
    space::Sample,
};
use jiff::Timestamp;

use super::ground::{Age, Ground};
use crate::ports::{
    AuditQuery, CareHistory, CareKey, DataVerdict, JobHistory, MovedFrom, Pending, Reply, RunQuery,
    SnapshotNews, Store, StoreError, Subject,
};

/// What is on the disk.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) runs: BTreeMap<RunId, Run>,
    known: BTreeMap<Subject, (Timestamp, Seen)>,
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

    fn see_to(&mut self, subject: &Subject, elapse: Timestamp) {
        let elapse = whole(elapse);
        let entry = self.known.entry(subject.clone());
        let (_, seen) = entry.or_insert((elapse, Seen::default()));
        *seen = seen.with(elapse);
    }

    fn of_job<'a>(&'a self, job: &'a JobName) -> impl Iterator<Item = &'a Run> {
        let of_job = move |run: &&Run| run.job.as_ref() == Some(job) && run.operation == Operation::Backup;
        let finished = |run: &&Run| run.state == RunState::Finished;
        self.runs.values().rev().filter(of_job).filter(finished)
    }

    fn history(&mut self, job: &JobName, now: Timestamp) -> JobHistory {
        let entry = self.known.entry(Subject::Job(job.clone()));
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
            forget_failure: None,
        }
    }

    fn care(&mut self, key: &CareKey, scheduled: bool, now: Timestamp) -> CareHistory {
        let subject = Subject::Care(key.clone());
        if scheduled {
            let entry = self.known.entry(subject.clone());
            entry.or_insert((whole(now), Seen::default()));
        }
        let (known_since, seen) = match self.known.get(&subject) {
            Some((known_since, seen)) => (*known_since, *seen),
            None => (whole(now), Seen::default()),
        };
        let newest = || {
            let of_key = |run: &&Run| {
                run.job == key.job && run.repository == key.repository && run.operation == key.operation
            };
            let finished = |run: &&Run| run.state == RunState::Finished;
            self.runs.values().rev().filter(of_key).filter(finished)
        };
        let telling = newest().find(|run| tells(run));
        let good = newest().find(|run| is_good(run));
        CareHistory {
            known_since: Some(known_since),
            seen,
            last_run: newest().next().map(|run| run.id),
            last_result: telling.and_then(|run| run.result),
            last_failure: telling.and_then(|run| run.failure.clone()),
            last_good: good.and_then(|run| run.finished),
            sums: good.map(|run| run.statistics.clone()),
            read: newest().find_map(|run| run.read.clone()),
            damage: newest()
                .find_map(|run| match DataVerdict::of(run) {
                    DataVerdict::Well => Some(None),
                    DataVerdict::Damaged(failure) => Some(Some(failure)),
                    DataVerdict::Silent => None,
                })
                .flatten(),
        }
    }

    /// When a job was first known.
    pub(super) fn known_since(&self, job: &JobName) -> Option<Timestamp> {
        self.known
            .get(&Subject::Job(job.clone()))
            .map(|(known_since, _)| *known_since)
    }

    fn expire(&mut self, job: Option<&JobName>, now: Timestamp, keep: u32) -> Vec<RunId> {
        let mut positions: BTreeMap<Option<&JobName>, u32> = BTreeMap::new();
        let mut has_good = BTreeSet::new();
        let mut has_telling = BTreeSet::new();
        let mut gone = Vec::new();
        for run in self.runs.values().rev() {
            let position = positions.entry(run.job.as_ref()).or_default();
            *position += 1;
            let subject = subject_of(run).filter(|_| run.state == RunState::Finished);
            let newest_good = is_good(run) && subject.clone().is_some_and(|subject| has_good.insert(subject));
            let newest_telling = tells(run) && subject.is_some_and(|subject| has_telling.insert(subject));
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

/// Whose health a run tells of.
fn subject_of(run: &Run) -> Option<Subject> {
    match (&run.job, run.operation) {
        (Some(job), Operation::Backup) => Some(Subject::Job(job.clone())),
        (None, Operation::Check | Operation::Prune) => Some(Subject::Care(CareKey {
            repository: run.repository.clone(),
            operation: run.operation,
            job: None,
        })),
        (Some(job), Operation::Copy) => Some(Subject::Care(CareKey {
            repository: run.repository.clone(),
            operation: run.operation,
            job: Some(job.clone()),
        })),
        _ => None,
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
        seen: Vec<(Subject, Timestamp)>,
        _: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.write(move |disk| {
            for run in &runs {
                disk.save(run);
                let begins = run.operation == Operation::Backup && run.state != RunState::Finished;
                if let Some(job) = run.job.as_ref().filter(|_| begins) {
                    disk.pending.remove(job);
                }
            }
            for (subject, elapse) in &seen {
                disk.see_to(subject, *elapse);
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
        self.ground.tell(format!("pause of {job:?}: {pause:?}"));
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

    fn moves(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, MovedFrom>, StoreError>> {
        self.read(|_| BTreeMap::new())
    }

    fn keep_move(&self, _: RepositoryName, _: Option<MovedFrom>) -> Reply<'_, Result<(), StoreError>> {
        self.write(|_| ())
    }

    fn job_facts(
        &self,
        jobs: Vec<JobName>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<JobHistory>, StoreError>> {
        self.write(move |disk| jobs.iter().map(|job| disk.history(job, now)).collect())
    }

    fn care_facts(
        &self,
        keys: Vec<(CareKey, bool)>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<CareHistory>, StoreError>> {
        self.write(move |disk| {
            let histories = keys.iter();
            histories
                .map(|(key, scheduled)| disk.care(key, *scheduled, now))
                .collect()
        })
    }

    /// No worker of a simulated life says how much room there is.
    fn sizes(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, Vec<Sample>>, StoreError>> {
        self.read(|_| BTreeMap::new())
    }

    fn keep_size(&self, _: RepositoryName, _: Sample) -> Reply<'_, Result<(), StoreError>> {
        self.read(|_| ())
    }

    /// No job of a simulated life has retention.
    fn snapshots(&self, _: RepositoryName, _: JobName) -> Reply<'_, Result<Vec<KnownSnapshot>, StoreError>> {
        self.read(|_| Vec::new())
    }

    fn owned_snapshots(&self, _: RepositoryName) -> Reply<'_, Result<Vec<OwnedSnapshot>, StoreError>> {
        self.read(|_| Vec::new())
    }

    fn learn_snapshots(&self, _: SnapshotNews) -> Reply<'_, Result<(), StoreError>> {
        self.read(|_| ())
    }

    fn bring_back(&self, _: RepositoryName, _: RunId, _: Vec<String>) -> Reply<'_, Result<(), StoreError>> {
        self.read(|_| ())
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
