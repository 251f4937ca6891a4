//! The moves of a run.

use jiff::{SignedDuration, Timestamp};

use super::{
    record::{Attempt, BlockedBy, Run, Statistics},
    words::{Operation, Phase, RunResult, RunState, Trigger},
};
use crate::{
    failure::{Failure, FailureClass},
    protocol::{CareWork, Event, EventKind, Holder},
};

/// What can happen to a run.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// Its turn has not come, for these reasons. An empty list puts it back among the queued.
    Blocked(Vec<BlockedBy>),
    /// A worker for the next attempt is about to be started.
    Starting,
    /// A line of the worker's event file. One that was taken before changes nothing.
    Worker(Event),
    /// Somebody asked it to stop.
    CancelRequested,
    /// Its worker is asked to stop, for this reason, and the run goes on later.
    MakeWay(String),
    /// What it was to make way for has gone before its worker was told to stop.
    GoOn,
    /// It is not worth starting, for this reason.
    Skip(String),
    /// Another run takes the place of its next attempt.
    Supersede,
    /// The clock was set by so much: its next attempt is as far away as it was.
    ClockSet(SignedDuration),
    /// Somebody wants it to start now, in spite of these.
    Override(Vec<String>),
    /// The worker could not be started at all.
    LaunchFailed(Failure),
    /// The worker is gone; what it wrote was read to the end.
    WorkerGone,
    /// The same, where somebody knows why.
    WorkerKilled(Failure),
    /// The worker is gone and had done its part; what was to follow from that has failed.
    Unsettled(Failure),
}

/// A move that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("run {run} in state `{state}` cannot take `{event}`")]
pub struct IllegalMove {
    /// Which run.
    pub run: String,
    /// Where it was.
    pub state: RunState,
    /// What was asked of it.
    pub event: &'static str,
}

impl Run {
    /// Moves the run. Returns whether anything changed.
    pub fn apply(&mut self, event: RunEvent, now: Timestamp) -> Result<bool, IllegalMove> {
        use RunState::{Backoff, Finished, Finishing, Queued, Running, Starting, Waiting};
        match (self.state, event) {
            (Queued | Waiting | Backoff, RunEvent::Blocked(reasons)) => Ok(self.block(reasons)),
            (Queued | Waiting | Backoff, RunEvent::Starting) => {
                self.begin_attempt(now);
                Ok(true)
            }
            (Queued | Waiting | Backoff, RunEvent::Skip(reason)) => {
                let failure = Failure::new(FailureClass::Cancelled, reason);
                self.finish(RunResult::Skipped, Some(failure), now);
                Ok(true)
            }
            (Queued | Waiting | Backoff, RunEvent::Override(holds)) => {
                self.trigger = Trigger::Manual;
                self.overrode.extend(holds);
                self.state = Queued;
                self.window = None;
                self.next_attempt = None;
                self.blocked_by.clear();
                Ok(true)
            }
            // What went wrong stands there already.
            (Backoff, RunEvent::Supersede) => {
                let failure = self.failure.take();
                self.finish(RunResult::Failed, failure, now);
                Ok(true)
            }
            (Backoff, RunEvent::ClockSet(moved)) => {
                let at = self.next_attempt.and_then(|at| at.checked_add(moved).ok());
                self.next_attempt = at.or(self.next_attempt);
                Ok(at.is_some())
            }
            (Queued | Waiting | Backoff, RunEvent::CancelRequested) => {
                self.cancel_requested = true;
                self.finish(RunResult::Cancelled, Some(cancelled_before_start()), now);
                Ok(true)
            }
            (Starting | Running | Finishing, RunEvent::CancelRequested) => {
                let first = !self.cancel_requested;
                self.cancel_requested = true;
                Ok(first)
            }
            (Starting | Running, RunEvent::MakeWay(reason)) => {
                let first = self.makes_way.is_none();
                self.makes_way.get_or_insert(reason);
                Ok(first)
            }
            (Starting | Running | Finishing, RunEvent::GoOn) => Ok(self.makes_way.take().is_some()),
            // A worker that was stopped on its way to its first word is a start that failed, and was meant to.
            (Starting, RunEvent::LaunchFailed(_)) if self.cancel_requested => {
                self.end_attempt(RunResult::Cancelled, Some(cancelled_before_start()), now);
                Ok(true)
            }
            (Starting, RunEvent::LaunchFailed(_)) if self.makes_way.is_some() => {
                let failure =
                    Failure::new(FailureClass::Cancelled, "the attempt was stopped before it began");
                self.end_attempt(RunResult::Cancelled, Some(failure), now);
                Ok(true)
            }
            (Starting, RunEvent::LaunchFailed(failure)) => {
                self.end_attempt(RunResult::Failed, Some(failure), now);
                Ok(true)
            }
            (Starting | Running | Finishing, RunEvent::Worker(event)) => Ok(self.take(event)),
            (Starting | Running | Finishing, RunEvent::WorkerGone) => {
                self.worker_gone(None, now);
                Ok(true)
            }
            (Starting | Running | Finishing, RunEvent::WorkerKilled(why)) => {
                self.worker_gone(Some(why), now);
                Ok(true)
            }
            (Starting | Running | Finishing, RunEvent::Unsettled(why)) => {
                self.end_attempt(RunResult::Failed, Some(why), now);
                Ok(true)
            }
            // The end is the end: what comes late from a worker's file was counted before.
            (Finished, RunEvent::Worker(_) | RunEvent::WorkerGone | RunEvent::WorkerKilled(_)) => Ok(false),
            (state, event) => Err(IllegalMove {
                run: self.id.to_string(),
                state,
                event: event.name(),
            }),
        }
    }

