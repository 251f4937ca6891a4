//! What becomes of an elapse: a run, or a reason why there is none.

use backupd_core::{
    audit::{Entry, Who},
    config::Job,
    name::{JobName, RunId},
    retry::Retry,
    run::{Operation, Run, RunEvent, RunState, RunWindow, Trigger},
    schedule::{Conflict, Due, Schedule},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    Coordinator,
    agenda::Appointment,
    record::{accepted, accepting},
    start::title,
};
use crate::{
    audit::daemon,
    journal::{messages, of_run},
};

/// An elapse that is seen to later than this was missed.
const ON_TIME: SignedDuration = SignedDuration::from_mins(1);

/// How long to wait for a store that refused something.
pub(super) const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// Runs that the machine began and that may be queued or at work at once. What is due beyond that waits outside of the
/// queue: nothing is lost, and a night of ten thousand jobs is not written down ten thousand times at once.
const MOST_AUTOMATIC: usize = 100;

/// What is to be kept in one go.
#[derive(Default)]
struct Batch {
    new: Vec<Run>,
    /// Runs that end by it.
    ended: Vec<Run>,
    /// Elapses that are seen to.
    seen: Vec<(JobName, Timestamp)>,
    entries: Vec<Entry>,
}

impl Coordinator {
    /// Sees to everything that has come.
    pub(super) async fn attend(&mut self) {
        let mut pump = self.look_at_clock();
        if pump {
            self.look_at_windows().await;
        }
        let mut elapsed: Vec<JobName> = self.take_room();
        let due = self.agenda.take_due(self.parts.clock.now());
        for appointment in due {
            match appointment {
                Appointment::Elapse(job) => elapsed.push(job),
                Appointment::Late(job) => self.touch_job(&job),
                Appointment::Attempt(_) => pump = true,
                Appointment::Window(id) => {
                    self.window_moved(id).await;
                    pump = true;
                }
                Appointment::PauseEnds(job) => {
                    self.pause_ended(job).await;
                    pump = true;
                }
                Appointment::Store => {
                    self.catch_up_with_store().await;
                    pump = true;
                }
            }
        }
        if !elapsed.is_empty() {
            self.elapse(elapsed).await;
        } else if pump {
            self.pump().await;
        }
    }

    /// Jobs that are due and were kept outside of the queue, as many as there is room for now.
    fn take_room(&mut self) -> Vec<JobName> {
        let room = MOST_AUTOMATIC.saturating_sub(self.automatic());
        let mut jobs: Vec<JobName> = Vec::new();
        while jobs.len() < room
            && let Some((_, job)) = self.outside.pop_first()
        {
            jobs.push(job);
        }
        jobs
    }

    /// Runs that the machine began and that are not over.
    fn automatic(&self) -> usize {
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        unfinished
            .filter(|live| live.run.trigger != Trigger::Manual)
            .count()
    }

    /// Sees to the elapses of jobs.
    async fn elapse(&mut self, jobs: Vec<JobName>) {
        let mut batch = Batch::default();
        let mut room = MOST_AUTOMATIC.saturating_sub(self.automatic());
        for job in jobs {
            self.see_to(&job, &mut room, &mut batch).await;
        }
        self.keep(batch, &daemon()).await;
        self.pump().await;
    }

    async fn see_to(&mut self, name: &JobName, room: &mut usize, batch: &mut Batch) {
        let now = self.parts.clock.now();
        let Some((job, plan)) = self.catalog.jobs.get(name).zip(self.plans.get(name)) else {
            return;
        };
        if !job.enabled || self.pause_of(name).is_some() {
            return;
        }
        let timetable = self.timetable(job, plan.seed);
        let Some(due) = timetable.due(plan.cursor, now) else {
            self.agree(name);
            return;
        };
        let Some(schedule) = job.schedules.get(due.last.schedule) else {
            return;
        };
        let waited = self.after_active.contains(name);
        let missed = now.duration_since(due.last.at) > ON_TIME && !waited;
        if missed && !schedule.catch_up {
            tracing::info!(
                MESSAGE_ID = messages::ELAPSE_PASSED_OVER,
                BACKUPD_JOB = %name,
                "the job `{name}` was to run at {}, which was missed, and its schedule does not catch up",
                due.last.at
            );
            batch.seen.push((name.clone(), due.last.at));
            return;
        }
        let settled = self.awake_since.checked_add(schedule.settle).unwrap_or(now);
        if missed && settled > now {
            self.agenda.set(Appointment::Elapse(name.clone()), Some(settled));
            return;
        }
        let trigger = if missed {
            Trigger::CatchUp
        } else {
            Trigger::Schedule
        };
        let conflict = job.conflict;
        let active = self.active_run(name).map(|run| (run.id, run.state));
        match active {
            Some((id, state)) if state.has_worker() => {
                self.see_to_beside(name, id, conflict, due, batch).await;
                return;
            }
            // It takes the place of the next attempt, but for one that came during the last: the next does what it asks for.
            Some((id, RunState::Backoff)) if !self.came_before_end(id, due.last.at) => {
                self.supersede(id, batch);
            }
            // One that has not begun does what the elapse asks for.
            Some(_) => {
                batch.seen.push((name.clone(), due.last.at));
                return;
            }
            None => {}
        }
        if *room == 0 {
            self.outside.insert((due.last.at, name.clone()));
            return;
        }
        *room -= 1;
        if let Some(run) = self.scheduled_run(name, trigger, due) {
            batch.new.push(run);
        }
    }

