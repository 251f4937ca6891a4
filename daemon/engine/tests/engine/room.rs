//! A backup stops before there is no room, and leaves what was kept free.

use std::{fs, path::Path};

use backupd_engine::{
    Allowance, BackupRequest, Cancellation, ErrorKind, PruneRequest, Room, StatisticsRequest,
};
use nix::sys::statvfs::statvfs;

use crate::engine::engine;
use crate::{
    selection::Mounted,
    world::{Log, World, is_root, noise},
};

const MIB: u64 = 1 << 20;

fn free(path: &Path) -> u64 {
    let about = statvfs(path).unwrap();
    about.fragment_size() * about.blocks_available()
}

fn room(world: &World) -> Room {
    engine().room(&world.access(), false).unwrap()
}

fn with(world: &World, allowance: Allowance) -> BackupRequest {
    BackupRequest {
        allowance,
        ..world.request()
    }
}

/// A repository on a file system of this size.
fn on_small_disk(size: &str) -> Option<(World, Mounted)> {
    if !is_root() {
        eprintln!("skipped: needs root");
        return None;
    }
    let world = World::without_repository();
    fs::create_dir(world.repository()).unwrap();
    let mounted = Mounted::tmpfs(&world.repository(), size);
    engine().init(&world.access()).unwrap();
    Some((world, mounted))
}

#[test]
fn a_backup_that_is_too_large_stops_before_the_disk_is_full_and_leaves_the_reserve() {
    let Some((world, _mounted)) = on_small_disk("96m") else {
        return;
    };
    world.write("old", noise(20_000_000, 1));
    let old = world.backup();
    fs::remove_file(world.source().join("old")).unwrap();
    let before = free(&world.repository());
    world.write("large", noise(120_000_000, 2));
    let allowance = Allowance {
        keep_free: 16 * MIB,
        ..Allowance::default()
    };
    let error = world.backup_as(&with(&world, allowance.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
    let said = error.chain();
    assert!(
        said.contains("of which 16 MiB are kept so that a prune can work"),
        "{said}"
    );
    assert!(
        said.contains("are free at its place") && said.contains("the backup was stopped"),
        "{said}"
    );
    // What came to nothing is gone again.
    let left = before - free(&world.repository());
    assert!(left < MIB, "{left} bytes are left of it");
    assert_eq!((world.snapshots(), world.locks()), (1, 0));

    world.forget(&[old.snapshot.id]).unwrap();
    let request = PruneRequest {
        keep_delete: std::time::Duration::ZERO,
        ..PruneRequest::default()
    };
    assert!(world.prune(&request).unwrap().bytes_freed > 18 * MIB);
    fs::remove_file(world.source().join("large")).unwrap();
    world.write("small", "x");
    world.backup_as(&with(&world, allowance)).unwrap();
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn less_than_the_reserve_is_for_a_prune_alone() {
    let Some((world, _mounted)) = on_small_disk("64m") else {
        return;
    };
    world.write("a", noise(10_000_000, 1));
    let first = world.backup();
    world.write("a", noise(10_000_000, 2));
    world.backup();
    let allowance = Allowance {
        keep_free: free(&world.repository()) + MIB,
        ..Allowance::default()
    };
    world.write("b", "b");
    let error = world.backup_as(&with(&world, allowance)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    let said = error.chain();
    assert!(
        said.starts_with("there is too little room for repository `test`: "),
        "{said}"
    );
    assert_eq!((world.snapshots(), world.locks()), (2, 0));
    // A part of a small disk is less than what is said.
    let allowance = Allowance {
        keep_free: u64::MAX,
        keep_percent: Some(1),
        ..Allowance::default()
    };
    world.backup_as(&with(&world, allowance)).unwrap();
    world.forget(&[first.snapshot.id]).unwrap();
    world.prune(&PruneRequest::default()).unwrap();
}

#[test]
fn what_is_expected_has_to_fit_before_anything_is_stored() {
    let Some((world, _mounted)) = on_small_disk("32m") else {
        return;
    };
    world.write("a", "a");
    let before = world.stored_files();
    let mut allowance = Allowance {
        keep_free: MIB,
        expected: Some(40 * MIB),
        ..Allowance::default()
    };
    let error = world.backup_as(&with(&world, allowance.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(
        error
            .chain()
            .ends_with("and the backup is expected to add 40 MiB"),
        "{}",
        error.chain()
    );
    assert_eq!(world.stored_files(), before);
    allowance.expected = Some(10 * MIB);
    world.backup_as(&with(&world, allowance)).unwrap();
}

#[test]
fn a_repository_has_no_more_than_its_quota() {
    let world = World::new();
    world.write("a", noise(10_000_000, 1));
    world.backup();
    let allowance = Allowance {
        quota: Some(30 * MIB),
        // What is known from before is out of date, and what is there counts.
        stored: Some(0),
        ..Allowance::default()
    };
    world.write("b", noise(40_000_000, 2));
    let error = world.backup_as(&with(&world, allowance.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    let said = error.chain();
    assert!(said.contains("may have 30 MiB; the backup was stopped"), "{said}");
    assert!(
        room(&world).stored.unwrap() < 10 * MIB,
        "what came to nothing is left"
    );
    assert_eq!(world.snapshots(), 1);
    world.write("b", noise(10_000_000, 2));
    world.backup_as(&with(&world, allowance)).unwrap();
    let full = Allowance {
        quota: Some(5 * MIB),
        ..Allowance::default()
    };
    let said = world.backup_as(&with(&world, full)).unwrap_err().chain();
    assert!(
        said.contains("too little room") && said.contains("may have 5 MiB"),
        "{said}"
    );
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn a_disk_says_how_much_room_there_is_also_before_there_is_a_repository() {
    let Some((world, _mounted)) = on_small_disk("32m") else {
        return;
    };
    let found = room(&world);
    let space = found.space.unwrap();
    assert_eq!((space.total, found.stored), (Some(32 * MIB), Some(0)));
    assert_eq!(space.free, free(&world.repository()));
    world.write("a", noise(3_000_000, 1));
    world.backup();
    let stored = room(&world).stored.unwrap();
    let counted = engine()
        .statistics(
            &world.access(),
            &StatisticsRequest::default(),
            &Log::default(),
            &Cancellation::default(),
        )
        .unwrap();
    assert_eq!(counted.bytes_stored, stored);
    let none = World::without_repository();
    assert_eq!(room(&none), Room::default());
}
