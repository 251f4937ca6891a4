//! What is watched for, because it starts jobs.

use std::collections::BTreeMap;

use backupd_core::config::Job;

use super::Coordinator;
use crate::ports::Watch;

impl Coordinator {
    /// Says what is to be watched for.
    pub(super) fn want_triggers(&mut self) {
        if !std::mem::take(&mut self.rewatch) {
            return;
        }
        let watches: BTreeMap<_, _> = self
            .catalog
            .jobs
            .values()
            .filter(|job| job.enabled)
            .map(|job| (job.name.clone(), watch_of(job)))
            .filter(|(_, watch)| *watch != Watch::default())
            .collect();
        self.parts.watcher.want(watches);
    }
}

fn watch_of(job: &Job) -> Watch {
    let sources = job.sources.iter().chain(&job.optional_sources);
    Watch {
        paths: job
            .triggers
            .path_change
            .map(|change| (sources.cloned().collect(), change)),
        devices: job.triggers.devices.clone(),
        shutdown: job.triggers.shutdown,
    }
}
