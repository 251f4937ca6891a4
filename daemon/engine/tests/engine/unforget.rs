//! What was forgotten comes back as long as all that it needs is there.

use std::fs;

use backupd_engine::{
    Access, Cancellation, ErrorKind, Password, Phase, PruneRequest, ReadData, UnforgetReport,
};

use crate::engine::{IS_RESTIC, engine};
use crate::{
    planted::{NOW, plant},
    selection::Full,
    upkeep::{assert_sound, at_once},
    world::{Log, World, flip, is_root, noise, picture},
};

/// Two snapshots, of which the second is what the source has now.
fn world() -> (World, [String; 2]) {
    let world = World::new();
    world.write("stays", noise(300_000, 1));
    world.write("deep/first", noise(200_000, 2));
    let first = world.backup().snapshot.id;
    fs::remove_file(world.source().join("deep/first")).unwrap();
    world.write("deep/second", noise(100_000, 3));
    let second = world.backup().snapshot.id;
    (world, [first, second])
}

/// The reason why the one snapshot cannot be brought back.
fn lost(world: &World, id: &str) -> String {
    let report = world.unforget(&[id.to_owned()]).unwrap();
    assert_eq!((report.restored.len(), report.lost.len()), (0, 1), "{report:?}");
    assert_eq!(report.lost[0].snapshot, id);
    assert!(!world.repository().join("snapshots").join(id).exists());
    report.lost[0].reason.clone()
}

#[test]
fn forgotten_snapshots_come_back_as_they_were() {
    let (world, ids) = world();
    let before = picture(&world.repository().join("snapshots"));
    world.forget(&ids).unwrap();
    assert_eq!(world.snapshots(), 0);
    let log = Log::default();
    let report = engine()
        .unforget(
            &world.access(),
            &world.path("kept"),
            &[],
            &log,
            &Cancellation::default(),
        )
        .unwrap();
    let mut restored = report.restored.clone();
    restored.sort();
    let mut all = ids.to_vec();
    all.sort();
    assert_eq!((restored, report.packs_recovered), (all, 0));
    assert_eq!(
        *log.phases.lock().unwrap(),
        [Phase::Open, Phase::Index, Phase::Verify]
    );
    let names = |picture: &std::collections::BTreeMap<_, _>| picture.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&picture(&world.repository().join("snapshots"))),
        names(&before)
    );
    assert_sound(&world);
    // Once more: they are there.
    let report = world.unforget(&[]).unwrap();
    assert_eq!((report.present.len(), report.restored.len()), (2, 0));
    assert_eq!(world.locks(), 0);
}

#[test]
fn a_prune_that_only_marked_is_undone() {
    // restic's prune removes at once.
    if IS_RESTIC {
        return;
    }
    for version in ["1", "2"] {
        let world = World::without_repository();
        world.restic_well(&["init", "--repository-version", version]);
        world.write("stays", noise(300_000, 1));
        world.write("goes", noise(200_000, 2));
        let first = world.backup().snapshot.id;
        fs::remove_file(world.source().join("goes")).unwrap();
        world.backup();
        world.forget(std::slice::from_ref(&first)).unwrap();
        assert!(world.prune(&PruneRequest::default()).unwrap().packs_marked > 1);
        let report = world.unforget(&[]).unwrap();
        assert_eq!(
            report.restored,
            std::slice::from_ref(&first),
            "{version}: {report:?}"
        );
        assert!(report.packs_recovered > 1, "{report:?}");
        assert_sound(&world);
        let out = world.path("out");
        world.restic_well(&["restore", &first, "--target", out.to_str().unwrap()]);
        let goes = crate::world::below(&out, &world.source()).join("goes");
        assert_eq!(fs::read(goes).unwrap(), noise(200_000, 2));
        // No later prune takes it away again.
        world.prune(&PruneRequest::default()).unwrap();
        world.prune(&at_once()).unwrap();
        assert_eq!(world.snapshots(), 2);
        assert_sound(&world);
    }
}

#[test]
fn what_a_prune_has_removed_is_named_and_the_others_come_back() {
    let (world, [first, second]) = world();
    world.write("third", noise(50_000, 4));
    let third = world.backup().snapshot.id;
    world.forget(&[first.clone(), second.clone()]).unwrap();
    world.prune(&at_once()).unwrap();
    world.forget(std::slice::from_ref(&third)).unwrap();
    let report = world.unforget(&[]).unwrap();
    assert_eq!(report.restored, [third]);
    let mut gone: Vec<_> = report.lost.iter().map(|lost| &lost.snapshot).collect();
    gone.sort();
    let mut expected = [&first, &second];
    expected.sort();
    assert_eq!(gone, expected);
    for lost in &report.lost {
        assert!(
            lost.reason.contains("not in the repository any more"),
            "{}",
            lost.reason
        );
    }
    assert_sound(&world);
}

