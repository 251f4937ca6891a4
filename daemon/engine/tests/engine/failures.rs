//! Failures have kinds, speak plainly, and leave nothing behind.

use std::{fs, os::unix::fs::PermissionsExt};

use backupd_engine::{Access, EngineError, ErrorKind, ListRequest, Password, SnapshotQuery};

use crate::engine::{IS_RESTIC, engine};
use crate::{
    selection::Mounted,
    world::{World, access, is_root, noise, picture, request},
};

fn plain(error: &EngineError, kind: ErrorKind) -> String {
    assert_eq!(error.kind(), kind, "{}", error.chain());
    let chain = error.chain();
    for noise in [
        "rustic_core",
        "http",
        "Some additional details",
        "kind: related",
        "\n",
    ] {
        assert!(!chain.contains(noise), "{chain}");
    }
    chain
}

#[test]
fn a_missing_source_leaves_the_repository_as_it_was() {
    let world = World::new();
    world.write("file", "x");
    world.backup();
    let before = picture(&world.repository());
    let gone = [world.path("gone"), world.path("gone too")];
    let error = world
        .backup_as(&request(vec![gone[0].clone(), world.source(), gone[1].clone()]))
        .unwrap_err();
    let said = plain(&error, ErrorKind::SourceMissing);
    for path in gone {
        assert!(said.contains(&format!("`{}`", path.display())), "{said}");
    }
    assert_eq!(picture(&world.repository()), before);
}

#[test]
fn a_wrong_password_is_named() {
    let world = World::new();
    let access = Access {
        password: Password::new("wrong".to_owned()),
        ..world.access()
    };
    let said = plain(&engine().probe(&access).unwrap_err(), ErrorKind::WrongPassword);
    assert!(said.contains("`test`"), "{said}");
    assert!(!said.contains("wrong") && !format!("{access:?}").contains("wrong"));
}

