//! Accepting a run, and stopping one.

use std::sync::Arc;

use backupd_core::{
    audit::{Action, Who},
    config::Job,
    name::{JobName, RunId},
    protocol::{RestoreWork, SnapshotFilter},
    run::{Operation, Run, RunEvent, RunState, Trigger},
};

use super::{
    Coordinator, Live, RestoreRequest, StartOptions,
    contents::owner,
    elapse::Batch,
    holds::Hold,
    record::{accepted, accepting, of_run},
    refusal::{Refusal, RefusalKind},
};
use crate::journal::{messages, of_run};

/// Runs of history that may be objects again at once; one more takes the place of the oldest.
const MOST_RECALLED: usize = 200;

/// Runs that may be queued or at work. Jobs are not queued twice, so only restores can come near it.
const MOST_UNFINISHED: usize = 1000;

impl Coordinator {
    /// Queues a backup of a job. Answers once the run is in the store.
    pub(super) async fn start(
        &mut self,
        job: &JobName,
        options: StartOptions,
        who: &Who,
    ) -> Result<RunId, Refusal> {
        self.require_enabled(job)?;
        if let Some(id) = self.take_over(job, &options, who).await? {
            self.pump().await;
            return Ok(id);
        }
        if let Some(active) = self.active_run(job) {
            let state = if active.state.has_worker() {
                "running"
            } else {
                "queued"
            };
            return Err(Refusal::new(
                RefusalKind::AlreadyRunning,
                format!("the job `{job}` is {state} already, as run {}", active.id),
            )
            .hint(format!(
                "`backupctl show {job}` shows how far it is, `backupctl cancel {job}` stops it"
            )));
        }
        let run = self.manual_run(job, &options)?;
        let id = self.accept(run, who).await?;
        self.pump().await;
        Ok(id)
    }

    /// Queues backups of several jobs before any of them starts, so that each waits for those it comes after. Of one that
    /// is queued or at work already, the answer is that run.
    pub(super) async fn start_jobs(
        &mut self,
        jobs: &[JobName],
        options: &StartOptions,
        who: &Who,
    ) -> Result<Vec<RunId>, Refusal> {
        for job in jobs {
            self.require_enabled(job)?;
        }
        if self.unfinished.len() + jobs.len() > MOST_UNFINISHED {
            return Err(too_many());
        }
        let mut runs = Vec::with_capacity(jobs.len());
        let mut batch = Batch::default();
        for job in jobs {
            if let Some(id) = self.take_over(job, options, who).await? {
                runs.push(id);
            } else if let Some(active) = self.active_run(job) {
                runs.push(active.id);
            } else if let Some(named) = batch.new.iter().find(|run| run.job.as_ref() == Some(job)) {
                runs.push(named.id);
            } else {
                let run = self.manual_run(job, options)?;
                runs.push(run.id);
                batch.new.push(run);
            }
        }
        self.keep(batch, who).await?;
        self.pump().await;
        Ok(runs)
    }

    /// Lets a run start that the machine has queued and that has not begun, whatever it waits for; where there is one.
    async fn take_over(
        &mut self,
        job: &JobName,
        options: &StartOptions,
        who: &Who,
    ) -> Result<Option<RunId>, Refusal> {
        let Some(active) = self.active_run(job) else {
            return Ok(None);
        };
        if active.state.has_worker() || active.trigger == Trigger::Manual {
            return Ok(None);
        }
        let mut run = Run::clone(active);
        let now = self.parts.clock.now();
        let holds = self.holds(&run, now).into_iter().filter(Hold::is_known);
        let holds = holds.map(|hold| hold.reason.what).collect();
        run.apply(RunEvent::Override(holds), now)
            .map_err(|error| Refusal::new(RefusalKind::Failed, error.to_string()))?;
        if options.description.is_some() {
            run.description.clone_from(&options.description);
        }
        run.metadata.extend(options.metadata.clone());
        let entry = accepted(self.entry(accepting(run.operation), who), &run);
        self.try_save(&run, Some(entry)).await?;
        let id = run.id;
        // What it overrides is known and noted.
        self.told_overridden.insert(id);
        self.put_back(run);
        Ok(Some(id))
    }

