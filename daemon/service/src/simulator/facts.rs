//! How things stand, whatever the daemon says of it.

use backupd_core::{name::JobName, run::Run, zones};
use jiff::SignedDuration;

use super::world::World;
use crate::ports::Clock as _;

/// The store is tried again after ten seconds.
const STORE_AGAIN: SignedDuration = SignedDuration::from_secs(11);

impl World {
    pub(super) fn is_impaired(&self) -> bool {
        let disk = self.machine.memory.disk();
        let age = self.machine.ground.age();
        disk.full || disk.trouble.is_some_and(|since| age - since <= STORE_AGAIN)
    }

    pub(super) fn is_paused(&self, job: &JobName) -> bool {
        let now = self.machine.ground.now();
        let disk = self.machine.memory.disk();
        let mut pauses = [None, Some(job.clone())].into_iter();
        pauses.any(|of| disk.pauses.get(&of).is_some_and(|pause| !pause.is_over(now)))
    }

    pub(super) fn is_open(&self, run: &Run) -> bool {
        run.window.as_ref().is_none_or(|window| {
            let named = window.zone.as_deref().and_then(zones::get);
            let zone = named.unwrap_or_else(|| self.local());
            window.window.contains(self.machine.ground.now(), &zone)
        })
    }

    /// A condition of which the daemon had not been told that it holds.
    pub(super) fn was_missing(&self, job: &JobName) -> Option<String> {
        let conditions = self.machine.conditions.lock().unwrap();
        let required = &self.job_of(job)?.conditions.all;
        let missing = required
            .iter()
            .find(|one| conditions.last_told.get(one) != Some(&true));
        missing.map(ToString::to_string)
    }

    /// A condition of which the daemon was not told that it holds, though it asked.
    pub(super) fn missing(&self, job: &JobName) -> Option<String> {
        let conditions = self.machine.conditions.lock().unwrap();
        let required = &self.job_of(job)?.conditions.all;
        let missing = required
            .iter()
            .find(|one| conditions.told.get(one) != Some(&true) && conditions.wanted.contains(*one));
        missing.map(ToString::to_string)
    }

    /// A condition of which the daemon was told that it does not hold.
    pub(super) fn lost(&self, job: &JobName) -> Option<String> {
        let conditions = self.machine.conditions.lock().unwrap();
        let required = &self.job_of(job)?.conditions.all;
        let lost = required
            .iter()
            .find(|one| conditions.told.get(one) == Some(&false));
        lost.map(ToString::to_string)
    }
}
