//! Stock restic reads what we write, and the reverse.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use backupd_engine::{Cancellation, VerifyLevel};

use crate::engine::{IS_RESTIC, engine};
use crate::world::{Log, PASSWORD, World, below, noise, picture};

#[test]
fn restic_checks_and_restores_what_we_wrote() {
    let world = World::new();
    world.write("a/large", noise(5_000_000, 1));
    world.write("a/text", "text ".repeat(10_000));
    world.write("empty", "");
    std::os::unix::fs::symlink("a", world.source().join("link")).unwrap();
    world.backup();
    world.write("a/new", "new");
    world.backup();
    world.restic_well(&["check", "--read-data"]);
    let target = world.path("by restic");
    world.restic_well(&["restore", "latest", "--target", target.to_str().unwrap()]);
    assert_eq!(
        picture(&below(&target, &world.source())),
        picture(&world.source())
    );
    // Theirs compares with ours (and counts no links): nothing is new but the trees above the source.
    world.restic_well(&[
        "backup",
        "--host",
        "box",
        "--tag",
        "job",
        world.source().to_str().unwrap(),
    ]);
    let report = world.backup();
    assert_eq!(
        (report.files_unmodified, report.bytes_read),
        (4 + u64::from(!IS_RESTIC), 0),
        "{report:?}"
    );
    world.restic_well(&["forget", "--keep-last", "1", "--prune"]);
    assert_eq!(picture(&world.restore("by us")), picture(&world.source()));
}

#[test]
fn we_read_what_restic_wrote() {
    let world = World::without_repository();
    world.write("a/large", noise(5_000_000, 1));
    world.write("quote\"d\nname", "odd");
    world.write("empty", "");
    fs::hard_link(world.source().join("a/large"), world.source().join("second name")).unwrap();
    world.restic_well(&["init"]);
    world.restic_well(&[
        "backup",
        "--tag",
        "job",
        "--host",
        "box",
        world.source().to_str().unwrap(),
    ]);
    assert_eq!(picture(&world.restore("out")), picture(&world.source()));
    let report = engine()
        .verify(
            &world.access(),
            "latest",
            VerifyLevel::Structure,
            &Log::default(),
            &Cancellation::default(),
        )
        .unwrap();
    assert!(report.blobs > 1, "{report:?}");
    let report = world.backup();
    assert_eq!(
        (report.files_unmodified, report.bytes_read),
        (4, 0),
        "restic's snapshot serves as a parent"
    );
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn older_formats_are_read_and_written() {
    let world = World::without_repository();
    world.write("file", "old ".repeat(1000));
    world.restic_well(&["init", "--repository-version", "1"]);
    world.backup();
    assert_eq!(engine().probe(&world.access()).unwrap().version, 1);
    world.restic_well(&["check", "--read-data"]);
    assert_eq!(picture(&world.restore("out")), picture(&world.source()));
}

#[test]
fn we_back_up_beside_restic() {
    let world = World::new();
    world.write("file", noise(100_000, 1));
    let mut beside = Command::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(world.repository())
        .args(["backup", "--stdin"])
        .env("RESTIC_PASSWORD", PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    world.backup();
    let mut stdin = beside.stdin.take().unwrap();
    stdin.write_all(&noise(50_000, 2)).unwrap();
    drop(stdin);
    assert!(beside.wait().unwrap().success());
    assert_eq!(world.snapshots(), 2);
    world.restic_well(&["check", "--read-data"]);
}
