//! What starts jobs beside time and people.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use backupd_core::{
    audit::Who,
    condition::{Condition, Standing},
    config::Job,
    name::{JobName, RunId},
    protocol::{WatchWork, Work},
    run::{PowerUse, Run, RunEvent, RunState, Trigger},
};
use serde_json::{Map, Value};

use super::{Coordinator, agenda::Appointment, elapse::Batch, holds::Hold, refusal::Refusal};
use crate::{
    audit::daemon,
    journal::messages,
    ports::{Pending, Watch},
};

/// What keeps runs from beginning, and may cut off those at work.
pub(super) const GOES_DOWN: &str = "the machine is going down";

/// What is waited for, and who for.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    devices: BTreeMap<Condition, BTreeSet<JobName>>,
    shutdown: bool,
}

impl Coordinator {
    /// Says what is to be watched for.
    pub(super) fn want_triggers(&mut self) {
        if !std::mem::take(&mut self.rewatch) {
            return;
        }
        let mut awaited = Awaited::default();
        let mut watches = BTreeMap::new();
        for job in self.catalog.jobs.values().filter(|job| job.enabled) {
            awaited.shutdown |= job.triggers.shutdown;
            for device in &job.triggers.devices {
                let jobs = awaited.devices.entry(Condition::Device(device.clone()));
                jobs.or_default().insert(job.name.clone());
            }
            if let Some(watch) = self.watch_of(job) {
                watches.insert(job.name.clone(), watch);
            }
        }
        let gone: Vec<JobName> = self
            .unwatched
            .keys()
            .filter(|job| !watches.contains_key(*job))
            .cloned()
            .collect();
        for job in gone {
            self.unwatched(job, None);
        }
        self.awaited = awaited;
        self.parts.watcher.want(watches);
    }

    /// What is watched of a job. Of one that is paused nothing: what changes meanwhile is found afterwards.
    fn watch_of(&self, job: &Job) -> Option<Watch> {
        let change = job.triggers.path_change?;
        if self.pause_of(&job.name).is_some() {
            return None;
        }
        let mut spec = self.next_spec(&job.name).ok()?;
        let Work::Backup(backup) = spec.work else {
            return None;
        };
        // The repository changes with each run: that would start the next.
        let own = spec.repository.local_path().into_iter();
        spec.work = Work::Watch(WatchWork {
            backup,
            own: own.chain(spec.repository.cache.clone()).collect(),
            quiet: change.quiet,
            longest: change.distance,
            since: None,
        });
        let history = self.histories.get(&job.name);
        let active = self.active_run(&job.name).and_then(|run| run.started);
        Some(Watch {
            spec,
            distance: change.distance,
            stored: history.and_then(|history| history.good_began),
            began: active.max(history.and_then(|history| history.last_began)),
        })
    }

    /// A run has begun or ended: with it what is stored, and the distance to the next.
    pub(super) fn rewatch_after(&mut self, run: &Run) {
        let job = run.job.as_ref().and_then(|job| self.catalog.jobs.get(job));
        let is_watched = job.is_some_and(|job| job.triggers.path_change.is_some());
        if is_watched && matches!(run.state, RunState::Starting | RunState::Finished) {
            self.rewatch = true;
        }
    }

    /// Devices that start jobs when they come.
    pub(super) fn awaited_devices(&self) -> impl Iterator<Item = &Condition> {
        self.awaited.devices.keys()
    }

    /// Jobs of devices that were not there when they were last looked at, and are now.
    pub(super) fn arrivals(&self, standings: &BTreeMap<Condition, Standing>) -> Vec<(JobName, Condition)> {
        let has_come = |condition: &&Condition| {
            standings.get(condition) == Some(&Standing::Holds)
                && matches!(self.standings.get(condition), Some(Standing::Fails { .. }))
        };
        let devices = self.awaited.devices.iter();
        devices
            .filter(|(condition, _)| has_come(condition))
            .flat_map(|(condition, jobs)| jobs.iter().map(|job| (job.clone(), condition.clone())))
            .collect()
    }

    /// Starts the jobs whose devices have come.
    pub(super) async fn devices_came(&mut self, arrivals: Vec<(JobName, Condition)>) {
        for (job, condition) in arrivals {
            let Condition::Device(path) = condition else {
                continue;
            };
            let metadata = [("device".to_owned(), path.to_string_lossy().into())];
            self.triggered(&job, Trigger::Device, metadata.into_iter().collect())
                .await;
        }
    }

