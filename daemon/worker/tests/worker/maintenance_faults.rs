//! Somebody is in the way of a check, prune or forget, or ends it in the midst.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use backupd_core::{
    failure::FailureClass,
    protocol::{
        CheckWork, DECISIONS_FILE, Event, EventKind, FORGOTTEN_DIRECTORY, Progress, PruneRecord, ReadData,
        ReadUpTo, RetentionPreview, Spec, UnforgetRecord, UnforgetWork, Work,
    },
    run::{Phase, RunResult},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    bench::{Bench, Finished},
    maintenance::{check, forget, noise, prune, read_up_to, with_snapshots},
};

/// With so many snapshots of which each holds some megabytes that no other needs.
fn with_large_snapshots(count: u64) -> Bench {
    let bench = Bench::new();
    for number in 1..=count {
        fs::write(bench.path("source/changing"), noise(16 << 20, number)).unwrap();
        assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    }
    bench
}

fn unforget(bench: &Bench, forgets: &[&Spec]) -> Vec<UnforgetRecord> {
    let directories = forgets
        .iter()
        .map(|spec| bench.run_directory(spec).join(FORGOTTEN_DIRECTORY))
        .collect();
    let work = UnforgetWork {
        directories,
        snapshots: Vec::new(),
    };
    let done = bench.run(&bench.spec(Work::Unforget(work)));
    assert_eq!(done.code, 0, "{}", done.log);
    done.records()
}

fn snapshot_files(bench: &Bench) -> Vec<PathBuf> {
    let of_snapshots = |(path, _): (PathBuf, u64)| {
        path.starts_with(bench.path("repository/snapshots"))
            .then_some(path)
    };
    bench.contents().into_iter().filter_map(of_snapshots).collect()
}

fn is_in(phase: Phase) -> impl Fn(&Progress) -> bool {
    move |progress| progress.phase == phase
}

