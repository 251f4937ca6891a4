use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{
    failure::{Failure, FailureClass},
    name::RunId,
    protocol::{Event, EventKind, Holder},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn run() -> Run {
    Run::new(
        RunId::from_parts(1, 1),
        Some("home".parse().unwrap()),
        "nas".parse().unwrap(),
        Operation::Backup,
        Trigger::Manual,
        at(0),
    )
}

fn event(seq: u64, kind: EventKind) -> RunEvent {
    RunEvent::Worker(Event {
        seq,
        time: at(1),
        kind,
    })
}

fn hello() -> EventKind {
    EventKind::Hello {
        pid: 7,
        run: RunId::from_parts(1, 1),
        attempt: 1,
        program: "backupd-worker 0".into(),
        engine: None,
    }
}

fn started() -> Run {
    let mut run = run();
    run.apply(RunEvent::Starting, at(1)).unwrap();
    run.apply(event(1, hello()), at(1)).unwrap();
    run
}

#[test]
fn a_run_that_says_done_ends_with_what_it_said() {
    let mut run = started();
    assert_eq!(run.state, RunState::Running);
    run.apply(
        event(
            2,
            EventKind::Snapshot {
                snapshot: "ab".into(),
            },
        ),
        at(2),
    )
    .unwrap();
    run.apply(
        event(
            3,
            EventKind::Done {
                result: RunResult::Partial,
            },
        ),
        at(3),
    )
    .unwrap();
    assert_eq!((run.state, run.result), (RunState::Finishing, None));
    run.apply(RunEvent::WorkerGone, at(4)).unwrap();
    assert_eq!(
        (run.state, run.result),
        (RunState::Finished, Some(RunResult::Partial))
    );
    assert_eq!(run.snapshot.as_deref(), Some("ab"));
    assert_eq!(
        run.duration(at(9)),
        Some(0.0),
        "its `done` was written at the first second"
    );
}

#[test]
fn an_end_that_is_learnt_of_late_counts_from_when_it_was() {
    let mut run = started();
    let done = |seq, time, kind| RunEvent::Worker(Event { seq, time, kind });
    run.apply(
        done(
            2,
            at(5),
            EventKind::Snapshot {
                snapshot: "ab".into(),
            },
        ),
        at(900),
    )
    .unwrap();
    run.apply(
        done(
            3,
            at(6),
            EventKind::Done {
                result: RunResult::Success,
            },
        ),
        at(900),
    )
    .unwrap();
    run.apply(RunEvent::WorkerGone, at(1000)).unwrap();
    assert_eq!(
        (run.result, run.finished),
        (Some(RunResult::Success), Some(at(6)))
    );
}

#[test]
fn a_backup_that_names_no_snapshot_has_failed() {
    let mut run = started();
    run.apply(
        event(
            2,
            EventKind::Done {
                result: RunResult::Success,
            },
        ),
        at(3),
    )
    .unwrap();
    run.apply(RunEvent::WorkerGone, at(4)).unwrap();
    assert_eq!(run.result, Some(RunResult::Failed));
    assert_eq!(run.failure.unwrap().class, FailureClass::Engine);
}

#[test]
fn a_worker_that_vanishes_leaves_an_interrupted_run() {
    let mut run = started();
    run.apply(RunEvent::WorkerGone, at(2)).unwrap();
    assert_eq!(run.result, Some(RunResult::Interrupted));
    assert_eq!(run.failure.unwrap().class, FailureClass::Interrupted);
}

#[test]
fn who_knows_why_a_worker_is_gone_is_believed() {
    for (class, result) in [
        (FailureClass::Interrupted, RunResult::Interrupted),
        (FailureClass::TimedOut, RunResult::TimedOut),
    ] {
        let why = Failure::new(class, "the worker was killed by SIGKILL");
        let mut run = started();
        run.apply(RunEvent::WorkerKilled(why.clone()), at(2)).unwrap();
        assert_eq!((run.result, run.failure), (Some(result), Some(why.clone())));
        let mut run = started();
        run.apply(RunEvent::CancelRequested, at(2)).unwrap();
        run.apply(RunEvent::WorkerKilled(why), at(2)).unwrap();
        assert_eq!(run.result, Some(RunResult::Cancelled));
    }
}

#[test]
fn a_cancelled_worker_that_had_to_be_killed_is_cancelled() {
    let mut run = started();
    assert!(run.apply(RunEvent::CancelRequested, at(2)).unwrap());
    assert!(!run.apply(RunEvent::CancelRequested, at(2)).unwrap());
    run.apply(RunEvent::WorkerGone, at(2)).unwrap();
    assert_eq!(run.result, Some(RunResult::Cancelled));
}

#[test]
fn a_start_that_a_cancel_stopped_is_cancelled() {
    let mut run = run();
    run.apply(RunEvent::Starting, at(1)).unwrap();
    run.apply(RunEvent::CancelRequested, at(2)).unwrap();
    let failure = Failure::new(FailureClass::Engine, "systemd says `canceled`");
    run.apply(RunEvent::LaunchFailed(failure), at(3)).unwrap();
    assert_eq!(run.result, Some(RunResult::Cancelled));
    assert_eq!(run.failure.unwrap().class, FailureClass::Cancelled);
}

#[test]
fn replaying_the_file_from_its_start_changes_nothing() {
    let mut run = started();
    let warning = EventKind::Warning {
        path: None,
        path_bytes: None,
        reason: "x".into(),
        private: false,
    };
    run.apply(event(2, warning.clone()), at(2)).unwrap();
    let before = run.clone();
    assert!(!run.apply(event(1, hello()), at(3)).unwrap());
    assert!(!run.apply(event(2, warning), at(3)).unwrap());
    assert_eq!(run, before);
    assert_eq!(run.statistics.warnings, 1);
}

#[test]
fn a_reason_that_still_holds_keeps_its_beginning() {
    let mut run = run();
    let reason = |since| BlockedBy {
        what: "limit".into(),
        since: at(since),
        clears: "a slot".into(),
    };
    assert!(run.apply(RunEvent::Blocked(vec![reason(1)]), at(1)).unwrap());
    assert!(!run.apply(RunEvent::Blocked(vec![reason(5)]), at(5)).unwrap());
    assert_eq!(run.blocked_by[0].since, at(1));
    run.apply(RunEvent::Blocked(Vec::new()), at(6)).unwrap();
    assert_eq!(run.state, RunState::Queued);
}

#[test]
fn a_finished_run_cannot_be_started_or_cancelled() {
    let mut run = run();
    run.apply(RunEvent::CancelRequested, at(1)).unwrap();
    assert_eq!(run.result, Some(RunResult::Cancelled));
    assert!(run.apply(RunEvent::Starting, at(2)).is_err());
    assert!(run.apply(RunEvent::CancelRequested, at(2)).is_err());
}

fn broken(seconds: i64) -> [RunEvent; 2] {
    let failure = Failure::new(FailureClass::Network, "no route");
    let said = |seq, kind| {
        RunEvent::Worker(Event {
            seq,
            time: at(seconds),
            kind,
        })
    };
    [
        said(2, EventKind::Failure { failure }),
        said(
            3,
            EventKind::Done {
                result: RunResult::Failed,
            },
        ),
    ]
}

#[test]
fn a_failure_that_may_pass_is_tried_again_until_the_attempts_are_used_up() {
    let mut run = run();
    run.retry = Some(crate::retry::Retry {
        attempts: 3,
        ..crate::retry::Retry::default()
    });
    for attempt in 1..=3 {
        run.apply(RunEvent::Starting, at(attempt)).unwrap();
        assert_eq!(run.failure, None);
        run.apply(event(1, hello()), at(attempt)).unwrap();
        for event in broken(attempt) {
            run.apply(event, at(attempt)).unwrap();
        }
        run.apply(RunEvent::WorkerGone, at(attempt)).unwrap();
        if attempt < 3 {
            assert_eq!((run.state, run.result), (RunState::Backoff, None));
            assert!(run.next_attempt.unwrap() > at(attempt));
            assert_eq!(run.failure.as_ref().unwrap().message, "no route");
        }
    }
    assert_eq!(run.result, Some(RunResult::Failed));
    assert_eq!(run.next_attempt, None);
    let reasons: Vec<_> = run
        .attempts
        .iter()
        .map(|a| a.failure.clone().unwrap().message)
        .collect();
    assert_eq!(reasons, ["no route"; 3]);
}

#[test]
fn a_run_that_waits_for_its_next_attempt_can_be_cancelled_or_superseded() {
    let mut run = run();
    run.retry = Some(crate::retry::Retry::default());
    run.apply(RunEvent::Starting, at(1)).unwrap();
    run.apply(RunEvent::WorkerGone, at(2)).unwrap();
    assert_eq!(run.state, RunState::Backoff);
    let mut other = run.clone();
    other.apply(RunEvent::Supersede, at(3)).unwrap();
    assert_eq!(other.result, Some(RunResult::Failed));
    assert_eq!(other.failure.unwrap().class, FailureClass::Interrupted);
    run.apply(RunEvent::CancelRequested, at(3)).unwrap();
    assert_eq!(run.result, Some(RunResult::Cancelled));
}

#[test]
fn a_clock_that_is_set_makes_the_wait_for_the_next_attempt_neither_longer_nor_shorter() {
    let mut run = run();
    run.retry = Some(crate::retry::Retry::default());
    run.apply(RunEvent::Starting, at(1)).unwrap();
    let hour = SignedDuration::from_hours(1);
    assert!(run.apply(RunEvent::ClockSet(hour), at(3602)).is_err());
    run.apply(RunEvent::WorkerGone, at(2)).unwrap();
    let before = run.next_attempt.unwrap();
    assert_eq!(run.apply(RunEvent::ClockSet(hour), at(3602)), Ok(true));
    assert_eq!(run.next_attempt, Some(before + hour));
    assert_eq!(run.apply(RunEvent::ClockSet(-hour), at(2)), Ok(true));
    assert_eq!(run.next_attempt, Some(before));
    // No calendar goes so far.
    assert_eq!(
        run.apply(RunEvent::ClockSet(SignedDuration::MAX), at(2)),
        Ok(false)
    );
    assert_eq!((run.state, run.next_attempt), (RunState::Backoff, Some(before)));
}

#[test]
fn a_run_that_makes_way_goes_on_later_and_the_attempt_does_not_count() {
    let mut run = started();
    run.retry = Some(crate::retry::Retry {
        attempts: 2,
        ..crate::retry::Retry::default()
    });
    let reason = "on battery power".to_owned();
    assert!(run.apply(RunEvent::MakeWay(reason.clone()), at(2)).unwrap());
    assert!(!run.apply(RunEvent::MakeWay(reason), at(2)).unwrap());
    run.apply(
        event(
            2,
            EventKind::Done {
                result: RunResult::Cancelled,
            },
        ),
        at(3),
    )
    .unwrap();
    run.apply(RunEvent::WorkerGone, at(3)).unwrap();
    assert_eq!((run.state, run.result), (RunState::Waiting, None));
    assert_eq!(run.blocked_by[0].what, "on battery power");
    run.apply(RunEvent::Starting, at(4)).unwrap();
    run.apply(RunEvent::WorkerGone, at(5)).unwrap();
    assert_eq!(run.state, RunState::Backoff, "this was the first that counts");
}

#[test]
fn a_worker_that_was_stopped_before_its_first_word_has_made_way() {
    let mut run = run();
    run.retry = Some(crate::retry::Retry::default());
    run.apply(RunEvent::Starting, at(1)).unwrap();
    run.apply(RunEvent::MakeWay("on battery power".into()), at(2))
        .unwrap();
    let failure = Failure::new(FailureClass::Engine, "no first word");
    let mut cancelled = run.clone();
    run.apply(RunEvent::LaunchFailed(failure.clone()), at(3)).unwrap();
    assert_eq!((run.state, run.result), (RunState::Waiting, None));
    assert_eq!(run.blocked_by[0].what, "on battery power");
    let [attempt] = run.attempts.as_slice() else {
        panic!("one attempt")
    };
    assert!(attempt.made_way && attempt.result == Some(RunResult::Cancelled));
    cancelled.apply(RunEvent::CancelRequested, at(3)).unwrap();
    cancelled.apply(RunEvent::LaunchFailed(failure), at(3)).unwrap();
    assert_eq!(cancelled.result, Some(RunResult::Cancelled));
}

#[test]
fn of_attempts_that_made_way_the_newest_are_kept_and_numbers_go_on() {
    let mut run = run();
    run.retry = Some(crate::retry::Retry::default());
    run.apply(RunEvent::Starting, at(1)).unwrap();
    run.apply(RunEvent::WorkerGone, at(1)).unwrap();
    for second in 2..=100 {
        run.apply(RunEvent::Starting, at(second)).unwrap();
        run.apply(RunEvent::MakeWay("on battery power".into()), at(second))
            .unwrap();
        run.apply(RunEvent::WorkerGone, at(second)).unwrap();
        assert_eq!(run.state, RunState::Waiting);
    }
    let numbers: Vec<_> = run.attempts.iter().map(|attempt| attempt.number).collect();
    let kept: Vec<_> = std::iter::once(1).chain(81..=100).collect();
    assert_eq!(numbers, kept, "what failed counts, and stays");
    run.apply(RunEvent::Starting, at(101)).unwrap();
    assert_eq!(run.attempts.last().unwrap().number, 101);
    run.apply(RunEvent::WorkerGone, at(101)).unwrap();
    assert_eq!(run.state, RunState::Backoff);
}

#[test]
fn a_worker_that_ended_well_before_it_could_make_way_has_ended_well() {
    let mut run = started();
    run.apply(RunEvent::MakeWay("on battery power".into()), at(2))
        .unwrap();
    for (seq, kind) in [
        (
            2,
            EventKind::Snapshot {
                snapshot: "ab".into(),
            },
        ),
        (
            3,
            EventKind::Done {
                result: RunResult::Success,
            },
        ),
    ] {
        run.apply(event(seq, kind), at(3)).unwrap();
    }
    run.apply(RunEvent::WorkerGone, at(3)).unwrap();
    assert_eq!(run.result, Some(RunResult::Success));
}

proptest! {
    /// Whatever comes in whatever order: a run has a result exactly when it is finished, and never loses it.
    #[test]
    fn a_result_and_the_end_come_together(moves in proptest::collection::vec(0_u8..13, 0..30), retried: bool) {
        let mut run = run();
        run.retry = retried.then(crate::retry::Retry::default);
        for (step, choice) in moves.into_iter().enumerate() {
            let seq = step as u64 + 1;
            let before = run.result;
            let event = match choice {
                0 => RunEvent::Starting,
                1 => event(seq, hello()),
                2 => event(seq, EventKind::Done { result: RunResult::Success }),
                3 => RunEvent::WorkerGone,
                4 => RunEvent::CancelRequested,
                5 => RunEvent::LaunchFailed(Failure::new(FailureClass::Engine, "no worker")),
                6 => RunEvent::Blocked(Vec::new()),
                7 => RunEvent::MakeWay("a condition".into()),
                8 => RunEvent::Supersede,
                9 => RunEvent::Skip("not worth it".into()),
                10 => RunEvent::Override(vec!["a window".into()]),
                11 => RunEvent::ClockSet(SignedDuration::from_secs(-60)),
                _ => event(seq, EventKind::Failure { failure: Failure::new(FailureClass::Engine, "x") }),
            };
            let _ = run.apply(event, at(i64::try_from(seq).unwrap()));
            prop_assert_eq!(run.result.is_some(), run.state == RunState::Finished);
            prop_assert_eq!(run.finished.is_some(), run.state == RunState::Finished);
            prop_assert_eq!(run.next_attempt.is_some(), run.state == RunState::Backoff);
            if before.is_some() {
                prop_assert_eq!(before, run.result);
            }
        }
    }
}

/// Somebody else's lock is told of as long as it is waited for, and no longer.
#[test]
fn a_lock_of_somebody_else_is_a_reason_to_stand_still() {
    let holder = Holder {
        user: "root".into(),
        host: "nas".into(),
        pid: 12,
        run: None,
        exclusive: true,
        since: Some(at(-60)),
        until: at(300),
    };
    let mut run = run();
    run.apply(RunEvent::Starting, at(1)).unwrap();
    run.apply(event(1, hello()), at(1)).unwrap();
    let locked = |by| EventKind::Locked { by };
    assert!(run.apply(event(2, locked(Some(holder.clone()))), at(2)).unwrap());
    assert_eq!(run.state, RunState::Running);
    let reason = BlockedBy {
        what: "the repository `nas` is locked exclusively by root on `nas` (pid 12)".into(),
        since: at(-60),
        clears: "the end of that program, which is waited for until 2023-11-14T22:18:20Z; \
                 `backupctl repository unlock nas` removes what a dead one has left"
            .into(),
    };
    assert_eq!(run.blocked_by, [reason]);
    run.apply(event(3, locked(None)), at(3)).unwrap();
    assert_eq!(run.blocked_by, []);
    run.apply(event(4, locked(Some(holder))), at(4)).unwrap();
    run.apply(RunEvent::WorkerGone, at(5)).unwrap();
    assert_eq!(run.blocked_by, []);
}
