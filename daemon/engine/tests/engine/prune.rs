//! A prune frees what no snapshot needs, in two steps, and nothing else.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_engine::{
    BackupRequest, Cancellation, ErrorKind, Phase, PruneReport, PruneRequest, ReadData, Unused,
};
use jiff::{SignedDuration, Timestamp};
use rustic_core::ConfigOptions;
use serde_json::json;

use crate::{
    sealed,
    upkeep::{assert_sound, at_once, forgotten},
    world::{Log, World, noise},
};

/// Removes at once.
/// Packs with their sizes.
fn packs(world: &World) -> BTreeMap<PathBuf, u64> {
    let size = |path: PathBuf| {
        let size = fs::metadata(&path).unwrap().len();
        (path, size)
    };
    world.files("data").into_iter().map(size).collect()
}

/// Lets a day pass for packs that are marked.
fn age_marks(world: &World) {
    let long_ago = (Timestamp::now() - SignedDuration::from_hours(24)).to_string();
    sealed::rewrite_index(world, |index| {
        for pack in index["packs_to_delete"].as_array_mut().into_iter().flatten() {
            pack["time"] = json!(long_ago);
        }
    });
}

#[test]
fn packs_are_marked_and_removed_a_day_later() {
    let world = forgotten();
    let total: u64 = packs(&world).values().sum();
    let log = Log::default();
    let report = world
        .prune_as(&PruneRequest::default(), &log, &Cancellation::default())
        .unwrap();
    assert_eq!(
        *log.phases.lock().unwrap(),
        [Phase::Open, Phase::Index, Phase::Prune]
    );
    assert_eq!((report.snapshots, report.bytes_total), (1, total));
    assert!(
        report.bytes_used > 300_000 && report.bytes_unused > 200_000,
        "{report:?}"
    );
    assert!(report.bytes_used + report.bytes_unused <= total, "{report:?}");
    assert_eq!((report.packs_repacked, report.packs_marked), (1, 2), "{report:?}");
    assert!(
        report.bytes_repacked > 500_000 && report.bytes_written > 300_000,
        "{report:?}"
    );
    assert!(report.bytes_written < 310_000, "{report:?}");
    assert_eq!(
        (
            report.packs_removed,
            report.bytes_freed,
            report.bytes_still_unused
        ),
        (0, 0, 0)
    );
    let last = log.last.lock().unwrap().clone();
    assert!(
        last.bytes_done > 300_000 && last.bytes_done == last.bytes_total,
        "{last:?}"
    );
    assert_sound(&world);
    let marked = packs(&world);
    assert_eq!(marked.len(), 4, "nothing is removed, and one pack is new");

    let report = world.prune(&PruneRequest::default()).unwrap();
    assert_eq!(
        (report.packs_waiting, report.packs_removed, report.packs_marked),
        (2, 0, 0),
        "{report:?}"
    );
    assert!(packs(&world) == marked);

    age_marks(&world);
    let plan = world.plan(&PruneRequest::default()).unwrap();
    assert_eq!((plan.packs_removed, plan.packs_waiting), (2, 0), "{plan:?}");
    assert!(packs(&world) == marked, "a plan changes nothing");
    let log = Log::default();
    let report = world
        .prune_as(&PruneRequest::default(), &log, &Cancellation::default())
        .unwrap();
    let left = packs(&world);
    let freed: u64 = marked
        .iter()
        .filter(|(path, _)| !left.contains_key(*path))
        .map(|(_, size)| size)
        .sum();
    assert_eq!(
        (report.packs_removed, report.bytes_freed),
        (2, freed),
        "{report:?}"
    );
    assert_eq!(plan.bytes_freed, freed);
    assert!(freed > 500_000 && left.len() == 2);
    assert_eq!(log.last.lock().unwrap().files_done, 2);
    assert_sound(&world);
    assert_eq!(world.check(ReadData::None).unwrap().packs_marked, 0);
    // Nothing is left to be done.
    let before = world.stored_files();
    let report = world.prune(&PruneRequest::default()).unwrap();
    assert_eq!(
        (report.packs_marked, report.packs_removed, report.bytes_unused),
        (0, 0, 0)
    );
    assert!(world.stored_files() == before);
}

