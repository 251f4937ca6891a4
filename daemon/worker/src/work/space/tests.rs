use backupd_core::{
    protocol::{Spec, Work},
    space::{Added, Room as Limits},
};
use backupd_engine::{Cancellation, ErrorKind, GroupReport, Space};
use jiff::SignedDuration;

use super::*;
use crate::{
    attempt,
    testing::{Recorder, Scripted, Secrets, backup_spec},
};

const MIB: u64 = 1 << 20;

fn roomy() -> Scripted {
    Scripted {
        room: Room {
            space: Some(Space {
                free: 500 * MIB,
                total: Some(1000 * MIB),
            }),
            stored: Some(300 * MIB),
        },
        ..Scripted::default()
    }
}

fn run(engine: &Scripted, change: impl FnOnce(&mut Spec)) -> (Ended, String) {
    let secrets = Secrets::new();
    let mut spec = secrets.spec();
    change(&mut spec);
    let recorder = Recorder::new();
    let mut answer = Vec::new();
    let ended = attempt::attempt(
        &spec,
        std::path::Path::new("/no/run/directory"),
        engine,
        &recorder.log,
        &Cancellation::default(),
        &mut answer,
    );
    (ended, String::from_utf8(answer).unwrap())
}

fn foreseen(spec: &mut Spec, runs: u64) {
    let Work::Backup(work) = &mut spec.work else {
        panic!()
    };
    work.foreseen = Foreseen {
        added: Some(Added {
            runs,
            median: 7 * MIB,
            largest: 90 * MIB,
        }),
        stored: Some(5),
    };
}

#[test]
fn a_backup_is_told_what_it_may_use() {
    let asked = |change: fn(&mut Spec)| {
        let engine = Scripted::default();
        run(&engine, change);
        engine.asked.lock().unwrap().take().unwrap().allowance
    };
    let plain = asked(|spec| foreseen(spec, 2));
    assert_eq!((plain.keep_free, plain.keep_percent), (256 * MIB, Some(1)));
    // Two runs say nothing of the third.
    assert_eq!((plain.quota, plain.stored, plain.expected), (None, Some(5), None));
    let said = asked(|spec| {
        foreseen(spec, 3);
        spec.repository.room = Limits {
            reserve: Some(MIB),
            quota: Some(9 * MIB),
        };
    });
    assert_eq!((said.keep_free, said.keep_percent), (MIB, None));
    assert_eq!((said.quota, said.expected), (Some(9 * MIB), Some(7 * MIB)));
}

#[test]
fn sums_say_what_there_is_at_the_end() {
    let (ended, _) = run(&roomy(), |_| ());
    let sums = ended.statistics.unwrap();
    assert_eq!(
        (sums.bytes_free, sums.bytes_place, sums.bytes_repository),
        (500 * MIB, 1000 * MIB, 300 * MIB)
    );
    // Where nobody knows how large the repository is, it is counted once.
    let engine = roomy();
    run(&engine, |_| ());
    run(&engine, |spec| foreseen(spec, 1));
    assert_eq!(*engine.counts.lock().unwrap(), [true, false]);
    let full = Scripted {
        backup: Some(ErrorKind::NoSpace),
        ..roomy()
    };
    let (ended, _) = run(&full, |_| ());
    assert_eq!(ended.statistics.unwrap().bytes_free, 500 * MIB);
    // Whoever was not let in knows nothing.
    let refused = Scripted {
        backup: Some(ErrorKind::WrongPassword),
        ..roomy()
    };
    assert_eq!(run(&refused, |_| ()).0.statistics, None);
}

#[test]
fn who_finds_no_room_is_told_what_frees_some() {
    let full = Scripted {
        backup: Some(ErrorKind::NoSpace),
        ..roomy()
    };
    let hint = |change: fn(&mut Spec)| run(&full, change).0.failure.unwrap().hint.unwrap();
    let plain = hint(|_| ());
    for command in [
        "retention preview home",
        "forget home",
        "prune nas",
        "repository stats nas",
    ] {
        assert!(plain.contains(&format!("`backupctl {command}`")), "{plain}");
    }
    assert!(!plain.contains("quota"), "{plain}");
    let quota = hint(|spec| spec.repository.room.quota = Some(1));
    assert!(quota.contains("`quota` in `repositories.d/nas.toml`"), "{quota}");
}

