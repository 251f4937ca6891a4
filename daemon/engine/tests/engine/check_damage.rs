//! A check finds what is wrong in a repository, and says which snapshots it hurts.

use std::{collections::BTreeSet, fs};

use backupd_engine::{Cancellation, CheckReport, CheckRequest, Damage, ReadData};
use serde_json::json;

use crate::{
    check::world,
    sealed,
    world::{Log, World, flip, name},
};

/// The one thing that is wrong.
fn only(report: &CheckReport, kind: Damage) -> &backupd_engine::CheckError {
    assert_eq!((report.errors.len(), report.errors_total), (1, 1), "{report:#?}");
    let error = &report.errors[0];
    assert_eq!(error.kind, kind, "{report:#?}");
    error
}

#[test]
fn a_missing_and_a_short_pack_are_found_with_the_snapshots_that_need_them() {
    let (world, [first, second]) = world();
    let pack = world.files("data")[0].clone();
    let content = fs::read(&pack).unwrap();
    assert!(content.len() > 450_000, "the first backup's data");
    fs::write(&pack, &content[..content.len() - 1]).unwrap();
    let report = world.check(ReadData::All).unwrap();
    let error = only(&report, Damage::PackSize);
    assert_eq!(error.id, name(&pack));
    assert!(error.snapshots.is_empty(), "no blob is cut: {error:?}");
    assert_eq!(report.packs_read, 3, "what is wrong with it is known");
    fs::write(&pack, &content[..10]).unwrap();
    let report = world.check(ReadData::None).unwrap();
    let error = only(&report, Damage::PackSize);
    assert_eq!(
        BTreeSet::from_iter(&error.snapshots),
        BTreeSet::from([&first, &second])
    );
    fs::remove_file(&pack).unwrap();
    let log = Log::default();
    let report = world
        .check_as(&CheckRequest::default(), &log, &Cancellation::default())
        .unwrap();
    let error = only(&report, Damage::MissingPack);
    assert_eq!((error.snapshots_total, report.hurt_total), (2, 2));
    let within = pack.strip_prefix(world.repository()).unwrap();
    assert_eq!(error.path.as_deref(), Some(within));
    assert!(error.message.contains(&name(&pack)[..8]), "{}", error.message);
    assert_eq!(log.warned(), [format!("{}: {}", name(&pack), error.message)]);
    assert_eq!(log.last.lock().unwrap().unreadable, 1);
}

#[test]
fn damage_hurts_only_the_snapshots_that_need_what_is_damaged() {
    let (world, [first, second]) = world();
    // The smallest of the data packs holds what the second backup stored.
    let pack = world.files("data")[1].clone();
    flip(&pack, 1000);
    assert_eq!(world.check(ReadData::None).unwrap().errors_total, 0);
    let report = world.check(ReadData::All).unwrap();
    let error = only(&report, Damage::DamagedPack);
    assert_eq!(
        (error.id.as_str(), &error.snapshots),
        (name(&pack).as_str(), &vec![second.clone()])
    );
    assert_eq!((report.hurt, report.hurt_total), (vec![second], 1));
    let gone = world.forget(&report.errors[0].snapshots).unwrap();
    assert_eq!(gone.forgotten.len(), 1);
    let report = world.check(ReadData::All).unwrap();
    assert_eq!(only(&report, Damage::DamagedPack).snapshots_total, 0);
    assert!(report.hurt.is_empty());
    world.restic_well(&["restore", &first, "--target", world.path("out").to_str().unwrap()]);
}

#[test]
fn a_damaged_header_hurts_no_snapshot() {
    let (world, _) = world();
    let pack = world.files("data")[0].clone();
    flip(
        &pack,
        usize::try_from(fs::metadata(&pack).unwrap().len()).unwrap() - 10,
    );
    let report = world.check(ReadData::All).unwrap();
    let error = only(&report, Damage::DamagedPack);
    assert!(error.message.contains("its header"), "{}", error.message);
    assert_eq!(report.hurt_total, 0);
}

#[test]
fn a_damaged_tree_is_found_without_reading_data() {
    let (world, [first, second]) = world();
    let trees: Vec<_> = world.files("data").split_off(2);
    for pack in trees {
        let content = fs::read(&pack).unwrap();
        flip(&pack, 20);
        let report = world.check(ReadData::None).unwrap();
        let error = only(&report, Damage::DamagedTree);
        assert_eq!(error.snapshots_total, 1, "{report:#?}");
        assert!([&first, &second].contains(&&report.hurt[0]));
        let whole = world.check(ReadData::All).unwrap();
        let kinds: BTreeSet<_> = whole.errors.iter().map(|error| error.kind).collect();
        assert_eq!(kinds, BTreeSet::from([Damage::DamagedPack, Damage::DamagedTree]));
        assert!(
            whole.errors.iter().all(|error| error.snapshots == report.hurt),
            "{whole:#?}"
        );
        fs::write(&pack, content).unwrap();
    }
}

