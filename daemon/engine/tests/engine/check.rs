//! A check finds nothing where nothing is wrong, reads as much as it is asked to, and says when it cannot look.

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use backupd_engine::{
    Access, Cancellation, CheckRequest, Embedded, Engine, ErrorKind, Password, Phase, ReadData,
};

use crate::{
    locks::{NOW, dead_pid, host, plant},
    world::{Log, On, World, flip, name, noise},
};

/// Two snapshots: `first` and `second` are in both, and each has a file of its own.
pub(crate) fn world() -> (World, [String; 2]) {
    let world = World::new();
    world.write("both", noise(300_000, 1));
    world.write("deep/first", noise(200_000, 2));
    let first = world.backup().snapshot.id;
    fs::remove_file(world.source().join("deep/first")).unwrap();
    world.write("deep/second", noise(100_000, 3));
    let second = world.backup().snapshot.id;
    (world, [first, second])
}

#[test]
fn a_sound_repository_has_no_damage() {
    let (world, _) = world();
    let log = Log::default();
    let all = CheckRequest {
        read_data: ReadData::All,
        cap_bytes: None,
    };
    let report = world.check_as(&all, &log, &Cancellation::default()).unwrap();
    assert_eq!(report.errors_total, 0, "{report:#?}");
    let counts = (report.snapshots, report.blobs, report.packs, report.packs_read);
    assert_eq!(counts, (2, 3, 4, 4));
    assert!(report.trees > 4, "{report:?}");
    assert_eq!(
        (report.packs_unreferenced, report.packs_marked, report.packs_left),
        (0, 0, 0)
    );
    let stored: u64 = world
        .files("data")
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert!(
        report.bytes_read > stored,
        "packs as a whole, and trees before: {report:?}"
    );
    assert_eq!(
        *log.phases.lock().unwrap(),
        [Phase::Open, Phase::Index, Phase::Check]
    );
    assert!(log.warned().is_empty());
    let last = log.last.lock().unwrap();
    assert_eq!((last.files_done, last.files_total), (4, 4));
    assert_eq!(
        (last.bytes_done, last.bytes_total),
        (report.bytes_read, report.bytes_read)
    );
    assert_eq!(world.locks(), 0);
    let structure = world.check(ReadData::None).unwrap();
    assert_eq!((structure.packs_read, structure.errors_total), (0, 0));
    assert_eq!((structure.trees, structure.blobs), (report.trees, report.blobs));
}

#[test]
fn what_restic_wrote_is_sound_in_both_formats() {
    for version in ["1", "2"] {
        let world = World::without_repository();
        world.write("a/large", noise(5_000_000, 1));
        world.write("a/text", "text ".repeat(50_000));
        world.write("empty", "");
        std::os::unix::fs::symlink("a", world.source().join("link")).unwrap();
        world.restic_well(&["init", "--repository-version", version]);
        for round in 0..3 {
            world.write("changing", noise(1_000_000, round));
            world.restic_well(&["backup", world.source().to_str().unwrap()]);
        }
        world.restic_well(&["forget", "--keep-last", "2", "--prune", "--max-unused", "0"]);
        let report = world.check(ReadData::All).unwrap();
        assert_eq!(
            (report.errors_total, report.snapshots),
            (0, 2),
            "{version}: {report:#?}"
        );
        assert!(
            report.packs > 1 && report.packs_read == report.packs,
            "{report:?}"
        );
    }
}

