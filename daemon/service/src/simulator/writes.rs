//! What each write must be.

use std::collections::{BTreeMap, BTreeSet};

use backupd_core::{
    name::{JobName, RunId},
    run::{Operation, Run, RunResult, RunState, Trigger},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    ground::{Age, Ground},
    memory::Disk,
    world::World,
};
use crate::ports::Clock as _;

/// What was seen of runs beside their records.
#[derive(Default)]
pub(super) struct Witness {
    /// When the next attempt of a run comes that waits for it.
    pub(super) backs_off: BTreeMap<RunId, Age>,
    /// When the clock was last set, and set back.
    stepped: Age,
    pub(super) set_back: Age,
    /// What the clock has shown twice.
    twice: Vec<(Timestamp, Timestamp)>,
    /// When the first run for an elapse was made.
    scheduled: BTreeMap<(JobName, Timestamp), Age>,
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

/// A clock that is set by less is taken for one that goes wrong a little.
const STEP: SignedDuration = SignedDuration::from_secs(2);

impl Witness {
    /// The clock was set by so much: that leaves waits alone, but where nobody can tell.
    pub(super) fn step(&mut self, before: Timestamp, now: Timestamp, age: Age) {
        let moved = now.duration_since(before);
        self.stepped = age;
        self.twice.extend((now < before).then_some((now, before)));
        for comes in self.backs_off.values_mut().filter(|_| moved.abs() < STEP) {
            *comes -= moved;
        }
    }

    /// A daemon starts. One that cannot know that the clock was set judges by what it shows now; no wait is longer than
    /// the longest.
    pub(super) fn judge_waits(&mut self, disk: &Disk, ground: &Ground, knows: bool) {
        for (id, comes) in &mut self.backs_off {
            let Some(run) = disk.runs.get(id) else { continue };
            *comes = if knows { *comes } else { comes_by(run, ground) };
            let longest = run.retry.as_ref().map(|retry| retry.maximum);
            if Some(*comes - ground.age()) > longest {
                *comes = ground.age();
            }
        }
    }
}

/// When the next attempt of a run comes by the clock as it is now.
fn comes_by(run: &Run, ground: &Ground) -> Age {
    let left = run.next_attempt.map(|at| at.duration_since(ground.now()));
    ground.age() + left.unwrap_or_default()
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
                self.look_at_attempt(&job, &run);
            }
            if run.state == RunState::Backoff {
                let waited = before
                    .as_ref()
                    .is_some_and(|before| before.state == RunState::Backoff);
                self.look_at_backoff(&run, waited);
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

    /// The clock was set back over more than one elapse of a job, or the job counts from now on: what it was ahead of comes
    /// again.
    pub(super) fn allow_again(&mut self, job: &JobName, from: Timestamp) {
        let stays = |of: &JobName, elapse: Timestamp| of != job || elapse <= from;
        self.witness
            .scheduled
            .retain(|(of, elapse), _| stays(of, *elapse));
    }

    /// The machine is in another zone, and of the times that the clock showed before it was set back others elapse.
    pub(super) fn allow_all_again(&mut self, job: &JobName) {
        let set_back = self.witness.set_back;
        self.witness
            .scheduled
            .retain(|(of, _), first| of != job || *first >= set_back);
    }

    fn look_at_attempt(&mut self, job: &JobName, run: &Run) {
        let age = self.machine.ground.age();
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
        if let Some(comes) = self.witness.backs_off.get(&run.id)
            && *comes > age
        {
            self.wrong(format!(
                "{} is tried again at {age:?} and not at {comes:?}",
                run.id
            ));
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

    /// A run waits for its next attempt, or `waited` for it already.
    fn look_at_backoff(&mut self, run: &Run, waited: bool) {
        let comes = comes_by(run, &self.machine.ground);
        if waited {
            let (before, age) = (self.witness.backs_off.get(&run.id), self.machine.ground.age());
            // What has come has come.
            if before.map(|before| (*before).max(age)) != Some(comes.max(age)) {
                self.wrong(format!(
                    "{} is tried again at {comes:?} and not at {before:?}",
                    run.id
                ));
            }
            return;
        }
        self.witness.backs_off.insert(run.id, comes);
        let (Some(at), Some(retry), Some(last)) = (run.next_attempt, &run.retry, run.attempts.last()) else {
            self.wrong(format!("{} waits for no attempt", run.id));
            return;
        };
        let (age, now) = (self.machine.ground.age(), self.machine.ground.now());
        let Some(finished) = last.finished else {
            self.wrong(format!("{} waits for an attempt while it is at work", run.id));
            return;
        };
        // What ended before the clock was set did so by another clock.
        let since_set = SignedDuration::ZERO..age - self.witness.stepped;
        let is_of_this_clock = since_set.contains(&now.duration_since(finished))
            && !self
                .witness
                .twice
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&finished));
        let wait = at.duration_since(if is_of_this_clock { finished } else { now });
        if wait > retry.maximum || is_of_this_clock && wait <= SignedDuration::ZERO {
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