#[test]
fn a_repository_is_created_once() {
    let world = World::without_repository();
    let created = engine().init(&world.access()).unwrap();
    assert_eq!((created.id.len(), created.version, created.snapshots), (64, 2, 0));
    assert_eq!(engine().probe(&world.access()).unwrap(), created);
    let before = picture(&world.repository());
    plain(
        &engine().init(&world.access()).unwrap_err(),
        ErrorKind::RepositoryExists,
    );
    assert_eq!(picture(&world.repository()), before);
    assert_eq!(
        fs::metadata(world.repository()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    world.restic_well(&["check"]);
}

#[test]
fn what_is_no_repository_is_refused() {
    let world = World::without_repository();
    plain(
        &engine().probe(&world.access()).unwrap_err(),
        ErrorKind::RepositoryNotFound,
    );
    fs::create_dir(world.repository()).unwrap();
    plain(
        &engine().probe(&world.access()).unwrap_err(),
        ErrorKind::RepositoryNotFound,
    );
    fs::write(world.repository().join("letter"), "dear").unwrap();
    plain(
        &engine().probe(&world.access()).unwrap_err(),
        ErrorKind::NotARepository,
    );
    let said = plain(
        &engine().init(&world.access()).unwrap_err(),
        ErrorKind::NotARepository,
    );
    assert!(said.contains("not empty"), "{said}");
    assert_eq!(fs::read_dir(world.repository()).unwrap().count(), 1);
}

#[test]
fn places_that_are_none_and_relative_ones_are_refused() {
    let world = World::new();
    for url in [
        "ftp://hush@host/x",
        "sftp:hush",
        "rest:https://me:hush@host/",
        "s3:https://host",
    ] {
        let access = Access {
            url: url.to_owned(),
            ..world.access()
        };
        let error = engine().probe(&access).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(!error.chain().contains("hush"), "{error}");
    }
    let relative = Access {
        url: "some/where".to_owned(),
        ..world.access()
    };
    plain(&engine().probe(&relative).unwrap_err(), ErrorKind::InvalidRequest);
    let local = Access {
        url: format!("local:{}", world.repository().display()),
        ..world.access()
    };
    assert!(engine().probe(&local).is_ok());
}

#[test]
fn a_full_disk_stores_no_snapshot_and_the_next_backup_works() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let world = World::without_repository();
    fs::create_dir(world.repository()).unwrap();
    let _mounted = Mounted::tmpfs(&world.repository(), "8m");
    engine().init(&world.access()).unwrap();
    let large = world.write("large", noise(40_000_000, 7));
    plain(
        &world.backup_as(&world.request()).unwrap_err(),
        ErrorKind::NoSpace,
    );
    assert_eq!((world.snapshots(), world.locks()), (0, 0));
    fs::remove_file(large).unwrap();
    world.write("small", "x");
    world.restic_well(&["prune"]);
    world.backup();
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn a_full_target_ends_a_restore() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let world = World::new();
    world.write("large", noise(4_000_000, 7));
    world.backup();
    let target = world.path("out");
    fs::create_dir(&target).unwrap();
    let _mounted = Mounted::tmpfs(&target, "1m");
    let error = world.restore_paths("out", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
}

#[test]
fn unknown_snapshots_are_named() {
    // Both engines find snapshots in one way, and this takes many of them.
    if IS_RESTIC {
        return;
    }
    let world = World::new();
    let list = |snapshot: &str| {
        let request = ListRequest {
            snapshot: snapshot.to_owned(),
            query: SnapshotQuery::default(),
            path: "/".into(),
            recursive: false,
        };
        engine().list(&world.access(), &request, &mut |_| Ok(()))
    };
    for name in ["latest", "abcdef", "nonsense", "", &"0".repeat(64)] {
        plain(&list(name).unwrap_err(), ErrorKind::SnapshotNotFound);
    }
    world.write("file", "x");
    let first = world.backup().snapshot.id;
    list(&first[..8]).unwrap();
    while world.snapshots() < 17 {
        world.backup();
    }
    let ids: Vec<_> = fs::read_dir(world.repository().join("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let twice = ids
        .iter()
        .find(|id| ids.iter().filter(|other| other[..1] == id[..1]).count() > 1)
        .unwrap();
    let said = plain(&list(&twice[..1]).unwrap_err(), ErrorKind::SnapshotNotFound);
    assert!(said.contains("more than one"), "{said}");
}

#[test]
fn a_name_means_one_of_the_snapshots_that_match() {
    // Both engines find snapshots in one way, and this takes many of them.
    if IS_RESTIC {
        return;
    }
    let world = World::new();
    world.write("file", "x");
    let list = |snapshot: &str, tags: &[&str], host: Option<&str>| {
        let request = ListRequest {
            snapshot: snapshot.to_owned(),
            query: SnapshotQuery {
                host: host.map(str::to_owned),
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                ..SnapshotQuery::default()
            },
            path: "/".into(),
            recursive: false,
        };
        engine().list(&world.access(), &request, &mut |_| Ok(()))
    };
    let id = world.backup().snapshot.id;
    for name in ["latest", &id, &id[..8]] {
        list(name, &["job"], Some("box")).unwrap();
        for error in [list(name, &["other"], None), list(name, &[], Some("elsewhere"))] {
            plain(&error.unwrap_err(), ErrorKind::SnapshotNotFound);
        }
    }
    // A beginning is unique where it is so among those.
    let mut request = world.request();
    request.tags = vec!["other".to_owned()];
    let begins = |other: &str| other[..1] == id[..1];
    while !begins(&world.backup_as(&request).unwrap().snapshot.id) {}
    list(&id[..1], &["job"], None).unwrap();
    plain(
        &list(&id[..1], &[], None).unwrap_err(),
        ErrorKind::SnapshotNotFound,
    );
}

#[test]
fn a_repository_without_keys_is_told_from_a_wrong_password() {
    let world = World::new();
    world.write("file", "content");
    world.backup();
    for key in world.files("keys") {
        fs::remove_file(key).unwrap();
    }
    // One that knows no key yet.
    let error = engine().probe(&access(&world.repository())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(error.chain().contains("has no key any more"), "{}", error.chain());
}
