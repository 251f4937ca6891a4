//! How repositories are cared for: when, by whom it was asked for, and how it went.

mod view;

use std::collections::BTreeSet;

use backupd_core::{
    audit::Who,
    config::{Catalog, Repository},
    name::{RepositoryName, RunId},
    protocol::{CareWork, CheckWork, MaxUnused, PruneWork, ReadData, RepairWork},
    retry::Retry,
    run::{Operation, Run, RunResult, RunState, Trigger},
    schedule::{Schedule, Seed, Timetable},
};
use jiff::Timestamp;

use super::{
    Coordinator, StartOptions,
    agenda::Appointment,
    attend::TRY_AGAIN,
    elapse::{Batch, ON_TIME, window_of},
    plan::Plan,
    refusal::{Refusal, RefusalKind},
};
use crate::{
    audit::daemon,
    journal::messages,
    ports::{CareHistory, CareKey, DataVerdict, Subject},
};

/// What is done to a repository by a schedule, to keep it sound.
const CARES: [Operation; 2] = [Operation::Check, Operation::Prune];

/// What is done to a repository, as it stands.
#[derive(Debug, Default)]
pub(super) struct Care {
    pub(super) history: CareHistory,
    /// Where its file says when.
    pub(super) plan: Option<Plan>,
}

/// What somebody wants done; what is not said is as the repository's file has it, or else as it is by itself.
#[derive(Debug, Clone)]
pub(crate) enum CareWish {
    /// A check that reads so much of the data.
    Check(Option<ReadData>),
    /// A prune.
    Prune(PruneWish),
    /// A repair.
    Repair(RepairWork),
}

/// What somebody wants of a prune.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PruneWish {
    pub(crate) max_unused: Option<MaxUnused>,
    pub(crate) max_repack: Option<u64>,
}

impl CareWish {
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Check(_) => Operation::Check,
            Self::Prune(_) => Operation::Prune,
            Self::Repair(_) => Operation::Repair,
        }
    }
}

/// When that is done to a repository by itself.
fn schedule_of(repository: &Repository, operation: Operation) -> Option<&Schedule> {
    match operation {
        Operation::Check => repository.care.check.as_ref().map(|check| &check.schedule),
        Operation::Prune => repository.care.prune.as_ref().map(|prune| &prune.schedule),
        Operation::Backup
        | Operation::Restore
        | Operation::Forget
        | Operation::Repair
        | Operation::Copy
        | Operation::Move => None,
    }
}

/// The same of all that has a schedule of its own.
fn care_schedule_in<'a>(catalog: &'a Catalog, key: &CareKey) -> Option<&'a Schedule> {
    match &key.job {
        Some(job) => catalog.jobs.get(job)?.copy_to(&key.repository)?.schedule.as_ref(),
        None => schedule_of(catalog.repositories.get(&key.repository)?, key.operation),
    }
}

impl Coordinator {
    fn care_schedule(&self, key: &CareKey) -> Option<&Schedule> {
        care_schedule_in(&self.catalog, key)
    }

    /// Starts at another moment on each machine.
    fn care_seed(&self, key: &CareKey) -> Seed {
        let machine = &self.parts.machine;
        match &key.job {
            Some(job) => Seed::of_copy(machine, job, &key.repository),
            None => Seed::of_care(machine, &key.repository, key.operation),
        }
    }

    /// Why it does not start by itself for now.
    fn is_care_paused(&self, key: &CareKey) -> bool {
        match &key.job {
            Some(job) => {
                let enabled = self.catalog.jobs.get(job).is_some_and(|job| job.enabled);
                !enabled || self.pause_of(job).is_some()
            }
            None => self.pause_of_all().is_some(),
        }
    }

    fn touch_care(&mut self, key: &CareKey) {
        match &key.job {
            Some(job) => self.touch_job(job),
            None => self.touch_repository(&key.repository),
        }
    }