    /// An elapse while a run of the job is at work.
    async fn see_to_beside(
        &mut self,
        name: &JobName,
        active: RunId,
        conflict: Conflict,
        due: Due,
        batch: &mut Batch,
    ) {
        match conflict {
            Conflict::Queue => drop(self.after_active.insert(name.clone())),
            Conflict::Skip => {
                let Some(mut run) = self.scheduled_run(name, Trigger::Schedule, due) else {
                    return;
                };
                let reason = format!("run {active} of the job was still at work, and `conflict` is `skip`");
                if run.apply(RunEvent::Skip(reason), self.parts.clock.now()).is_ok() {
                    let entry = self.end(&mut run);
                    batch.entries.push(entry);
                    batch.seen.push((name.clone(), due.last.at));
                    batch.ended.push(run);
                }
            }
            Conflict::Replace => {
                self.after_active.insert(name.clone());
                if let Err(refusal) = self.cancel(active, &daemon()).await {
                    tracing::warn!(%refusal, BACKUPD_JOB = %name, "run {active} is not replaced yet");
                }
            }
        }
    }

    /// Whether an elapse came before the last attempt of a run was over.
    fn came_before_end(&self, id: RunId, elapse: Timestamp) -> bool {
        let last = self.runs.get(&id).and_then(|live| live.run.attempts.last());
        last.and_then(|attempt| attempt.finished)
            .is_some_and(|finished| elapse <= finished)
    }

    fn supersede(&mut self, id: RunId, batch: &mut Batch) {
        let Some(live) = self.runs.get(&id) else { return };
        let mut run = Run::clone(&live.run);
        if run.apply(RunEvent::Supersede, self.parts.clock.now()).is_ok() {
            let entry = self.end(&mut run);
            batch.entries.push(entry);
            batch.ended.push(run);
        }
    }

    fn scheduled_run(&self, name: &JobName, trigger: Trigger, due: Due) -> Option<Run> {
        let job = self.catalog.jobs.get(name)?;
        let mut run = self.automatic_run(job, trigger);
        run.scheduled = Some(due.last.at);
        run.window = job.schedules.get(due.last.schedule).and_then(window_of);
        Some(run)
    }

    /// A run that the machine begins.
    pub(super) fn automatic_run(&self, job: &Job, trigger: Trigger) -> Run {
        let mut run = Run::new(
            self.ids.next(),
            Some(job.name.clone()),
            job.repository.clone(),
            Operation::Backup,
            trigger,
            self.parts.clock.now(),
        );
        run.retry = Some(job.retry.clone().unwrap_or_default()).filter(|retry: &Retry| retry.attempts > 1);
        run.metadata.clone_from(&job.metadata);
        run
    }

    /// Keeps what follows from elapses, and takes it over; where it cannot be kept, all of it is looked at again.
    async fn keep(&mut self, batch: Batch, who: &Who) {
        let Batch {
            new,
            ended,
            mut seen,
            mut entries,
        } = batch;
        if new.is_empty() && ended.is_empty() && seen.is_empty() {
            return;
        }
        for run in &new {
            entries.push(accepted(self.entry(accepting(run.operation), who), run));
            seen.extend(run.job.clone().zip(run.scheduled));
        }
        let kept: Vec<Run> = new.iter().chain(&ended).cloned().collect();
        if let Err(error) = self.parts.store.schedule(kept, seen.clone(), entries).await {
            tracing::error!(
                MESSAGE_ID = messages::STORE_TROUBLE,
                "what is due cannot be kept in the store, and does not start: {error}"
            );
            self.trouble_with_store(error.to_string());
            let now = self.parts.clock.now();
            self.outside
                .extend(seen.into_iter().map(|(job, at)| (at.min(now), job)));
            for run in new.into_iter().filter(|run| run.scheduled.is_none()) {
                self.pending
                    .extend(run.job.map(|job| (job, (run.trigger, run.metadata))));
            }
            return;
        }
        for (job, elapse) in seen {
            self.seen_to(&job, elapse);
        }
        // Before others end: what waited for that finds the new ones.
        for run in new {
            of_run!(
                info,
                messages::RUN_QUEUED,
                &run,
                "{} is queued, for {}",
                title(&run),
                why(&run)
            );
            self.insert(run);
        }
        for run in ended {
            self.insert_if_new(&run);
            self.concluded(run).await;
        }
    }

