//! A prune that others are in the way of, that is stopped, that loses its lock or the room that it needs.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use backupd_engine::{Cancellation, ErrorKind, Phase, Progress, PruneRequest, ReadData};
use jiff::SignedDuration;

use crate::engine::engine;
use crate::{
    planted::{NOW, host, plant, plant_dead},
    selection::Mounted,
    upkeep::{assert_sound, at_once, forgotten},
    world::{On, World, flip, is_root, noise},
};

#[test]
fn nobody_may_be_there_beside_a_prune() {
    let world = forgotten();
    plant(&world, false, NOW, "elsewhere", 4711);
    let before = world.stored_files();
    let error = world.prune(&PruneRequest::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
    for part in ["somebody", "`elsewhere`", "4711", "in use"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(world.stored_files() == before);
    // To look is no harm.
    assert!(world.plan(&PruneRequest::default()).unwrap().packs_marked > 0);
    plant(&world, true, NOW, &host(), std::process::id());
    for error in [
        world.prune(&at_once()).unwrap_err(),
        world.plan(&at_once()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Locked);
    }
    assert_eq!(world.files("data").len(), 3);
}

#[test]
fn locks_of_those_who_are_gone_are_no_hindrance() {
    let world = forgotten();
    for exclusive in [false, true] {
        plant_dead(&world, exclusive);
        plant(&world, exclusive, SignedDuration::from_mins(31), "elsewhere", 1);
    }
    world.prune(&at_once()).unwrap();
    assert_eq!(world.locks(), 2, "those of this machine are removed, and ours");
    assert_eq!(world.files("data").len(), 2);
}

#[test]
fn others_are_kept_out_while_a_prune_is_at_work() {
    let world = forgotten();
    let seen = AtomicBool::new(false);
    let observer = On(|phase: Option<Phase>, _: Option<&Progress>| {
        if phase != Some(Phase::Prune) {
            return;
        }
        seen.store(true, Ordering::SeqCst);
        let kind = |error: backupd_engine::EngineError| error.kind();
        assert_eq!(
            kind(world.backup_as(&world.request()).unwrap_err()),
            ErrorKind::Locked
        );
        assert_eq!(kind(world.check(ReadData::None).unwrap_err()), ErrorKind::Locked);
        assert_eq!(kind(world.prune(&at_once()).unwrap_err()), ErrorKind::Locked);
        assert_eq!(kind(world.forget(&[]).unwrap_err()), ErrorKind::Locked);
        let output = world.restic(&["backup", world.source().to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("locked exclusively"),
            "{said}"
        );
        let lock = crate::sealed::read(&world, &world.files("locks")[0]);
        assert_eq!(lock["exclusive"], true);
        // Whoever looks needs no lock.
        assert_eq!(world.snapshots(), 1);
    });
    world
        .prune_as(&at_once(), &observer, &Cancellation::default())
        .unwrap();
    assert!(seen.load(Ordering::SeqCst));
    assert_eq!(world.locks(), 0);
    assert_sound(&world);
}

#[test]
fn a_cancelled_prune_leaves_the_repository_as_it_was() {
    for phase in [Phase::Open, Phase::Index, Phase::Prune] {
        for request in [PruneRequest::default(), at_once()] {
            let world = forgotten();
            let before = world.stored_files();
            let cancellation = Cancellation::default();
            let observer = On(|at: Option<Phase>, _: Option<&_>| {
                if at == Some(phase) {
                    cancellation.cancel();
                }
            });
            let error = world.prune_as(&request, &observer, &cancellation).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{phase:?}: {}", error.chain());
            assert!(world.stored_files() == before, "{phase:?}");
            assert_eq!(world.locks(), 0);
            assert_sound(&world);
        }
    }
}

#[test]
fn a_plan_is_cancelled_too() {
    let world = forgotten();
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let error = engine()
        .prune_plan(
            &world.access(),
            &at_once(),
            &crate::world::Log::default(),
            &cancellation,
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// Enough that writing it anew takes a while.
fn large() -> World {
    let world = World::new();
    for number in 0..40 {
        world.write(&format!("{number} stays"), noise(2_000_000, 100 + number));
        world.write(&format!("{number} goes"), noise(2_000_000, 200 + number));
    }
    let first = world.backup().snapshot.id;
    for number in 0..40 {
        fs::remove_file(world.source().join(format!("{number} goes"))).unwrap();
    }
    world.backup();
    world.forget(&[first]).unwrap();
    world
}

#[test]
fn a_prune_is_cancelled_in_the_middle_and_takes_back_what_it_wrote() {
    let world = large();
    let before = world.stored_files();
    let cancellation = Cancellation::default();
    let observer = On(|_: Option<Phase>, progress: Option<&Progress>| {
        // The first of many packs.
        if progress.is_some_and(|progress| progress.bytes_done > 0) {
            cancellation.cancel();
        }
    });
    match world.prune_as(&at_once(), &observer, &cancellation) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error.chain());
            assert!(world.stored_files() == before);
        }
        Ok(report) => panic!("it was through before it was cancelled: {report:?}"),
    }
    assert_sound(&world);
    let report = world.prune(&at_once()).unwrap();
    assert!(
        report.packs_repacked > 1 && report.bytes_freed > 150_000_000,
        "{report:?}"
    );
    assert_sound(&world);
}

#[test]
fn without_its_lock_a_prune_removes_nothing() {
    for request in [PruneRequest::default(), at_once()] {
        let world = forgotten();
        let before = world.stored_files();
        let observer = On(|phase: Option<Phase>, _: Option<&_>| {
            if phase == Some(Phase::Prune) {
                world.restic_well(&["unlock", "--remove-all"]);
                assert_eq!(world.locks(), 0);
            }
        });
        let error = world
            .prune_as(&request, &observer, &Cancellation::default())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
        assert!(error.chain().contains("lock was lost"), "{}", error.chain());
        let after = world.stored_files();
        assert!(before.keys().all(|file| after.contains_key(file)));
        assert_sound(&world);
    }
}

#[test]
fn a_full_disk_ends_a_prune_that_leaves_as_much_room_as_there_was() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let world = World::without_repository();
    fs::create_dir(world.repository()).unwrap();
    let _mounted = Mounted::tmpfs(&world.repository(), "40m");
    engine().init(&world.access()).unwrap();
    world.write("stays", noise(18_000_000, 1));
    world.write("goes", noise(12_000_000, 2));
    let first = world.backup().snapshot.id;
    fs::remove_file(world.source().join("goes")).unwrap();
    world.backup();
    world.forget(&[first]).unwrap();
    let before = world.stored_files();
    for request in [PruneRequest::default(), at_once()] {
        let error = world.prune(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
        assert!(world.stored_files() == before);
    }
    assert_eq!(world.locks(), 0);
    assert_sound(&world);
    // Packs of which nothing is needed can go all the same.
    let request = PruneRequest {
        max_repack: Some(0),
        ..at_once()
    };
    assert_eq!(world.prune(&request).unwrap().packs_removed, 1);
    assert_sound(&world);
    // And all of it once there is room.
    let more = Command::new("mount")
        .args(["-o", "remount,size=100m"])
        .arg(world.repository())
        .status();
    assert!(more.unwrap().success());
    world.prune(&at_once()).unwrap();
    assert_sound(&world);
}

#[test]
fn what_is_damaged_is_not_pruned() {
    type Harm = fn(&World);
    let cases: [(&str, Harm); 7] = [
        ("a pack that is needed is gone", |world| {
            fs::remove_file(&world.files("data")[0]).unwrap();
        }),
        ("a pack that is needed is short", |world| {
            let pack = &world.files("data")[0];
            let content = fs::read(pack).unwrap();
            fs::write(pack, &content[..content.len() - 1]).unwrap();
        }),
        ("data that is to be written anew is damaged", |world| {
            for at in [1000, 250_000, 400_000] {
                flip(&world.files("data")[0], at);
            }
        }),
        ("an index file is damaged", |world| {
            flip(&world.files("index")[0], 50);
        }),
        ("an index file is gone", |world| {
            // That of the first backup, which the second needs too.
            fs::remove_file(&world.files("index")[0]).unwrap();
        }),
        ("a snapshot is damaged", |world| {
            flip(&world.files("snapshots")[0], 50);
        }),
        ("a directory of packs cannot be read", |world| {
            let directory = world.files("data")[0].parent().unwrap().to_owned();
            fs::rename(&directory, world.path("aside")).unwrap();
            fs::write(&directory, "").unwrap();
        }),
    ];
    for (what, harm) in cases {
        let world = forgotten();
        harm(&world);
        let before = world.stored_files();
        for request in [PruneRequest::default(), at_once()] {
            let error = world.prune(&request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {}", error.chain());
            assert!(world.stored_files() == before, "{what}");
        }
        assert_eq!(world.locks(), 0);
    }
}
