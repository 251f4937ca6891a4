//! What must hold whenever the coordinator has nothing left to do, and what each write must be.

use std::collections::BTreeMap;

use backupd_core::{
    health::Health,
    name::{JobName, RunId},
    run::{Operation, Run, RunResult, RunState, Trigger},
    zones,
};
use jiff::{SignedDuration, Timestamp};

use super::{ground::Age, world::World};
use crate::ports::Clock as _;

/// The store is tried again after ten seconds.
const STORE_AGAIN: SignedDuration = SignedDuration::from_secs(11);

/// What was seen of runs beside their records.
#[derive(Default)]
pub(super) struct Witness {
    /// Since when a run waits for its next attempt.
    backs_off: BTreeMap<RunId, Age>,
    /// When the first run for an elapse was made.
    scheduled: BTreeMap<(JobName, Timestamp), Age>,
    /// How often the clock was set.
    pub(super) steps: u64,
    /// The last telling result of each job, and its last good end.
    told: BTreeMap<JobName, (Option<RunResult>, Option<Timestamp>)>,
    /// When a run of the job last began.
    pub(super) began: BTreeMap<JobName, Age>,
    pub(super) writes: u64,
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
        let others = |disk: &super::memory::Disk| {
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
        if stands
            && !was_at_work
            && let Some(account) = self.accounts.get_mut(job)
        {
            account.owed = None;
        }
    }

    /// Looks at everything; the coordinator has nothing left to do.
    pub(super) fn look(&mut self) {
        self.keep_accounts();
        self.look_at_writes();
        if self.daemon.is_none() || self.asleep || self.is_impaired() {
            return;
        }
        let unfinished: Vec<Run> = {
            let disk = self.machine.memory.disk();
            let unfinished = disk.runs.values().filter(|run| run.state != RunState::Finished);
            unfinished.cloned().collect()
        };
        self.look_at_alarm(&unfinished);
        for run in &unfinished {
            self.look_at_run(run, &unfinished);
        }
        let names: Vec<JobName> = self.accounts.keys().cloned().collect();
        for name in names {
            self.look_at_debt(&name, &unfinished);
            self.look_at_health(&name, &unfinished);
        }
    }

    fn look_at_alarm(&self, unfinished: &[Run]) {
        let Some(daemon) = &self.daemon else { return };
        let (now, wanted) = (self.machine.ground.now(), daemon.wanted());
        if wanted.is_some_and(|at| at <= now) {
            let what = daemon.coordinator.first_appointment();
            self.wrong(format!("the alarm is for {wanted:?}, which has passed: {what:?}"));
        }
        for (name, account) in &self.accounts {
            // What comes while a run is at work is looked at when that is over.
            let of_job = |run: &&Run| run.job.as_ref() == Some(name);
            if unfinished.iter().filter(of_job).any(|run| run.state.has_worker()) {
                continue;
            }
            let next = account
                .next
                .filter(|_| account.job.enabled && !self.is_paused(name));
            if let Some(next) = next
                && account.owed.is_none()
                && wanted.is_none_or(|at| at > next)
                && self.machine.ground.age() - self.disturbed > account.settle()
                && !account.may_forgive(next)
            {
                self.wrong(format!(
                    "`{name}` elapses at {next}, and the alarm is for {wanted:?}"
                ));
            }
        }
    }

    /// A run that is not over is at work, or has a reason not to be.
    fn look_at_run(&self, run: &Run, unfinished: &[Run]) {
        let (job, attempt) = (run.job.as_ref().unwrap(), run.attempts.last());
        let engine = &self.machine.engine;
        if run.state.has_worker() {
            let number = attempt.map_or(0, |attempt| attempt.number);
            if !engine.will_tell(run.id, number) && !self.is_replayed(run.id, number) {
                self.wrong(format!("{} is said to be at work, and nobody is", run.id));
            }
            let stops = self
                .job_of(job)
                .is_some_and(|job| job.conditions.when_lost == backupd_core::condition::WhenLost::Stop);
            let lost = !self.is_open(run) || self.lost(job).is_some();
            if run.trigger != Trigger::Manual
                && stops
                && lost
                && run.state == RunState::Running
                && !engine.stops(run.id, number)
            {
                self.wrong(format!("{} has lost what it needs, and goes on", run.id));
            }
            return;
        }
        if self.held(run, unfinished).is_none() {
            self.wrong(format!(
                "{} of `{job}` is {} and could start: {:?}",
                run.id, run.state, run.blocked_by
            ));
        }
    }

