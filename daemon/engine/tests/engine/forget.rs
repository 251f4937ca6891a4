//! Snapshots are removed when their files are kept, and not before.

use std::fs;

use backupd_engine::{Cancellation, EngineError, ErrorKind, ForgetRequest, Phase, ReadData};

use crate::engine::{IS_RESTIC, engine};
use crate::{
    planted::{NOW, plant, plant_dead},
    selection::{Full, Mounted},
    world::{Log, On, World, is_root, noise},
};

/// Three snapshots.
fn world() -> (World, Vec<String>) {
    let world = World::new();
    let backup = |number: u64| {
        world.write("file", noise(10_000, number));
        world.backup().snapshot.id
    };
    let ids = (0..3).map(backup).collect();
    (world, ids)
}

/// Why nothing was removed.
fn refused(world: &World, ids: &[String], kind: ErrorKind) -> EngineError {
    let before = world.snapshots();
    let error = world.forget(ids).unwrap_err();
    assert_eq!(error.kind(), kind, "{}", error.chain());
    assert_eq!(world.snapshots(), before);
    error
}

#[test]
fn forgotten_snapshots_are_kept_as_they_were_stored() {
    let (world, ids) = world();
    let file = |id: &str| fs::read(world.repository().join("snapshots").join(id)).unwrap();
    let stored = [file(&ids[0]), file(&ids[1])];
    let unknown = "0".repeat(64);
    let asked = [ids[0].clone(), unknown.clone(), ids[1].clone(), ids[0].clone()];
    let request = ForgetRequest {
        snapshots: asked.to_vec(),
        keep: world.path("kept"),
    };
    let log = Log::default();
    let report = engine()
        .forget(&world.access(), &request, &log, &Cancellation::default())
        .unwrap();
    assert_eq!(report.forgotten, ids[..2]);
    assert_eq!(report.missing, [unknown]);
    assert_eq!(*log.phases.lock().unwrap(), [Phase::Open, Phase::Forget]);
    assert_eq!(log.last.lock().unwrap().files_done, 2);
    for (id, stored) in ids.iter().zip(stored) {
        assert_eq!(fs::read(world.path("kept").join(id)).unwrap(), stored);
    }
    assert_eq!(fs::read_dir(world.path("kept")).unwrap().count(), 2);
    assert_eq!((world.snapshots(), world.locks()), (1, 0));
    world.restic_well(&["check", "--read-data"]);
    // Once more: what is gone is missing, and no error.
    let report = world.forget(&ids).unwrap();
    assert_eq!((report.forgotten.len(), report.missing.len()), (1, 2));
    assert_eq!(world.snapshots(), 0);
    assert_eq!(world.check(ReadData::All).unwrap().errors_total, 0);
}

#[test]
fn nothing_is_removed_that_cannot_be_kept() {
    let (world, ids) = world();
    fs::write(world.path("kept"), "in the way").unwrap();
    let error = refused(&world, &ids, ErrorKind::Other);
    assert!(error.chain().contains("kept"), "{}", error.chain());
    fs::remove_file(world.path("kept")).unwrap();
    // The second of three.
    fs::create_dir_all(world.path("kept").join(&ids[1])).unwrap();
    let error = refused(&world, &ids, ErrorKind::Other);
    assert!(error.chain().contains(&ids[1][..8]), "{}", error.chain());
    fs::remove_dir(world.path("kept").join(&ids[1])).unwrap();
    assert_eq!(world.forget(&ids).unwrap().forgotten.len(), 3);
}

#[test]
fn a_full_disk_keeps_every_snapshot() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let (world, ids) = world();
    fs::create_dir(world.path("kept")).unwrap();
    let _mounted = Mounted::tmpfs(&world.path("kept"), "4k");
    refused(&world, &ids, ErrorKind::NoSpace);
}

#[test]
fn a_repository_without_any_room_loses_no_snapshot_to_a_forget() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let (world, ids) = world();
    let full = Full::of(&world);
    let error = world.forget(&ids).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
    assert_eq!(world.snapshots(), 3);
    full.has_room();
    assert_eq!(world.forget(&ids).unwrap().forgotten.len(), 3);
    assert_eq!(world.check(ReadData::All).unwrap().errors_total, 0);
}

#[test]
fn only_full_ids_are_taken() {
    let (world, ids) = world();
    for id in [
        "latest",
        &ids[0][..8],
        "",
        &"g".repeat(64),
        &format!("{}0", ids[0]),
    ] {
        refused(
            &world,
            &[ids[1].clone(), id.to_owned()],
            ErrorKind::InvalidRequest,
        );
    }
    assert!(!world.path("kept").exists());
}

#[test]
fn nobody_may_be_there_beside_a_forget() {
    let (world, ids) = world();
    plant_dead(&world, true);
    assert_eq!(world.forget(&ids[..1]).unwrap().forgotten, ids[..1]);
    plant(&world, false, NOW, "elsewhere", 1);
    refused(&world, &ids[1..], ErrorKind::Locked);
    assert_eq!(world.locks(), 1);
}

#[test]
fn a_cancelled_forget_removes_nothing() {
    let (world, ids) = world();
    for phase in [Phase::Open, Phase::Forget] {
        let cancellation = Cancellation::default();
        let observer = On(|at: Option<Phase>, _: Option<&_>| {
            if at == Some(phase) {
                cancellation.cancel();
            }
        });
        let request = ForgetRequest {
            snapshots: ids.clone(),
            keep: world.path("kept"),
        };
        let error = engine()
            .forget(&world.access(), &request, &observer, &cancellation)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert_eq!((world.snapshots(), world.locks()), (3, 0));
    }
}

#[test]
fn without_its_lock_a_forget_removes_nothing() {
    // restic takes its own lock, and looks after it.
    if IS_RESTIC {
        return;
    }
    let (world, ids) = world();
    let observer = On(|at: Option<Phase>, _: Option<&_>| {
        if at == Some(Phase::Forget) {
            world.restic_well(&["unlock", "--remove-all"]);
        }
    });
    let request = ForgetRequest {
        snapshots: ids,
        keep: world.path("kept"),
    };
    let error = engine()
        .forget(&world.access(), &request, &observer, &Cancellation::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
    assert_eq!(world.snapshots(), 3);
}

#[test]
fn a_snapshots_own_mark_is_told() {
    use backupd_engine::{Deletion, SnapshotQuery};
    let (world, _) = world();
    let until: jiff::Timestamp = "2030-01-02T03:04:05Z".parse().unwrap();
    let mut files = world.files("snapshots").into_iter();
    for mark in [
        serde_json::json!("Never"),
        serde_json::json!({ "After": "2030-01-02T03:04:05+00:00[UTC]" }),
    ] {
        let path = files.next().unwrap();
        let mut content = crate::sealed::read(&world, &path);
        content["delete"] = mark;
        fs::remove_file(path).unwrap();
        crate::sealed::write(&world, "snapshots", &content);
    }
    let mut marks: Vec<_> = engine()
        .snapshots(&world.access(), &SnapshotQuery::default())
        .unwrap()
        .into_iter()
        .map(|snapshot| snapshot.deletion)
        .collect();
    marks.sort_by_key(|mark| format!("{mark:?}"));
    assert_eq!(
        marks,
        [Deletion::After(until), Deletion::Never, Deletion::Unmarked]
    );
}
