//! What a wake-up works on: that which has come, and no more.

use std::collections::BTreeSet;

use backupd_core::{
    name::{JobName, RunId},
    run::{Run, RunEvent, RunState, Trigger},
};
use jiff::SignedDuration;

use super::{Coordinator, agenda::Appointment};

/// How long to wait for a store that refused something.
pub(super) const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// Runs that the machine began and that could start, were there a place. What is due beyond that waits outside of the
/// queue: nothing is lost, and a night of ten thousand jobs is not written down ten thousand times at once.
pub(super) const MOST_READY: usize = 100;

/// The same, with those that wait for a disk, a network or a time: they take no place from others.
const MOST_AUTOMATIC: usize = 1000;

impl Coordinator {
    /// Sees to everything that has come.
    pub(super) async fn attend(&mut self) {
        let mut pump = self.look_at_clock().await;
        if pump {
            self.look_at_windows().await;
        }
        let outside = self.take_room();
        let mut elapsed = outside.clone();
        let mut cares = BTreeSet::new();
        let due = self.agenda.take_due(self.parts.clock.now());
        for appointment in due {
            match appointment {
                Appointment::Elapse(job) => drop(elapsed.insert(job)),
                Appointment::Trigger(job) => {
                    self.start_pending(&job).await;
                    pump = true;
                }
                Appointment::Care(key) => drop(cares.insert(key)),
                Appointment::CareLate(key) => self.touch_repository(&key.repository),
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
        if !cares.is_empty() {
            Box::pin(self.cares_elapse(cares)).await;
        }
        if !elapsed.is_empty() {
            Box::pin(self.elapse(elapsed, &outside)).await;
        } else if pump {
            self.pump().await;
        }
    }

    /// Jobs that are due and were kept outside of the queue, as many as there is room for now.
    fn take_room(&mut self) -> BTreeSet<JobName> {
        let mut jobs = BTreeSet::new();
        if self.outside.first().is_none() {
            return jobs;
        }
        let room = self.room();
        while jobs.len() < room
            && let Some((_, Appointment::Elapse(job))) = self.outside.pop()
        {
            jobs.insert(job);
        }
        jobs
    }

    /// How many more runs may be queued by the machine.
    pub(super) fn room(&self) -> usize {
        let now = self.parts.clock.now();
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        let automatic = unfinished
            .map(|live| &live.run)
            .filter(|run| run.trigger != Trigger::Manual);
        let (mut all, mut ready) = (0_usize, 0_usize);
        for run in automatic {
            all += 1;
            ready += usize::from(run.state.has_worker() || self.holds(run, now).is_empty());
        }
        MOST_READY
            .saturating_sub(ready)
            .min(MOST_AUTOMATIC.saturating_sub(all))
    }

    /// Makes the appointment for the next attempt of a run.
    pub(super) fn appoint_attempt(&mut self, id: RunId) {
        let at = self.runs.get(&id).and_then(|live| live.run.next_attempt);
        // One that has come waits for something else by now, and must not hide what is to come.
        let at = at.filter(|at| *at > self.parts.clock.now());
        self.agenda.set(Appointment::Attempt(id), at);
    }

    /// The clock was set by so much: what waits for its next attempt waits as long as it would have, and what has waited
    /// for long enough does not wait again.
    pub(super) async fn move_attempts(&mut self, moved: SignedDuration) {
        let now = self.parts.clock.now();
        let waits = |id: &RunId| {
            let run = self.runs.get(id).map(|live| &live.run)?;
            (run.state == RunState::Backoff).then(|| Run::clone(run))
        };
        let waiting: Vec<Run> = self.unfinished.iter().filter_map(waits).collect();
        for mut run in waiting {
            let (id, before) = (run.id, run.next_attempt);
            let _ = run.apply(RunEvent::ClockSet(moved), now);
            // No wait is longer than the longest: the clock was set while nobody was there.
            let ahead = run.next_attempt.map(|at| at.duration_since(now));
            let longest = run.retry.as_ref().map(|retry| retry.maximum);
            if let Some(ahead) = ahead.filter(|ahead| Some(*ahead) > longest) {
                let _ = run.apply(RunEvent::ClockSet(-ahead), now);
            }
            if run.next_attempt != before {
                self.save(&run, None).await;
                self.put_back(run);
            }
            self.appoint_attempt(id);
        }
    }

    /// A pause has ended, or was ended.
    pub(super) fn agree_again(&mut self, job: Option<&JobName>) {
        self.agree_on_cares();
        let names: Vec<JobName> = match job {
            Some(job) => vec![job.clone()],
            None => self.catalog.jobs.keys().cloned().collect(),
        };
        for name in names {
            self.agree(&name);
        }
    }
}
