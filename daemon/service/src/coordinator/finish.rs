//! What workers tell, and the end of a run.

use std::collections::BTreeMap;

use backupd_core::{
    audit::{self, Action},
    failure::{Failure, FailureClass},
    name::{JobName, RunId},
    protocol::{Event, EventKind, Work},
    run::{Operation, Run, RunEvent, RunResult},
};
use jiff::SignedDuration;

use super::{
    Coordinator,
    mirror::{self, Entry},
    record::ended,
    start::title,
};
use crate::{
    audit::daemon,
    journal::{messages, of_run},
    ports::{STAY, STAY_IN_ALL},
};

/// A finished run stays an object at least so long, and as one of the newest of its job longer.
const STAYS: SignedDuration = SignedDuration::from_mins(15);

/// How often history is gone through for what has expired; at the end of a run only that of its job is.
const TIDIES: SignedDuration = SignedDuration::from_hours(24);

impl Coordinator {
    /// Takes lines of an event file. Answers whether more than the run's sums changed.
    pub(super) async fn worker_events(&mut self, id: RunId, attempt: u32, events: Vec<Event>) -> bool {
        let Some(mut run) = self.at_attempt(id, attempt) else {
            return false;
        };
        let says_hello = events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Hello { .. }));
        let now = self.parts.clock.now();
        let mut changed = false;
        let mut worth_publishing = false;
        let mut entries = Vec::new();
        for event in events {
            // Warnings come by the thousand and stand in the file; they are counted, and published with the next.
            let matters = !matches!(event.kind, EventKind::Warning { .. });
            let entry = Entry::of(&run, &event);
            match run.apply(RunEvent::Worker(event), now) {
                Ok(moved) => {
                    changed |= moved;
                    worth_publishing |= moved && matters;
                    entries.extend(entry.filter(|_| moved));
                }
                Err(error) => tracing::warn!(%error, "a worker's event is passed over"),
            }
        }
        // What is kept is told, and never again: the record says how far the file was taken.
        if !entries.is_empty() {
            self.save(&run, None).await;
        }
        for entry in entries {
            entry.write(&run);
        }
        // It may have been asked to stop before anybody knew its process.
        if says_hello && (run.cancel_requested || run.makes_way.is_some()) {
            self.parts.launcher.stop(id, attempt);
        }
        if changed {
            self.put_back(run);
        }
        worth_publishing
    }

    /// The worker is gone: the run ends with what it said, or as `interrupted`.
    pub(super) async fn worker_gone(&mut self, id: RunId, attempt: u32, why: Option<Failure>) {
        let Some(mut run) = self.at_attempt(id, attempt) else {
            return;
        };
        let event = match why {
            Some(why) => RunEvent::WorkerKilled(why),
            None => match Box::pin(self.settle_move(&run)).await {
                Ok(()) => RunEvent::WorkerGone,
                Err(failure) => RunEvent::Unsettled(failure),
            },
        };
        match run.apply(event, self.parts.clock.now()) {
            Ok(true) => {
                mirror::tell_left_out(&run);
                if run
                    .attempts
                    .last()
                    .is_some_and(|attempt| attempt.outcome.is_none())
                {
                    self.tidy_after(&run);
                }
                self.attempt_over(run).await;
                self.pump().await;
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a worker's end is passed over"),
        }
    }

    /// A worker that was killed could not take its lock out of the repository: others would wait for it.
    fn tidy_after(&self, run: &Run) {
        for repository in std::iter::once(&run.repository).chain(&run.source) {
            let (handle, repository) = (self.handle(), repository.clone());
            tokio::spawn(async move {
                // Where it fails, the next run on this machine does it.
                match handle.ask(repository, Work::RemoveDeadLocks, None).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => tracing::debug!(?error, "locks of the killed worker may be left"),
                    Err(refusal) => tracing::debug!(%refusal, "locks of the killed worker may be left"),
                }
            });
        }
    }

    pub(super) fn at_attempt(&self, id: RunId, attempt: u32) -> Option<Run> {
        let run = &self.runs.get(&id)?.run;
        run.attempts
            .last()
            .is_some_and(|last| last.number == attempt)
            .then(|| Run::clone(run))
    }

    /// Keeps a run of which an attempt has just ended: it is over, or goes on later.
    pub(super) async fn attempt_over(&mut self, run: Run) {
        if run.result.is_some() {
            self.conclude(run).await;
            return;
        }
        let id = run.id;
        self.save(&run, None).await;
        if let Some(at) = run.next_attempt {
            let why = run
                .failure
                .as_ref()
                .map_or("no reason is known", |failure| failure.message.as_str());
            of_run!(
                warn,
                messages::RUN_BACKS_OFF,
                &run,
                "{} failed and is tried again at {}: {why}",
                title(&run),
                self.local_time(at)
            );
        }
        if let Some(job) = &run.job {
            self.after_work_of(job);
        }
        self.put_back(run);
        self.appoint_attempt(id);
        self.appoint_window(id);
    }

    /// Keeps a run that has just ended, and all that follows from its end.
    pub(super) async fn conclude(&mut self, mut run: Run) {
        let entry = self.end(&mut run);
        self.save(&run, Some(entry)).await;
        self.concluded(run).await;
    }

    /// What a run that has just ended is kept with.
    pub(super) fn end(&self, run: &mut Run) -> audit::Entry {
        run.expires = run
            .finished
            .and_then(|finished| finished.checked_add(self.settings.history_keep).ok());
        ended(self.entry(Action::RunEnd, &daemon()), run)
    }

    /// What follows from the end of a run that is kept.
    pub(super) async fn concluded(&mut self, run: Run) {
        log_end(&run);
        self.remember(&run);
        self.retire_snapshots_after(&run);
        self.copy_after(&run);
        Box::pin(self.learn_from_forget(&run)).await;
        Box::pin(self.learn_size_of(&run)).await;
        let job = run.job.clone().filter(|_| run.operation == Operation::Backup);
        self.put_back(run);
        self.forget_expired(job.as_ref()).await;
        self.retire();
        if let Some(job) = job {
            self.after_end_of(&job);
        }
    }

    /// What its job's health follows from: from the run itself, for the store may not have it.
    fn remember(&mut self, run: &Run) {
        self.remember_care(run);
        let Some(history) = run.job.as_ref().and_then(|job| self.histories.get_mut(job)) else {
            return;
        };
        if run.operation == Operation::Forget
            && !matches!(run.result, Some(RunResult::Cancelled | RunResult::Skipped))
        {
            let failed = run
                .failure
                .as_ref()
                .filter(|_| !run.result.is_some_and(RunResult::is_good));
            history.forget_failure = failed.map(|failure| failure.message.clone());
        }
        if run.operation != Operation::Backup {
            return;
        }
        history.last_run = Some(run.id);
        history.last_began = run.started.or(history.last_began);
        if !matches!(run.result, Some(RunResult::Cancelled | RunResult::Skipped)) {
            history.last_result = run.result;
            history.last_failure = run.failure.as_ref().map(|failure| failure.message.clone());
        }
        if run.result.is_some_and(RunResult::is_good) {
            history.last_good = run.finished;
            history.good_began = run.attempts.last().map(|attempt| attempt.started);
            history.last_snapshot.clone_from(&run.snapshot);
        }
    }

    /// Forgets what history need not keep any more: of this job, and now and then of all.
    pub(super) async fn forget_expired(&mut self, job: Option<&JobName>) {
        let now = self.parts.clock.now();
        let again = self.tidied.and_then(|tidied| tidied.checked_add(TIDIES).ok());
        // A clock that was set back must not keep it from being done.
        let all = again.is_none_or(|again| again <= now) || self.tidied > Some(now);
        let job = job.filter(|_| !all).cloned();
        if all {
            self.tidied = Some(now);
        } else if job.is_none() {
            return;
        }
        match self
            .parts
            .store
            .expire(job, now, self.settings.history_keep_runs)
            .await
        {
            Ok(expired) => {
                for id in expired {
                    self.parts.launcher.forget(id);
                }
            }
            Err(error) => {
                tracing::warn!(MESSAGE_ID = messages::STORE_TROUBLE, %error, "expired history cannot be removed");
                self.trouble_with_store(error.to_string());
            }
        }
    }

    /// Takes old finished runs off the bus; history still has them.
    pub(super) fn retire(&mut self) {
        let now = self.parts.clock.now();
        let mut newest: BTreeMap<Option<&JobName>, u32> = BTreeMap::new();
        let mut finished_runs = 0_u32;
        let mut old = Vec::new();
        for (id, live) in self.runs.iter().rev() {
            let Some(finished) = live.run.finished else {
                continue;
            };
            let position = newest.entry(live.run.job.as_ref()).or_default();
            *position += 1;
            finished_runs += 1;
            let shown = live.recalled.map_or(finished, |recalled| recalled.max(finished));
            // One from a time that has not come is of a clock that was wrong.
            let is_old = now.duration_since(shown).abs() > STAYS;
            let is_one_of_many = *position > STAY || finished_runs > STAY_IN_ALL;
            // One that the store lacks is nowhere else.
            if is_one_of_many && is_old && !self.unsaved.contains_key(id) {
                old.push(*id);
            }
        }
        for id in old {
            self.remove(id);
        }
    }
}

