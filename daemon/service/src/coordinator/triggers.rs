//! What starts jobs beside time and people.

use std::collections::{BTreeMap, BTreeSet};

use backupd_core::{
    condition::{Condition, Standing},
    config::Job,
    name::JobName,
    protocol::{WatchWork, Work},
    run::{Run, RunState, Trigger},
};
use serde_json::Map;

use super::Coordinator;
use crate::{audit::daemon, ports::Watch};

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

    /// The machine is about to go down: jobs that want it run before, and are waited for as long as logind waits.
    pub(super) async fn going_down(&mut self, down: bool) {
        if !down {
            self.departing = None;
            return;
        }
        let jobs = self.catalog.jobs.values();
        let jobs: BTreeSet<JobName> = jobs
            .filter(|job| job.enabled && job.triggers.shutdown)
            .map(|job| job.name.clone())
            .collect();
        for job in &jobs {
            self.triggered_by(job, Trigger::Shutdown, Map::new(), &daemon())
                .await;
        }
        self.departing = Some(jobs);
    }

    /// Whether shutdown is to wait for runs that begin then.
    pub(super) fn waits_for_departure(&self) -> bool {
        match &self.departing {
            None => self.awaited.shutdown,
            Some(jobs) => jobs
                .iter()
                .any(|job| self.active.contains_key(job) || self.pending.contains_key(job)),
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

#[cfg(test)]
mod tests;
