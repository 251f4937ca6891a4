//! What a backup would find is what it finds.

use std::fs;

use backupd_engine::{BackupRequest, Cancellation, ErrorKind, Result, ScanReport};

use crate::engine::engine;
use crate::world::{Log, World, noise};

fn scan_as(world: &World, request: &BackupRequest) -> Result<ScanReport> {
    engine().scan(
        &world.access(),
        request,
        &Log::default(),
        &Cancellation::default(),
    )
}

/// Scans, makes the backup, and holds one against the other.
fn held_against_a_backup(world: &World) -> ScanReport {
    let before = world.stored_files();
    let found = scan_as(world, &world.request()).unwrap();
    assert_eq!(world.stored_files(), before, "a scan stores nothing");
    assert_eq!(world.locks(), 0);
    let report = world.backup();
    assert_eq!(
        (found.files_new, found.files_changed, found.bytes),
        (report.files_new, report.files_changed, report.bytes_processed),
        "{found:?}\n{report:?}"
    );
    assert_eq!(
        found.files,
        report.files_new + report.files_changed + report.files_unmodified
    );
    assert_eq!(found.bytes_new + found.bytes_changed, report.bytes_read);
    assert_eq!(found.files_unreadable, report.files_unreadable);
    found
}

#[test]
fn a_scan_finds_what_the_backup_after_it_stores() {
    let world = World::new();
    world.write("a/one", noise(50_000, 1));
    world.write("a/two", "two");
    world.write("b/three", "three");
    std::os::unix::fs::symlink("a", world.source().join("link")).unwrap();
    let first = held_against_a_backup(&world);
    assert_eq!(
        (first.parent, first.files_new, first.bytes_new),
        (None, 4, 50_008)
    );

    let again = held_against_a_backup(&world);
    assert!(again.parent.is_some());
    assert_eq!((again.files, again.files_new, again.files_changed), (4, 0, 0));

    world.write("a/two", "changed");
    world.write("a/deep/er/four", "four");
    fs::remove_file(world.source().join("b/three")).unwrap();
    // A directory that was a file, and a file that was a directory.
    fs::remove_file(world.source().join("link")).unwrap();
    world.write("link/in", "in");
    let changed = held_against_a_backup(&world);
    assert_eq!((changed.files_changed, changed.bytes_changed), (1, 7));
    assert_eq!((changed.files_new, changed.bytes_new), (2, 6));
    fs::remove_dir_all(world.source().join("link")).unwrap();
    world.write("link", "a file");
    // A time that was set back says nothing of what is in it.
    let touched = world.write("a/one", noise(50_000, 2));
    let file = fs::File::open(touched).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    held_against_a_backup(&world);
}

#[test]
fn a_scan_leaves_out_what_a_backup_does() {
    let world = World::new();
    world.write("keep", "keep");
    world.write("cache/x", "x");
    let request = BackupRequest {
        exclude: vec!["cache/".to_owned()],
        ..world.request()
    };
    let found = scan_as(&world, &request).unwrap();
    assert_eq!((found.files, found.bytes), (1, 4));
    let missing = BackupRequest {
        sources: vec![world.path("no such")],
        ..world.request()
    };
    assert_eq!(
        scan_as(&world, &missing).unwrap_err().kind(),
        ErrorKind::SourceMissing
    );
}