#[test]
fn parts_are_divided_as_restic_does_and_together_read_everything() {
    let (world, _) = world();
    let part = |index, of| world.check(ReadData::Subset { index, of }).unwrap();
    let read: u64 = (1..=3).map(|index| part(index, 3).packs_read).sum();
    assert_eq!(read, 4);
    let pack = world.files("data")[0].clone();
    flip(&pack, 100);
    let first_byte = u32::from_str_radix(&name(&pack)[..2], 16).unwrap();
    for of in [1, 2, 5, 256] {
        let index = first_byte % of + 1;
        assert_eq!(part(index, of).errors_total, 1, "{index}/{of}");
        if of > 1 {
            assert_eq!(part(index % of + 1, of).errors_total, 0, "{of}");
        }
        // The same part is the one in which restic finds it.
        let argument = format!("--read-data-subset={index}/{of}");
        assert!(!world.restic(&["check", &argument]).status.success());
    }
    let error = world.check(ReadData::Subset { index: 3, of: 2 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn a_cap_is_kept_and_many_checks_read_everything_all_the_same() {
    let (world, _) = world();
    let packs = world.files("data");
    for pack in &packs {
        // In the length of the header: nothing else is hurt, and only reading the pack shows it.
        flip(
            pack,
            usize::try_from(fs::metadata(pack).unwrap().len()).unwrap() - 4,
        );
    }
    let cap = fs::metadata(&packs[0]).unwrap().len();
    let request = CheckRequest {
        read_data: ReadData::All,
        cap_bytes: Some(cap),
    };
    let mut found = BTreeSet::new();
    for _ in 0..200 {
        let report = world
            .check_as(&request, &Log::default(), &Cancellation::default())
            .unwrap();
        assert!(report.packs_read >= 1 && report.packs_left >= 1, "{report:?}");
        assert_eq!(report.packs_read + report.packs_left, 4);
        found.extend(report.errors.into_iter().map(|error| error.id));
        if found.len() == 4 {
            return;
        }
    }
    panic!("only {found:?} were read");
}

#[test]
fn packs_that_no_index_names_are_counted() {
    let (world, _) = world();
    let pack = world.files("data")[0].clone();
    let stray = "ab".repeat(32);
    fs::create_dir_all(world.repository().join("data/ab")).unwrap();
    fs::copy(&pack, world.repository().join("data/ab").join(stray)).unwrap();
    let report = world.check(ReadData::All).unwrap();
    assert_eq!(
        (report.packs_unreferenced, report.errors_total),
        (1, 0),
        "{report:?}"
    );
    assert_eq!((report.packs, report.packs_read), (4, 4));
}

#[test]
fn what_keeps_from_looking_is_an_error() {
    let (world, _) = world();
    let kind = |world: &World| world.check(ReadData::None).unwrap_err().kind();
    let wrong = Access {
        password: Password::new("wrong".to_owned()),
        ..world.access()
    };
    let error = Embedded::new()
        .check(
            &wrong,
            &CheckRequest::default(),
            &Log::default(),
            &Cancellation::default(),
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongPassword);
    assert_eq!(kind(&World::without_repository()), ErrorKind::RepositoryNotFound);
    // A directory that cannot be read does not look like packs that are gone.
    let directory = world.files("data")[0].parent().unwrap().to_owned();
    fs::rename(&directory, world.path("aside")).unwrap();
    fs::write(&directory, "").unwrap();
    let error = world.check(ReadData::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(
        error
            .chain()
            .contains("cannot list the packs of repository `test`"),
        "{}",
        error.chain()
    );
    fs::remove_file(&directory).unwrap();
    fs::rename(world.path("aside"), &directory).unwrap();
    assert_eq!(world.check(ReadData::None).unwrap().errors_total, 0);
    flip(&world.repository().join("config"), 30);
    let error = world.check(ReadData::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
}

#[test]
fn a_check_shares_and_is_kept_out_by_who_does_not() {
    let (world, _) = world();
    plant(&world, false, NOW, "elsewhere", 1);
    plant(&world, true, NOW, &host(), dead_pid());
    assert_eq!(world.check(ReadData::None).unwrap().errors_total, 0);
    assert_eq!(
        world.locks(),
        1,
        "the lock of a dead process is removed, and ours"
    );
    plant(&world, true, NOW, "elsewhere", 2);
    assert_eq!(world.check(ReadData::None).unwrap_err().kind(), ErrorKind::Locked);
}

#[test]
fn a_cancelled_check_ends() {
    let (world, _) = world();
    for phase in [Phase::Open, Phase::Index, Phase::Check] {
        let cancellation = Cancellation::default();
        let observer = On(|at: Option<Phase>, _: Option<&_>| {
            if at == Some(phase) {
                cancellation.cancel();
            }
        });
        let request = CheckRequest {
            read_data: ReadData::All,
            cap_bytes: None,
        };
        let error = world.check_as(&request, &observer, &cancellation).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{phase:?}: {}", error.chain());
        assert_eq!(world.locks(), 0);
    }
}

#[test]
fn damage_that_a_lost_lock_explains_is_not_told() {
    let (world, _) = world();
    let observer = On(|at: Option<Phase>, _: Option<&_>| {
        if at == Some(Phase::Index) {
            // Somebody thinks that he is alone, and removes what he likes.
            for path in world.files("locks").into_iter().chain(world.files("data")) {
                fs::remove_file(path).unwrap();
            }
        }
    });
    let error = world
        .check_as(&CheckRequest::default(), &observer, &Cancellation::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
}

#[test]
fn who_stores_something_meanwhile_is_no_damage() {
    let (world, _) = world();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..30 {
                world.write(&format!("{number}/file"), noise(3_000, 10 + number));
                world.backup();
            }
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            let report = world.check(ReadData::All).unwrap();
            assert_eq!(report.errors_total, 0, "{report:#?}");
        }
    });
    assert_eq!(world.snapshots(), 32);
}