    /// Starts a job because something other than time says so.
    pub(super) async fn triggered(
        &mut self,
        name: &JobName,
        trigger: Trigger,
        metadata: serde_json::Map<String, serde_json::Value>,
    ) {
        self.triggered_by(name, trigger, metadata, &daemon()).await;
    }

    /// The same, where somebody tells of it; answers the run that does it.
    pub(super) async fn triggered_by(
        &mut self,
        name: &JobName,
        trigger: Trigger,
        metadata: serde_json::Map<String, serde_json::Value>,
        who: &Who,
    ) -> Option<RunId> {
        let job = self.catalog.jobs.get(name).filter(|job| job.enabled)?;
        let passed_over = |why: &str| {
            tracing::info!(
                MESSAGE_ID = messages::ELAPSE_PASSED_OVER,
                BACKUPD_JOB = %name,
                "the job `{name}` does not start for `{trigger}`: {why}"
            );
        };
        if self.pause_of(name).is_some() {
            passed_over("it is paused");
            return None;
        }
        let mut run = self.automatic_run(job, trigger);
        run.metadata.extend(metadata.clone());
        let active = self.active_run(name).map(|run| (run.id, run.state));
        let mut batch = Batch::default();
        match active {
            Some((id, RunState::Backoff)) => self.supersede(id, &mut batch),
            Some((id, state)) if state.has_worker() => {
                // What changed after it was read is in none of its snapshots.
                if job.conflict == Conflict::Skip && trigger != Trigger::PathChange {
                    passed_over("a run of it is at work");
                } else {
                    self.pending.insert(name.clone(), (trigger, metadata));
                }
                return Some(id);
            }
            Some((id, _)) => return Some(id),
            None => {}
        }
        let id = run.id;
        batch.new.push(run);
        self.keep(batch, who).await;
        self.pump().await;
        self.runs.contains_key(&id).then_some(id)
    }

    /// Nobody is at work for a job any more: an elapse that had to wait for that is looked at.
    pub(super) fn after_work_of(&mut self, name: &JobName) {
        if self.after_active.contains(name) {
            self.agenda
                .set(Appointment::Elapse(name.clone()), Some(self.parts.clock.now()));
        }
    }

    /// A run of a job is over: what had to wait for that is looked at.
    pub(super) async fn after_end_of(&mut self, name: &JobName) {
        self.after_work_of(name);
        if let Some((trigger, metadata)) = self.pending.remove(name) {
            Box::pin(self.triggered(name, trigger, metadata)).await;
        }
    }

    /// Starts what was triggered and could not be kept.
    pub(super) async fn start_pending(&mut self) {
        let waiting = self.pending.keys().filter(|job| !self.active.contains_key(*job));
        for job in waiting.cloned().collect::<Vec<_>>() {
            if let Some((trigger, metadata)) = self.pending.remove(&job) {
                self.triggered(&job, trigger, metadata).await;
            }
        }
    }

    /// Makes the appointment for the next attempt of a run.
    pub(super) fn appoint_attempt(&mut self, id: RunId) {
        let at = self.runs.get(&id).and_then(|live| self.attempt_at(&live.run));
        // One that has come waits for something else by now, and must not hide what is to come.
        let at = at.filter(|at| *at > self.parts.clock.now());
        self.agenda.set(Appointment::Attempt(id), at);
    }

    /// When the next attempt of a run is: never further away than the longest wait, wherever the clock was set to.
    pub(super) fn attempt_at(&self, run: &Run) -> Option<Timestamp> {
        let (at, retry) = run.next_attempt.zip(run.retry.as_ref())?;
        let now = self.parts.clock.now();
        let latest = now.checked_add(retry.maximum).ok()?;
        Some(if at <= latest { at } else { now })
    }

    /// A pause has ended, or was ended.
    pub(super) fn agree_again(&mut self, job: Option<&JobName>) {
        let names: Vec<JobName> = match job {
            Some(job) => vec![job.clone()],
            None => self.catalog.jobs.keys().cloned().collect(),
        };
        for name in names {
            self.agree(&name);
        }
    }
}

fn window_of(schedule: &Schedule) -> Option<RunWindow> {
    let window = schedule.window.clone()?;
    let zone = schedule
        .zone
        .as_ref()
        .and_then(TimeZone::iana_name)
        .map(str::to_owned);
    Some(RunWindow { window, zone })
}

fn why(run: &Run) -> String {
    match run.scheduled {
        Some(at) if run.trigger == Trigger::CatchUp => format!("{at}, which was missed"),
        Some(at) => at.to_string(),
        None => run.trigger.to_string(),
    }
}

#[cfg(test)]
mod tests;