#[test]
fn without_a_delay_packs_go_at_once() {
    let world = forgotten();
    let plan = world.plan(&at_once()).unwrap();
    assert_eq!(
        (plan.packs_removed, plan.packs_marked, plan.bytes_written),
        (2, 0, 0),
        "{plan:?}"
    );
    let report = world.prune(&at_once()).unwrap();
    assert_eq!(
        (report.packs_removed, report.packs_marked, report.packs_waiting),
        (2, 0, 0),
        "{report:?}"
    );
    assert_eq!(world.files("data").len(), 2);
    assert_sound(&world);
    // Also those that wait since another prune.
    world.write("goes", noise(100_000, 4));
    let id = world.backup().snapshot.id;
    fs::remove_file(world.source().join("goes")).unwrap();
    world.backup();
    world.forget(&[id]).unwrap();
    assert!(world.prune(&PruneRequest::default()).unwrap().packs_marked > 0);
    let report = world.prune(&at_once()).unwrap();
    assert!(report.packs_removed > 1, "{report:?}");
    assert_eq!(world.check(ReadData::None).unwrap().packs_marked, 0);
    assert_sound(&world);
}

#[test]
fn a_plan_says_what_a_prune_does_and_changes_nothing() {
    let world = forgotten();
    let before = world.stored_files();
    let plan = world.plan(&PruneRequest::default()).unwrap();
    assert!(world.stored_files() == before);
    let done = world.prune(&PruneRequest::default()).unwrap();
    let written = done.bytes_written;
    assert_eq!(
        PruneReport {
            bytes_written: written,
            ..plan
        },
        done
    );
}

#[test]
fn as_much_stays_unused_as_is_tolerated() {
    for (max_unused, repacked) in [
        (Unused::Percent(0), 1),
        (Unused::Percent(39), 1),
        (Unused::Percent(41), 0),
        (Unused::Percent(100), 0),
        (Unused::Percent(u32::MAX), 0),
        (Unused::Bytes(199_000), 1),
        (Unused::Bytes(210_000), 0),
        (Unused::Bytes(u64::MAX), 0),
        (Unused::Any, 0),
    ] {
        let world = forgotten();
        let request = PruneRequest {
            max_unused,
            ..PruneRequest::default()
        };
        let plan = world.plan(&request).unwrap();
        assert_eq!(plan.packs_repacked, repacked, "{max_unused:?}: {plan:?}");
        // A pack of which nothing is needed always goes.
        assert_eq!(plan.packs_marked, 1 + repacked, "{plan:?}");
        assert_eq!(plan.bytes_still_unused > 199_000, repacked == 0, "{plan:?}");
    }
}

#[test]
fn a_budget_bounds_what_is_written_anew() {
    let world = World::new();
    let mut ids = Vec::new();
    for number in 0..4 {
        world.write(&format!("stays {number}"), noise(300_000, 10 + number));
        world.write("goes", noise(200_000, 20 + number));
        ids.push(world.backup().snapshot.id);
    }
    fs::remove_file(world.source().join("goes")).unwrap();
    world.backup();
    world.forget(&ids).unwrap();
    let with = |max_repack| PruneRequest {
        max_repack,
        max_unused: Unused::Percent(0),
        ..PruneRequest::default()
    };
    assert_eq!(world.plan(&with(None)).unwrap().packs_repacked, 4);
    assert_eq!(world.plan(&with(Some(0))).unwrap().packs_repacked, 0);
    let mut left = world.plan(&with(None)).unwrap().bytes_repacked;
    for _ in 0..2 {
        let report = world.prune(&with(Some(700_000))).unwrap();
        assert_eq!(report.packs_repacked, 2, "{report:?}");
        assert!(report.bytes_written < 700_000, "{report:?}");
        left -= report.bytes_repacked;
    }
    assert_eq!(left, 0);
    assert_sound(&world);
}

#[test]
fn uncompressed_data_is_compressed() {
    let world = World::new();
    world.write("text", "text ".repeat(100_000));
    let plain = BackupRequest {
        compression: Some(0),
        ..world.request()
    };
    world.backup_as(&plain).unwrap();
    let compress = PruneRequest {
        repack_uncompressed: true,
        ..at_once()
    };
    assert_eq!(world.plan(&at_once()).unwrap().packs_repacked, 0);
    let before: u64 = packs(&world).values().sum();
    assert!(before > 500_000);
    let report = world.prune(&compress).unwrap();
    assert!(
        report.packs_repacked > 0 && report.bytes_written < 50_000,
        "{report:?}"
    );
    assert!(packs(&world).values().sum::<u64>() < 50_000);
    assert_sound(&world);

    let old = World::without_repository();
    old.restic_well(&["init", "--repository-version", "1"]);
    for error in [
        old.prune(&compress).unwrap_err(),
        old.plan(&compress).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{}", error.chain());
    }
}

