//! Room, seen from outside of a worker.

use std::fs;

use backupd_core::{
    failure::FailureClass,
    protocol::{
        BackupWork, EstimateRecord, EstimateWork, Foreseen, Progress, Spec, StatisticsRecord, StatisticsWork,
        Work,
    },
    run::{Phase, RunResult},
    space::{Added, Room},
};

use crate::{
    bench::Bench,
    disk::Small,
    maintenance::{noise, prune, with_snapshots},
};

const MIB: u64 = 1 << 20;

fn estimate(bench: &Bench, scan: bool) -> EstimateRecord {
    let Work::Backup(backup) = bench.backup(|_| ()).work else {
        unreachable!()
    };
    let work = EstimateWork {
        backup,
        scan,
        sizes: Vec::new(),
    };
    let done = bench.run(&bench.spec(Work::Estimate(work)));
    assert_eq!(done.code, 0, "{}", done.log);
    done.records().remove(0)
}

fn statistics(bench: &Bench) -> StatisticsRecord {
    let done = bench.run(&bench.spec(Work::Statistics(StatisticsWork::default())));
    assert_eq!(done.code, 0, "{}", done.log);
    done.records().remove(0)
}

#[test]
fn a_backup_stops_before_the_disk_is_full_and_the_next_prune_works() {
    let bench = Bench::empty();
    let Some(_small) = Small::mount(bench.path("repository"), "64m") else {
        return;
    };
    let with = |change: fn(&mut BackupWork)| -> Spec {
        let mut spec = bench.backup(change);
        spec.repository.room = Room {
            reserve: Some(8 * MIB),
            quota: None,
        };
        spec
    };
    assert_eq!(bench.run(&bench.spec(Work::Initialize)).code, 0);
    fs::write(bench.path("source/small"), "small").unwrap();
    let good = bench.run(&with(|_| ()));
    assert_eq!(good.result(), RunResult::Success);
    let sums = good.statistics();
    assert_eq!(sums.bytes_place, 64 * MIB);
    assert!(
        sums.bytes_free < 64 * MIB && sums.bytes_free > 60 * MIB,
        "{sums:?}"
    );
    assert!(sums.bytes_repository >= sums.bytes_stored, "{sums:?}");

    fs::write(bench.path("source/large"), noise(100 << 20, 3)).unwrap();
    let done = bench.run(&with(|_| ()));
    assert_eq!(done.result(), RunResult::Failed);
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::NoSpace, "{failure}");
    assert!(
        failure
            .message
            .contains("of which 8 MiB are kept so that a prune can work"),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("`backupctl prune nas`"));
    assert!(done.statistics().bytes_free >= 8 * MIB, "{:?}", done.statistics());
    assert_eq!((bench.snapshot_count(), bench.locks()), (1, 0));

    // What the runs before it added does not fit: it does not even begin.
    let expected = bench.run(&with(|work| {
        work.foreseen = Foreseen {
            added: Added::of(vec![90 * MIB, 80 * MIB, 85 * MIB]),
            stored: None,
        };
    }));
    let failure = expected.failure();
    assert_eq!(failure.class, FailureClass::NoSpace);
    assert!(
        failure.message.ends_with("the backup is expected to add 85 MiB"),
        "{failure}"
    );
    let phase = |phase| {
        expected.events.iter().any(|event| {
        matches!(&event.kind, backupd_core::protocol::EventKind::Phase { phase: entered } if *entered == phase)
    })
    };
    assert!(!phase(Phase::Backup));

    let done = bench.run(&bench.spec(Work::Prune(prune())));
    assert_eq!(done.code, 0, "{}", done.log);
    assert_eq!(done.statistics().bytes_place, 64 * MIB);
    fs::remove_file(bench.path("source/large")).unwrap();
    assert_eq!(bench.run(&with(|_| ())).result(), RunResult::Success);
    bench.assert_sound();
}

#[test]
fn statistics_are_what_restic_says() {
    let bench = with_snapshots(3);
    let record = statistics(&bench);
    let said = bench.restic(&["stats", "--json", "--mode", "raw-data"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["total_size"].as_u64(), Some(record.bytes_needed));
    let said = bench.restic(&["stats", "--json", "--mode", "restore-size"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["total_size"].as_u64(), Some(record.bytes_restored));
    assert_eq!((record.snapshots, record.growth.len()), (3, 1));
    assert_eq!(record.jobs.len(), 1);
    assert_eq!(record.jobs[0].job.as_deref(), Some("home"));
    assert_eq!(record.jobs[0].bytes_alone, record.bytes_needed);
    assert!(
        record.bytes_free.is_some() && record.days_until_full.is_none(),
        "{record:?}"
    );
}

#[test]
fn statistics_that_are_killed_leave_no_lock() {
    let bench = with_snapshots(30);
    let before = bench.contents();
    let is_counting = |progress: &Progress| progress.phase == Phase::Scan;
    let (mut child, _) = bench.start_until(
        bench.spec(Work::Statistics(StatisticsWork::default())),
        is_counting,
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((bench.locks(), bench.contents()), (0, before));
    assert_eq!(bench.run(&bench.spec(Work::Prune(prune()))).code, 0);
}

#[test]
fn an_estimate_is_what_the_backup_then_finds() {
    let bench = with_snapshots(1);
    fs::write(bench.path("source/new"), "12345").unwrap();
    fs::write(bench.path("source/changing"), noise(60_000, 9)).unwrap();
    let found = estimate(&bench, true).scan.unwrap();
    assert_eq!((found.files_new, found.bytes_new), (1, 5));
    assert_eq!((found.files_changed, found.bytes_changed), (1, 60_000));
    let sums = bench.run(&bench.backup(|_| ())).statistics();
    assert_eq!(
        (found.files_new, found.files_changed),
        (sums.files_new, sums.files_changed)
    );
    assert_eq!(
        (found.bytes, found.files),
        (sums.bytes_processed, 1 + 1 + sums.files_unmodified)
    );
    assert_eq!(estimate(&bench, false).scan, None);
}
