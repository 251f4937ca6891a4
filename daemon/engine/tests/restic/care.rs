//! Check and prune, by restic.

use std::fs;

use backupd_engine::{Cancellation, CheckRequest, Damage, ErrorKind, Phase, PruneRequest, ReadData, Unused};

use crate::{
    engine::engine,
    selection::Mounted,
    upkeep::forgotten,
    world::{Log, On, World, noise},
};

#[test]
fn a_prune_frees_at_once_and_tells_how_much() {
    let world = forgotten();
    let before: u64 = sizes(&world);
    let plan = world.plan(&PruneRequest::default()).unwrap();
    assert!(plan.bytes_unused > 200_000, "{plan:?}");
    let report = world.prune(&PruneRequest::default()).unwrap();
    assert_eq!((report.packs_marked, report.packs_waiting), (0, 0));
    assert!(report.packs_removed > 0, "{report:?}");
    assert_eq!(sizes(&world), before + report.bytes_written - report.bytes_freed);
    assert!(sizes(&world) < before - 190_000, "{report:?}");
    assert_eq!((report.snapshots, world.locks()), (1, 0));
    world.restic_well(&["check", "--read-data"]);
    world.restore("out");
}

fn sizes(world: &World) -> u64 {
    let sizes = world.files("data").into_iter();
    sizes.map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn every_way_to_say_how_much_may_stay_is_understood() {
    let world = forgotten();
    // restic writes small packs anew, whatever is tolerated.
    for max_unused in [
        Unused::Percent(0),
        Unused::Percent(90),
        Unused::Percent(100),
        Unused::Bytes(1_000_000),
        Unused::Any,
    ] {
        let request = PruneRequest {
            max_unused,
            max_repack: Some(10_000_000),
            repack_uncompressed: true,
            ..PruneRequest::default()
        };
        world
            .prune(&request)
            .unwrap_or_else(|error| panic!("{max_unused:?}: {}", error.chain()));
    }
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn a_cancelled_prune_leaves_the_repository_sound() {
    let world = forgotten();
    for at in [Phase::Open, Phase::Index, Phase::Prune] {
        let cancellation = Cancellation::default();
        let observer = On(|phase: Option<Phase>, _: Option<&_>| {
            if phase == Some(at) {
                cancellation.cancel();
            }
        });
        let error = engine()
            .prune(
                &world.access(),
                &PruneRequest::default(),
                &observer,
                &cancellation,
            )
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error.chain());
        assert_eq!(world.locks(), 0);
    }
    world.restic_well(&["check", "--read-data"]);
    world.prune(&PruneRequest::default()).unwrap();
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn what_is_damaged_is_not_pruned() {
    let world = forgotten();
    let largest = &world.files("data")[0];
    fs::remove_file(largest).unwrap();
    let before = world.stored_files();
    let error = world.prune(&PruneRequest::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert_eq!(world.stored_files(), before);
}

#[test]
fn a_sound_repository_has_no_damage_and_a_missing_pack_is_one() {
    let world = World::new();
    world.write("file", noise(300_000, 1));
    world.backup();
    let report = world.check(ReadData::All).unwrap();
    assert_eq!((report.errors_total, report.hurt_total), (0, 0), "{report:?}");
    assert!(
        report.packs_read > 1 && report.bytes_total > 300_000,
        "{report:?}"
    );
    fs::remove_file(&world.files("data")[0]).unwrap();
    let report = world.check(ReadData::None).unwrap();
    assert!(
        report
            .errors
            .iter()
            .any(|error| error.kind == Damage::MissingPack),
        "{report:?}"
    );
    assert_eq!((report.hurt_total, world.locks()), (1, 0));
}

#[test]
fn a_check_beside_a_backup_is_done_without_restics_own_look() {
    let world = World::new();
    world.write("file", noise(300_000, 1));
    world.backup();
    crate::sealed::write(
        &world,
        "locks",
        &serde_json::json!({
            "time": jiff::Timestamp::now().to_string(), "exclusive": false,
            "hostname": "elsewhere", "username": "me", "pid": 7,
        }),
    );
    let log = Log::default();
    let request = CheckRequest {
        read_data: ReadData::All,
        ..CheckRequest::default()
    };
    let report = world.check_as(&request, &log, &Cancellation::default()).unwrap();
    assert_eq!(report.errors_total, 0);
    let warned = log.warnings.lock().unwrap();
    assert!(
        warned[0].reason.contains("left out") && warned[0].reason.contains("PID 7 on elsewhere"),
        "{warned:?}"
    );
}

#[test]
fn a_backup_that_is_too_large_is_stopped_and_a_prune_makes_room_again() {
    if !crate::world::is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let world = World::without_repository();
    fs::create_dir(world.repository()).unwrap();
    let _mounted = Mounted::tmpfs(&world.repository(), "96m");
    engine().init(&world.access()).unwrap();
    world.write("old", noise(1_000_000, 1));
    world.backup();
    world.write("large", noise(200_000_000, 2));
    let mut request = world.request();
    request.allowance.keep_free = 32 << 20;
    let error = world.backup_as(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
    assert_eq!((world.snapshots(), world.locks()), (1, 0));
    let pruned = world.prune(&PruneRequest::default()).unwrap();
    assert!(pruned.bytes_freed > 10_000_000, "{pruned:?}");
    fs::remove_file(world.source().join("large")).unwrap();
    world.write("small", "x");
    world.backup_as(&request).unwrap();
    world.restic_well(&["check", "--read-data"]);
}