    /// Why a run that has no worker may have none.
    fn held(&self, run: &Run, unfinished: &[Run]) -> Option<&'static str> {
        let ground = &self.machine.ground;
        if run.state == RunState::Backoff {
            let since = self.witness.backs_off.get(&run.id);
            let waits = since.map_or(SignedDuration::ZERO, |since| ground.age() - *since);
            let maximum = run
                .retry
                .as_ref()
                .map_or(SignedDuration::ZERO, |retry| retry.maximum);
            let coming = run.next_attempt.is_some_and(|at| at > ground.now());
            if coming && waits <= maximum + SignedDuration::from_secs(1) {
                return Some("backs off");
            }
        }
        let job = run.job.as_ref()?;
        let daemon = self.daemon.as_ref()?;
        if daemon.coordinator.configured().0.faulty.contains(job) {
            return Some("broken");
        }
        if run.trigger != Trigger::Manual {
            if self.is_paused(job) {
                return Some("paused");
            }
            if !self.is_open(run) {
                return Some("window");
            }
            if self.missing(job).is_some() {
                return Some("conditions");
            }
        }
        let at_work = unfinished.iter().filter(|other| other.state.has_worker());
        if at_work.count() >= self.limit {
            return Some("full");
        }
        let after = self.job_of(job).map(|job| job.after.clone()).unwrap_or_default();
        let waits_for = |other: &&Run| other.job.as_ref().is_some_and(|job| after.contains(job));
        let mut before = unfinished.iter().filter(waits_for);
        before
            .any(|other| {
                other.state.has_worker()
                    || !matches!(
                        self.held(other, unfinished),
                        Some("backs off" | "broken" | "paused" | "window" | "conditions")
                    )
            })
            .then_some("after")
    }

    fn look_at_debt(&mut self, name: &JobName, unfinished: &[Run]) {
        let (age, now) = (self.machine.ground.age(), self.machine.ground.now());
        let Some(account) = self.accounts.get(name) else {
            return;
        };
        let Some(owed) = account.owed else { return };
        let run = unfinished.iter().find(|run| run.job.as_ref() == Some(name));
        let excused = !account.job.enabled
            || self.is_paused(name)
            || age - self.disturbed <= account.settle() + SignedDuration::from_secs(1)
            // Whether it could start has been looked at.
            || run.is_some();
        if excused {
            return;
        }
        let late = age - owed.since > SignedDuration::from_mins(1)
            || now.duration_since(owed.elapse) > SignedDuration::from_mins(1);
        if late && account.passes_over() {
            if let Some(account) = self.accounts.get_mut(name) {
                account.owed = None;
            }
            return;
        }
        let schedules: Vec<&str> = account
            .job
            .schedules
            .iter()
            .map(|schedule| schedule.text.as_str())
            .collect();
        self.wrong(format!(
            "`{name}` ({schedules:?}) has not run for {}, and nothing holds it",
            owed.elapse
        ));
    }

    fn look_at_health(&self, name: &JobName, unfinished: &[Run]) {
        let now = self.machine.ground.now();
        let Some(view) = self.daemon.as_ref().and_then(|daemon| daemon.job(name)) else {
            self.wrong(format!("`{name}` is not shown"));
            return;
        };
        let (told, good) = self.witness.told.get(name).copied().unwrap_or_default();
        let known = self.machine.memory.disk().known_since(name);
        let late = good
            .or(known)
            .zip(view.max_age)
            .is_some_and(|(from, max)| from + max <= now);
        let well = matches!(view.health, Health::Ok | Health::Paused | Health::NeverRan);
        if well && late {
            self.wrong(format!("`{name}` is {:?} and late since {good:?}", view.health));
        }
        if well && told.is_some_and(|result| !result.is_good()) {
            self.wrong(format!("`{name}` is {:?} after {told:?}", view.health));
        }
        if view.health == Health::Ok && self.is_paused(name) {
            self.wrong(format!("`{name}` is paused and said to be well"));
        }
        let active = unfinished.iter().find(|run| run.job.as_ref() == Some(name));
        if view.active_run != active.map(|run| run.id) {
            self.wrong(format!("`{name}` shows the run {:?}", view.active_run));
        }
    }

    /// What only the end shows.
    pub(super) fn look_at_end_of_life(&mut self) {
        let age = self.machine.ground.age();
        let Some(daemon) = &self.daemon else { return };
        let sizes = daemon.coordinator.sizes();
        let jobs = self.accounts.len();
        let unfinished = sizes["unfinished"];
        let bounds = [
            ("plans", jobs),
            ("histories", jobs),
            ("bad", jobs),
            ("active", jobs),
            ("after_active", jobs),
            ("pending", jobs),
            ("outside", jobs),
            ("pauses", self.known_jobs + 1),
            ("told_overridden", unfinished),
            ("standings", sizes["wanted_conditions"]),
            ("agenda", 2 * jobs + 2 * unfinished + sizes["pauses"] + 1),
            ("unsaved", 0),
            ("unread", 0),
            ("published", sizes["runs"] + jobs + self.life.repositories + 1),
            ("runs", unfinished + self.known_jobs * 25),
        ];
        for (name, bound) in bounds {
            if sizes[name] > bound {
                self.wrong(format!("`{name}` holds {} where {bound} are enough", sizes[name]));
            }
        }
        if daemon.objects() != sizes["published"] {
            self.wrong("what is shown is not what is published");
        }
        for (name, account) in &self.accounts {
            let began = self.witness.began.get(name);
            let frequent = account.is_daily();
            let ran = began.is_some_and(|began| age - *began < SignedDuration::from_hours(50));
            if account.job.enabled && frequent && !ran {
                self.wrong(format!("`{name}` has not run in two quiet days"));
            }
        }
    }

    pub(super) fn wrong(&self, what: impl Into<String>) {
        self.machine.ground.wrong(what);
    }

    fn is_impaired(&self) -> bool {
        let disk = self.machine.memory.disk();
        let age = self.machine.ground.age();
        disk.full || disk.trouble.is_some_and(|since| age - since <= STORE_AGAIN)
    }

    fn is_paused(&self, job: &JobName) -> bool {
        let now = self.machine.ground.now();
        let disk = self.machine.memory.disk();
        let mut pauses = [None, Some(job.clone())].into_iter();
        pauses.any(|of| disk.pauses.get(&of).is_some_and(|pause| !pause.is_over(now)))
    }

    fn is_open(&self, run: &Run) -> bool {
        run.window.as_ref().is_none_or(|window| {
            let named = window.zone.as_deref().and_then(zones::get);
            let zone = named.unwrap_or_else(|| self.local());
            window.window.contains(self.machine.ground.now(), &zone)
        })
    }

    /// A condition of which the daemon had not been told that it holds.
    fn was_missing(&self, job: &JobName) -> Option<String> {
        let conditions = self.machine.conditions.lock().unwrap();
        let required = &self.job_of(job)?.conditions.all;
        let missing = required
            .iter()
            .find(|one| conditions.last_told.get(one) != Some(&true));
        missing.map(ToString::to_string)
    }

    /// A condition of which the daemon was not told that it holds, though it asked.
    fn missing(&self, job: &JobName) -> Option<String> {
        let conditions = self.machine.conditions.lock().unwrap();
        let required = &self.job_of(job)?.conditions.all;
        let missing = required
            .iter()
            .find(|one| conditions.told.get(one) != Some(&true) && conditions.wanted.contains(*one));
        missing.map(ToString::to_string)
    }

    /// A condition of which the daemon was told that it does not hold.
    fn lost(&self, job: &JobName) -> Option<String> {
        let conditions = self.machine.conditions.lock().unwrap();
        let required = &self.job_of(job)?.conditions.all;
        let lost = required
            .iter()
            .find(|one| conditions.told.get(one) == Some(&false));
        lost.map(ToString::to_string)
    }
}