#[test]
fn a_damaged_index_leaves_blobs_nowhere() {
    let (world, [_, second]) = world();
    let index = world.files("index");
    // The file of the second backup names two packs as the first does, and fewer blobs.
    let newest = index
        .iter()
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .unwrap();
    flip(newest, 40);
    let report = world.check(ReadData::None).unwrap();
    assert_eq!(report.errors[0].kind, Damage::DamagedIndex, "{report:#?}");
    assert_eq!(report.errors[0].id, name(newest));
    assert!(
        report.errors[1..]
            .iter()
            .all(|error| error.kind == Damage::MissingBlob)
    );
    assert_eq!(report.hurt, [second]);
    assert_eq!(report.packs_unreferenced, 2);
    fs::remove_file(newest).unwrap();
    let report = world.check(ReadData::None).unwrap();
    // The tree of its root is missing; what is below nobody knows.
    let error = only(&report, Damage::MissingBlob);
    assert_eq!((error.path.as_ref(), error.snapshots_total), (None, 1));
}

#[test]
fn a_damaged_snapshot_is_found() {
    let (world, [first, _]) = world();
    flip(&world.repository().join("snapshots").join(&first), 30);
    let report = world.check(ReadData::None).unwrap();
    let error = only(&report, Damage::DamagedSnapshot);
    assert_eq!(
        (error.id.as_str(), error.snapshots.as_slice()),
        (first.as_str(), &[first.clone()][..])
    );
    assert_eq!((report.snapshots, report.hurt_total), (2, 1));
}

#[test]
fn an_index_that_lies_is_told_from_a_pack_that_does() {
    let (world, _) = world();
    sealed::rewrite_index(&world, |index| {
        for pack in index["packs"].as_array_mut().unwrap() {
            for blob in pack["blobs"].as_array_mut().unwrap() {
                if blob["type"] == "data" && blob["offset"] == 0 {
                    blob["length"] = json!(blob["length"].as_u64().unwrap() + 1);
                }
            }
            // The sum of all stays.
            let last = pack["blobs"].as_array_mut().unwrap().last_mut().unwrap();
            if last["type"] == "data" && last["offset"] != 0 {
                last["length"] = json!(last["length"].as_u64().unwrap() - 1);
            }
        }
    });
    let report = world.check(ReadData::All).unwrap();
    assert!(
        report
            .errors
            .iter()
            .any(|error| error.kind == Damage::DamagedIndex),
        "{report:#?}"
    );
    assert!(report.hurt_total > 0);
    assert!(
        report
            .errors
            .iter()
            .all(|error| error.kind != Damage::DamagedPack),
        "{report:#?}"
    );
}

#[test]
fn what_is_in_marked_packs_alone_is_not_stored() {
    let (world, _) = world();
    sealed::rewrite_index(&world, |index| {
        let packs = index["packs"].take();
        *index = json!({ "packs": [], "packs_to_delete": packs });
    });
    let report = world.check(ReadData::None).unwrap();
    assert_eq!(
        (report.packs, report.packs_marked, report.packs_unreferenced),
        (0, 4, 0)
    );
    assert!(
        report.errors.iter().all(|error| error.kind == Damage::MarkedBlob),
        "{report:#?}"
    );
    assert_eq!((report.hurt_total, report.blobs), (2, 3));
    // And the next prune brings it back.
    let pruned = world.prune(&backupd_engine::PruneRequest::default()).unwrap();
    assert_eq!(pruned.packs_recovered, 4, "{pruned:?}");
    assert_eq!(world.check(ReadData::All).unwrap().errors_total, 0);
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn very_much_damage_is_counted_and_told_in_part() {
    let world = World::new();
    for number in 0..200 {
        world.write(&format!("{number}/file"), format!("number {number}"));
    }
    let snapshot = world.backup().snapshot.id;
    sealed::rewrite_index(&world, |index| {
        for pack in index["packs"].as_array_mut().unwrap() {
            pack["blobs"]
                .as_array_mut()
                .unwrap()
                .retain(|blob| blob["type"] == "tree");
        }
    });
    let log = Log::default();
    let report = world
        .check_as(&CheckRequest::default(), &log, &Cancellation::default())
        .unwrap();
    // The data pack is said to be smaller than it is, and each of the files is gone.
    assert_eq!(report.errors_total, 201, "{report:#?}");
    assert_eq!(
        (report.errors.len(), log.warnings.lock().unwrap().len()),
        (127, 127)
    );
    assert_eq!(log.last.lock().unwrap().unreadable, 201);
    assert_eq!(report.hurt, [snapshot]);
}
