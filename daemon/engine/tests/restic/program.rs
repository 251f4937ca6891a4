//! Which restic is used, and what is said of one that cannot be.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use backupd_engine::{Cancellation, Engine, ErrorKind, Restic};

use crate::{
    engine::engine,
    places::servers::tools,
    world::{Log, World, noise, picture},
};

/// A program that says and does this.
fn script(world: &World, lines: &str) -> PathBuf {
    let path = world.path("program");
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_version_is_told() {
    let version = engine().version();
    assert!(version.starts_with("restic 0."), "{version}");
}

#[test]
fn a_program_that_is_missing_or_too_old_or_another_is_refused_before_anything_happens() {
    let world = World::new();
    world.write("file", "x");
    let missing = world.path("missing");
    let too_old = script(
        &world,
        "echo 'restic 0.9.6 compiled with go1.12.12 on linux/amd64'",
    );
    let refused = |program: PathBuf| {
        let restic = Restic::at(program);
        let found = restic.find().unwrap_err();
        let error = restic
            .backup(
                &world.access(),
                &world.request(),
                &Log::default(),
                &Cancellation::default(),
            )
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::InvalidRequest, found.to_string())
        );
        error.to_string()
    };
    let said = refused(missing);
    assert!(
        said.contains("is not installed: install it (Debian: `apt install restic`)"),
        "{said}"
    );
    let said = refused(too_old);
    assert!(
        said.contains("is restic 0.9.6, and 0.14.0 is the oldest"),
        "{said}"
    );
    for other in ["echo hello", "exit 1", "echo restic 0.18.0; exit 3"] {
        let said = refused(script(&world, other));
        assert!(said.contains("does not say which version"), "{said}");
    }
    assert_eq!(world.snapshots(), 0);
}

/// Says that it is a good restic, and does this for everything else.
fn pretender(world: &World, lines: &str) -> Restic {
    let lines = format!("if [ \"$1\" = version ]; then echo restic 0.18.0; exit; fi\n{lines}");
    Restic::at(script(world, &lines))
}

#[test]
fn a_program_that_talks_nonsense_is_no_success() {
    let world = World::new();
    world.write("file", "x");
    let unknown = format!(
        "{{\"message_type\":\"summary\",\"snapshot_id\":\"{}\"}}",
        "0".repeat(64)
    );
    for (lines, kind) in [
        ("exit 0".to_owned(), ErrorKind::Other),
        ("echo '{\"message_type\":'; exit 0".to_owned(), ErrorKind::Other),
        (
            "head -c 3000000 /dev/urandom; exit 1".to_owned(),
            ErrorKind::Other,
        ),
        ("kill -9 $$".to_owned(), ErrorKind::Other),
        (format!("echo '{unknown}'"), ErrorKind::SnapshotNotFound),
        ("exit 11".to_owned(), ErrorKind::Locked),
    ] {
        let error = pretender(&world, &lines)
            .backup(
                &world.access(),
                &world.request(),
                &Log::default(),
                &Cancellation::default(),
            )
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{lines}: {}", error.chain());
        assert!(!error.chain().contains(char::is_control), "{}", error.chain());
    }
}

#[test]
fn a_source_that_goes_away_after_it_was_seen_leaves_no_snapshot_without_it() {
    let world = World::new();
    world.write("file", "x");
    let other = world.path("other");
    fs::create_dir(&other).unwrap();
    let lines = format!(
        "[ \"$1\" = backup ] && rmdir '{}'; exec restic \"$@\"",
        other.display()
    );
    let mut request = world.request();
    request.sources.push(other);
    let error = pretender(&world, &lines)
        .backup(
            &world.access(),
            &request,
            &Log::default(),
            &Cancellation::default(),
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceMissing, "{}", error.chain());
    assert!(error.chain().contains("/other` went away"), "{}", error.chain());
    assert_eq!((world.snapshots(), world.locks()), (0, 0));
}

#[test]
fn a_helper_that_outlives_the_program_is_not_waited_for() {
    let world = World::new();
    let restic = pretender(&world, "sleep 1000 & echo Fatal: boo >&2; exit 1");
    let error = restic.probe(&world.access()).unwrap_err();
    assert!(error.chain().ends_with("boo"), "{}", error.chain());
}

#[test]
fn secrets_are_neither_arguments_nor_more_than_it_needs() {
    let world = World::new();
    let seen = world.path("seen");
    let lines = format!(
        "{{ echo \"$@\"; env; }} > '{}'; read -r line; echo \"stdin $line\" >> '{0}'; exit 1",
        seen.display()
    );
    let mut access = world.access();
    access.secrets.set("access_key_id", "AKID".to_owned());
    access.secrets.set("secret_access_key", "hush".to_owned());
    let _ = pretender(&world, &lines).probe(&access);
    let seen = fs::read_to_string(seen).unwrap();
    let (arguments, rest) = seen.split_once('\n').unwrap();
    assert!(arguments.starts_with("cat --no-cache --no-lock"), "{arguments}");
    assert!(
        rest.contains(&format!("stdin {}", crate::world::PASSWORD)),
        "{rest}"
    );
    let environment = rest.split("stdin").next().unwrap();
    for secret in ["hush", "AKID", crate::world::PASSWORD, "CARGO"] {
        assert!(
            !environment.contains(secret) && !arguments.contains(secret),
            "{seen}"
        );
    }
}

