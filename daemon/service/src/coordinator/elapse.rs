//! What becomes of an elapse: a run, or a reason why there is none.

use std::collections::BTreeSet;

use backupd_core::{
    audit::{Entry, Who},
    config::Job,
    name::{JobName, RunId},
    retry::Retry,
    run::{Operation, Run, RunEvent, RunState, RunWindow, Trigger},
    schedule::{Conflict, Elapse, Schedule},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    Coordinator,
    agenda::Appointment,
    record::{accepted, accepting},
    start::title,
    triggers::is_kept_in_mind,
};
use crate::{
    audit::daemon,
    journal::{messages, of_run},
    ports::{StoreError, Subject},
};

/// An elapse that is seen to later than this was missed.
pub(super) const ON_TIME: SignedDuration = SignedDuration::from_mins(1);

/// What is to be kept in one go.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) new: Vec<Run>,
    /// Runs that end by it.
    ended: Vec<Run>,
    /// Elapses that are seen to.
    pub(super) seen: Vec<(Subject, Timestamp)>,
    entries: Vec<Entry>,
}

impl Coordinator {
    /// Sees to the elapses of jobs.
    ///
    /// `outside` are those among them for which there was no room when they were due.
    pub(super) async fn elapse(&mut self, jobs: BTreeSet<JobName>, outside: &BTreeSet<JobName>) {
        let mut batch = Batch::default();
        let mut room = self.room();
        for job in jobs {
            let was_outside = outside.contains(&job);
            self.see_to(&job, was_outside, &mut room, &mut batch).await;
        }
        // What could not be kept is told, and tried again.
        let _ = self.keep(batch, &daemon()).await;
        self.pump().await;
    }

