//! Starting what can start, and saying of the rest what it waits for.

use backupd_core::{
    failure::{Failure, FailureClass},
    name::RunId,
    queue::{Decision, Entry, Priority, decide},
    run::{BlockedBy, Operation, Run, RunEvent, RunState},
};
use jiff::Timestamp;

use super::{Coordinator, holds::Hold, start::title, triggers::is_for_a_moment};
use crate::{
    journal::{messages, of_run},
    ports::{LaunchError, StoreError},
};

impl Coordinator {
    /// Starts every run whose turn has come.
    pub(super) async fn pump(&mut self) {
        loop {
            let now = self.parts.clock.now();
            let unfinished = || {
                self.unfinished
                    .iter()
                    .filter_map(|id| self.runs.get(id))
                    .map(|live| &live.run)
            };
            let queued: Vec<Entry> = unfinished()
                .filter(|run| !run.state.has_worker())
                .map(|run| self.queue_entry(run, now))
                .collect();
            if queued.is_empty() {
                return;
            }
            let running: Vec<Entry> = unfinished()
                .filter(|run| run.state.has_worker())
                .map(|run| self.queue_entry(run, now))
                .collect();
            let limit = usize::try_from(self.settings.max_parallel_runs).unwrap_or(usize::MAX);
            let mut failed = false;
            for decision in decide(&queued, &running, limit, now) {
                match decision {
                    Decision::Start(id) => failed |= !Box::pin(self.launch(id)).await,
                    Decision::Wait(id, _) if self.missed_its_moment(id) => {
                        self.skip_held(id).await;
                        failed = true;
                    }
                    Decision::Wait(id, reasons) => self.block(id, reasons),
                    Decision::MakeWay(id, reason) => self.make_way(id, reason).await,
                }
            }
            // A start that failed leaves its place to the next.
            if !failed {
                return;
            }
        }
    }

    /// Whether a run is wanted now or not at all, and is held by a condition.
    fn missed_its_moment(&self, id: RunId) -> bool {
        let run = self.runs.get(&id).map(|live| &live.run);
        run.filter(|run| is_for_a_moment(run.trigger)).is_some_and(|run| {
            let holds = self.holds(run, self.parts.clock.now());
            holds.iter().any(Hold::is_condition)
        })
    }

    /// Ends a run that has missed its moment.
    async fn skip_held(&mut self, id: RunId) {
        let Some(live) = self.runs.get(&id) else { return };
        let (mut run, now) = (Run::clone(&live.run), self.parts.clock.now());
        let holds = self.holds(&run, now).into_iter().filter(Hold::is_condition);
        let holds: Vec<String> = holds.map(|hold| hold.reason.what).collect();
        if run.apply(RunEvent::Skip(holds.join("; ")), now).is_ok() {
            self.conclude(run).await;
        }
    }

    fn queue_entry(&self, run: &Run, now: Timestamp) -> Entry {
        let job = run.job.as_ref().filter(|_| run.operation == Operation::Backup);
        let configured = job.and_then(|job| self.catalog.jobs.get(job));
        let held = if run.state.has_worker() {
            Vec::new()
        } else {
            self.holds(run, now)
        };
        Entry {
            id: run.id,
            title: title(run),
            job: job.cloned(),
            after: configured.map(|job| job.after.clone()).unwrap_or_default(),
            repository: run.repository.clone(),
            beside: run.source.clone(),
            repository_use: run.operation.repository_use(),
            // Somebody waits for a restore.
            priority: match run.operation {
                Operation::Restore => Priority::High,
                _ => configured.map_or(Priority::Normal, |job| job.priority),
            },
            maintenance: run.operation.is_maintenance(),
            queued: run.queued,
            held: held.into_iter().map(|hold| hold.reason).collect(),
        }
    }