    fn require_enabled(&self, job: &JobName) -> Result<&Job, Refusal> {
        match self.catalog.jobs.get(job) {
            None => Err(self.unknown_job(job.as_str())),
            Some(found) if !found.enabled => Err(Refusal::new(
                RefusalKind::JobDisabled,
                format!("the job `{job}` is disabled"),
            )
            .hint(format!("`backupctl job enable {job}` lets it run again"))),
            Some(found) => Ok(found),
        }
    }

    fn manual_run(&self, job: &JobName, options: &StartOptions) -> Result<Run, Refusal> {
        let found = self.require_enabled(job)?;
        let mut run = Run::new(
            self.ids.next(),
            Some(job.clone()),
            found.repository.clone(),
            Operation::Backup,
            Trigger::Manual,
            self.parts.clock.now(),
        );
        // Whoever starts it waits for its end, unless the file wants it otherwise.
        run.retry.clone_from(&found.retry);
        // What whoever starts it says wins over what the job's file says of all its runs.
        run.metadata.clone_from(&found.metadata);
        run.metadata.extend(options.metadata.clone());
        run.description.clone_from(&options.description);
        if let Some(pause) = self.pause_of(job) {
            let why = pause
                .reason
                .as_deref()
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            run.overrode.push(format!("it is paused{why}"));
        }
        run.overrode.extend(self.closed_window(found));
        Ok(run)
    }

    /// Queues a restore.
    pub(super) async fn restore(&mut self, request: RestoreRequest, who: &Who) -> Result<RunId, Refusal> {
        let repository = match (&request.job, &request.repository) {
            (Some(job), _) => match self.catalog.jobs.get(job) {
                Some(found) => found.repository.clone(),
                None => return Err(self.unknown_job(job.as_str())),
            },
            (None, Some(repository)) if self.catalog.repositories.contains_key(repository) => {
                repository.clone()
            }
            (None, Some(repository)) => return Err(self.unknown_repository(repository.as_str())),
            (None, None) => {
                return Err(Refusal::new(
                    RefusalKind::InvalidArgument,
                    "neither job nor repository is named",
                ));
            }
        };
        let now = self.parts.clock.now();
        let mut run = Run::new(
            self.ids.next(),
            request.job.clone(),
            repository,
            Operation::Restore,
            Trigger::Manual,
            now,
        );
        run.restore = Some(RestoreWork {
            snapshot: request.snapshot,
            filter: SnapshotFilter {
                owners: request
                    .job
                    .iter()
                    .filter_map(|job| self.catalog.jobs.get(job))
                    .map(|job| owner(job))
                    .collect(),
                job: request.job,
                ..SnapshotFilter::default()
            },
            paths: request.paths,
            target: request.target,
        });
        run.description = request.options.description;
        run.metadata = request.options.metadata;
        let id = self.accept(run, who).await?;
        self.pump().await;
        Ok(id)
    }

    pub(super) async fn accept(&mut self, run: Run, who: &Who) -> Result<RunId, Refusal> {
        if self.unfinished.len() >= MOST_UNFINISHED {
            return Err(too_many());
        }
        self.save_unsaved().await;
        let entry = accepted(self.entry(accepting(run.operation), who), &run);
        self.try_save(&run, Some(entry)).await?;
        let id = run.id;
        of_run!(info, messages::RUN_QUEUED, &run, "{} is queued", title(&run));
        self.insert(run);
        Ok(id)
    }