    /// The machine is about to go down: jobs that want it run before, and are waited for as long as logind waits. What
    /// else is at work goes on after the next start if it is cut off, and what waits begins then.
    pub(super) async fn going_down(&mut self, down: bool) {
        if !down {
            if self.departing.take().is_some() {
                self.may_be_cut_off(false).await;
                self.pump().await;
            }
            return;
        }
        self.departing = Some(BTreeSet::new());
        self.may_be_cut_off(true).await;
        let jobs = self.catalog.jobs.values();
        let jobs: BTreeSet<JobName> = jobs
            .filter(|job| job.enabled && job.triggers.shutdown)
            .map(|job| job.name.clone())
            .collect();
        // What cannot be kept is told in the journal; nobody waits for an answer.
        let _ = self
            .trigger_all(&jobs, Trigger::Shutdown, &Map::new(), &daemon())
            .await;
        self.departing = Some(jobs);
    }

    /// Keeps of what is at work whether its end would be the machine's. Its worker is told nothing: it may yet be done.
    async fn may_be_cut_off(&mut self, down: bool) {
        let event = || {
            if down {
                RunEvent::MakeWay(GOES_DOWN.to_owned())
            } else {
                RunEvent::GoOn
            }
        };
        let concerned = |run: &&Run| {
            run.state.has_worker()
                && run.operation.power_use() == PowerUse::Delay
                && !is_for_a_moment(run.trigger)
                && (down || run.makes_way.as_deref() == Some(GOES_DOWN))
        };
        let at_work = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        let at_work: Vec<Run> = at_work
            .map(|live| &*live.run)
            .filter(concerned)
            .cloned()
            .collect();
        let now = self.parts.clock.now();
        for mut run in at_work {
            // One that has said how it ended is about to go by itself.
            if run.apply(event(), now) == Ok(true) {
                self.save(&run, None).await;
                self.put_back(run);
            }
        }
    }

    /// Starts every job whose file says that this starts it; answers their runs.
    pub(super) async fn trigger(
        &mut self,
        trigger: Trigger,
        metadata: &Map<String, Value>,
        who: &Who,
    ) -> Result<Vec<RunId>, Refusal> {
        let waits = |job: &&Arc<Job>| match trigger {
            Trigger::PackageUpgrade => job.triggers.package_upgrade,
            Trigger::Shutdown => job.triggers.shutdown,
            _ => false,
        };
        let jobs = self.catalog.jobs.values().filter(waits);
        let jobs: BTreeSet<JobName> = jobs.map(|job| job.name.clone()).collect();
        self.trigger_all(&jobs, trigger, metadata, who).await
    }

    /// Starts a job because something other than time says so.
    pub(super) async fn triggered(&mut self, job: &JobName, trigger: Trigger, metadata: Map<String, Value>) {
        let jobs = BTreeSet::from([job.clone()]);
        // What cannot be kept is told in the journal, and tried again.
        let _ = self.trigger_all(&jobs, trigger, &metadata, &daemon()).await;
    }

    /// Queues them all before the first starts, so that each waits for those it comes after.
    async fn trigger_all(
        &mut self,
        jobs: &BTreeSet<JobName>,
        trigger: Trigger,
        metadata: &Map<String, Value>,
        who: &Who,
    ) -> Result<Vec<RunId>, Refusal> {
        let mut batch = Batch::default();
        let mut runs = Vec::new();
        for job in jobs {
            runs.extend(self.answer_trigger(job, trigger, metadata, &mut batch).await);
        }
        self.keep(batch, who).await?;
        self.pump().await;
        Ok(runs)
    }

    /// The run that does what a trigger asks of a job.
    async fn answer_trigger(
        &mut self,
        name: &JobName,
        trigger: Trigger,
        metadata: &Map<String, Value>,
        batch: &mut Batch,
    ) -> Option<RunId> {
        let job = self.catalog.jobs.get(name).filter(|job| job.enabled)?;
        let mut run = self.automatic_run(job, trigger);
        run.metadata.extend(metadata.clone());
        if is_for_a_moment(trigger) {
            run.retry = None;
        }
        let passed_over = |why: &str| {
            tracing::info!(
                MESSAGE_ID = messages::ELAPSE_PASSED_OVER,
                BACKUPD_JOB = %name,
                "the job `{name}` does not start for `{trigger}`: {why}"
            );
        };
        if self.pause_of(name).is_some() {
            if is_for_a_moment(trigger) {
                passed_over("it is paused");
            } else {
                self.remind(name, trigger, metadata).await;
            }
            return None;
        }
        let active = self.active_run(name).map(|run| (run.id, run.state));
        // Nobody who wants to change packages waits for mains power.
        if let Some(waiting) = self
            .active_run(name)
            .filter(|run| is_for_a_moment(trigger) && !run.state.has_worker())
        {
            let mut holds = self.holds(waiting, self.parts.clock.now()).into_iter();
            if let Some(hold) = holds.find(Hold::is_condition) {
                passed_over(&format!("run {} of it waits: {}", waiting.id, hold.reason.what));
                return None;
            }
        }
        match active {
            Some((id, RunState::Backoff)) => self.supersede(id, batch),
            Some((id, state)) if state.has_worker() => {
                // What changed after it was read is in none of its snapshots; but who waits for a snapshot of before
                // the change waits for this one.
                if !is_for_a_moment(trigger) {
                    self.remind(name, trigger, metadata).await;
                }
                return Some(id);
            }
            Some((id, _)) => {
                self.note(id, metadata).await;
                return Some(id);
            }
            None => {}
        }
        let id = run.id;
        batch.new.push(run);
        Some(id)
    }

