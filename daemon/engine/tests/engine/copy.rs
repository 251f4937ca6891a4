//! Copies from one repository into another: whole, once, and never broken.

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use backupd_engine::{
    Access, Allowance, Cancellation, CopyReport, CopyRequest, ErrorKind, Observer, Password, Phase, Progress,
    ReadData, Result, SnapshotInfo, SnapshotQuery,
};

use crate::engine::engine;
use crate::{
    planted::{NOW, plant},
    selection::Mounted,
    world::{Log, On, World, access, flip, is_root, noise, picture},
};

fn copy_as(
    from: &World,
    to: &World,
    request: &CopyRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<CopyReport> {
    engine().copy(&from.access(), &target(to), request, observer, cancellation)
}

fn copy(from: &World, to: &World) -> Result<CopyReport> {
    copy_as(
        from,
        to,
        &CopyRequest::default(),
        &Log::default(),
        &Cancellation::default(),
    )
}

fn target(world: &World) -> Access {
    Access {
        name: "target".to_owned(),
        ..world.access()
    }
}

fn snapshots(world: &World) -> Vec<SnapshotInfo> {
    engine()
        .snapshots(&world.access(), &SnapshotQuery::default())
        .unwrap()
}

/// Both ways of looking for damage.
fn is_sound(world: &World) {
    let report = world.check(ReadData::All).unwrap();
    assert!(report.errors.is_empty(), "{report:?}");
    world.restic_well(&["check", "--read-data"]);
}

/// Two snapshots that share most of what they need.
fn two() -> World {
    let world = World::new();
    world.write("a/large", noise(5_000_000, 1));
    world.write("text", "text ".repeat(10_000));
    world.backup();
    world.write("b/new", noise(1_000_000, 2));
    world.backup();
    world
}

#[test]
fn a_copy_restores_as_the_original_does_and_stays_after_it() {
    let (from, to) = (two(), World::new());
    let log = Log::default();
    let report = copy_as(
        &from,
        &to,
        &CopyRequest::default(),
        &log,
        &Cancellation::default(),
    )
    .unwrap();
    assert_eq!((report.copied.len(), report.there_already), (2, 0));
    assert!(
        report.bytes_read > 6_000_000 && report.bytes_stored > 6_000_000,
        "{report:?}"
    );
    assert!(report.blobs > 4, "{report:?}");
    assert_eq!(
        *log.phases.lock().unwrap(),
        [Phase::Open, Phase::Index, Phase::Copy, Phase::Copy]
    );
    let last = log.last.lock().unwrap().clone();
    assert_eq!((last.files_done, last.files_total), (2, 2));
    assert_eq!(last.bytes_done, last.bytes_total);
    let said = |world: &World| -> Vec<_> {
        let of = |info: SnapshotInfo| (info.time, info.host, info.tags, info.paths, info.program_version);
        snapshots(world).into_iter().map(of).collect()
    };
    assert_eq!(said(&to), said(&from));
    is_sound(&to);
    is_sound(&from);
    assert_eq!((from.locks(), to.locks()), (0, 0));
    // Without the repository that it came from.
    fs::remove_dir_all(from.repository()).unwrap();
    to.restore_paths("out", &[]).unwrap();
    let out = crate::world::below(&to.path("out"), &from.source());
    assert_eq!(picture(&out), picture(&from.source()));
}

#[test]
fn what_is_there_is_not_copied_again_and_restic_sees_it_so() {
    let (from, to) = (two(), World::new());
    copy(&from, &to).unwrap();
    let before = to.stored_files();
    let again = copy(&from, &to).unwrap();
    assert_eq!(
        (again.copied.len(), again.there_already, again.bytes_stored),
        (0, 2, 0)
    );
    assert_eq!(to.stored_files(), before);
    // A copy of the copy is the same snapshot still, and so is one that comes back.
    let third = World::new();
    copy(&to, &third).unwrap();
    assert_eq!(copy(&from, &third).unwrap().there_already, 2);
    assert_eq!(copy(&third, &from).unwrap().there_already, 2);
    let repository = from.repository();
    let version = to.restic(&["copy", "--help"]);
    // Older ones name the source otherwise.
    let from_repo = String::from_utf8_lossy(&version.stdout).contains("--from-repo");
    if from_repo {
        let password = to.path("password");
        fs::write(&password, crate::world::PASSWORD).unwrap();
        to.restic_well(&[
            "copy",
            "--from-repo",
            repository.to_str().unwrap(),
            "--from-password-file",
            password.to_str().unwrap(),
        ]);
        assert_eq!(to.snapshots(), 2);
    }
    // What is new comes alone.
    from.write("c", noise(300_000, 3));
    from.backup();
    let new = copy(&from, &to).unwrap();
    assert_eq!((new.copied.len(), new.there_already), (1, 2));
    assert!(new.bytes_stored < 1_000_000, "{new:?}");
    is_sound(&to);
}

#[test]
fn what_restic_has_copied_is_there() {
    let (from, to) = (two(), World::new());
    let password = to.path("password");
    fs::write(&password, crate::world::PASSWORD).unwrap();
    to.restic_well(&[
        "copy",
        "--from-repo",
        from.repository().to_str().unwrap(),
        "--from-password-file",
        password.to_str().unwrap(),
    ]);
    let report = copy(&from, &to).unwrap();
    assert_eq!((report.copied.len(), report.there_already), (0, 2));
}

#[test]
fn only_what_is_asked_for_is_copied() {
    let from = two();
    let all = snapshots(&from);
    let to = World::new();
    let request = CopyRequest {
        snapshots: vec![all[0].id.clone()],
        ..CopyRequest::default()
    };
    let report = copy_as(&from, &to, &request, &Log::default(), &Cancellation::default()).unwrap();
    assert_eq!(report.copied[0].source, all[0].id);
    assert_eq!(snapshots(&to)[0].time, all[0].time);
    let none = CopyRequest {
        query: SnapshotQuery {
            tags: vec!["job=other".to_owned()],
            ..SnapshotQuery::default()
        },
        ..CopyRequest::default()
    };
    let report = copy_as(&from, &to, &none, &Log::default(), &Cancellation::default()).unwrap();
    assert_eq!((report.copied.len(), report.there_already), (0, 0));
    assert_eq!(to.snapshots(), 1);
}

#[test]
fn that_two_repositories_share_nothing_is_told_once() {
    let (from, to) = (two(), World::new());
    let log = Log::default();
    let (request, never) = (CopyRequest::default(), Cancellation::default());
    copy_as(&from, &to, &request, &log, &never).unwrap();
    assert!(
        log.warned()[0].contains("cuts files in other places"),
        "{:?}",
        log.warned()
    );
    from.write("c", "c");
    from.backup();
    let log = Log::default();
    copy_as(&from, &to, &request, &log, &never).unwrap();
    assert_eq!(log.warned(), [""; 0]);
}

#[test]
fn a_wrong_password_of_either_is_told_with_its_repository() {
    let (from, to) = (two(), World::new());
    let wrong = |access: Access| Access {
        password: Password::new("wrong".to_owned()),
        ..access
    };
    for (source, target, name) in [
        (wrong(from.access()), target(&to), "`test`"),
        (from.access(), wrong(target(&to)), "`target`"),
    ] {
        let error = engine()
            .copy(
                &source,
                &target,
                &CopyRequest::default(),
                &Log::default(),
                &Cancellation::default(),
            )
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongPassword, "{}", error.chain());
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!((to.snapshots(), from.locks(), to.locks()), (0, 0, 0));
}

#[test]
fn who_excludes_others_from_either_keeps_it_from_copying() {
    for at_target in [false, true] {
        let (from, to) = (two(), World::new());
        plant(if at_target { &to } else { &from }, true, NOW, "elsewhere", 4711);
        let error = copy(&from, &to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
        assert_eq!(to.snapshots(), 0);
    }
}

#[test]
fn a_cancelled_copy_leaves_nothing_that_looks_like_a_snapshot() {
    let (from, to) = (two(), World::new());
    for phase in [Phase::Open, Phase::Index, Phase::Copy] {
        let cancellation = Cancellation::default();
        let cancelling = On(|at: Option<Phase>, _: Option<&Progress>| {
            if at == Some(phase) {
                cancellation.cancel();
            }
        });
        let error = copy_as(&from, &to, &CopyRequest::default(), &cancelling, &cancellation).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error.chain());
        assert_eq!((to.snapshots(), to.locks(), from.locks()), (0, 0, 0), "{phase:?}");
    }
    copy(&from, &to).unwrap();
    is_sound(&to);
}

#[test]
fn a_full_disk_ends_it_and_what_came_to_nothing_is_taken_back() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let (from, to) = (two(), World::without_repository());
    fs::create_dir(to.repository()).unwrap();
    let _mounted = Mounted::tmpfs(&to.repository(), "4m");
    engine().init(&to.access()).unwrap();
    let error = copy(&from, &to).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
    assert_eq!((to.snapshots(), to.files("data").len()), (0, 0));
    is_sound(&to);
}