#[test]
fn each_missing_thing_keeps_a_snapshot_away() {
    let (world, [first, _]) = world();
    world.forget(std::slice::from_ref(&first)).unwrap();
    let packs = world.files("data");
    for pack in [
        &packs[0],
        packs.iter().rev().nth(1).unwrap(),
        packs.last().unwrap(),
    ] {
        let content = fs::read(pack).unwrap();
        fs::remove_file(pack).unwrap();
        let report = world.unforget(&[]).unwrap();
        let of_the_second = report.lost.is_empty();
        if !of_the_second {
            assert!(report.lost[0].reason.contains("any more"), "{report:?}");
        }
        fs::write(pack, &content[..content.len() - 1]).unwrap();
        if !of_the_second {
            assert!(lost(&world, &first).contains("any more"), "it is short");
        }
        fs::write(pack, content).unwrap();
        if of_the_second {
            world.forget(std::slice::from_ref(&first)).unwrap();
        }
    }
    let tree = packs
        .iter()
        .skip(2)
        .find(|pack| {
            let content = fs::read(pack).unwrap();
            flip(pack, 20);
            let hurt = world.unforget(&[]).unwrap().restored.is_empty();
            if !hurt {
                fs::write(pack, content).unwrap();
                world.forget(std::slice::from_ref(&first)).unwrap();
            }
            hurt
        })
        .unwrap();
    assert!(lost(&world, &first).contains("is damaged"));
    flip(tree, 20);
    assert_eq!(world.unforget(&[]).unwrap().restored, [first]);
}

#[test]
fn only_files_of_this_repository_that_are_whole_are_taken() {
    let (world, [first, second]) = world();
    world.forget(&[first.clone(), second.clone()]).unwrap();
    let kept = world.path("kept").join(&first);
    flip(&kept, 40);
    assert!(lost(&world, &first).contains("damaged"));
    flip(&kept, 40);
    // Of another repository, under a name that fits.
    let other = World::new();
    other.write("x", "x");
    let foreign = other.backup().snapshot.id;
    fs::copy(
        other.repository().join("snapshots").join(&foreign),
        world.path("kept").join(&foreign),
    )
    .unwrap();
    assert!(lost(&world, &foreign).contains("of another repository"));
    fs::remove_file(world.path("kept").join(&second)).unwrap();
    assert!(lost(&world, &second).contains("not kept"));
    fs::write(world.path("kept/letter"), "dear").unwrap();
    let UnforgetReport { restored, lost, .. } = world.unforget(&[]).unwrap();
    assert_eq!((restored, lost.len()), (vec![first], 1));
}

#[test]
fn what_keeps_from_looking_is_an_error() {
    let (world, ids) = world();
    world.forget(&ids).unwrap();
    let kind = || world.unforget(&[]).unwrap_err().kind();
    plant(&world, true, NOW, "elsewhere", 1);
    assert_eq!(kind(), ErrorKind::Locked);
    world.restic_well(&["unlock", "--remove-all"]);
    let index = world.files("index")[0].clone();
    flip(&index, 40);
    assert_eq!(kind(), ErrorKind::Corrupt);
    flip(&index, 40);
    let wrong = Access {
        password: Password::new("wrong".to_owned()),
        ..world.access()
    };
    let unforget = |access: &Access, cancellation: &Cancellation| {
        engine()
            .unforget(access, &world.path("kept"), &[], &Log::default(), cancellation)
            .unwrap_err()
            .kind()
    };
    assert_eq!(
        unforget(&wrong, &Cancellation::default()),
        ErrorKind::WrongPassword
    );
    let cancelled = Cancellation::default();
    cancelled.cancel();
    assert_eq!(unforget(&world.access(), &cancelled), ErrorKind::Cancelled);
    fs::rename(world.path("kept"), world.path("elsewhere")).unwrap();
    assert_eq!(kind(), ErrorKind::Other);
    fs::rename(world.path("elsewhere"), world.path("kept")).unwrap();
    assert_eq!(world.snapshots(), 0);
    assert_eq!(world.unforget(&[]).unwrap().restored.len(), 2);
    assert_eq!(world.check(ReadData::All).unwrap().errors_total, 0);
}

#[test]
fn a_full_disk_keeps_what_was_forgotten_where_it_is() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let (world, ids) = world();
    world.forget(&ids).unwrap();
    let full = Full::of(&world);
    let error = world.unforget(&[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
    assert_eq!(world.snapshots(), 0);
    full.has_room();
    let report = world.unforget(&[]).unwrap();
    assert_eq!((report.restored.len(), report.lost.len()), (2, 0));
    assert_eq!(world.snapshots(), 2);
    assert_sound(&world);
}
