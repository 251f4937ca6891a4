//! Killed at any moment, twenty times: nothing that was whole is lost, and the next one works.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use backupd_engine::{
    Access, Cancellation, CheckRequest, Embedded, Engine, EngineError, ErrorKind, ForgetRequest, MoveRequest,
    Password, PruneRequest, Remains, RepairIndexRequest, SnapshotQuery,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    engine::{IS_RESTIC, engine},
    upkeep::assert_sound,
    world::{self, Log, PASSWORD, World, noise, picture, request},
};

const ROUNDS: u32 = 20;

/// One for all that this process does: deriving a key from it takes longer than most of that.
static KNOWN: LazyLock<Password> = LazyLock::new(|| Password::new(PASSWORD.to_owned()));

fn access_to(repository: &Path) -> Access {
    Access {
        password: KNOWN.clone(),
        ..world::access(repository)
    }
}

/// Does what it is asked to, on the world of this directory.
fn work(engine: &dyn Engine, what: &str, directory: &Path) -> Result<(), EngineError> {
    let (log, cancellation) = (Log::default(), Cancellation::default());
    let access = access_to(&directory.join("repository"));
    match what {
        "backup" => {
            let request = request(vec![directory.join("source")]);
            engine.backup(&access, &request, &log, &cancellation).map(drop)
        }
        "forget" => {
            let mut snapshots = engine.snapshots(&access, &SnapshotQuery::default())?;
            snapshots.pop();
            let request = ForgetRequest {
                snapshots: snapshots.into_iter().map(|snapshot| snapshot.id).collect(),
                keep: directory.join("kept"),
            };
            engine.forget(&access, &request, &log, &cancellation).map(drop)
        }
        "prune" => {
            let request = PruneRequest {
                keep_delete: Duration::ZERO,
                max_unused: backupd_engine::Unused::Percent(0),
                ..PruneRequest::default()
            };
            engine.prune(&access, &request, &log, &cancellation).map(drop)
        }
        "repair" => {
            let request = RepairIndexRequest {
                read_data: true,
                dry_run: false,
            };
            engine
                .repair_index(&access, request, &log, &cancellation)
                .map(drop)
        }
        "move" => {
            let target = access_to(&directory.join("moved"));
            engine
                .move_to(&access, &target, &MoveRequest::default(), &log, &cancellation)
                .map(drop)
        }
        "remove" => {
            let old = access_to(&directory.join("moved"));
            engine
                .remove_remains(&access, &old, &Remains::GivenUp, &log, &cancellation)
                .map(drop)
        }
        other => panic!("nobody knows how to {other}"),
    }
}

#[test]
#[ignore = "started by other tests, in a process of its own"]
fn works_until_killed() {
    let directory = PathBuf::from(env::var_os("WORLD").unwrap());
    work(engine(), &env::var("WHAT").unwrap(), &directory).unwrap();
}

fn start(world: &World, what: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "kills::works_until_killed", "--ignored"])
        .env("WORLD", world.path(""))
        .env("WHAT", what)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for the end of a process, so long at most; answers whether it came.
fn ends_within(child: &Child, time: Duration) -> bool {
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let process = pidfd_open(process, PidfdFlags::empty()).unwrap();
    let time = Timespec::try_from(time).unwrap();
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&time)).unwrap() > 0
}

/// What a killed process has left is no hindrance.
fn works_now(world: &World, what: &str) {
    match work(engine(), what, &world.path("")) {
        // Of restic's locks nobody can tell so soon that they are a dead one's: somebody has to remove them.
        Err(error) if IS_RESTIC && error.kind() == ErrorKind::Locked => {
            unlock(world);
            work(engine(), what, &world.path(""))
        }
        other => other,
    }
    .unwrap_or_else(|error| panic!("{what}: {}", error.chain()));
    if IS_RESTIC {
        unlock(world);
    }
    assert_eq!(world.locks(), 0);
}

fn unlock(world: &World) {
    let engine = engine();
    let locks = engine.locks(&world.access()).unwrap().into_iter();
    let locks: Vec<String> = locks.map(|lock| lock.id).collect();
    engine.unlock(&world.access(), &locks, true).unwrap();
}

/// Something for it to do: a file of its own each time, and snapshots that have one no more.
fn prepare(world: &World, what: &str, round: u32) {
    world.write("changes", noise(400_000, u64::from(round)));
    // By the faster of the two: what it leaves is the same.
    let by_embedded = |what| work(&Embedded::new(), what, &world.path("")).unwrap();
    match what {
        "backup" => {}
        "forget" => by_embedded("backup"),
        "prune" => {
            by_embedded("backup");
            by_embedded("forget");
        }
        "move" => {
            by_embedded("backup");
            let _ = fs::remove_dir_all(world.path("moved"));
        }
        "remove" => {
            by_embedded("backup");
            by_embedded("move");
        }
        _ => {
            by_embedded("backup");
            let index = world.files("index");
            fs::remove_file(&index[round as usize % index.len()]).unwrap();
        }
    }
}

fn twenty_times(what: &str) {
    let world = World::new();
    world.write("stays", noise(300_000, 1_000_000));
    world.backup();
    prepare(&world, what, 0);
    let began = Instant::now();
    assert!(start(&world, what).wait().unwrap().success());
    let whole = began.elapsed();
    let mut cut_off = 0;
    for round in 1..=ROUNDS {
        prepare(&world, what, round);
        let mut child = start(&world, what);
        if !ends_within(&child, whole * fastrand::u32(0..100) / 100) {
            child.kill().unwrap();
            cut_off += 1;
        }
        child.wait().unwrap();
        works_now(&world, what);
        let check = Embedded::new().check(
            &world.access(),
            &CheckRequest::default(),
            &Log::default(),
            &Cancellation::default(),
        );
        assert_eq!(check.unwrap().errors_total, 0, "round {round}");
        match what {
            "move" => is_as_whole(&world),
            "remove" => assert!(!world.path("moved").exists(), "round {round}"),
            _ => {}
        }
    }
    assert!(cut_off > 0, "none was cut off");
    works_now(&world, "backup");
    assert_sound(&world);
}

/// What was moved has every file.
fn is_as_whole(world: &World) {
    let files = |name: &str| {
        let mut files = picture(&world.path(name));
        files.retain(|path, about| about.contains(" bytes, ") && !path.starts_with("locks"));
        files
            .into_iter()
            .map(|(path, about)| (path, about.rsplit(" bytes, ").next().map(str::to_owned)))
            .collect::<Vec<_>>()
    };
    assert_eq!(files("moved"), files("repository"));
}

#[test]
fn a_backup_can_be_killed() {
    twenty_times("backup");
}

#[test]
fn a_forget_can_be_killed() {
    twenty_times("forget");
}

#[test]
fn a_prune_can_be_killed() {
    twenty_times("prune");
}

#[test]
fn a_repair_can_be_killed() {
    // It is the same for both.
    if IS_RESTIC {
        return;
    }
    twenty_times("repair");
}

#[test]
fn a_move_can_be_killed() {
    // It is the same for both.
    if IS_RESTIC {
        return;
    }
    twenty_times("move");
}

#[test]
fn a_removal_of_what_was_moved_can_be_killed() {
    if IS_RESTIC {
        return;
    }
    twenty_times("remove");
}