fn sizes(now: Timestamp) -> Vec<Sample> {
    let ago = |days: u64| Sample {
        time: now - SignedDuration::from_hours(24 * days.cast_signed()),
        stored: (300 - days) * MIB,
        free: Some((500 + days) * MIB),
        total: Some(1000 * MIB),
    };
    (1..=20).rev().map(ago).collect()
}

#[test]
fn statistics_are_one_record_with_a_forecast() {
    let mut engine = roomy();
    engine.counted = StatisticsReport {
        snapshots: 3,
        bytes_stored: 300 * MIB,
        bytes_restored: 900 * MIB,
        bytes_unique: 450 * MIB,
        bytes_needed: 225 * MIB,
        groups: vec![GroupReport {
            group: Some("home".into()),
            bytes_alone: 5,
            ..GroupReport::default()
        }],
        ..StatisticsReport::default()
    };
    let (ended, answer) = run(&engine, |spec| {
        spec.repository.room.reserve = Some(100 * MIB);
        spec.work = Work::Statistics(StatisticsWork {
            sizes: sizes(Timestamp::now()),
        });
    });
    assert_eq!(ended.result, RunResult::Success);
    let record: StatisticsRecord = serde_json::from_str(&answer).unwrap();
    assert_eq!((record.deduplication, record.compression), (Some(2.0), Some(2.0)));
    assert_eq!(record.jobs[0].job.as_deref(), Some("home"));
    assert_eq!(record.growth.len(), 21);
    let pace = record.bytes_per_day.unwrap();
    assert!((pace - MIB.cast_signed()).abs() < 1000, "{pace}");
    assert!(matches!(record.days_until_full, Some(399 | 400)), "{record:?}");
    assert_eq!(
        (record.bytes_free, record.bytes_reserve),
        (Some(500 * MIB), 100 * MIB)
    );
    assert_eq!(engine.group_asked.lock().unwrap().as_deref(), Some("job="));
}

#[test]
fn an_estimate_walks_the_sources_only_when_asked() {
    let mut engine = roomy();
    engine.scanned = ScanReport {
        files: 4,
        files_new: 3,
        ..ScanReport::default()
    };
    let ask = |scan: bool| {
        let (ended, answer) = run(&engine, |spec| {
            foreseen(spec, 4);
            let Work::Backup(backup) = spec.work.clone() else {
                panic!()
            };
            spec.work = Work::Estimate(EstimateWork {
                backup,
                scan,
                sizes: sizes(Timestamp::now()),
            });
        });
        assert_eq!(ended, Ended::success(None));
        serde_json::from_str::<EstimateRecord>(&answer).unwrap()
    };
    let quick = ask(false);
    assert_eq!(quick.scan, None);
    assert!(engine.asked.lock().unwrap().is_none());
    assert_eq!((quick.job.as_str(), quick.repository.as_str()), ("home", "nas"));
    assert_eq!(
        (quick.runs, quick.bytes_median, quick.bytes_largest),
        (4, Some(7 * MIB), Some(90 * MIB))
    );
    assert_eq!(
        (quick.bytes_free, quick.bytes_stored),
        (Some(500 * MIB), Some(300 * MIB))
    );
    assert_eq!(quick.bytes_reserve, 10 * MIB);
    assert!(quick.days_until_full.is_some());
    let scanned = ask(true).scan.unwrap();
    assert_eq!((scanned.files, scanned.files_new), (4, 3));
    assert!(
        engine
            .asked
            .lock()
            .unwrap()
            .as_ref()
            .unwrap()
            .tags
            .contains(&"job=home".to_owned())
    );
}

#[test]
fn a_place_that_says_nothing_leaves_what_is_remembered() {
    let engine = Scripted::default();
    let (_, answer) = run(&engine, |spec| {
        let Work::Backup(backup) = backup_spec().work else {
            panic!()
        };
        spec.work = Work::Estimate(EstimateWork {
            backup,
            scan: false,
            sizes: sizes(Timestamp::now()),
        });
    });
    let record: EstimateRecord = serde_json::from_str(&answer).unwrap();
    assert_eq!((record.runs, record.bytes_median), (0, None));
    assert_eq!(
        (record.bytes_stored, record.bytes_free),
        (Some(299 * MIB), Some(501 * MIB))
    );
}