#[test]
fn who_removes_waits_for_who_stores_and_who_looks_does_not() {
    let bench = with_snapshots(3);
    File::create(bench.path("source/large"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let (storing, directory) = bench.start_until(bench.backup(|_| ()), |progress| {
        progress.phase == Phase::Backup && progress.bytes_done > 0
    });
    let before = snapshot_files(&bench);
    for work in [Work::Prune(prune()), Work::Forget(forget(1))] {
        let spec = bench.spec(work);
        let done = bench.run(&spec);
        let failure = done.failure();
        assert_eq!(
            (done.result(), failure.class),
            (RunResult::Failed, FailureClass::Locked),
            "{failure}"
        );
        assert!(failure.hint.unwrap().contains("wait"));
        assert!(!bench.run_directory(&spec).join(FORGOTTEN_DIRECTORY).exists());
    }
    assert_eq!(snapshot_files(&bench), before);
    // Where nothing goes nobody has to be kept out.
    let preview = RetentionPreview {
        forget: forget(1),
        at: None,
    };
    for work in [
        Work::Forget(forget(9)),
        Work::PrunePlan(prune()),
        Work::RetentionPreview(preview),
        check(ReadData::None),
    ] {
        let done = bench.run(&bench.spec(work));
        assert_eq!(done.code, 0, "{}", done.log);
    }
    kill_process(Pid::from_child(&storing), Signal::TERM).unwrap();
    assert_eq!(Finished::of(storing, &directory).result(), RunResult::Cancelled);
    assert_eq!(bench.run(&bench.spec(Work::Forget(forget(1)))).code, 0);
    assert_eq!((bench.snapshot_count(), bench.locks()), (1, 0));
}

/// Asks a worker to stop once it is in a phase, and waits until it has.
fn stopped(bench: &Bench, work: Work, phase: Phase) -> Finished {
    let (child, directory) = bench.start_until(bench.spec(work), is_in(phase));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    Finished::of(child, &directory)
}

#[test]
fn a_check_that_is_stopped_leaves_no_lock_and_the_next_goes_on() {
    let bench = with_large_snapshots(6);
    let done = stopped(&bench, check(ReadData::All), Phase::Check);
    assert_eq!(
        (done.result(), done.failure().class),
        (RunResult::Cancelled, FailureClass::Cancelled)
    );
    assert_eq!(bench.locks(), 0);
    // Whether it had read a pack by then or not.
    let has_read = |event: &Event| matches!(event.kind, EventKind::Read { .. });
    let after = if done.events.iter().any(has_read) {
        read_up_to(&done)
    } else {
        ReadUpTo::End
    };
    let rest = Work::Check(CheckWork {
        read_data: ReadData::Part(1),
        after,
        max_runtime: None,
    });
    let done = bench.run(&bench.spec(rest));
    assert_eq!(done.code, 0, "{}", done.log);
    assert_eq!(read_up_to(&done), ReadUpTo::End);
}

#[test]
fn a_prune_that_is_stopped_leaves_all_as_sound_as_it_was() {
    let bench = with_large_snapshots(4);
    assert_eq!(bench.run(&bench.spec(Work::Forget(forget(2)))).code, 0);
    let done = stopped(&bench, Work::Prune(prune()), Phase::Index);
    assert_eq!(done.result(), RunResult::Cancelled, "{:?}", done.failure());
    assert_eq!((bench.snapshot_count(), bench.locks()), (2, 0));
    bench.assert_sound();
    let done = bench.run(&bench.spec(Work::Prune(prune())));
    assert_eq!(done.code, 0, "{}", done.log);
    assert!(
        done.statistics().bytes_freed > 16 << 20,
        "{:?}",
        done.statistics()
    );
    bench.assert_sound();
}

/// Kills a worker once it is in a phase; what it held open is gone then.
fn killed(bench: &Bench, spec: &Spec, phase: Phase) {
    let (mut child, _) = bench.start_until(spec.clone(), is_in(phase));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_forget_that_is_killed_has_kept_what_it_removed() {
    for phase in [Phase::Index, Phase::Forget] {
        let bench = with_snapshots(12);
        let all = snapshot_files(&bench);
        let [mut first, mut second] = [(); 2].map(|()| bench.spec(Work::Forget(forget(1))));
        for spec in [&mut first, &mut second] {
            let Work::Forget(work) = &mut spec.work else {
                unreachable!()
            };
            // So many at once are more than anybody may want; it is meant.
            work.force = true;
        }
        killed(&bench, &first, phase);
        bench.assert_sound();
        let kept = kept_in(&bench.run_directory(&first));
        let gone: Vec<&PathBuf> = all.iter().filter(|path| !path.exists()).collect();
        for path in gone {
            let name = path.file_name().unwrap();
            assert!(
                kept.iter().any(|kept| kept.file_name() == Some(name)),
                "{phase}: {path:?}"
            );
        }
        if phase == Phase::Forget {
            assert!(bench.run_directory(&first).join(DECISIONS_FILE).exists());
        }
        // The next attempt goes on, and all come back from both.
        let done = bench.run(&second);
        assert_eq!(done.code, 0, "{}", done.log);
        assert_eq!(bench.snapshot_count(), 1);
        let records = unforget(&bench, &[&first, &second]);
        assert_eq!(records.len(), 11);
        assert!(records.iter().all(|record| record.present), "{records:?}");
        assert_eq!(snapshot_files(&bench), all);
        bench.assert_sound();
    }
}

fn kept_in(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory.join(FORGOTTEN_DIRECTORY))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn a_prune_that_is_killed_harms_nothing_and_the_next_goes_on() {
    let bench = with_large_snapshots(4);
    assert_eq!(bench.run(&bench.spec(Work::Forget(forget(2)))).code, 0);
    for phase in [Phase::Index, Phase::Prune] {
        killed(&bench, &bench.spec(Work::Prune(prune())), phase);
        bench.assert_sound();
        assert_eq!(bench.snapshot_count(), 2);
    }
    let done = bench.run(&bench.spec(Work::Prune(prune())));
    assert_eq!(done.code, 0, "{}", done.log);
    bench.assert_sound();
    assert_eq!(bench.run(&bench.spec(check(ReadData::All))).code, 0);
    let plan = bench.run(&bench.spec(Work::PrunePlan(prune())));
    let plan: Vec<PruneRecord> = plan.records();
    assert_eq!(plan[0].packs_removed, 0, "{plan:?}");
}