    /// Starts a worker for a run. Answers whether one is at work now.
    async fn launch(&mut self, id: RunId) -> bool {
        let Some(live) = self.runs.get(&id) else {
            return false;
        };
        let mut run = Run::clone(&live.run);
        let now = self.parts.clock.now();
        if is_past_deadline(&run, now) && run.apply(RunEvent::Supersede, now).is_ok() {
            self.conclude(run).await;
            return false;
        }
        if let Err(error) = run.apply(RunEvent::Starting, now) {
            tracing::error!(%error, "the queue wanted to start a run that cannot start");
            return true;
        }
        if let Some(attempt) = run.attempts.last_mut() {
            attempt.unit = self.parts.launcher.unit_name(id);
        }
        // Kept before the worker is: a daemon that dies in between finds a run without a worker. What cannot be
        // kept is not started, or the next daemon would start it again beside this one's worker.
        if let Err(error) = self.try_save(&run, None).await {
            self.block(id, vec![store_is_unusable(&error, now)]);
            return true;
        }
        self.attempt_sees_to(&run).await;
        let known = self.known_snapshots(&run).await;
        let mut spec = known.and_then(|known| match run.operation {
            Operation::Forget => self.forget_spec(&run, known),
            _ => self.spec(&run),
        });
        // Apart from the rest, whose future would grow with it.
        if let Ok(spec) = &mut spec {
            Box::pin(self.foresee_for(spec)).await;
        }
        let outcome = match spec {
            Ok(spec) => match self.parts.launcher.launch(&spec).await {
                Err(LaunchError::Exists(_)) => {
                    self.parts.launcher.adopt(id, spec.attempt);
                    Ok(())
                }
                outcome => outcome.map_err(|error| {
                    of_run!(
                        error,
                        messages::LAUNCHER_TROUBLE,
                        &run,
                        "{}: {error}",
                        title(&run)
                    );
                    launch_failure(&error)
                }),
            },
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(()) => {
                of_run!(info, messages::RUN_STARTED, &run, "{} starts", title(&run));
                self.put_back(run);
                self.appoint_window(id);
                true
            }
            Err(failure) => {
                if run.apply(RunEvent::LaunchFailed(failure), now).is_ok() {
                    self.attempt_over(run).await;
                }
                false
            }
        }
    }

    /// A worker that was to be started is not there.
    pub(super) async fn launch_failed(&mut self, id: RunId, attempt: u32, error: &LaunchError) {
        let Some(mut run) = self.at_attempt(id, attempt) else {
            return;
        };
        let now = self.parts.clock.now();
        match run.apply(RunEvent::LaunchFailed(launch_failure(error)), now) {
            Ok(_) => {
                self.attempt_over(run).await;
                self.pump().await;
            }
            Err(error) => tracing::warn!(%error, "a start that failed is passed over"),
        }
    }

    /// Says what a run waits for. That follows from the others and is not kept.
    fn block(&mut self, id: RunId, reasons: Vec<BlockedBy>) {
        let Some(live) = self.runs.get(&id) else { return };
        let mut run = Run::clone(&live.run);
        if run.apply(RunEvent::Blocked(reasons), self.parts.clock.now()) == Ok(true) {
            self.put_back(run);
        }
        self.appoint_attempt(id);
        self.appoint_window(id);
    }
}

/// Whether what held a run back held it for so long that it is not to be tried again.
fn is_past_deadline(run: &Run, now: Timestamp) -> bool {
    let began = run.attempts.iter().find(|attempt| !attempt.made_way);
    let retry = run.retry.as_ref().filter(|_| run.state == RunState::Backoff);
    retry
        .zip(began)
        .is_some_and(|(retry, first)| retry.is_past_deadline(first.started, now))
}

pub(super) fn launch_failure(error: &LaunchError) -> Failure {
    match error {
        LaunchError::Program(..) => Failure::new(FailureClass::Configuration, error.to_string()).hint(
            "the program belongs to the backupd package: install it again, or set `worker` in `backupd.toml`",
        ),
        LaunchError::Unit { journal, .. } => Failure::new(FailureClass::Engine, error.to_string())
            .hint(format!("`{journal}` shows what systemd says of it")),
        LaunchError::Credential(failure) => failure.clone(),
        LaunchError::Silent(path, _) => {
            let path = path.display();
            Failure::new(FailureClass::Network, error.to_string()).hint(format!(
                "see whether its server or disk is there: `findmnt --target {path}`"
            ))
        }
        LaunchError::Directory(..) | LaunchError::Exists(_) => {
            Failure::new(FailureClass::Engine, error.to_string())
                .hint("see the free space and the owner of the state directory")
        }
    }
}

fn store_is_unusable(error: &StoreError, now: Timestamp) -> BlockedBy {
    BlockedBy {
        what: format!("the store cannot be used: {error}"),
        since: now,
        clears: "free space and write access in the state directory; it is tried again".to_owned(),
    }
}
