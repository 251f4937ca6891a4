//! The runs that are objects, and how they are found.

use std::sync::Arc;

use backupd_core::{
    name::{JobName, RunId},
    run::{Operation, Run, RunState},
};

use super::{
    Coordinator, Live,
    agenda::Appointment,
    meter::Meter,
    refusal::{Refusal, RefusalKind},
};

impl Coordinator {
    /// Makes a run an object.
    pub(super) fn insert(&mut self, run: Run) {
        self.index(&run);
        let live = Live {
            run: Arc::new(run),
            meter: Meter::default(),
            recalled: None,
        };
        self.runs.insert(live.run.id, live);
    }

    /// Makes a run an object that is none yet.
    pub(super) fn insert_if_new(&mut self, run: &Run) {
        if !self.runs.contains_key(&run.id) {
            self.insert(run.clone());
        }
    }

    /// Takes a changed run back among the others.
    pub(super) fn put_back(&mut self, run: Run) {
        self.index(&run);
        if let Some(live) = self.runs.get_mut(&run.id) {
            live.run = Arc::new(run);
        }
    }

    /// Takes a run off the bus.
    pub(super) fn remove(&mut self, id: RunId) {
        if let Some(live) = self.runs.remove(&id) {
            self.touch_run(&live.run);
        }
    }

    /// Notes where a run is found, and that it is another than before.
    fn index(&mut self, run: &Run) {
        let active = run.result.is_none();
        if active {
            self.unfinished.insert(run.id);
        } else {
            self.unfinished.remove(&run.id);
            self.told_overridden.remove(&run.id);
        }
        if let Some(job) = run.job.as_ref().filter(|_| run.operation == Operation::Backup) {
            if active {
                self.active.insert(job.clone(), run.id);
            } else if self.active.get(job) == Some(&run.id) {
                self.active.remove(job);
            }
        }
        if run.state != RunState::Backoff {
            self.agenda.set(Appointment::Attempt(run.id), None);
        }
        if !active {
            self.agenda.set(Appointment::Window(run.id), None);
        }
        self.touch_run(run);
        self.rewatch_after(run);
    }

    /// The run of a job that is queued or at work.
    pub(super) fn active_run(&self, job: &JobName) -> Option<&Arc<Run>> {
        let id = self.active.get(job)?;
        self.runs.get(id).map(|live| &live.run)
    }

    pub(super) fn unknown_job(&self, name: &str) -> Refusal {
        let refusal = Refusal::new(RefusalKind::JobNotFound, format!("there is no job `{name}`"));
        match backupd_core::config::nearest(name, self.catalog.jobs.keys().map(JobName::as_str)) {
            Some(near) => refusal.hint(format!("did you mean `{near}`?")),
            None => refusal.hint("`backupctl jobs` lists the jobs, `backupctl job create` makes one"),
        }
    }

    pub(super) fn unknown_repository(&self, name: &str) -> Refusal {
        let refusal = Refusal::new(
            RefusalKind::UnknownRepository,
            format!("there is no repository `{name}`"),
        );
        let known = self
            .catalog
            .repositories
            .keys()
            .map(backupd_core::name::RepositoryName::as_str);
        match backupd_core::config::nearest(name, known) {
            Some(near) => refusal.hint(format!("did you mean `{near}`?")),
            None => refusal
                .hint("`backupctl repository list` lists them, `backupctl repository add` makes one known"),
        }
    }
}
