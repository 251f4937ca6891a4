//! Verification finds what is wrong and names it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backupd_engine::{Cancellation, ErrorKind, Result, VerifyLevel, VerifyReport};

use crate::engine::engine;
use crate::world::{Log, World, noise};

fn verify(world: &World, level: VerifyLevel) -> Result<VerifyReport> {
    engine().verify(
        &world.access(),
        "latest",
        level,
        &Log::default(),
        &Cancellation::default(),
    )
}

fn stored() -> World {
    let world = World::new();
    world.write("a/file", noise(100_000, 1));
    world.backup();
    world
}

/// Pack files, the largest first: here the data, then the trees.
fn packs(world: &World) -> Vec<PathBuf> {
    world.files("data")
}

fn assert_corrupt(world: &World, level: VerifyLevel, named: &Path) {
    let error = verify(world, level).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    // People compare the first digits.
    let name = &named.file_name().unwrap().to_str().unwrap()[..8];
    assert!(
        error.chain().contains(name),
        "{} does not name {name}",
        error.chain()
    );
}

#[test]
fn a_sound_repository_is_verified() {
    let world = stored();
    for level in [VerifyLevel::Snapshot, VerifyLevel::Structure] {
        let report = verify(&world, level).unwrap();
        assert!(report.trees > 2 && report.blobs == 1, "{report:?}");
    }
    assert_eq!(world.locks(), 0);
}

#[test]
fn missing_and_short_packs_are_found() {
    for (number, level) in [
        (0, VerifyLevel::Snapshot),
        (1, VerifyLevel::Snapshot),
        (0, VerifyLevel::Structure),
        (1, VerifyLevel::Structure),
    ] {
        let world = stored();
        let pack = packs(&world)[number].clone();
        let content = fs::read(&pack).unwrap();
        fs::remove_file(&pack).unwrap();
        assert_corrupt(&world, level, &pack);
        fs::write(&pack, &content[..20]).unwrap();
        assert_corrupt(&world, level, &pack);
    }
}

#[test]
fn a_damaged_tree_is_found() {
    let world = stored();
    let pack = packs(&world)[1].clone();
    let mut content = fs::read(&pack).unwrap();
    content[20] ^= 1;
    fs::write(&pack, content).unwrap();
    let error = verify(&world, VerifyLevel::Snapshot).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
}

#[test]
fn damage_in_another_snapshot_is_found_by_structure_alone() {
    let world = stored();
    let old = packs(&world)[0].clone();
    fs::remove_file(world.source().join("a/file")).unwrap();
    world.write("a/other", noise(50_000, 2));
    world.backup();
    fs::remove_file(&old).unwrap();
    verify(&world, VerifyLevel::Snapshot).unwrap();
    assert_corrupt(&world, VerifyLevel::Structure, &old);
}

#[test]
fn a_damaged_index_is_found() {
    let world = stored();
    let index = fs::read_dir(world.repository().join("index"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut content = fs::read(&index).unwrap();
    content[40] ^= 1;
    fs::write(&index, content).unwrap();
    assert_corrupt(&world, VerifyLevel::Snapshot, &index);
}

#[test]
fn a_damaged_blob_fails_its_file_alone() {
    let world = World::new();
    world.write("first", noise(100_000, 1));
    world.backup();
    let pack = packs(&world)[0].clone();
    world.write("second", noise(100_000, 2));
    world.backup();
    let mut content = fs::read(&pack).unwrap();
    content[500] ^= 1;
    fs::write(&pack, content).unwrap();
    let report = world.restore_paths("out", &[]).unwrap();
    assert_eq!((report.files, report.failed), (1, 1));
    let second = crate::world::below(&world.path("out"), &world.source().join("second"));
    assert_eq!(fs::read(second).unwrap(), noise(100_000, 2));
}
