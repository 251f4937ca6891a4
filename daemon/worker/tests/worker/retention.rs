//! What the guard says of snapshots that others have stored, and what can be undone.

use std::fs;

use backupd_core::{
    failure::FailureClass,
    protocol::{
        DECISIONS_FILE, DecisionRecord, FORGOTTEN_DIRECTORY, ForgetWork, UnforgetRecord, UnforgetWork, Work,
    },
    retention::ObjectionKind,
    run::RunResult,
};

use crate::{
    bench::Bench,
    maintenance::{forget, prune, with_snapshots},
};

/// Stock restic stores a snapshot of the job with a date of its own.
fn store_of(bench: &Bench, time: &str) {
    let host = rustix::system::uname().nodename().to_str().unwrap().to_owned();
    let source = bench.path("source");
    bench.restic(&[
        "backup",
        "--time",
        time,
        "--tag",
        "job=home",
        "--host",
        &host,
        source.to_str().unwrap(),
    ]);
}

fn decisions(bench: &Bench, spec: &backupd_core::protocol::Spec) -> Vec<DecisionRecord> {
    let told = fs::read_to_string(bench.run_directory(spec).join(DECISIONS_FILE)).unwrap();
    told.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_made_up_date_holds_everything_up_until_it_is_forced() {
    let bench = with_snapshots(3);
    store_of(&bench, "2199-01-01 00:00:00");
    let before = bench.contents();
    let spec = bench.spec(Work::Forget(forget(1)));
    let done = bench.run(&spec);
    assert_eq!((done.code, done.result()), (1, RunResult::Failed));
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::Guarded, "{failure}");
    for part in ["`home`", "`nas`", "has a date that has not come"] {
        assert!(failure.message.contains(part), "{failure}");
    }
    let hint = failure.hint.unwrap();
    assert!(
        hint.contains("restic forget ID") && hint.contains("--force"),
        "{hint}"
    );
    let warnings = done.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].1.contains("2199-01-01"), "{warnings:?}");
    assert_eq!(bench.contents(), before);
    assert!(!bench.run_directory(&spec).join(FORGOTTEN_DIRECTORY).exists());
    let decided = decisions(&bench, &spec);
    assert_eq!(decided.len(), 5, "{decided:?}");
    assert!(matches!(
        &decided[4],
        DecisionRecord::Objection { objection, overridden: false } if objection.kind == ObjectionKind::FutureDate
    ));

    let spec = bench.spec(Work::Forget(ForgetWork {
        force: true,
        ..forget(1)
    }));
    let done = bench.run(&spec);
    assert_eq!(done.code, 0, "{}", done.log);
    let sums = done.statistics();
    assert_eq!((sums.snapshots_forgotten, sums.snapshots_kept), (2, 2));
    assert!(matches!(
        decisions(&bench, &spec).last(),
        Some(DecisionRecord::Objection { overridden: true, .. })
    ));
    assert_eq!(bench.snapshot_count(), 2);
    bench.assert_sound();
}

#[test]
fn what_another_machine_stored_for_a_job_of_this_name_is_left_alone() {
    let bench = with_snapshots(2);
    let source = bench.path("source");
    bench.restic(&[
        "backup",
        "--tag",
        "job=home",
        "--host",
        "elsewhere",
        source.to_str().unwrap(),
    ]);
    let done = bench.run(&bench.spec(Work::Forget(forget(1))));
    assert_eq!(done.code, 0, "{}", done.log);
    let sums = done.statistics();
    assert_eq!((sums.snapshots_forgotten, sums.snapshots_kept), (1, 1));
    assert_eq!(bench.snapshot_count(), 2);
}

#[test]
fn what_a_prune_has_removed_is_lost_and_said_so() {
    let bench = with_snapshots(3);
    let spec = bench.spec(Work::Forget(forget(1)));
    assert_eq!(bench.run(&spec).code, 0);
    let undo = || {
        let work = UnforgetWork {
            directories: vec![
                bench.path("runs/of-another-attempt").join(FORGOTTEN_DIRECTORY),
                bench.run_directory(&spec).join(FORGOTTEN_DIRECTORY),
            ],
            snapshots: Vec::new(),
        };
        let done = bench.run(&bench.spec(Work::Unforget(work)));
        assert_eq!(done.code, 0, "{}", done.log);
        done.records::<UnforgetRecord>()
    };
    assert!(undo().iter().all(|record| record.present));
    assert_eq!(bench.snapshot_count(), 3);
    let again = bench.spec(Work::Forget(forget(1)));
    assert_eq!(bench.run(&again).code, 0);
    assert_eq!(bench.run(&bench.spec(Work::Prune(prune()))).code, 0);
    let lost = undo();
    assert_eq!(lost.len(), 2);
    for record in lost {
        assert!(!record.present);
        assert!(
            record.reason.unwrap().contains("not in the repository any more"),
            "{}",
            record.id
        );
    }
    assert_eq!(bench.snapshot_count(), 1);
    bench.assert_sound();
}