fn log_end(run: &Run) {
    let title = title(run);
    let Some(result) = run.result else { return };
    let snapshot = run.snapshot.as_deref();
    let failure = run.failure.as_ref();
    let why = failure.map_or("no reason is known", |failure| failure.message.as_str());
    let hint = failure
        .and_then(|failure| failure.hint.clone())
        .unwrap_or_else(|| format!("`backupctl log {}` has more", run.id));
    let id = message_of_end(result, failure.map(|failure| failure.class));
    match result {
        RunResult::Success => of_run!(info, id, run, BACKUPD_SNAPSHOT = snapshot, "{title} succeeded"),
        RunResult::Cancelled => of_run!(info, id, run, "{title} was cancelled"),
        RunResult::Skipped => of_run!(info, id, run, "{title} was skipped: {why}"),
        RunResult::Partial | RunResult::Interrupted | RunResult::TimedOut => {
            of_run!(
                warn,
                id,
                run,
                BACKUPD_SNAPSHOT = snapshot,
                "{title} ended as `{result}`: {why}\nhint: {hint}"
            );
        }
        RunResult::Failed => of_run!(error, id, run, "{title} failed: {why}\nhint: {hint}"),
    }
}

fn message_of_end(result: RunResult, class: Option<FailureClass>) -> &'static str {
    match (result, class) {
        (RunResult::Success, _) => messages::RUN_SUCCEEDED,
        (RunResult::Partial, _) => messages::RUN_PARTIAL,
        (RunResult::Failed, Some(FailureClass::Credentials)) => messages::CREDENTIAL_TROUBLE,
        (RunResult::Failed, _) => messages::RUN_FAILED,
        (RunResult::Cancelled, _) => messages::RUN_CANCELLED,
        (RunResult::Skipped, _) => messages::RUN_SKIPPED,
        (RunResult::Interrupted, _) => messages::RUN_INTERRUPTED,
        (RunResult::TimedOut, _) => messages::RUN_TIMED_OUT,
    }
}
