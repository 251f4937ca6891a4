use std::fs;

use backupd_core::{failure::FailureClass, protocol::Work, run::RunResult};

use crate::bench::Bench;

#[test]
fn what_was_stored_comes_back() {
    let bench = Bench::new();
    let stored = bench.run(&bench.backup(|_| ())).snapshot().unwrap();
    let done = bench.run(&bench.restore("latest"));
    assert_eq!(
        (done.code, done.result()),
        (0, RunResult::Success),
        "{}",
        done.log
    );
    assert_eq!(done.snapshot().unwrap(), stored);
    let statistics = done.statistics();
    assert_eq!((statistics.files_restored, statistics.bytes_restored), (2, 11));
    let restored = bench
        .path("target")
        .join(bench.path("source").strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(restored.join("one")).unwrap(), "first");
    assert_eq!(
        fs::read_to_string(restored.join("directory/two")).unwrap(),
        "second"
    );
}

#[test]
fn a_snapshot_of_another_job_is_not_found_by_any_name() {
    let bench = Bench::new();
    let id = bench.run(&bench.backup(|_| ())).snapshot().unwrap();
    for name in ["latest", &id, &id[..8]] {
        let mut spec = bench.restore(name);
        let Work::Restore(work) = &mut spec.work else {
            panic!()
        };
        work.filter.job = Some("other".parse().unwrap());
        let failure = bench.run(&spec).failure();
        assert_eq!(failure.class, FailureClass::SnapshotNotFound, "{name}");
        let hint = failure.hint.unwrap();
        assert!(hint.contains("backupctl snapshots"), "{hint}");
        assert!(hint.contains("--repository nas"), "{hint}");
        assert!(!bench.path("target").exists());
    }
}

#[test]
fn a_target_that_holds_something_is_left_alone() {
    let bench = Bench::new();
    assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    fs::create_dir(bench.path("target")).unwrap();
    fs::write(bench.path("target/mine"), "mine").unwrap();
    let done = bench.run(&bench.restore("latest"));
    assert_eq!((done.code, done.result()), (1, RunResult::Failed));
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::Configuration);
    assert!(failure.hint.unwrap().contains("empty"));
    assert_eq!(fs::read_dir(bench.path("target")).unwrap().count(), 1);
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let bench = Bench::new();
    assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    let mut spec = bench.restore("latest");
    let Work::Restore(work) = &mut spec.work else {
        panic!()
    };
    // Nobody makes a directory there, root included.
    work.target = "/proc/backupd/target".into();
    let done = bench.run(&spec);
    assert_eq!(done.result(), RunResult::Failed);
    assert!(
        done.failure().message.contains("/proc/backupd"),
        "{}",
        done.failure()
    );
}