    fn block(&mut self, reasons: Vec<BlockedBy>) -> bool {
        let state = match (self.state, reasons.is_empty()) {
            // That it waits for its next attempt is not undone by other reasons, or by none.
            (RunState::Backoff, _) => RunState::Backoff,
            (_, true) => RunState::Queued,
            (_, false) => RunState::Waiting,
        };
        // A reason that still holds keeps the time since when it does.
        let reasons: Vec<BlockedBy> = reasons
            .into_iter()
            .map(
                |reason| match self.blocked_by.iter().find(|old| old.what == reason.what) {
                    Some(old) => BlockedBy {
                        since: old.since,
                        ..reason
                    },
                    None => reason,
                },
            )
            .collect();
        let changed = self.state != state || self.blocked_by != reasons;
        self.state = state;
        self.blocked_by = reasons;
        changed
    }

    fn begin_attempt(&mut self, now: Timestamp) {
        let number = self.attempts.last().map_or(1, |last| last.number + 1);
        self.state = RunState::Starting;
        self.blocked_by.clear();
        self.phase = None;
        self.makes_way = None;
        self.next_attempt = None;
        self.failure = None;
        // The sums are of the last attempt.
        self.statistics = Statistics::default();
        self.snapshot = None;
        self.verified = false;
        self.engine = None;
        self.started.get_or_insert(now);
        self.attempts.push(Attempt {
            number,
            started: now,
            finished: None,
            result: None,
            failure: None,
            pid: None,
            unit: None,
            last_event: 0,
            warned: 0,
            made_way: false,
            outcome: None,
            done: None,
        });
    }

    fn take(&mut self, event: Event) -> bool {
        let Some(attempt) = self.attempts.last_mut() else {
            return false;
        };
        if event.seq <= attempt.last_event {
            return false;
        }
        attempt.last_event = event.seq;
        match event.kind {
            EventKind::Hello { pid, engine, .. } => {
                attempt.pid = Some(pid);
                self.engine = engine;
                self.state = RunState::Running;
            }
            EventKind::Phase { phase } => {
                self.verified |= phase == Phase::Verify;
                self.phase = Some(phase);
            }
            EventKind::Warning { .. } => {
                attempt.warned += 1;
                self.statistics.warnings += 1;
            }
            EventKind::Snapshot { snapshot } => self.snapshot = Some(snapshot),
            EventKind::Locked { by } => {
                let reason = by.map(|by| waits_for(self.repository.as_str(), &by, event.time));
                self.blocked_by = reason.into_iter().collect();
            }
            EventKind::Read { up_to } => self.read = Some(up_to),
            EventKind::Moved { contents } => {
                if let Some(CareWork::Move(moving)) = &mut self.care {
                    moving.contents = Some(contents);
                }
            }
            EventKind::Stats { statistics } => {
                let warnings = self.statistics.warnings;
                self.statistics = statistics;
                self.statistics.warnings = warnings.max(self.statistics.warnings);
            }
            EventKind::Failure { failure } => attempt.failure = Some(failure),
            EventKind::Done { result } => {
                attempt.outcome = Some(result);
                attempt.done = Some(event.time);
                self.state = RunState::Finishing;
                self.blocked_by.clear();
            }
        }
        true
    }

