//! Locks as restic has them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use backupd_engine::{
    Cancellation, ErrorKind, LockStanding, Observer, Phase, Progress, VerifyLevel, Warning,
};
use jiff::SignedDuration;

use crate::engine::engine;
use crate::{
    child,
    planted::{NOW, dead_pid, host, plant, plant_dead},
    world::{Log, World, noise},
};

fn world() -> World {
    let world = World::new();
    world.write("file", noise(10_000, 1));
    world
}

#[test]
fn a_live_exclusive_lock_is_honoured() {
    let world = world();
    world.backup();
    plant(&world, true, NOW, "elsewhere", 4711);
    let error = world.backup_as(&world.request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
    for part in ["somebody", "`elsewhere`", "4711", "since 20"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let verify = engine().verify(
        &world.access(),
        "latest",
        VerifyLevel::Snapshot,
        &Log::default(),
        &Cancellation::default(),
    );
    assert_eq!(verify.unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(
        world.restore_paths("out", &[]).unwrap_err().kind(),
        ErrorKind::Locked
    );
    // Looking needs no lock.
    assert_eq!((world.snapshots(), world.locks()), (1, 1));
}

#[test]
fn our_own_live_process_can_hold_one_too() {
    let world = world();
    plant(&world, true, NOW, &host(), std::process::id());
    assert_eq!(
        world.backup_as(&world.request()).unwrap_err().kind(),
        ErrorKind::Locked
    );
}

#[test]
fn stale_and_shared_locks_are_no_hindrance() {
    let world = world();
    plant(&world, true, SignedDuration::from_mins(31), "elsewhere", 1);
    plant(&world, false, NOW, "elsewhere", 2);
    world.backup();
    assert_eq!(world.locks(), 2);
    plant_dead(&world, true);
    world.backup();
    assert_eq!(
        world.locks(),
        2,
        "the lock of a dead process is removed, and ours"
    );
}

#[test]
fn only_what_is_provably_ours_is_tidied() {
    let world = world();
    plant_dead(&world, false);
    plant_dead(&world, true);
    plant(&world, false, NOW, &host(), std::process::id());
    plant(&world, false, NOW, "elsewhere", dead_pid());
    plant(&world, false, NOW, &host(), dead_pid());
    plant(&world, true, SignedDuration::from_hours(9), "elsewhere", 1);
    assert_eq!(engine().remove_dead_locks(&world.access()).unwrap(), 2);
    assert_eq!(world.locks(), 4);
}

/// Its number may be that of a process in another container that has the same host name.
#[test]
fn another_program_that_seems_dead_is_waited_for_until_it_has_missed_two_refreshes() {
    let world = world();
    plant(&world, true, NOW, &host(), dead_pid());
    assert_eq!(
        world.backup_as(&world.request()).unwrap_err().kind(),
        ErrorKind::Locked
    );
    fs::remove_file(&world.files("locks")[0]).unwrap();
    plant(&world, true, SignedDuration::from_mins(11), &host(), dead_pid());
    world.backup();
    assert_eq!(world.locks(), 1, "it is passed over, and stays");
}

#[test]
fn locks_are_shown_with_what_is_known_of_who_holds_them() {
    let world = world();
    assert_eq!(engine().locks(&world.access()).unwrap(), []);
    plant(&world, false, SignedDuration::from_mins(31), "elsewhere", 7);
    plant(&world, true, SignedDuration::from_mins(3), "elsewhere", 8);
    plant_dead(&world, false);
    let locks = engine().locks(&world.access()).unwrap();
    let standings: Vec<_> = locks.iter().map(|lock| lock.standing).collect();
    assert_eq!(
        standings,
        [LockStanding::Stale, LockStanding::Unknown, LockStanding::Gone]
    );
    let (other, ours) = (&locks[1], &locks[2]);
    assert_eq!(
        (&*other.host, &*other.user, other.pid, other.exclusive),
        ("elsewhere", "somebody", 8, true)
    );
    assert_eq!((other.since, other.run.as_deref()), (None, None));
    assert!(ours.since.is_some() && ours.run.as_deref() == Some("01JRUN"));
}

#[test]
fn a_lock_is_removed_by_its_id_and_one_that_may_be_held_only_by_force() {
    let world = world();
    plant_dead(&world, true);
    plant(&world, true, NOW, "elsewhere", 8);
    let engine = engine();
    let ids: Vec<String> = engine
        .locks(&world.access())
        .unwrap()
        .into_iter()
        .map(|lock| lock.id)
        .collect();
    let error = engine.unlock(&world.access(), &ids, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("`elsewhere` (pid 8)"), "{error}");
    assert_eq!(world.locks(), 2);
    assert_eq!(engine.unlock(&world.access(), &[], true).unwrap(), []);
    let removed = engine.unlock(&world.access(), &ids, true).unwrap();
    assert_eq!((removed.len(), world.locks()), (2, 0));
    // What is gone by then is as good.
    assert_eq!(engine.unlock(&world.access(), &ids, false).unwrap(), []);
    world.backup();
}

#[test]
fn a_password_that_opened_one_repository_opens_no_other_at_its_place() {
    let world = world();
    world.backup();
    let access = world.access();
    engine()
        .snapshots(&access, &backupd_engine::SnapshotQuery::default())
        .unwrap();
    // Another repository with another password comes to stand there.
    fs::remove_dir_all(world.repository()).unwrap();
    let other = backupd_engine::Access {
        password: backupd_engine::Password::new("other".into()),
        ..access.clone()
    };
    engine().init(&other).unwrap();
    let error = engine().probe(&access).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongPassword);
}

#[test]
fn a_killed_backup_leaves_a_lock_that_hinders_nobody() {
    let world = World::new();
    fs::File::create(world.source().join("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let mut child = child::reading(&world);
    assert_eq!(world.locks(), 1);
    assert!(
        !world.restic(&["prune"]).status.success(),
        "prune beside a live backup"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.locks(), 1);
    fs::write(world.source().join("huge"), "small now").unwrap();
    let left = engine().locks(&world.access()).unwrap();
    assert_eq!(left[0].standing, LockStanding::Gone);
    world.backup();
    assert_eq!((world.snapshots(), world.locks()), (1, 0));
    world.restic_well(&["check", "--read-data"]);
}

/// Lets stock restic try, while our lock is held.
struct Beside<'a> {
    world: &'a World,
    cancellation: Cancellation,
    seen: Arc<Mutex<Vec<(bool, String)>>>,
}

impl Observer for Beside<'_> {
    fn phase(&self, _phase: Phase) {}
    fn progress(&self, progress: Progress) {
        if progress.bytes_done == 0 || self.cancellation.is_cancelled() {
            return;
        }
        let lock = fs::read_dir(self.world.repository().join("locks"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(
            lock.metadata().unwrap().permissions().mode() & 0o337,
            0,
            "readable by its owner, or group"
        );
        for arguments in [
            &["prune"][..],
            &["forget", "--keep-last", "1", "--prune"],
            &["cat", "lock"],
        ] {
            let mut arguments = arguments.to_vec();
            let name = lock.file_name().into_string().unwrap();
            if arguments[0] == "cat" {
                arguments.push(&name);
                arguments.push("--no-lock");
            }
            let output = self.world.restic(&arguments);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            self.seen.lock().unwrap().push((output.status.success(), said));
        }
        self.cancellation.cancel();
    }
    fn warning(&self, _warning: Warning) {}
}

#[test]
fn stock_restic_honours_and_reads_our_lock() {
    let world = world();
    world.backup();
    world.backup();
    fs::File::create(world.source().join("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let beside = Beside {
        world: &world,
        cancellation: Cancellation::default(),
        seen: Arc::default(),
    };
    let error = engine()
        .backup(&world.access(), &world.request(), &beside, &beside.cancellation)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let seen = beside.seen.lock().unwrap();
    for (succeeded, said) in &seen[..2] {
        assert!(
            !succeeded && said.contains("repository is already locked"),
            "{said}"
        );
    }
    let (succeeded, said) = &seen[2];
    let pid = format!("\"pid\": {}", std::process::id());
    assert!(
        *succeeded && said.contains(&pid) && said.contains("\"exclusive\": false"),
        "{said}"
    );
    assert_eq!((world.snapshots(), world.locks()), (2, 0));
}
