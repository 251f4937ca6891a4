//! What is stored, and for whom, held against what stock restic says.

use std::{fs, os::unix::fs::MetadataExt};

use backupd_engine::{
    BackupReport, BackupRequest, Cancellation, ErrorKind, GroupReport, PruneRequest, Result, Series,
    StatisticsReport, StatisticsRequest,
};

use crate::engine::engine;
use crate::world::{Log, World, noise};

fn count(world: &World) -> Result<StatisticsReport> {
    let request = StatisticsRequest {
        group_by: "job=".to_owned(),
    };
    engine().statistics(
        &world.access(),
        &request,
        &Log::default(),
        &Cancellation::default(),
    )
}

fn backup(world: &World, job: &str) -> BackupReport {
    let tag = format!("job={job}");
    let request = BackupRequest {
        tags: vec!["a".to_owned(), tag.clone()],
        parent: Some(Series {
            host: Some("box".to_owned()),
            tag,
            ..Series::default()
        }),
        ..world.request()
    };
    world.backup_as(&request).unwrap()
}

/// A number of `restic stats`.
fn restic_says(world: &World, mode: &str, name: &str) -> u64 {
    let output = world.restic(&["stats", "--json", "--mode", mode]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    said.get(name)
        .and_then(serde_json::Value::as_u64)
        .unwrap_or_default()
}

fn as_restic_says(world: &World) -> StatisticsReport {
    let report = count(world).unwrap();
    assert_eq!(report.bytes_needed, restic_says(world, "raw-data", "total_size"));
    assert_eq!(report.blobs, restic_says(world, "raw-data", "total_blob_count"));
    assert_eq!(
        report.bytes_restored,
        restic_says(world, "restore-size", "total_size")
    );
    let unpacked = restic_says(world, "raw-data", "total_uncompressed_size");
    if unpacked > 0 {
        assert_eq!(report.bytes_unique, unpacked);
    }
    report
}

fn group<'a>(report: &'a StatisticsReport, name: Option<&str>) -> &'a GroupReport {
    report
        .groups
        .iter()
        .find(|group| group.group.as_deref() == name)
        .unwrap()
}

#[test]
fn sums_are_those_of_restic() {
    let world = World::new();
    assert_eq!(as_restic_says(&world), StatisticsReport::default());
    world.write("a/noise", noise(3_000_000, 1));
    world.write("a/text", "text ".repeat(200_000));
    world.write("a/same", "text ".repeat(200_000));
    world.write("a/empty", "");
    backup(&world, "home");
    let one = as_restic_says(&world);
    assert_eq!((one.snapshots, one.groups.len()), (1, 1));
    assert_eq!(one.bytes_restored, 3_000_000 + 2 * 1_000_000);
    assert!(one.bytes_unique > one.bytes_needed, "text compresses");

    world.write("b/more", noise(1_000_000, 2));
    backup(&world, "home");
    fs::remove_dir_all(world.source().join("a")).unwrap();
    world.write("c/mine", noise(2_000_000, 3));
    backup(&world, "other");
    world.backup();
    let report = as_restic_says(&world);
    assert_eq!(report.snapshots, 4);
    let (home, other, none) = (
        group(&report, Some("home")),
        group(&report, Some("other")),
        group(&report, None),
    );
    assert_eq!((home.snapshots, other.snapshots, none.snapshots), (2, 1, 1));
    assert_eq!(home.bytes_restored, 5_000_000 + 6_000_000);
    // Others have `b/more` too, and what `other` has was stored once more without a job.
    assert!((3_000_000..4_000_000).contains(&home.bytes_alone), "{home:?}");
    assert!((4_000_000..5_000_000).contains(&home.bytes_needed), "{home:?}");
    assert!(
        other.bytes_alone < 10_000 && other.bytes_needed > 3_000_000,
        "{other:?}"
    );
    assert_eq!(
        report.groups[0].group.as_deref(),
        Some("home"),
        "the largest is first"
    );
    let disk: u64 = world
        .files("data")
        .iter()
        .map(|path| fs::metadata(path).unwrap().size())
        .sum();
    assert_eq!(
        (report.bytes_stored, report.packs),
        (disk, world.files("data").len() as u64)
    );
    assert_eq!((report.bytes_unused, report.bytes_marked), (0, 0));
}

