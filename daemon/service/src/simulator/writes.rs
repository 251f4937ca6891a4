//! What each write must be.

use std::collections::{BTreeMap, BTreeSet};

use backupd_core::{
    name::{JobName, RunId},
    run::{Operation, Run, RunResult, RunState, Trigger},
};
use jiff::{SignedDuration, Timestamp};

use super::{ground::Age, memory::Disk, world::World};
use crate::ports::Clock as _;

/// What was seen of runs beside their records.
#[derive(Default)]
pub(super) struct Witness {
    /// Since when a run waits for its next attempt.
    pub(super) backs_off: BTreeMap<RunId, Age>,
    /// When the first run for an elapse was made.
    scheduled: BTreeMap<(JobName, Timestamp), Age>,
    /// How often the clock was set.
    pub(super) steps: u64,
    /// The last telling result of each job, and its last good end.
    pub(super) told: BTreeMap<JobName, (Option<RunResult>, Option<Timestamp>)>,
    /// When a run of the job last began.
    pub(super) began: BTreeMap<JobName, Age>,
    pub(super) writes: u64,
    /// A job whose device has just come; it is asked for once the daemon has seen to that.
    pub(super) asks: Option<JobName>,
    /// Jobs whose device came, and that have not run since.
    pub(super) asked: BTreeSet<JobName>,
}

impl World {
    /// Looks at what was written since the last look.
    pub(super) fn look_at_writes(&mut self) {
        let written = std::mem::take(&mut self.machine.memory.disk().written);
        for (before, run) in written {
            self.witness.writes += 1;
            let result = run.result.map_or("", RunResult::as_str);
            let attempts = run.attempts.len();
            let job = run.job.as_ref().map_or("-", JobName::as_str);
            self.machine.ground.tell(format!(
                "{} {job} {} {} {result} attempts={attempts}",
                run.id, run.trigger, run.state
            ));
            let Some(job) = run.job.clone().filter(|_| run.operation == Operation::Backup) else {
                continue;
            };
            if before.is_none() {
                self.look_at_new(&job, &run);
            }
            let known = before.as_ref().map_or(0, |before| before.attempts.len());
            if attempts > known {
                self.look_at_attempt(&job, before.as_ref(), &run);
            }
            if run.state == RunState::Backoff {
                self.look_at_backoff(&run);
            } else {
                self.witness.backs_off.remove(&run.id);
            }
            if run.state == RunState::Finished {
                self.look_at_end(&job, before.as_ref(), &run);
            }
        }
    }

    fn look_at_new(&mut self, job: &JobName, run: &Run) {
        let age = self.machine.ground.age();
        let others = |disk: &Disk| {
            let unfinished = disk
                .runs
                .values()
                .filter(|other| other.state != RunState::Finished);
            unfinished.filter(|other| other.job.as_ref() == Some(job)).count()
        };
        if others(&self.machine.memory.disk()) > 1 {
            self.wrong(format!("{} is a second run of `{job}` beside another", run.id));
        }
        let Some(elapse) = run.scheduled else { return };
        let first = self.witness.scheduled.insert((job.clone(), elapse), age);
        let Some(first) = first else { return };
        self.wrong(format!(
            "{} of `{job}` is a second run for {elapse}, after one at {first:?}",
            run.id
        ));
    }

    /// The clock was set back over more than one elapse of a job: they come again.
    pub(super) fn allow_again(&mut self, job: &JobName, from: Timestamp) {
        let stays = |of: &JobName, elapse: Timestamp| of != job || elapse <= from;
        self.witness
            .scheduled
            .retain(|(of, elapse), _| stays(of, *elapse));
    }

    fn look_at_attempt(&mut self, job: &JobName, before: Option<&Run>, run: &Run) {
        let (age, now) = (self.machine.ground.age(), self.machine.ground.now());
        self.witness.began.insert(job.clone(), age);
        self.witness.asked.remove(job);
        if let Some(account) = self.accounts.get_mut(job) {
            account.owed = None;
        }
        let counted = run.attempts.iter().filter(|attempt| !attempt.made_way).count();
        let most = run.retry.as_ref().map_or(1, |retry| retry.attempts);
        if counted > most as usize {
            self.wrong(format!("{} has {counted} attempts of {most}", run.id));
        }
        if let Some(at) = before.and_then(|before| before.next_attempt)
            && at > now
            && self.witness.steps == 0
        {
            self.wrong(format!("{} is tried again at {now} and not at {at}", run.id));
        }
        if run.trigger == Trigger::Manual {
            return;
        }
        if self.is_paused(job) {
            self.wrong(format!("{} of `{job}` starts while it is paused", run.id));
        }
        if !self.is_open(run) {
            self.wrong(format!("{} starts while its window is closed", run.id));
        }
        if let Some(missing) = self.was_missing(job) {
            self.wrong(format!("{} starts, and {missing} does not hold", run.id));
        }
    }

    fn look_at_backoff(&mut self, run: &Run) {
        let age = self.machine.ground.age();
        self.witness.backs_off.entry(run.id).or_insert(age);
        let (Some(at), Some(retry), Some(last)) = (run.next_attempt, &run.retry, run.attempts.last()) else {
            self.wrong(format!("{} waits for no attempt", run.id));
            return;
        };
        let wait = last.finished.map(|finished| at.duration_since(finished));
        if wait.is_none_or(|wait| wait > retry.maximum || wait <= SignedDuration::ZERO) {
            self.wrong(format!("{} waits {wait:?} for its next attempt", run.id));
        }
    }

    fn look_at_end(&mut self, job: &JobName, before: Option<&Run>, run: &Run) {
        let told = self.witness.told.entry(job.clone()).or_default();
        let stands = matches!(run.result, Some(RunResult::Cancelled | RunResult::Skipped));
        if !stands {
            told.0 = run.result;
        }
        if run.result.is_some_and(RunResult::is_good) {
            told.1 = run.finished;
        }
        // Somebody did not want it, or it was passed over by rule.
        let was_at_work = before.is_some_and(|before| before.state.has_worker());
        if stands && !was_at_work {
            self.witness.asked.remove(job);
            if let Some(account) = self.accounts.get_mut(job) {
                account.owed = None;
            }
        }
    }
}
