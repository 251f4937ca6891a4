//! Taking up what an earlier daemon started.

use backupd_core::{
    audit::Action,
    name::RunId,
    protocol::{CareWork, Spec, Work},
    run::{Operation, Run, RunEvent, Trigger},
};
use jiff::Timestamp;

use super::{Coordinator, record::accepted, start::title};
use crate::{
    audit::daemon,
    journal::{messages, of_run},
};

impl Coordinator {
    /// Follows the worker of a run that the store says is at work.
    pub(super) fn adopt(&self, run: &Run) {
        let Some(attempt) = run.attempts.last() else {
            return;
        };
        of_run!(
            info,
            messages::RUN_ADOPTED,
            run,
            "{} of an earlier backupd is taken up",
            title(run)
        );
        self.parts.launcher.adopt(run.id, attempt.number);
        if run.cancel_requested || run.makes_way.is_some() {
            self.parts.launcher.stop(run.id, attempt.number);
        }
    }

    /// Looks for workers that the store knows nothing of, as after it was set aside, and takes them up too.
    /// Directories of runs that are not in the store are removed when history would have forgotten them.
    pub(super) async fn adopt_unknown(&mut self) {
        let now = self.parts.clock.now();
        for (id, spec) in self.parts.launcher.survey() {
            if self.runs.contains_key(&id) {
                continue;
            }
            match spec.as_ref().and_then(|spec| run_of(spec, now)) {
                Some(run) => {
                    let entry = accepted(self.entry(Action::RunAdopt, &daemon()), &run);
                    self.save(&run, Some(entry)).await;
                    self.adopt(&run);
                    self.insert(run);
                }
                None if spec.is_none() && self.is_forgotten(id, now).await => self.parts.launcher.forget(id),
                None => {}
            }
        }
    }

    async fn is_forgotten(&self, id: RunId, now: Timestamp) -> bool {
        let (made, _) = id.parts();
        let made = i64::try_from(made)
            .ok()
            .and_then(|made| Timestamp::from_millisecond(made).ok());
        let expired = made
            .and_then(|made| made.checked_add(self.settings.history_keep).ok())
            .is_some_and(|expires| expires <= now);
        expired && matches!(self.parts.store.find(id).await, Ok(None))
    }
}

/// The run that a worker works for, as far as its spec says.
fn run_of(spec: &Spec, now: Timestamp) -> Option<Run> {
    let (mut restore, mut care, mut source) = (None, None, None);
    let operation = match &spec.work {
        Work::Backup(_) => Operation::Backup,
        Work::Restore(work) => {
            restore = Some(work.clone());
            Operation::Restore
        }
        Work::Copy(work) => {
            source = Some(work.from.name.clone());
            Operation::Copy
        }
        Work::Forget(_) => Operation::Forget,
        // To which place it was brought it can be told again.
        Work::Move(_) => Operation::Move,
        Work::Check(work) => {
            care = Some(CareWork::Check(work.clone()));
            Operation::Check
        }
        Work::Repair(work) => {
            care = Some(CareWork::Repair(*work));
            Operation::Repair
        }
        Work::Prune(work) => {
            care = Some(CareWork::Prune(work.clone()));
            Operation::Prune
        }
        _ => return None,
    };
    let (job, repository) = (spec.job.clone(), spec.repository.name.clone());
    let mut run = Run::new(spec.run, job, repository, operation, Trigger::Manual, now);
    (run.restore, run.care, run.source) = (restore, care, source);
    run.apply(RunEvent::Starting, now).ok()?;
    Some(run)
}