#[test]
fn what_was_interrupted_is_collected() {
    let world = World::new();
    world.write("file", noise(300_000, 1));
    world.backup();
    // One pack that no index names, beside the temporary files of a write yesterday and of one now.
    let pack = world.files("data")[0].clone();
    let directory = world.repository().join("data/ab");
    fs::create_dir_all(&directory).unwrap();
    let stray = directory.join("ab".repeat(32));
    fs::copy(&pack, &stray).unwrap();
    let temporary = |directory: &Path, name: &str, age: u64| {
        let path = directory.join(format!("{}-tmp-{name}", "ab".repeat(32)));
        let file = fs::File::create(&path).unwrap();
        file.set_len(1000).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_hours(age))
            .unwrap();
        path
    };
    let locks = world.repository().join("locks");
    let [(old, new), (old_lock, new_lock)] =
        [&directory, &locks].map(|place| (temporary(place, "", 25), temporary(place, "123", 23)));
    let report = world.prune(&PruneRequest::default()).unwrap();
    assert_eq!((report.packs_marked, report.packs_removed), (1, 0), "{report:?}");
    assert_eq!(report.bytes_marked, fs::metadata(&stray).unwrap().len());
    assert_eq!(report.bytes_freed, 2000);
    assert!(stray.exists() && !old.exists() && new.exists());
    assert!(!old_lock.exists() && new_lock.exists());
    let check = world.check(ReadData::None).unwrap();
    assert_eq!((check.packs_unreferenced, check.packs_marked), (0, 1));
    assert_eq!(world.prune(&PruneRequest::default()).unwrap().packs_waiting, 1);
    age_marks(&world);
    let report = world.prune(&PruneRequest::default()).unwrap();
    assert_eq!((report.packs_removed, report.packs_marked), (1, 0), "{report:?}");
    assert!(!stray.exists());
    fs::write(&stray, "nothing at all").unwrap();
    let report = world.prune(&at_once()).unwrap();
    assert_eq!((report.packs_removed, report.bytes_freed), (1, 14), "{report:?}");
    assert_sound(&world);
}

#[test]
fn restic_prunes_after_us_and_we_after_restic() {
    let world = forgotten();
    world.prune(&PruneRequest::default()).unwrap();
    // restic knows no marks: what they name is to it what no index names.
    world.restic_well(&["prune", "--max-unused", "0"]);
    assert_sound(&world);
    world.write("more", noise(100_000, 5));
    world.backup();
    world.restic_well(&["forget", "--keep-last", "1"]);
    let report = world.prune(&at_once()).unwrap();
    assert_eq!(report.snapshots, 1);
    assert_sound(&world);
    world.restic_well(&["prune"]);
    assert_sound(&world);
}

#[test]
fn what_restic_wrote_is_pruned_in_both_formats() {
    for version in ["1", "2"] {
        let world = World::without_repository();
        world.write("stays", noise(3_000_000, 1));
        world.restic_well(&["init", "--repository-version", version]);
        for round in 0..3 {
            world.write("changing", noise(1_000_000, 10 + round));
            world.restic_well(&["backup", world.source().to_str().unwrap()]);
        }
        world.restic_well(&["forget", "--keep-last", "1"]);
        let tight = PruneRequest {
            max_unused: Unused::Percent(0),
            ..at_once()
        };
        let report = world.prune(&tight).unwrap();
        assert!(
            report.packs_removed > 1 && report.bytes_freed > 2_000_000,
            "{report:?}"
        );
        assert_eq!(report.bytes_still_unused, 0);
        assert_sound(&world);
    }
}

#[test]
fn marked_packs_that_are_gone_hinder_nobody() {
    let world = forgotten();
    world.prune(&PruneRequest::default()).unwrap();
    let index = sealed::read(&world, &world.files("index")[0]);
    let marked = index["packs_to_delete"].as_array().unwrap();
    assert!(!marked.is_empty());
    for pack in marked {
        let id = pack["id"].as_str().unwrap();
        fs::remove_file(world.repository().join("data").join(&id[..2]).join(id)).unwrap();
    }
    assert_eq!(world.check(ReadData::All).unwrap().errors_total, 0);
    world.prune(&PruneRequest::default()).unwrap();
    age_marks(&world);
    let report = world.prune(&PruneRequest::default()).unwrap();
    assert_eq!((report.packs_removed, report.bytes_freed), (0, 0), "{report:?}");
    assert_sound(&world);
}

#[test]
fn a_repository_to_which_only_is_added_is_left_alone() {
    let world = forgotten();
    let mut opened = sealed::opened(&world);
    opened
        .apply_config(&ConfigOptions::default().set_append_only(true))
        .unwrap();
    let before = world.stored_files();
    let error = world.prune(&PruneRequest::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{}", error.chain());
    let snapshot = world.files("snapshots")[0].clone();
    let error = world.forget(&[crate::world::name(&snapshot)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{}", error.chain());
    assert!(world.stored_files() == before);
    assert!(world.plan(&PruneRequest::default()).unwrap().packs_marked > 0);
}