#[test]
fn what_has_many_names_is_restored_once_in_each_snapshot() {
    let world = World::new();
    let first = world.write("a/one", noise(500_000, 1));
    fs::create_dir_all(world.source().join("b/deep")).unwrap();
    fs::hard_link(&first, world.source().join("b/deep/two")).unwrap();
    fs::hard_link(&first, world.source().join("a/three")).unwrap();
    let second = world.write("b/other", noise(100_000, 2));
    fs::hard_link(&second, world.source().join("b/again")).unwrap();
    backup(&world, "home");
    assert_eq!(as_restic_says(&world).bytes_restored, 600_000);
    world.write("c", "12345");
    backup(&world, "home");
    backup(&world, "other");
    assert_eq!(as_restic_says(&world).bytes_restored, 3 * 600_000 + 2 * 5);
}

#[test]
fn sums_are_those_of_restic_also_for_what_restic_wrote() {
    let world = World::without_repository();
    world.restic_well(&["init"]);
    let linked = world.write("a/one", noise(700_000, 1));
    fs::hard_link(&linked, world.source().join("two")).unwrap();
    world.write("text", "text ".repeat(100_000));
    let source = world.source();
    world.restic_well(&["backup", "--tag", "job=theirs", source.to_str().unwrap()]);
    world.write("new", noise(300_000, 2));
    world.restic_well(&["backup", source.to_str().unwrap()]);
    backup(&world, "ours");
    let report = as_restic_says(&world);
    assert_eq!((report.snapshots, report.groups.len()), (3, 3));
}

#[test]
fn what_waits_for_a_prune_is_told_apart_from_what_it_has_marked() {
    let world = World::new();
    world.write("a", noise(4_000_000, 1));
    let first = backup(&world, "home");
    world.write("a", noise(1_000_000, 2));
    backup(&world, "home");
    world.forget(&[first.snapshot.id]).unwrap();
    let report = as_restic_says(&world);
    assert!(
        (4_000_000..4_100_000).contains(&report.bytes_unused),
        "{report:?}"
    );
    assert_eq!(report.bytes_marked, 0);
    world.prune(&PruneRequest::default()).unwrap();
    let marked = count(&world).unwrap();
    assert!(
        (4_000_000..4_200_000).contains(&marked.bytes_marked),
        "{marked:?}"
    );
    assert!(marked.bytes_unused < 10_000, "{marked:?}");
    assert_eq!(marked.bytes_needed, report.bytes_needed);
}

#[test]
fn a_count_takes_no_lock_and_needs_nobody_to_make_way() {
    let world = World::new();
    world.write("a", noise(100_000, 1));
    backup(&world, "home");
    let lock = world.repository().join("locks");
    let before = fs::metadata(&lock).unwrap().mtime_nsec();
    count(&world).unwrap();
    assert_eq!(world.locks(), 0);
    assert_eq!(
        fs::metadata(&lock).unwrap().mtime_nsec(),
        before,
        "a lock was there"
    );
}

#[test]
fn a_damaged_repository_is_not_counted() {
    let world = World::new();
    world.write("a/b", noise(100_000, 1));
    backup(&world, "home");
    for pack in world.files("data") {
        fs::remove_file(pack).unwrap();
    }
    let error = count(&world).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .chain()
            .contains("cannot count what repository `test` stores"),
        "{}",
        error.chain()
    );
    let cancelled = Cancellation::default();
    cancelled.cancel();
    let error = engine()
        .statistics(
            &world.access(),
            &StatisticsRequest::default(),
            &Log::default(),
            &cancelled,
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