    /// Asks a run to stop.
    pub(super) async fn cancel(&mut self, id: RunId, who: &Who) -> Result<(), Refusal> {
        let run = match self.runs.get(&id) {
            Some(live) => Arc::clone(&live.run),
            None => return Err(self.missing_run(id).await),
        };
        let mut run = Arc::unwrap_or_clone(run);
        if run.state == RunState::Finished {
            let result = run.result.map_or("finished", |result| result.as_str());
            return Err(Refusal::new(
                RefusalKind::NotRunning,
                format!("run {id} is over already; its result is `{result}`"),
            )
            .hint(format!("`backupctl show {id}` shows how it went")));
        }
        let now = self.parts.clock.now();
        let changed = run
            .apply(RunEvent::CancelRequested, now)
            .map_err(|error| Refusal::new(RefusalKind::Failed, error.to_string()))?;
        let entry = of_run(self.entry(Action::RunCancel, who), &run);
        if run.state == RunState::Finished {
            // A run that could be started by the next daemon is not cancelled. The wish and the end are kept at once:
            // nothing would end a run a second time.
            let end = self.end(&mut run);
            self.try_save(&run, [entry, end]).await?;
            self.concluded(run).await;
            self.pump().await;
            return Ok(());
        }
        // Asked again, it is told again: the first time may have been too early for its worker.
        if let Some(attempt) = run.attempts.last() {
            self.parts.launcher.stop(id, attempt.number);
        }
        if changed {
            // Stopping is never refused: where this cannot be recorded now, it is with the next thing that can.
            self.save(&run, Some(entry)).await;
            self.put_back(run);
        }
        Ok(())
    }

    /// A run that a worker is at.
    pub(super) async fn at_work(&mut self, id: RunId) -> Result<Arc<Run>, Refusal> {
        match self.runs.get(&id) {
            Some(live) if live.run.state.has_worker() => Ok(Arc::clone(&live.run)),
            Some(live) if live.run.result.is_none() => Err(Refusal::new(
                RefusalKind::NotRunning,
                format!("run {id} has not started yet"),
            )
            .hint(format!("`backupctl show {id}` shows what it waits for"))),
            Some(_) => Err(over(id)),
            None => Err(self.missing_run(id).await),
        }
    }

    /// Makes a run of history an object again, for as long as finished runs are.
    pub(super) async fn recall(&mut self, id: RunId) -> Result<(), Refusal> {
        if self.runs.contains_key(&id) {
            return Ok(());
        }
        let now = self.parts.clock.now();
        self.retire();
        let Some(run) = self.parts.store.find(id).await? else {
            return Err(unknown_run(id));
        };
        // Whoever looks at many old runs keeps nobody else from looking at one.
        let recalled = |(id, live): (&RunId, &Live)| Some((live.recalled?, *id));
        if self.runs.iter().filter_map(recalled).count() >= MOST_RECALLED
            && let Some((_, oldest)) = self.runs.iter().filter_map(recalled).min()
        {
            self.remove(oldest);
        }
        self.insert(run);
        if let Some(live) = self.runs.get_mut(&id) {
            live.recalled = Some(now);
        }
        Ok(())
    }

    async fn missing_run(&mut self, id: RunId) -> Refusal {
        match self.recall(id).await {
            Ok(()) => over(id),
            Err(refusal) => refusal,
        }
    }
}

fn too_many() -> Refusal {
    Refusal::new(
        RefusalKind::LimitsExceeded,
        format!("{MOST_UNFINISHED} runs may be queued or at work at once, and these would be more"),
    )
    .hint("`backupctl runs` lists them, `backupctl cancel RUN` takes one out")
}

fn over(id: RunId) -> Refusal {
    Refusal::new(RefusalKind::NotRunning, format!("run {id} is over already"))
        .hint(format!("`backupctl show {id}` shows how it went"))
}

fn unknown_run(id: RunId) -> Refusal {
    Refusal::new(RefusalKind::RunNotFound, format!("there is no run {id}"))
        .hint("`backupctl history` lists the runs that are still known")
}

/// `backup of home`, `copy of home to cloud`, `restore from nas`, `check of nas`.
pub(super) fn title(run: &Run) -> String {
    match (&run.job, run.operation) {
        (Some(job), Operation::Copy) => format!("{} of `{job}` to `{}`", run.operation, run.repository),
        (Some(job), _) => format!("{} of `{job}`", run.operation),
        (None, Operation::Restore) => format!("{} from `{}`", run.operation, run.repository),
        (None, _) => format!("{} of `{}`", run.operation, run.repository),
    }
}