    pub(super) fn care_timetable<'a>(&'a self, key: &CareKey, seed: Seed) -> Option<Timetable<'a>> {
        let schedule = self.care_schedule(key)?;
        let known = self.cares.get(key).and_then(|care| care.history.known_since);
        Some(Timetable {
            schedules: std::slice::from_ref(schedule),
            local: &self.local,
            anchor: known.unwrap_or(Timestamp::UNIX_EPOCH),
            seed,
        })
    }

    /// Reads anew what is known of how each repository was cared for; keeps what is known where it cannot be read.
    pub(super) async fn refresh_cares(&mut self) {
        let cares = self.catalog.repositories.keys().flat_map(|repository| {
            CARES.map(|operation| CareKey {
                repository: repository.clone(),
                operation,
                job: None,
            })
        });
        let keys: Vec<(CareKey, bool)> = cares
            .chain(self.copy_keys())
            .map(|key| {
                // One that follows backups may be late, too.
                let scheduled = key.job.is_some() || self.care_schedule(&key).is_some();
                (key, scheduled)
            })
            .collect();
        let read = self.parts.store.care_facts(keys.clone(), self.parts.clock.now());
        let histories = match read.await {
            Ok(histories) => histories,
            Err(error) => {
                tracing::warn!(MESSAGE_ID = messages::STORE_TROUBLE, %error, "how repositories were cared for cannot be read");
                self.trouble_with_store(error.to_string());
                vec![CareHistory::default(); keys.len()]
            }
        };
        let mut before = std::mem::take(&mut self.cares);
        for ((key, _), history) in keys.into_iter().zip(histories) {
            let mut care = before.remove(&key).unwrap_or_default();
            // What ended and could not be kept is known here alone.
            if history.last_run >= care.history.last_run {
                care.history = history;
            }
            self.cares.insert(key, care);
        }
        for gone in before.into_keys() {
            self.agenda.set(Appointment::Care(gone.clone()), None);
            self.agenda.set(Appointment::CareLate(gone), None);
        }
    }

    /// Works out anew when repositories are cared for. Answers up to where each is seen to by the clock as it is now, where
    /// that is not what is known.
    pub(super) fn plan_cares(&mut self) -> Vec<(Subject, Timestamp)> {
        let keys: Vec<CareKey> = self.cares.keys().cloned().collect();
        let mut marks = Vec::new();
        for key in keys {
            let mark = self.plan_care(&key);
            marks.extend(mark.map(|mark| (Subject::Care(key), mark)));
        }
        marks
    }

    fn plan_care(&mut self, key: &CareKey) -> Option<Timestamp> {
        let now = self.parts.clock.now();
        let care = self.cares.get(key)?;
        let seed = self.care_seed(key);
        let Some(timetable) = self.care_timetable(key, seed) else {
            if let Some(care) = self.cares.get_mut(key) {
                care.plan = None;
            }
            self.agree_on_care(key);
            return None;
        };
        let known_since = care.history.known_since.unwrap_or(now);
        let up_to = care.history.seen;
        let cursor = up_to.cursor(known_since, &timetable, now);
        let max_age = match &care.plan {
            Some(plan) => plan.max_age,
            None => timetable.allowed_age(now),
        };
        let plan = Plan {
            seed,
            cursor,
            next: timetable.next_after(cursor).map(|elapse| elapse.at),
            max_age,
        };
        let care = self.cares.get_mut(key)?;
        care.plan = Some(plan);
        let moved = cursor != up_to.last.unwrap_or(known_since);
        if moved {
            care.history.seen = up_to.with(cursor);
        }
        self.agree_on_care(key);
        moved.then_some(cursor)
    }

    /// Schedules that are others than before count from now on.
    pub(super) async fn reschedule_cares(&mut self, before: &Catalog) {
        let now = self.parts.clock.now();
        let mut marks = Vec::new();
        for (key, care) in &mut self.cares {
            let new = care_schedule_in(&self.catalog, key);
            if new == care_schedule_in(before, key) {
                continue;
            }
            care.plan = None;
            care.history.seen = care.history.seen.with(now);
            if new.is_some() {
                marks.push((Subject::Care(key.clone()), now));
            }
        }
        self.keep_marks(marks).await;
    }

    /// The clock was set.
    pub(super) fn set_cares_over(&mut self, before: Timestamp, now: Timestamp) -> Vec<(Subject, Timestamp)> {
        let mut marks = Vec::new();
        for (key, care) in &mut self.cares {
            let known_since = care.history.known_since.unwrap_or(now);
            if care.plan.is_some()
                && let Some(newest) = care.history.seen.set_over(known_since, before, now)
            {
                care.history.seen = care.history.seen.with(newest);
                marks.push((Subject::Care(key.clone()), newest));
            }
        }
        marks
    }

    /// Makes the appointment for the next time.
    fn agree_on_care(&mut self, key: &CareKey) {
        let next = self.cares.get(key).and_then(|care| care.plan?.next);
        let at = next.filter(|_| !self.is_care_paused(key));
        self.agenda.set(Appointment::Care(key.clone()), at);
        self.touch_care(key);
    }

    /// A pause has begun or ended.
    pub(super) fn agree_on_cares(&mut self) {
        for key in self.cares.keys().cloned().collect::<Vec<_>>() {
            self.agree_on_care(&key);
        }
    }

    /// What is due is done.
    pub(super) async fn cares_elapse(&mut self, keys: BTreeSet<CareKey>) {
        let mut batch = Batch::default();
        for key in keys {
            self.see_to_care(&key, &mut batch);
        }
        let seen: Vec<CareKey> = batch
            .seen
            .iter()
            .filter_map(|(subject, _)| match subject {
                Subject::Care(key) => Some(key.clone()),
                Subject::Job(_) => None,
            })
            .collect();
        // What could not be kept is told, and tried again.
        if self.keep(batch, &daemon()).await.is_err() {
            let again = self.parts.clock.now().checked_add(TRY_AGAIN).ok();
            for key in seen {
                self.agenda.set(Appointment::Care(key), again);
            }
        }
        self.pump().await;
    }

    fn see_to_care(&mut self, key: &CareKey, batch: &mut Batch) {
        let now = self.parts.clock.now();
        let Some((schedule, plan)) = self
            .care_schedule(key)
            .zip(self.cares.get(key).and_then(|care| care.plan))
        else {
            return;
        };
        if self.is_care_paused(key) {
            return;
        }
        let due = self
            .care_timetable(key, plan.seed)
            .and_then(|timetable| timetable.due(plan.cursor, now));
        let Some(due) = due else {
            self.agree_on_care(key);
            return;
        };
        let subject = Subject::Care(key.clone());
        let missed = now.duration_since(due.last.at) > ON_TIME;
        let Some(elapse) = Some(due.last).filter(|_| !missed).or(due.catch_up) else {
            tracing::info!(
                MESSAGE_ID = messages::ELAPSE_PASSED_OVER,
                "the {} was to run at {}, which was missed, and its schedule does not catch up",
                title_of(key),
                due.last.at
            );
            batch.seen.push((subject, due.last.at));
            return;
        };
        let settled = self.awake_since.checked_add(schedule.settle).unwrap_or(now);
        if missed && settled > now {
            self.agenda.set(Appointment::Care(key.clone()), Some(settled));
            return;
        }
        let window = window_of(schedule);
        match self.active_care(key) {
            Some((id, RunState::Backoff)) => self.supersede(id, batch),
            // It does what the elapse asks for.
            Some(_) => {
                batch.seen.push((subject, elapse.at));
                return;
            }
            None => {}
        }
        let trigger = if missed {
            Trigger::CatchUp
        } else {
            Trigger::Schedule
        };
        let run = match key.operation {
            Operation::Copy => self.copy_run(key, trigger),
            Operation::Prune => {
                let run = self.care_run(&key.repository, &CareWish::Prune(PruneWish::default()), trigger);
                run.map(with_retry)
            }
            _ => {
                let run = self.care_run(&key.repository, &CareWish::Check(None), trigger);
                run.map(with_retry)
            }
        };
        let Some(mut run) = run else { return };
        run.scheduled = Some(elapse.at);
        run.window = window;
        batch.seen.push((subject, elapse.at));
        batch.new.push(run);
    }

    /// The unfinished run that does that to the repository.
    pub(super) fn active_care(&self, key: &CareKey) -> Option<(RunId, RunState)> {
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        unfinished
            .map(|live| &live.run)
            .find(|run| {
                run.job == key.job && run.repository == key.repository && run.operation == key.operation
            })
            .map(|run| (run.id, run.state))
    }

    /// A run that does what is wished.
    fn care_run(&self, name: &RepositoryName, wish: &CareWish, trigger: Trigger) -> Option<Run> {
        let repository = self.catalog.repositories.get(name)?;
        let work = match wish {
            CareWish::Check(read_data) => {
                let check = repository.care.check.as_ref();
                let configured = check.map(|check| check.read_data).unwrap_or_default();
                let key = CareKey {
                    repository: name.clone(),
                    operation: Operation::Check,
                    job: None,
                };
                let read = self.cares.get(&key).and_then(|care| care.history.read.clone());
                CareWork::Check(CheckWork {
                    read_data: read_data.unwrap_or(configured),
                    after: read.unwrap_or_default(),
                    // Whoever asks for it wants it whole.
                    max_runtime: check
                        .and_then(|check| check.max_runtime)
                        .filter(|_| trigger != Trigger::Manual),
                })
            }
            CareWish::Repair(work) => CareWork::Repair(*work),
            CareWish::Prune(wish) => {
                let prune = repository.care.prune.as_ref();
                let configured = prune.map(|prune| prune.work.clone()).unwrap_or_default();
                CareWork::Prune(PruneWork {
                    max_unused: wish.max_unused.unwrap_or(configured.max_unused),
                    max_repack: wish.max_repack.or(configured.max_repack),
                    keep_delete: configured.keep_delete,
                })
            }
        };
        let mut run = Run::new(
            self.ids.next(),
            None,
            name.clone(),
            wish.operation(),
            trigger,
            self.parts.clock.now(),
        );
        run.care = Some(work);
        Some(run)
    }

    /// What a prune would be told.
    pub(super) fn prune_work(&self, name: &RepositoryName, wish: PruneWish) -> Result<PruneWork, Refusal> {
        let run = self.care_run(name, &CareWish::Prune(wish), Trigger::Manual);
        match run.and_then(|run| run.care) {
            Some(CareWork::Prune(work)) => Ok(work),
            _ => Err(self.unknown_repository(name.as_str())),
        }
    }

    /// Queues what somebody wants done to a repository.
    pub(super) async fn care(
        &mut self,
        name: &RepositoryName,
        wish: &CareWish,
        options: StartOptions,
        who: &Who,
    ) -> Result<RunId, Refusal> {
        let Some(mut run) = self.care_run(name, wish, Trigger::Manual) else {
            return Err(self.unknown_repository(name.as_str()));
        };
        let key = CareKey {
            repository: name.clone(),
            operation: run.operation,
            job: None,
        };
        if let Some((active, _)) = self.active_care(&key) {
            return Err(Refusal::new(
                RefusalKind::AlreadyRunning,
                format!(
                    "a {} of repository `{name}` is queued or at work already, as run {active}",
                    run.operation
                ),
            )
            .hint(format!(
                "`backupctl show {active}` shows how far it is, `backupctl cancel {active}` stops it"
            )));
        }
        run.description = options.description;
        run.metadata = options.metadata;
        let id = self.accept(run, who).await?;
        self.pump().await;
        Ok(id)
    }

    /// A schedule is seen to up to an elapse.
    pub(super) fn care_seen_to(&mut self, key: &CareKey, elapse: Timestamp) {
        let Some(seed) = self
            .cares
            .get(key)
            .and_then(|care| care.plan)
            .map(|plan| plan.seed)
        else {
            return;
        };
        let next = self
            .care_timetable(key, seed)
            .and_then(|timetable| timetable.next_after(elapse));
        if let Some(care) = self.cares.get_mut(key) {
            care.history.seen = care.history.seen.with(elapse);
            if let Some(plan) = &mut care.plan {
                plan.cursor = elapse;
                plan.next = next.map(|elapse| elapse.at);
            }
        }
        self.agree_on_care(key);
    }

    /// What is known of a repository follows from the end itself, for the store may not have it.
    pub(super) fn remember_care(&mut self, run: &Run) {
        let key = CareKey {
            repository: run.repository.clone(),
            operation: run.operation,
            job: run.job.clone(),
        };
        let Some(care) = self.cares.get_mut(&key) else {
            return;
        };
        let history = &mut care.history;
        history.last_run = Some(run.id);
        if let Some(read) = &run.read {
            history.read = Some(read.clone());
        }
        match DataVerdict::of(run) {
            DataVerdict::Well => history.damage = None,
            DataVerdict::Damaged(failure) => history.damage = Some(failure),
            DataVerdict::Silent => {}
        }
        if !matches!(run.result, Some(RunResult::Cancelled | RunResult::Skipped)) {
            history.last_result = run.result;
            history.last_failure.clone_from(&run.failure);
        }
        if run.result.is_some_and(RunResult::is_good) {
            history.last_good = run.finished;
            history.sums = Some(run.statistics.clone());
        }
        self.touch_care(&key);
    }
}

fn with_retry(mut run: Run) -> Run {
    run.retry = Some(Retry::default());
    run
}

/// `check of repository x`, `copy of job x to repository y`.
fn title_of(key: &CareKey) -> String {
    match &key.job {
        Some(job) => format!(
            "{} of job `{job}` to repository `{}`",
            key.operation, key.repository
        ),
        None => format!("{} of repository `{}`", key.operation, key.repository),
    }
}

#[cfg(test)]
mod tests;