#[test]
fn a_password_of_more_than_one_line_is_refused() {
    let world = World::without_repository();
    let mut access = world.access();
    access.password = backupd_engine::Password::new("two\nlines".to_owned());
    let error = engine().init(&access).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(!error.chain().contains("two"), "{}", error.chain());
}

#[test]
fn tags_with_a_comma_are_refused() {
    let world = World::new();
    let mut request = world.request();
    request.tags = vec!["a,b".to_owned()];
    let error = world.backup_as(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn its_cache_is_below_ours() {
    let world = World::new();
    world.write("file", noise(100_000, 1));
    let access = backupd_engine::Access {
        cache: Some(world.path("cache")),
        ..world.access()
    };
    engine()
        .backup(
            &access,
            &world.request(),
            &Log::default(),
            &Cancellation::default(),
        )
        .unwrap();
    assert!(world.path("cache/restic").join("CACHEDIR.TAG").exists());
    let left = fs::read_dir(world.path("cache/restic/processes"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "no process is noted that has ended");
    assert_eq!(picture(&world.restore("out")), picture(&world.source()));
}

/// Not only the one that all tests use.
#[test]
fn a_newer_restic_does_the_same() {
    let newer = tools().join("restic-0.18.0");
    if !newer.exists() {
        eprintln!(
            "skipped: there is no `{}` (`scripts/install-tools.sh` installs it)",
            newer.display()
        );
        return;
    }
    let restic = Restic::at(newer);
    let world = World::without_repository();
    let (access, log, go) = (world.access(), Log::default(), Cancellation::default());
    restic.init(&access).unwrap();
    let again = restic.init(&access).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::RepositoryExists, "{}", again.chain());
    world.write("stays", noise(300_000, 1));
    world.write("goes", noise(200_000, 2));
    world.write("junk/x.tmp", "junk");
    let mut request = world.request();
    request.exclude = vec!["*.{tmp,bak}".to_owned()];
    let backup = |request| restic.backup(&access, request, &log, &go).unwrap();
    let first = backup(&request);
    assert_eq!((first.files_new, first.bytes_processed), (2, 500_000));
    assert!(
        first.bytes_stored > 490_000 && first.snapshot.bytes == Some(500_000),
        "{first:?}"
    );
    let second = backup(&request);
    assert_eq!((second.files_unmodified, second.bytes_read), (2, 0));
    assert_eq!(second.snapshot.parent.as_ref(), Some(&first.snapshot.id));
    fs::remove_dir_all(world.source().join("junk")).unwrap();
    fs::remove_file(world.source().join("goes")).unwrap();
    let third = backup(&request);
    let target = world.path("out");
    let restore = backupd_engine::RestoreRequest {
        snapshot: "latest".to_owned(),
        query: backupd_engine::SnapshotQuery::default(),
        paths: Vec::new(),
        target: target.clone(),
    };
    let report = restic.restore(&access, &restore, &log, &go).unwrap();
    assert_eq!((report.files, report.bytes, report.failed), (1, 300_000, 0));
    let restored = crate::world::below(&target, &world.source());
    assert_eq!(picture(&restored), picture(&world.source()));
    let forget = backupd_engine::ForgetRequest {
        snapshots: vec![first.snapshot.id, second.snapshot.id],
        keep: world.path("kept"),
    };
    restic.forget(&access, &forget, &log, &go).unwrap();
    let pruned = restic
        .prune(&access, &backupd_engine::PruneRequest::default(), &log, &go)
        .unwrap();
    assert!(pruned.bytes_freed > 190_000, "{pruned:?}");
    let check = |request| restic.check(&access, &request, &log, &go).unwrap();
    let whole = backupd_engine::CheckRequest {
        read_data: backupd_engine::ReadData::All,
        ..backupd_engine::CheckRequest::default()
    };
    assert_eq!(check(whole.clone()).errors_total, 0);
    // What it says by its exit code, and what it says in words.
    let mut wrong = world.access();
    wrong.password = backupd_engine::Password::new("wrong".to_owned());
    let error = restic.probe(&wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongPassword);
    let lock = serde_json::json!({
        "time": jiff::Timestamp::now().to_string(), "exclusive": true,
        "hostname": "elsewhere", "username": "me", "pid": 7,
    });
    crate::sealed::write(&world, "locks", &lock);
    let error = restic.backup(&access, &request, &log, &go).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
    assert!(error.chain().contains("elsewhere"), "{}", error.chain());
    fs::remove_file(&world.files("locks")[0]).unwrap();
    fs::remove_file(&world.files("data")[0]).unwrap();
    assert_eq!(check(whole).hurt, [third.snapshot.id]);
}
