//! Where a restore writes, and what.

use std::{fs, os::unix::fs as unix};

use backupd_engine::ErrorKind;

use crate::world::{World, below, noise, picture};

fn world() -> World {
    let world = World::new();
    world.write("a/one", "1");
    world.write("a/two", "2");
    world.write("b/three", "3");
    world.backup();
    world
}

#[test]
fn unusable_targets_are_refused_and_stay_as_they_are() {
    let world = world();
    fs::create_dir(world.path("full")).unwrap();
    fs::write(world.path("full/file"), "x").unwrap();
    fs::write(world.path("plain"), "x").unwrap();
    unix::symlink(world.repository(), world.path("link")).unwrap();
    for name in [
        "full",
        "plain",
        "plain/below",
        "repository",
        "repository/new",
        "link/new",
        "",
        "link/../other",
    ] {
        let error = world.restore_paths(name, &[]).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::TargetUnusable,
            "{name}: {}",
            error.chain()
        );
    }
    assert!(!world.repository().join("new").exists());
    assert_eq!(fs::read_dir(world.path("full")).unwrap().count(), 1);
}

#[test]
fn an_empty_directory_is_a_target() {
    let world = world();
    fs::create_dir(world.path("out")).unwrap();
    assert_eq!(picture(&world.restore("out")), picture(&world.source()));
    assert_eq!(picture(&world.restore("new/deep")), picture(&world.source()));
}

#[test]
fn chosen_paths_alone_are_restored() {
    let world = world();
    let source = world.source();
    let report = world
        .restore_paths("out", &[source.join("a/two"), source.join("b")])
        .unwrap();
    assert_eq!((report.files, report.bytes, report.failed), (2, 2, 0));
    let out = below(&world.path("out"), &source);
    let names: Vec<_> = picture(&out)
        .into_keys()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(names, ["", "a", "a/two", "b", "b/three"]);
}

#[test]
fn missing_paths_are_all_named_before_anything_is_written() {
    let world = world();
    let source = world.source();
    let paths = [
        source.join("gone"),
        source.join("a/one"),
        source.join("a/one/below"),
        "relative".into(),
    ];
    let error = world.restore_paths("out", &paths).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PathNotFound);
    for path in [&paths[0], &paths[2], &paths[3]] {
        assert!(
            error.to_string().contains(&format!("`{}`", path.display())),
            "{error}"
        );
    }
    assert!(!error.to_string().contains("/one`"), "{error}");
    assert!(!world.path("out").exists());
}

#[test]
fn many_files_and_names_cross_windows() {
    let world = World::new();
    for number in 0..5000 {
        world.write(
            &format!("d{}/f{number}", number % 50),
            format!("content {}", number % 700),
        );
    }
    fs::write(world.source().join("first name"), noise(3_000_000, 1)).unwrap();
    fs::hard_link(world.source().join("first name"), world.source().join("zz")).unwrap();
    world.backup();
    let report = world.restore_paths("out", &[]).unwrap();
    assert_eq!((report.files, report.failed), (5002, 0));
    assert_eq!(
        picture(&below(&world.path("out"), &world.source())),
        picture(&world.source())
    );
}