#[test]
fn it_keeps_the_room_of_the_target() {
    let (from, to) = (two(), World::new());
    let request = CopyRequest {
        allowance: Allowance {
            quota: Some(3 << 20),
            ..Allowance::default()
        },
        ..CopyRequest::default()
    };
    let error = copy_as(&from, &to, &request, &Log::default(), &Cancellation::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(
        error.chain().contains("the copy was stopped"),
        "{}",
        error.chain()
    );
    assert_eq!(to.snapshots(), 0);
}

/// Three snapshots of which only the second needs the file `b/new`; its blobs are damaged.
fn damaged() -> (World, usize) {
    let world = two();
    fs::remove_file(world.source().join("b/new")).unwrap();
    world.write("d", noise(100_000, 4));
    world.backup();
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    // The pack of the second backup's data.
    let pack = world
        .files("data")
        .into_iter()
        .find(|path| (900_000..1_500_000).contains(&size(path)))
        .unwrap();
    flip(&pack, 1000);
    (world, 2)
}

#[test]
fn of_a_damaged_repository_the_sound_snapshots_are_copied() {
    let (from, sound) = damaged();
    let to = World::new();
    let log = Log::default();
    let error = copy_as(
        &from,
        &to,
        &CopyRequest::default(),
        &log,
        &Cancellation::default(),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(error.to_string().starts_with("1 of 3 snapshots"), "{error}");
    assert!(log.warned().iter().any(|said| said.starts_with("snapshot ")));
    let all = snapshots(&from);
    let times: BTreeSet<_> = snapshots(&to).into_iter().map(|info| info.time).collect();
    assert_eq!(times, BTreeSet::from([all[0].time, all[2].time]));
    assert_eq!(times.len(), sound);
    is_sound(&to);
}

#[test]
fn what_the_source_has_lost_is_no_snapshot_in_the_target() {
    let (from, to) = (two(), World::new());
    for pack in from.files("data") {
        if fs::metadata(&pack).unwrap().len() > 900_000 {
            fs::remove_file(pack).unwrap();
        }
    }
    // The index knows nothing of it any more either: the library would pass over it.
    from.restic(&["rebuild-index"]);
    let error = copy(&from, &to).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(error.chain().contains("`test"), "{}", error.chain());
    assert_eq!(to.snapshots(), 0);
    is_sound(&to);
}

#[test]
#[ignore = "started by other tests, in a process of its own"]
fn copies_until_killed() {
    let (from, to) = (env::var_os("FROM").unwrap(), env::var_os("TO").unwrap());
    let _ = engine().copy(
        &access(&PathBuf::from(from)),
        &access(&PathBuf::from(to)),
        &CopyRequest::default(),
        &Log::default(),
        &Cancellation::default(),
    );
}

/// Files of a repository that come one after the other, half written ones too.
fn count(world: &World) -> usize {
    let repository = world.repository();
    let data = fs::read_dir(repository.join("data")).unwrap();
    let mut directories: Vec<PathBuf> = data.map(|entry| entry.unwrap().path()).collect();
    directories.extend(["locks", "index", "snapshots"].map(|name| repository.join(name)));
    let listed = directories.iter().flat_map(fs::read_dir);
    listed.map(Iterator::count).sum()
}

#[test]
fn a_copy_that_is_killed_at_any_moment_is_made_up_for_by_the_next() {
    let (from, to) = (World::new(), World::new());
    for round in 0..20_usize {
        from.write(&format!("{round}"), noise(400_000, round as u64));
        from.backup();
        let before = count(&to);
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "copy::copies_until_killed", "--ignored"])
            .env("FROM", from.repository())
            .env("TO", to.repository())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Its lock is the first file that it writes.
        while count(&to) < before + 1 + round % 6 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let found = to.check(ReadData::All).unwrap();
        assert!(found.errors.is_empty(), "{round}: {found:?}");
    }
    to.restic_well(&["check", "--read-data", "--no-lock"]);
    for world in [&from, &to] {
        engine().remove_dead_locks(&world.access()).unwrap();
    }
    copy(&from, &to).unwrap();
    assert_eq!(to.snapshots(), 20);
    is_sound(&to);
    is_sound(&from);
    for world in [&from, &to] {
        assert_eq!(engine().locks(&world.access()).unwrap(), []);
    }
}
