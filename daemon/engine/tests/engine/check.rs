//! A check finds nothing where nothing is wrong, reads as much as it is asked to, and says when it cannot look.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use backupd_engine::{
    Access, Cancellation, CheckReport, CheckRequest, ErrorKind, Password, Phase, ReadData, ReadUpTo,
};

use crate::engine::engine;
use crate::{
    planted::{NOW, plant, plant_dead},
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
        ..CheckRequest::default()
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

/// Damages a pack so that only reading it shows it, or mends it again: in the length of its header.
fn flip_header(pack: &Path) {
    let length = usize::try_from(fs::metadata(pack).unwrap().len()).unwrap();
    flip(pack, length - 4);
}

fn check_after(world: &World, read_data: ReadData, after: Option<String>) -> CheckReport {
    let request = CheckRequest {
        read_data,
        after,
        max_time: None,
    };
    world
        .check_as(&request, &Log::default(), &Cancellation::default())
        .unwrap()
}

#[test]
fn checks_that_go_on_from_each_other_read_everything_once() {
    let (world, _) = world();
    let mut names: Vec<String> = world.files("data").iter().map(|pack| name(pack)).collect();
    names.sort();
    for read_data in [ReadData::Bytes(1), ReadData::Part(4), ReadData::Part(256)] {
        let mut read = 0;
        let mut after = None;
        let last = loop {
            let report = check_after(&world, read_data, after.take());
            read += usize::try_from(report.packs_read).unwrap();
            // What is read at once may be all of them, where the largest pack is the last.
            let Some(ReadUpTo::Pack(pack)) = report.read_up_to else {
                break report.read_up_to;
            };
            assert_eq!(pack, names[read - 1], "{read_data:?}");
            after = Some(pack);
        };
        assert_eq!((last, read), (Some(ReadUpTo::End), 4), "{read_data:?}");
    }
    assert_eq!(world.check(ReadData::None).unwrap().read_up_to, None);
}

#[test]
fn damage_is_found_again_by_whoever_goes_on() {
    let (world, _) = world();
    let mut packs = world.files("data");
    packs.sort_by_key(|pack| name(pack));
    flip_header(&packs[1]);
    let first = check_after(&world, ReadData::All, None);
    assert_eq!((first.packs_read, first.errors_total), (4, 1));
    assert_eq!(first.read_up_to, Some(ReadUpTo::Pack(name(&packs[0]))));
    let again = check_after(&world, ReadData::Bytes(1), Some(name(&packs[0])));
    assert_eq!((again.packs_read, again.errors_total), (1, 1), "{again:?}");
    assert_eq!(again.read_up_to, None, "nothing is well after it");
    flip_header(&packs[1]);
    let mended = check_after(&world, ReadData::Bytes(1), Some(name(&packs[0])));
    assert_eq!(mended.read_up_to, Some(ReadUpTo::Pack(name(&packs[1]))));
}

#[test]
fn who_has_no_time_left_begins_no_pack_and_checks_the_structure_all_the_same() {
    let (world, _) = world();
    let missing = world.files("data")[0].clone();
    fs::remove_file(&missing).unwrap();
    let request = CheckRequest {
        read_data: ReadData::All,
        after: Some("7".repeat(64)),
        max_time: Some(Duration::ZERO),
    };
    let report = world
        .check_as(&request, &Log::default(), &Cancellation::default())
        .unwrap();
    assert_eq!((report.packs_read, report.packs_left), (0, 3), "{report:?}");
    assert_eq!(report.read_up_to, None, "nothing was read");
    assert!(report.errors_total > 0);
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
    let error = engine()
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
    plant_dead(&world, true);
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
            ..CheckRequest::default()
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
