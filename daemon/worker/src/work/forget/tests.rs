//! Which snapshots go, and what is written down before.

use std::{fs, path::PathBuf};

use backupd_core::{
    protocol::{KnownSnapshot, Work},
    retention::{ObjectionKind, Rules},
    run::RunResult,
};
use backupd_engine::{Deletion, ErrorKind};
use jiff::{SignedDuration, ToSpan};

use super::*;
use crate::testing::{Recorder, Scripted, attempt_in, snapshot};

fn id(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

/// Snapshots of the last days; the first is the newest.
fn days(count: u8) -> Vec<SnapshotInfo> {
    let now = Timestamp::now();
    (0..count)
        .map(|day| SnapshotInfo {
            id: id(day),
            time: now - (24 * i64::from(day)).hours(),
            host: surroundings::host(),
            files: Some(100),
            bytes: Some(1000),
            bytes_stored: Some(10),
            ..snapshot()
        })
        .collect()
}

fn work(keep_last: u32) -> ForgetWork {
    ForgetWork {
        job: "home".parse().unwrap(),
        host: None,
        adopts: Vec::new(),
        rules: Rules {
            keep_last,
            ..Rules::default()
        },
        zone: Some("UTC".to_owned()),
        known: Vec::new(),
        known_since: Some(Timestamp::now()),
        clock_doubt: None,
        force: false,
    }
}

struct Forgotten {
    ended: Ended,
    recorder: Recorder,
    asked: Option<ForgetRequest>,
    decisions: Vec<DecisionRecord>,
    _directory: tempfile::TempDir,
}

fn run_with(engine: &Scripted, work: ForgetWork) -> Forgotten {
    let directory = tempfile::tempdir().unwrap();
    let (ended, recorder, answer) = attempt_in(directory.path(), engine, Work::Forget(work));
    assert_eq!(answer, "");
    let told = fs::read_to_string(directory.path().join(DECISIONS_FILE)).unwrap_or_default();
    Forgotten {
        ended,
        recorder,
        asked: engine.forget_asked.lock().unwrap().take(),
        decisions: told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        _directory: directory,
    }
}

fn run(snapshots: Vec<SnapshotInfo>, work: ForgetWork) -> Forgotten {
    let engine = Scripted {
        listed: Some(snapshots),
        ..Scripted::default()
    };
    run_with(&engine, work)
}

fn going(forgotten: &Forgotten) -> Vec<String> {
    let ids = forgotten.decisions.iter().filter_map(|record| match record {
        DecisionRecord::Snapshot { decision, .. } if !decision.verdict.is_keep() => Some(decision.id.clone()),
        _ => None,
    });
    ids.collect()
}

#[test]
fn what_no_rule_keeps_goes_and_is_kept_elsewhere() {
    let forgotten = run(days(5), work(3));
    assert_eq!(forgotten.ended.result, RunResult::Success);
    let sums = forgotten.ended.statistics.as_ref().unwrap();
    assert_eq!((sums.snapshots_kept, sums.snapshots_forgotten), (3, 2));
    let asked = forgotten.asked.as_ref().unwrap();
    assert_eq!(asked.snapshots, [id(3), id(4)]);
    assert!(asked.keep.ends_with(FORGOTTEN_DIRECTORY));
    assert_eq!(going(&forgotten), [id(3), id(4)]);
    assert_eq!(forgotten.decisions.len(), 5);
}

#[test]
fn snapshots_of_the_jobs_tag_and_host_are_asked_for() {
    for (host, asked) in [(None, surroundings::host()), (Some("nas"), "nas".to_owned())] {
        let engine = Scripted::default();
        let work = ForgetWork {
            host: host.map(str::to_owned),
            ..work(3)
        };
        run_with(&engine, work);
        let series = engine.query_asked.lock().unwrap().take().unwrap().series;
        let series = series.unwrap();
        assert_eq!((series.host, &*series.tag), (Some(asked), "job=home"));
    }
}

#[test]
fn where_nothing_goes_the_engine_is_not_asked() {
    let forgotten = run(days(2), work(3));
    assert_eq!(forgotten.ended.result, RunResult::Success);
    assert!(forgotten.asked.is_none() && forgotten.decisions.len() == 2);
}

#[test]
fn what_the_guard_refuses_is_written_down_and_stays() {
    let forgotten = run(days(20), work(1));
    let failure = forgotten.ended.failure.as_ref().unwrap();
    assert_eq!(failure.class, FailureClass::Guarded);
    assert!(
        failure.message.contains("nothing was forgotten"),
        "{}",
        failure.message
    );
    assert!(
        failure
            .hint
            .as_ref()
            .unwrap()
            .contains("backupctl forget home --force")
    );
    assert!(forgotten.asked.is_none());
    assert_eq!(forgotten.recorder.kinds(), ["phase", "phase", "warning"]);
    assert!(matches!(
        forgotten.decisions.last().unwrap(),
        DecisionRecord::Objection { objection, overridden: false } if objection.kind == ObjectionKind::Collapse
    ));
    let forced = run(
        days(20),
        ForgetWork {
            force: true,
            ..work(1)
        },
    );
    assert_eq!(forced.ended.result, RunResult::Success);
    assert_eq!(forced.asked.as_ref().unwrap().snapshots.len(), 19);
    assert!(matches!(
        forced.decisions.last().unwrap(),
        DecisionRecord::Objection { overridden: true, .. }
    ));
}

#[test]
fn a_clock_that_is_not_believed_removes_nothing() {
    let doubted = ForgetWork {
        clock_doubt: Some("it was set by a year".to_owned()),
        ..work(3)
    };
    let forgotten = run(days(5), doubted);
    let failure = forgotten.ended.failure.unwrap();
    assert!(failure.message.contains("set by a year"), "{}", failure.message);
    assert!(forgotten.asked.is_none());
}

#[test]
fn dates_of_snapshots_that_just_came_must_agree_with_those_before() {
    let mut snapshots = days(5);
    let known = (1..5)
        .map(|day| KnownSnapshot {
            id: id(day),
            arrival: 10 - u64::from(day),
            date_accepted: false,
            verified: false,
        })
        .collect::<Vec<_>>();
    // The newest by arrival has a date of last week; the daemon has known the job for a month.
    snapshots[0].time = Timestamp::now() - SignedDuration::from_hours(24 * 7);
    let known_since = Some(Timestamp::now() - SignedDuration::from_hours(24 * 30));
    let forgotten = run(
        snapshots.clone(),
        ForgetWork {
            known: known.clone(),
            known_since,
            ..work(2)
        },
    );
    assert_eq!(forgotten.ended.failure.unwrap().class, FailureClass::Guarded);
    // Nobody wonders about those that were there before it knew the job.
    let forgotten = run(snapshots, ForgetWork { known, ..work(2) });
    assert_eq!(forgotten.ended.result, RunResult::Success);
}

#[test]
fn what_a_snapshot_says_of_its_end_is_heeded() {
    let mut snapshots = days(5);
    snapshots[4].deletion = Deletion::Never;
    snapshots[3].deletion = Deletion::After(Timestamp::now() + SignedDuration::from_hours(1));
    snapshots[1].deletion = Deletion::After(Timestamp::now() - SignedDuration::from_hours(1));
    let forgotten = run(snapshots, work(2));
    assert_eq!(going(&forgotten), [id(1)]);
}

#[test]
fn what_cannot_be_written_down_does_not_happen() {
    let engine = Scripted {
        listed: Some(days(5)),
        ..Scripted::default()
    };
    let (ended, _, _) = attempt_in(
        &PathBuf::from("/proc/no/directory"),
        &engine,
        Work::Forget(work(3)),
    );
    assert!(ended.failure.unwrap().message.contains("none went"));
    assert!(engine.forget_asked.lock().unwrap().is_none());
}

#[test]
fn zones_that_are_not_there_are_named() {
    let forgotten = run(
        days(5),
        ForgetWork {
            zone: Some("Mars/Olympus".to_owned()),
            ..work(3)
        },
    );
    let failure = forgotten.ended.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Configuration);
    assert!(failure.message.contains("`Mars/Olympus`"));
}

#[test]
fn an_engine_that_fails_keeps_its_class() {
    let engine = Scripted {
        listed: Some(days(5)),
        maintain: Some(ErrorKind::Locked),
        ..Scripted::default()
    };
    let forgotten = run_with(&engine, work(3));
    assert_eq!(forgotten.ended.failure.unwrap().class, FailureClass::Locked);
}

#[test]
fn a_preview_tells_the_same_and_removes_nothing() {
    let engine = Scripted {
        listed: Some(days(20)),
        ..Scripted::default()
    };
    let preview = |at| Work::RetentionPreview(RetentionPreview { forget: work(1), at });
    let directory = tempfile::tempdir().unwrap();
    let (ended, _, answer) = attempt_in(directory.path(), &engine, preview(None));
    assert_eq!(ended.result, RunResult::Success);
    let records: Vec<DecisionRecord> = answer
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 21, "with one objection");
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
    // Ten days ago the newer ones were ahead of the clock.
    let then = Timestamp::now() - SignedDuration::from_hours(24 * 10 - 1);
    let (_, _, answer) = attempt_in(directory.path(), &engine, preview(Some(then)));
    assert!(answer.contains("\"future\""), "{answer}");
    assert!(engine.forget_asked.lock().unwrap().is_none());
}
