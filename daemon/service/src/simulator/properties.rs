//! What must hold whenever the coordinator has nothing left to do.

use backupd_core::{
    health::Health,
    name::JobName,
    run::{Run, RunState, Trigger},
};
use jiff::SignedDuration;

use super::world::World;
use crate::ports::Clock as _;

impl World {
    /// Looks at everything; the coordinator has nothing left to do.
    pub(super) fn look(&mut self) {
        self.keep_accounts();
        self.hear();
        self.look_at_writes();
        if self.daemon.is_none() || self.asleep || self.is_impaired() {
            return;
        }
        // What it could not keep it has kept by now, and read what it could not read.
        let unkept = std::mem::take(&mut self.unkept);
        if unkept.blind && unkept.back {
            self.judge_anew();
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
            self.look_at_asked(&name, &unfinished);
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
            // What a run waits for is not kept.
            let daemon = self.daemon.as_ref();
            let known = daemon.and_then(|daemon| daemon.coordinator.run_in_memory(run.id));
            let known = known.map(|known| &known.blocked_by);
            self.wrong(format!(
                "{} of `{job}` is {} and could start: {known:?}",
                run.id, run.state
            ));
        }
    }

    /// Why a run that has no worker may have none.
    fn held(&self, run: &Run, unfinished: &[Run]) -> Option<&'static str> {
        let ground = &self.machine.ground;
        let comes = self.witness.backs_off.get(&run.id);
        if comes.is_some_and(|comes| *comes > ground.age()) {
            return Some("backs off");
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

    /// Notes whose device came to a daemon that lived through it, and could keep that.
    fn hear(&mut self) {
        let asks = self.witness.asks.take();
        let has_heard = self.daemon.is_some() && !self.asleep && !self.is_impaired();
        self.witness.asked.extend(asks.filter(|_| has_heard));
        let (accounts, impaired) = (&self.accounts, self.is_impaired());
        let is_wanted = |name: &JobName| accounts.get(name).is_some_and(|account| account.job.enabled);
        self.witness.asked.retain(|name| is_wanted(name) && !impaired);
    }

    /// A job whose device came has a run, or is paused.
    fn look_at_asked(&self, name: &JobName, unfinished: &[Run]) {
        let has_run = || unfinished.iter().any(|run| run.job.as_ref() == Some(name));
        if self.witness.asked.contains(name) && !self.is_paused(name) && !has_run() {
            self.wrong(format!("`{name}` does not run though its device came"));
        }
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
            // Runs of jobs whose files are broken wait until they are mended, and so does what those start for.
            ("active", self.known_jobs),
            ("after_active", jobs),
            ("pending", self.known_jobs),
            ("outside", jobs),
            ("pauses", self.known_jobs + 1),
            ("told_overridden", unfinished),
            ("standings", sizes["wanted_conditions"]),
            ("agenda", 2 * jobs + 2 * unfinished + sizes["pauses"] + 1),
            ("unsaved", 0),
            ("unmarked", 0),
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
}
