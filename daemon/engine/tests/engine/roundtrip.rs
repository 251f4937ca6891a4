//! What goes in comes out.

use std::{
    ffi::OsStr, fs, os::unix::ffi::OsStrExt, os::unix::fs as unix, os::unix::fs::PermissionsExt,
    process::Command,
};

use backupd_engine::{Cancellation, EntryKind, ListRequest, Phase, SnapshotGroup, SnapshotQuery};

use crate::engine::{IS_RESTIC, engine};
use crate::world::{Log, World, is_root, noise, picture};

#[test]
fn odd_files_come_back_byte_for_byte() {
    let world = World::new();
    let source = world.source();
    world.write("plain", "hello");
    world.write("empty", "");
    world.write("large", noise(9_000_000, 1));
    world.write("a/b/c/d/e/f/g/deep", "deep");
    world.write("name\nwith newline", "newline");
    world.write("quote\"back\\slash`", "quoted");
    fs::write(source.join(OsStr::from_bytes(b"latin-\xe9\xff")), "not UTF-8").unwrap();
    fs::File::create(source.join("sparse"))
        .unwrap()
        .set_len(30 << 20)
        .unwrap();
    fs::create_dir(source.join("empty directory")).unwrap();
    fs::hard_link(source.join("plain"), source.join("a/second name")).unwrap();
    unix::symlink("nowhere at all", source.join("broken link")).unwrap();
    // restic 0.14 does not keep such a link as it is.
    if !IS_RESTIC {
        unix::symlink(OsStr::from_bytes(b"raw-\xff"), source.join("raw link")).unwrap();
    }
    nix::unistd::mkfifo(
        &source.join("fifo"),
        nix::sys::stat::Mode::from_bits_truncate(0o640),
    )
    .unwrap();
    xattr::set(source.join("plain"), "user.note", b"kept\0raw").unwrap();
    fs::set_permissions(source.join("large"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::set_permissions(source.join("empty directory"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(source.join("a/b"), fs::Permissions::from_mode(0o500)).unwrap();
    touch("1955-11-05 06:15:00.25 UTC", &source.join("empty"));
    if is_root() {
        unix::chown(source.join("empty"), Some(1234), Some(4321)).unwrap();
        nix::sys::stat::mknod(
            &source.join("null"),
            nix::sys::stat::SFlag::S_IFCHR,
            nix::sys::stat::Mode::from_bits_truncate(0o666),
            nix::sys::stat::makedev(1, 3),
        )
        .unwrap();
    }
    let report = world.backup();
    assert_eq!(report.files_unreadable, 0);
    let restored = world.restore("out");
    assert_eq!(picture(&restored), picture(&source));
    world.restic_well(&["check", "--read-data"]);
}

/// restic says how much was new, with the directories.
fn read(bytes: u64, expected: u64) -> bool {
    bytes == expected || IS_RESTIC && (expected..expected + 10_000).contains(&bytes)
}

#[test]
fn a_second_backup_reads_only_what_changed() {
    let world = World::new();
    world.write("same", noise(500_000, 1));
    world.write("changed", noise(400_000, 2));
    let first = world.backup();
    assert_eq!(
        (first.files_new, first.files_changed, first.files_unmodified),
        (2, 0, 0)
    );
    assert_eq!(first.bytes_processed, 900_000);
    assert!(read(first.bytes_read, 900_000), "{first:?}");
    world.write("changed", noise(400_001, 3));
    world.write("new", "new");
    let second = world.backup();
    assert_eq!(
        (second.files_new, second.files_changed, second.files_unmodified),
        (1, 1, 1)
    );
    assert_eq!(second.bytes_processed, 900_004);
    assert!(read(second.bytes_read, 400_004), "{second:?}");
    assert!(
        second.bytes_added >= 400_004 && second.bytes_added < 420_000,
        "{}",
        second.bytes_added
    );
    assert_eq!(second.snapshot.parent, Some(first.snapshot.id));
    assert_eq!(picture(&world.restore("out")), picture(&world.source()));
}

#[test]
fn a_file_swapped_for_one_of_the_same_size_and_time_is_read() {
    let world = World::new();
    let path = world.write("file", "before");
    touch("2020-01-01 00:00:00 UTC", &path);
    world.backup();
    let other = world.write("other", "after!");
    touch("2020-01-01 00:00:00 UTC", &other);
    fs::rename(&other, &path).unwrap();
    world.backup();
    assert_eq!(fs::read(world.restore("out").join("file")).unwrap(), b"after!");
}

#[test]
fn another_tag_or_host_is_no_parent() {
    let world = World::new();
    world.write("file", "x");
    world.backup();
    let mut request = world.request();
    request.parent.as_mut().unwrap().tag = "other".to_owned();
    assert_eq!(world.backup_as(&request).unwrap().snapshot.parent, None);
    request.parent.as_mut().unwrap().tag = "job".to_owned();
    request.parent.as_mut().unwrap().host = Some("elsewhere".to_owned());
    assert_eq!(world.backup_as(&request).unwrap().snapshot.parent, None);
    request.parent = None;
    // restic says what was new, which is nothing here however much it reads again.
    let again = world.backup_as(&request).unwrap();
    assert!(IS_RESTIC || again.bytes_read == 1);
}

#[test]
fn what_others_made_is_of_a_series_where_it_is_named() {
    let world = World::new();
    world.write("file", "x");
    let mut theirs = world.request();
    theirs.tags = vec!["nightly".to_owned()];
    theirs.host = "old".to_owned();
    theirs.parent = None;
    let theirs = world.backup_as(&theirs).unwrap().snapshot;
    let group = SnapshotGroup {
        host: "old".to_owned(),
        paths: Some(vec![world.source()]),
        tags: Some(vec!["nightly".to_owned()]),
        without: None,
    };
    let changed = |change: &dyn Fn(&mut SnapshotGroup)| {
        let mut group = group.clone();
        change(&mut group);
        group
    };
    for other in [
        changed(&|group| group.host = "box".to_owned()),
        changed(&|group| group.paths = Some(vec![world.source(), "/etc".into()])),
        changed(&|group| group.tags = Some(Vec::new())),
        changed(&|group| group.without = Some("night".to_owned())),
    ] {
        assert!(!other.holds(&theirs), "{other:?}");
    }
    let mut request = world.request();
    let series = request.parent.as_mut().unwrap();
    series.adopted = vec![group];
    let query = SnapshotQuery {
        series: Some(series.clone()),
        ..SnapshotQuery::default()
    };
    let ours = world.backup_as(&request).unwrap().snapshot;
    assert_eq!(ours.parent.as_deref(), Some(theirs.id.as_str()));
    let listed = engine().snapshots(&world.access(), &query).unwrap();
    assert_eq!(listed, [theirs, ours]);
}

#[test]
fn snapshots_say_what_they_are() {
    let world = World::new();
    world.write("file", "x");
    let mut request = world.request();
    request.description = Some("before the upgrade".to_owned());
    let stored = world.backup_as(&request).unwrap().snapshot;
    let engine = engine();
    let listed = engine
        .snapshots(&world.access(), &SnapshotQuery::default())
        .unwrap();
    assert_eq!(listed, std::slice::from_ref(&stored));
    assert_eq!(stored.id.len(), 64);
    assert_eq!(
        (stored.host.as_str(), stored.tags.as_slice()),
        ("box", ["job".to_owned()].as_slice())
    );
    assert_eq!(stored.paths, [world.source()]);
    // restic's snapshots have no description, and newer ones say that restic made them.
    if !IS_RESTIC {
        assert_eq!(stored.description.as_deref(), Some("before the upgrade"));
        assert_eq!(stored.program_version, "test 1");
        assert_eq!((stored.files, stored.bytes), (Some(1), Some(1)));
    }
    let other = SnapshotQuery {
        host: None,
        tags: vec!["job".to_owned(), "missing".to_owned()],
        ..SnapshotQuery::default()
    };
    assert!(engine.snapshots(&world.access(), &other).unwrap().is_empty());
    assert_eq!(engine.probe(&world.access()).unwrap().snapshots, 1);
}

#[test]
fn a_directory_is_listed_in_order() {
    let world = World::new();
    world.write("b/two", "22");
    world.write("a", "1");
    unix::symlink("a", world.source().join("c")).unwrap();
    world.backup();
    assert_eq!(world.stored(), ["a", "b", "b/two", "c"]);
    let mut request = ListRequest {
        snapshot: "latest".to_owned(),
        query: SnapshotQuery::default(),
        path: world.source(),
        recursive: false,
    };
    let list = |request: &ListRequest| {
        let mut entries = Vec::new();
        engine()
            .list(&world.access(), request, &mut |entry| {
                entries.push(entry);
                Ok(())
            })
            .unwrap();
        entries
    };
    let entries = list(&request);
    let kinds: Vec<_> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::File, EntryKind::Directory, EntryKind::Symlink]);
    assert_eq!(entries[2].target.as_deref(), Some("a".as_ref()));
    request.path = world.source().join("b/two");
    let entries = list(&request);
    assert_eq!(
        (entries.len(), entries[0].size, &entries[0].path),
        (1, 2, &request.path)
    );
}

#[test]
fn the_observer_hears_phases_and_exact_totals() {
    let world = World::new();
    world.write("one", noise(100_000, 1));
    world.write("two", noise(200_000, 2));
    let log = Log::default();
    let report = engine()
        .backup(&world.access(), &world.request(), &log, &Cancellation::default())
        .unwrap();
    assert_eq!(
        *log.phases.lock().unwrap(),
        [Phase::Open, Phase::Index, Phase::Scan, Phase::Backup]
    );
    let last = log.last.lock().unwrap().clone();
    assert_eq!((last.files_done, last.files_total), (2, 2));
    assert_eq!((last.bytes_done, last.bytes_total), (300_000, 300_000));
    assert_eq!(last.bytes_added, report.bytes_added);
}

#[test]
fn compression_levels_are_taken() {
    let numbers: Vec<u8> = (0..400_000_u32)
        .flat_map(|number| (number / 3).to_be_bytes())
        .collect();
    for level in [0, 3] {
        let world = World::new();
        world.write("numbers", &numbers);
        let mut request = world.request();
        request.compression = Some(level);
        let report = world.backup_as(&request).unwrap();
        let is_smaller = report.bytes_stored < report.bytes_added / 2;
        assert_eq!(is_smaller, level > 0, "level {level}: {report:?}");
        world.restic_well(&["check", "--read-data"]);
    }
}

fn touch(time: &str, path: &std::path::Path) {
    assert!(
        Command::new("touch")
            .args(["-h", "-d", time])
            .arg(path)
            .status()
            .unwrap()
            .success()
    );
}