    async fn see_to(&mut self, name: &JobName, was_outside: bool, room: &mut usize, batch: &mut Batch) {
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
        // Nobody who waits for others has missed anything. What does not catch up was on time, or it were not outside.
        let last = job.schedules.get(due.last.schedule);
        let waited =
            self.after_active.contains(name) || was_outside && last.is_some_and(|last| !last.catch_up);
        let missed = now.duration_since(due.last.at) > ON_TIME && !waited;
        let Some(elapse) = Some(due.last).filter(|_| !missed).or(due.catch_up) else {
            tracing::info!(
                MESSAGE_ID = messages::ELAPSE_PASSED_OVER,
                BACKUPD_JOB = %name,
                "the job `{name}` was to run at {}, which was missed, and its schedule does not catch up",
                due.last.at
            );
            batch.seen.push((Subject::Job(name.clone()), due.last.at));
            return;
        };
        let Some(schedule) = job.schedules.get(elapse.schedule) else {
            return;
        };
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
                self.see_to_beside(name, id, conflict, elapse, batch).await;
                return;
            }
            // It takes the place of the next attempt, and its place in the queue; but for one that came during the last
            // attempt: the next does what it asks for.
            Some((id, RunState::Backoff)) if !self.came_before_end(id, elapse.at) => {
                self.supersede(id, batch);
                *room += 1;
            }
            // One that may be given up before it does so.
            Some((id, RunState::Backoff)) if self.has_deadline(id) => {
                let next = timetable.next_after(now).map(|next| next.at);
                self.after_active.insert(name.clone());
                // The next one takes the place of its next attempt.
                self.agenda.set(Appointment::Elapse(name.clone()), next);
                return;
            }
            // One that has not begun does what the elapse asks for.
            Some(_) => {
                batch.seen.push((Subject::Job(name.clone()), elapse.at));
                return;
            }
            None => {}
        }
        if *room == 0 {
            self.outside
                .set(Appointment::Elapse(name.clone()), Some(elapse.at));
            self.touch_job(name);
            return;
        }
        *room -= 1;
        if let Some(run) = self.scheduled_run(name, trigger, elapse) {
            batch.new.push(run);
        }
    }

    /// An elapse while a run of the job is at work.
    async fn see_to_beside(
        &mut self,
        name: &JobName,
        active: RunId,
        conflict: Conflict,
        elapse: Elapse,
        batch: &mut Batch,
    ) {
        match conflict {
            Conflict::Queue => drop(self.after_active.insert(name.clone())),
            Conflict::Skip => {
                let Some(mut run) = self.scheduled_run(name, Trigger::Schedule, elapse) else {
                    return;
                };
                let reason = format!("run {active} of the job was still at work, and `conflict` is `skip`");
                if run.apply(RunEvent::Skip(reason), self.parts.clock.now()).is_ok() {
                    let entry = self.end(&mut run);
                    batch.entries.push(entry);
                    batch.seen.push((Subject::Job(name.clone()), elapse.at));
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

    fn has_deadline(&self, id: RunId) -> bool {
        let retry = self.runs.get(&id).and_then(|live| live.run.retry.as_ref());
        retry.is_some_and(|retry| retry.deadline.is_some())
    }

    /// An attempt that begins does what an elapse asks for that has waited for it.
    pub(super) async fn attempt_sees_to(&mut self, run: &Run) {
        let waits = |name: &&JobName| run.operation == Operation::Backup && self.after_active.contains(*name);
        let Some(name) = run.job.as_ref().filter(waits) else {
            return;
        };
        let Some((job, plan)) = self.catalog.jobs.get(name).zip(self.plans.get(name)) else {
            return;
        };
        let due = self
            .timetable(job, plan.seed)
            .due(plan.cursor, self.parts.clock.now());
        let batch = Batch {
            seen: due
                .into_iter()
                .map(|due| (Subject::Job(name.clone()), due.last.at))
                .collect(),
            ..Batch::default()
        };
        // What could not be kept is told, and looked at again.
        let _ = self.keep(batch, &daemon()).await;
    }

    pub(super) fn supersede(&self, id: RunId, batch: &mut Batch) {
        let Some(live) = self.runs.get(&id) else { return };
        let mut run = Run::clone(&live.run);
        if run.apply(RunEvent::Supersede, self.parts.clock.now()).is_ok() {
            let entry = self.end(&mut run);
            batch.entries.push(entry);
            batch.ended.push(run);
        }
    }

    fn scheduled_run(&self, name: &JobName, trigger: Trigger, elapse: Elapse) -> Option<Run> {
        let job = self.catalog.jobs.get(name)?;
        let mut run = self.automatic_run(job, trigger);
        run.scheduled = Some(elapse.at);
        run.window = job.schedules.get(elapse.schedule).and_then(window_of);
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

    /// Keeps what follows from elapses and triggers, and takes it over; where it cannot be kept, what the machine wanted is
    /// looked at again, and who asked is told.
    pub(super) async fn keep(&mut self, batch: Batch, who: &Who) -> Result<(), StoreError> {
        let Batch {
            new,
            ended,
            mut seen,
            mut entries,
        } = batch;
        if new.is_empty() && ended.is_empty() && seen.is_empty() {
            return Ok(());
        }
        if !new.is_empty() {
            self.save_unsaved().await;
        }
        for run in &new {
            entries.push(accepted(self.entry(accepting(run.operation), who), run));
            // What else is scheduled for a job says so itself.
            let backup = Some(run).filter(|run| run.operation == Operation::Backup);
            let seen_to = backup.and_then(|run| Some((Subject::Job(run.job.clone()?), run.scheduled?)));
            seen.extend(seen_to);
        }
        let kept: Vec<Run> = new.iter().chain(&ended).cloned().collect();
        if let Err(error) = self.parts.store.schedule(kept, seen.clone(), entries).await {
            tracing::error!(
                MESSAGE_ID = messages::STORE_TROUBLE,
                "what is due cannot be kept in the store, and does not start: {error}"
            );
            self.trouble_with_store(error.to_string());
            let now = self.parts.clock.now();
            for (subject, at) in seen {
                if let Subject::Job(job) = subject {
                    self.outside.set(Appointment::Elapse(job), Some(at.min(now)));
                }
            }
            for run in new.into_iter().filter(|run| is_kept_in_mind(run.trigger)) {
                self.pending
                    .extend(run.job.map(|job| (job, (run.trigger, run.metadata))));
            }
            return Err(error);
        }
        for (subject, elapse) in seen {
            match subject {
                Subject::Job(job) => self.seen_to(&job, elapse),
                Subject::Care(key) => self.care_seen_to(&key, elapse),
            }
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
            // It begins after whatever else asked for a run.
            if let Some(job) = run.job.as_ref().filter(|_| run.operation == Operation::Backup) {
                self.pending.remove(job);
            }
            self.insert(run);
        }
        for run in ended {
            self.insert_if_new(&run);
            self.concluded(run).await;
        }
        Ok(())
    }
}

pub(super) fn window_of(schedule: &Schedule) -> Option<RunWindow> {
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