    /// Adds to what is noted with a run.
    async fn note(&mut self, id: RunId, metadata: &Map<String, Value>) {
        let Some(live) = self.runs.get(&id) else { return };
        let mut run = Run::clone(&live.run);
        run.metadata.extend(metadata.clone());
        if run != *live.run {
            self.save(&run, None).await;
            self.put_back(run);
        }
    }

    /// Nobody is at work for a job any more: an elapse that had to wait for that is looked at.
    pub(super) fn after_work_of(&mut self, name: &JobName) {
        if self.after_active.contains(name) {
            self.agenda
                .set(Appointment::Elapse(name.clone()), Some(self.parts.clock.now()));
        }
    }

    /// A run of a job is over: what had to wait for that is looked at.
    pub(super) fn after_end_of(&mut self, name: &JobName) {
        self.after_work_of(name);
        if self.pending.contains_key(name) {
            let trigger = Appointment::Trigger(name.clone());
            self.agenda.set(trigger, Some(self.parts.clock.now()));
        }
    }

    /// What was triggered and could not start is looked at again.
    pub(super) fn rouse_pending(&mut self) {
        for name in self.pending.keys().cloned().collect::<Vec<_>>() {
            self.after_end_of(&name);
        }
    }

    /// Starts what was triggered while it could not start.
    pub(super) async fn start_pending(&mut self, name: &JobName) {
        if self.catalog.faulty.contains(name) {
            return;
        }
        let Some((trigger, metadata)) = self.pending.remove(name) else {
            return;
        };
        self.triggered(name, trigger, metadata).await;
        if !self.pending.contains_key(name) && outlives_daemon(trigger) {
            // A run that waited already does it, or nobody wants it any more.
            self.keep_pending(name, None).await;
        }
    }

    /// Keeps in mind what a job is to start for once it can.
    async fn remind(&mut self, name: &JobName, trigger: Trigger, metadata: &Map<String, Value>) {
        let before = self.pending.get(name).map(|(before, _)| *before);
        if !outlives_daemon(trigger) && before.is_some_and(outlives_daemon) {
            // That run does this one's work as well, and is kept already.
            return;
        }
        let pending = (trigger, metadata.clone());
        if outlives_daemon(trigger) {
            self.keep_pending(name, Some(pending.clone())).await;
        }
        self.pending.insert(name.clone(), pending);
    }

    /// Nobody wants any more what a job was to start for.
    pub(super) async fn let_go_of_pending(&mut self, name: &JobName) {
        let pending = self.pending.remove(name);
        if pending.is_some_and(|(trigger, _)| outlives_daemon(trigger)) {
            self.keep_pending(name, None).await;
        }
    }

    async fn keep_pending(&mut self, name: &JobName, pending: Option<Pending>) {
        if let Err(error) = self.parts.store.keep_pending(name.clone(), pending).await {
            // This daemon knows; the next would start it not at all, or once more.
            tracing::warn!(
                MESSAGE_ID = messages::STORE_TROUBLE,
                BACKUPD_JOB = %name,
                "the store does not know what the job `{name}` is to start for: {error}"
            );
        }
    }

    /// Whether shutdown is to wait for runs that begin then.
    pub(super) fn waits_for_departure(&self) -> bool {
        match &self.departing {
            None => self.awaited.shutdown,
            // One that cannot start is not waited for.
            Some(jobs) => jobs
                .iter()
                .filter_map(|job| self.active_run(job))
                .any(|run| run.state.has_worker() || self.holds(run, self.parts.clock.now()).is_empty()),
        }
    }

    /// Takes why changes of a job's sources are not seen, or that they are.
    pub(super) fn unwatched(&mut self, job: JobName, why: Option<String>) {
        self.touch_job(&job);
        match why {
            Some(why) => drop(self.unwatched.insert(job, why)),
            None => drop(self.unwatched.remove(&job)),
        }
    }
}

/// Whether a snapshot is wanted of now, and of no use later.
pub(super) fn is_for_a_moment(trigger: Trigger) -> bool {
    matches!(trigger, Trigger::PackageUpgrade | Trigger::Shutdown)
}

/// Whether what was triggered and could not be kept is started later: who asked for it was told otherwise.
pub(super) fn is_kept_in_mind(trigger: Trigger) -> bool {
    matches!(trigger, Trigger::PathChange | Trigger::Device)
}

/// Whether what was triggered and could not start is kept for the next daemon. A device comes once; changes of files are
/// found again by whoever watches next.
fn outlives_daemon(trigger: Trigger) -> bool {
    trigger == Trigger::Device
}

#[cfg(test)]
mod tests;
