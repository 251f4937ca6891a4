//! Locks of others, and what a killed restic leaves.

use std::{fs, time::Duration};

use backupd_engine::{Access, Cancellation, ErrorKind, PruneRequest};
use jiff::Timestamp;

use crate::{
    engine::engine,
    world::{Log, World},
};

fn plant(world: &World, age: Duration, exclusive: bool, host: &str, pid: i32) {
    crate::sealed::write(
        world,
        "locks",
        &serde_json::json!({
            "time": (Timestamp::now() - age).to_string(), "exclusive": exclusive,
            "hostname": host, "username": "root", "pid": pid,
        }),
    );
}

#[test]
fn who_holds_the_lock_is_named() {
    let world = World::new();
    world.write("file", "x");
    plant(&world, Duration::ZERO, true, "elsewhere", 7);
    for error in [
        world.backup_as(&world.request()).unwrap_err(),
        world.prune(&PruneRequest::default()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Locked);
        let said = error.chain();
        assert!(
            said.contains("elsewhere") && !said.contains("`unlock` command"),
            "{said}"
        );
    }
    assert_eq!((world.snapshots(), world.locks()), (0, 1));
}

/// Notes a process of before the machine's last start.
fn note(access: &Access, pid: i32, since: Timestamp) {
    let directory = access.cache.as_ref().unwrap().join("restic/processes");
    fs::create_dir_all(&directory).unwrap();
    // The same machine, so that a note of ours is taken over but for its boot.
    let ours = ours(access);
    let mut note: serde_json::Value = serde_json::from_str(&ours).unwrap();
    note["pid"] = pid.into();
    note["since"] = since.to_string().into();
    note["boot"] = "before".into();
    fs::write(directory.join("note"), note.to_string()).unwrap();
}

/// What is noted of a process of now.
fn ours(access: &Access) -> String {
    let directory = access.cache.as_ref().unwrap().join("restic/processes");
    let seen = std::sync::Mutex::new(None);
    let observer = crate::world::On(|_: Option<_>, progress: Option<&_>| {
        if progress.is_some() {
            let note = fs::read_dir(&directory).ok().and_then(|mut notes| notes.next());
            if let Some(Ok(note)) = note {
                seen.lock()
                    .unwrap()
                    .get_or_insert_with(|| fs::read_to_string(note.path()).unwrap());
            }
        }
    });
    let source = access.cache.as_ref().unwrap().parent().unwrap().join("source");
    engine()
        .backup(
            access,
            &crate::world::request(vec![source]),
            &observer,
            &Cancellation::default(),
        )
        .unwrap();
    seen.into_inner().unwrap().expect("a running restic is noted")
}

#[test]
fn the_lock_of_a_restic_of_ours_that_is_gone_is_removed_once_nobody_refreshes_it() {
    let world = World::new();
    world.write("file", crate::world::noise(20_000_000, 1));
    let access = Access {
        cache: Some(world.path("cache")),
        ..world.access()
    };
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let hour = Duration::from_hours(1);
    let pid = i32::MAX - 1;
    note(&access, pid, Timestamp::now() - hour);
    plant(&world, Duration::from_mins(4), false, &host, pid);
    let prune = |access: &Access| {
        engine().prune(
            access,
            &PruneRequest::default(),
            &Log::default(),
            &Cancellation::default(),
        )
    };
    assert_eq!(prune(&access).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(world.locks(), 1, "it may be another's with the same number");
    world.restic_well(&["unlock", "--remove-all"]);
    plant(&world, Duration::from_mins(12), false, &host, pid);
    prune(&access).unwrap();
    assert_eq!(world.locks(), 0);
    // Whose process nobody has noted is nobody's to remove.
    plant(&world, Duration::from_mins(12), false, &host, pid - 1);
    assert_eq!(prune(&access).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(world.locks(), 1);
}