    fn worker_gone(&mut self, why: Option<Failure>, now: Timestamp) {
        let (outcome, failure, done) = match self.attempts.last() {
            Some(attempt) => (attempt.outcome, attempt.failure.clone(), attempt.done),
            None => (None, None, None),
        };
        // The daemon may learn of an end much later; how old a snapshot is counts from the end itself.
        let ended = done.map_or(now, |done| done.min(now));
        match outcome {
            // A backup that stored nothing must not look well, whatever its worker thinks.
            Some(result)
                if result.is_good() && self.operation == Operation::Backup && self.snapshot.is_none() =>
            {
                let failure = Failure::new(
                    FailureClass::Engine,
                    format!("the worker said `{result}`, but named no snapshot"),
                )
                .hint(format!(
                    "`backupctl log {}` shows what it did; start the job again",
                    self.id
                ));
                self.end_attempt(RunResult::Failed, Some(failure), ended);
            }
            Some(result) => self.end_attempt(result, failure, ended),
            // It was told to stop and did not get to say so: the wish was met all the same.
            None if self.cancel_requested => {
                let failure = Failure::new(
                    FailureClass::Cancelled,
                    "the run was cancelled, and its worker had to be killed",
                );
                self.end_attempt(RunResult::Cancelled, Some(failure), now);
            }
            None => {
                let unknown = || {
                    Failure::new(
                    FailureClass::Interrupted,
                    "the worker ended without a result: it was killed, it crashed, or the machine went down",
                )
                .hint(format!(
                    "nothing stored before is harmed; start the job again, and read `backupctl log {}`",
                    self.id
                ))
                };
                let failure = why.unwrap_or_else(unknown);
                let result = match failure.class {
                    FailureClass::TimedOut => RunResult::TimedOut,
                    _ => RunResult::Interrupted,
                };
                self.end_attempt(result, Some(failure), now);
            }
        }
    }

    fn end_attempt(&mut self, result: RunResult, failure: Option<Failure>, now: Timestamp) {
        let stopped = matches!(result, RunResult::Cancelled | RunResult::Interrupted);
        let made_way = self
            .makes_way
            .take()
            .filter(|_| stopped && !self.cancel_requested);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.finished = Some(now);
            attempt.result = Some(result);
            attempt.failure.clone_from(&failure);
            attempt.made_way = made_way.is_some();
        }
        if let Some(reason) = made_way {
            self.forget_made_way();
            self.state = RunState::Waiting;
            self.phase = None;
            self.blocked_by = vec![BlockedBy {
                clears: "what it was stopped for".to_owned(),
                what: reason,
                since: now,
            }];
            return;
        }
        match self.next_attempt_after(result, failure.as_ref(), now) {
            Some(at) => {
                self.state = RunState::Backoff;
                self.next_attempt = Some(at);
                self.failure = failure;
                self.phase = None;
                self.blocked_by.clear();
            }
            None => self.finish(result, failure, now),
        }
    }

    /// A condition that comes and goes must not let the record grow for ever. Numbers go on from the last attempt,
    /// which stays.
    fn forget_made_way(&mut self) {
        let made_way = self.attempts.iter().filter(|attempt| attempt.made_way).count();
        let mut too_many = made_way.saturating_sub(MOST_MADE_WAY);
        self.attempts.retain(|attempt| {
            let forgotten = attempt.made_way && too_many > 0;
            too_many -= usize::from(forgotten);
            !forgotten
        });
    }

    /// When an attempt that ended so is tried again.
    fn next_attempt_after(
        &self,
        result: RunResult,
        failure: Option<&Failure>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.cancel_requested || !matches!(result, RunResult::Failed | RunResult::Interrupted) {
            return None;
        }
        let counted = self.attempts.iter().filter(|attempt| !attempt.made_way);
        let (retry, class) = (self.retry.as_ref()?, failure?.class);
        let (tried, began) = (
            u32::try_from(counted.clone().count()).ok()?,
            counted.clone().next()?.started,
        );
        retry.next(self.id, tried, class, began, now)
    }

    fn finish(&mut self, result: RunResult, failure: Option<Failure>, now: Timestamp) {
        self.state = RunState::Finished;
        // What was not read to its end says nothing.
        self.verified &= result.is_good();
        self.result = Some(result);
        self.failure = failure;
        self.finished = Some(now);
        self.phase = None;
        self.makes_way = None;
        self.next_attempt = None;
        self.blocked_by.clear();
    }
}

/// Somebody else's lock as a reason to stand still.
fn waits_for(repository: &str, by: &Holder, now: Timestamp) -> BlockedBy {
    BlockedBy {
        what: format!("the repository `{repository}` is locked {}", by.words()),
        since: by.since.unwrap_or(now),
        clears: format!(
            "the end of that program, which is waited for until {:.0}; \
             `backupctl repository unlock {repository}` removes what a dead one has left",
            by.until
        ),
    }
}

/// As many attempts that made way are kept, the newest.
const MOST_MADE_WAY: usize = 20;

fn cancelled_before_start() -> Failure {
    Failure::new(FailureClass::Cancelled, "the run was cancelled before it started")
}

impl RunEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::Blocked(_) => "blocked",
            Self::Starting => "starting",
            Self::Worker(_) => "worker event",
            Self::CancelRequested => "cancel",
            Self::MakeWay(_) => "make way",
            Self::GoOn => "go on",
            Self::Skip(_) => "skip",
            Self::Supersede => "supersede",
            Self::ClockSet(_) => "clock set",
            Self::Override(_) => "override",
            Self::LaunchFailed(_) => "launch failed",
            Self::WorkerGone | Self::WorkerKilled(_) => "worker gone",
            Self::Unsettled(_) => "unsettled",
        }
    }
}
