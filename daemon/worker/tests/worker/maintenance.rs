use std::{fs, path::PathBuf};

use backupd_core::{
    failure::FailureClass,
    protocol::{
        CheckWork, DECISIONS_FILE, DecisionRecord, EventKind, FORGOTTEN_DIRECTORY, ForgetWork, MaxUnused,
        PruneRecord, PruneWork, ReadData, ReadUpTo, RetentionPreview, UnforgetRecord, UnforgetWork, Work,
    },
    retention::Rules,
    run::RunResult,
};
use jiff::SignedDuration;

use crate::bench::{Bench, Finished};

pub(crate) fn check(read_data: ReadData) -> Work {
    Work::Check(CheckWork {
        read_data,
        after: ReadUpTo::End,
        max_runtime: None,
    })
}

pub(crate) fn prune() -> PruneWork {
    PruneWork {
        max_unused: MaxUnused::Percent(0),
        max_repack: None,
        keep_delete: SignedDuration::ZERO,
    }
}

pub(crate) fn forget(keep_last: u32) -> ForgetWork {
    ForgetWork {
        job: "home".parse().unwrap(),
        host: None,
        adopts: Vec::new(),
        rules: Rules {
            keep_last,
            ..Rules::default()
        },
        zone: None,
        known: Vec::new(),
        known_since: None,
        clock_doubt: None,
        force: false,
    }
}

/// Bytes that do not compress.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// With so many snapshots; each but the last holds data that no other needs.
pub(crate) fn with_snapshots(count: u8) -> Bench {
    let bench = Bench::new();
    for number in 1..=count {
        fs::write(bench.path("source/changing"), noise(50_000, number.into())).unwrap();
        assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    }
    bench
}

fn largest_pack(bench: &Bench) -> PathBuf {
    let packs = bench
        .contents()
        .into_iter()
        .filter(|(path, _)| path.starts_with(bench.path("repository/data")));
    packs.max_by_key(|(_, size)| *size).unwrap().0
}

#[test]
fn a_check_reads_as_much_as_it_is_asked_to_and_says_how_far() {
    let bench = with_snapshots(2);
    let structure = bench.run(&bench.spec(check(ReadData::None)));
    assert_eq!(
        structure.kinds(),
        ["hello", "phase", "phase", "phase", "stats", "done"]
    );
    let all = bench.run(&bench.spec(check(ReadData::All)));
    assert_eq!(all.code, 0);
    assert!(all.kinds().contains(&"read"));
    assert!(all.statistics().bytes_checked > structure.statistics().bytes_checked);
    assert!(all.statistics().bytes_repository > 0);
    // One pack a time, until the end.
    let mut after = ReadUpTo::End;
    for _ in 0..20 {
        let work = CheckWork {
            read_data: ReadData::Bytes(1),
            after: after.clone(),
            max_runtime: None,
        };
        let checked = bench.run(&bench.spec(Work::Check(work)));
        assert_eq!(checked.code, 0);
        after = read_up_to(&checked);
        if after == ReadUpTo::End {
            return;
        }
    }
    panic!("it never ends");
}

pub(crate) fn read_up_to(finished: &Finished) -> ReadUpTo {
    let read = finished.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Read { up_to } => Some(up_to.clone()),
        _ => None,
    });
    read.unwrap()
}

#[test]
fn damage_fails_a_check_with_the_pack_and_the_snapshots() {
    let bench = with_snapshots(2);
    let pack = largest_pack(&bench);
    let mut bytes = fs::read(&pack).unwrap();
    bytes[5] ^= 1;
    fs::write(&pack, bytes).unwrap();
    assert_eq!(bench.run(&bench.spec(check(ReadData::None))).code, 0);
    let found = bench.run(&bench.spec(check(ReadData::All)));
    assert_eq!(
        (found.code, found.result(), found.failure().class),
        (1, RunResult::Failed, FailureClass::Corrupt)
    );
    let warnings = found.warnings();
    let named = |part: &str| {
        warnings
            .iter()
            .any(|(path, _)| path.as_deref().is_some_and(|path| path.contains(part)))
    };
    assert!(named(pack.file_name().unwrap().to_str().unwrap()), "{warnings:?}");
    assert!(named("snapshots/"), "{warnings:?}");
    assert_eq!(found.statistics().errors_found, 1);
}

#[test]
fn what_is_forgotten_is_pruned_and_can_come_back_until_then() {
    let bench = with_snapshots(4);
    let preview = RetentionPreview {
        forget: forget(1),
        at: None,
    };
    let before = bench.contents();
    let told = bench
        .run(&bench.spec(Work::RetentionPreview(preview)))
        .records::<DecisionRecord>();
    assert_eq!(told.len(), 4);
    assert_eq!(bench.contents(), before);

    let spec = bench.spec(Work::Forget(forget(1)));
    let forgotten = bench.run(&spec);
    assert_eq!(forgotten.code, 0, "{}", forgotten.log);
    let sums = forgotten.statistics();
    assert_eq!((sums.snapshots_forgotten, sums.snapshots_kept), (3, 1));
    assert_eq!(bench.snapshot_count(), 1);
    let directory = bench.run_directory(&spec);
    let decided = fs::read_to_string(directory.join(DECISIONS_FILE)).unwrap();
    assert_eq!(decided.lines().count(), 4);

    let unforget = |snapshots| {
        Work::Unforget(UnforgetWork {
            directories: vec![directory.join(FORGOTTEN_DIRECTORY)],
            snapshots,
        })
    };
    let id = told
        .iter()
        .find_map(|record| match record {
            DecisionRecord::Snapshot { decision, .. } if !decision.verdict.is_keep() => {
                Some(decision.id.clone())
            }
            _ => None,
        })
        .unwrap();
    let back = bench
        .run(&bench.spec(unforget(vec![id.clone()])))
        .records::<UnforgetRecord>();
    assert_eq!(back.len(), 1);
    assert!(back[0].present && back[0].id == id);
    assert_eq!(bench.snapshot_count(), 2);

    let plan = bench
        .run(&bench.spec(Work::PrunePlan(prune())))
        .records::<PruneRecord>();
    assert_eq!((plan.len(), plan[0].snapshots), (1, 2));
    assert!(plan[0].bytes_unused > 0);
    let pruned = bench.run(&bench.spec(Work::Prune(prune())));
    assert_eq!(pruned.code, 0, "{}", pruned.log);
    assert!(pruned.kinds().contains(&"stats"));
    // What it needs is gone for some, and there for the one that came back.
    let rest = bench
        .run(&bench.spec(unforget(vec![])))
        .records::<UnforgetRecord>();
    let lost: Vec<_> = rest.iter().filter(|record| !record.present).collect();
    assert_eq!((rest.len(), lost.len()), (3, 2), "{rest:?}");
    assert!(lost.iter().all(|record| record.reason.is_some()));
    assert_eq!(bench.run(&bench.spec(check(ReadData::All))).code, 0);
}

#[test]
fn a_wrong_password_is_no_damage() {
    let bench = with_snapshots(1);
    bench.secret("password", "wrong");
    for work in [
        check(ReadData::All),
        Work::Prune(prune()),
        Work::PrunePlan(prune()),
        Work::Forget(forget(1)),
    ] {
        let finished = bench.run(&bench.spec(work));
        assert_eq!(
            (finished.code, finished.failure().class),
            (1, FailureClass::Credentials)
        );
    }
}
