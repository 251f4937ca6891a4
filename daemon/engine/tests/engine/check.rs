//! A check finds what is wrong in a repository, says which snapshots it hurts, and finds nothing where nothing is.

use std::{collections::BTreeSet, fs};

use backupd_engine::{
    Access, Cancellation, CheckReport, CheckRequest, Damage, Embedded, Engine, ErrorKind, Password, Phase,
    ReadData,
};
use serde_json::json;

use crate::{
    locks::{NOW, dead_pid, host, plant},
    sealed,
    world::{Log, On, World, flip, name, noise},
};

/// Two snapshots: `first` and `second` are in both, and each has a file of its own.
fn world() -> (World, [String; 2]) {
    let world = World::new();
    world.write("both", noise(300_000, 1));
    world.write("deep/first", noise(200_000, 2));
    let first = world.backup().snapshot.id;
    fs::remove_file(world.source().join("deep/first")).unwrap();
    world.write("deep/second", noise(100_000, 3));
    let second = world.backup().snapshot.id;
    (world, [first, second])
}

/// The one thing that is wrong.
fn only(report: &CheckReport, kind: Damage) -> &backupd_engine::CheckError {
    assert_eq!((report.errors.len(), report.errors_total), (1, 1), "{report:#?}");
    let error = &report.errors[0];
    assert_eq!(error.kind, kind, "{report:#?}");
    error
}

#[test]
fn a_sound_repository_has_no_damage() {
    let (world, _) = world();
    let log = Log::default();
    let all = CheckRequest {
        read_data: ReadData::All,
        cap_bytes: None,
    };
    let report = world.check_as(&all, &log, &Cancellation::default()).unwrap();
    assert_eq!(report.errors_total, 0, "{report:#?}");
    let counts = (report.snapshots, report.blobs, report.packs, report.packs_read);
    assert_eq!(counts, (2, 3, 4, 4));
    assert!(report.trees > 4, "{report:?}");
    assert_eq!(
        (report.packs_unreferenced, report.packs_marked, report.packs_left),
        (0, 0, 0)
    );
    let stored: u64 = world
        .files("data")
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert!(
        report.bytes_read > stored,
        "packs as a whole, and trees before: {report:?}"
    );
    assert_eq!(
        *log.phases.lock().unwrap(),
        [Phase::Open, Phase::Index, Phase::Check]
    );
    assert!(log.warned().is_empty());
    let last = log.last.lock().unwrap();
    assert_eq!((last.files_done, last.files_total), (4, 4));
    assert_eq!(
        (last.bytes_done, last.bytes_total),
        (report.bytes_read, report.bytes_read)
    );
    assert_eq!(world.locks(), 0);
    let structure = world.check(ReadData::None).unwrap();
    assert_eq!((structure.packs_read, structure.errors_total), (0, 0));
    assert_eq!((structure.trees, structure.blobs), (report.trees, report.blobs));
}

#[test]
fn what_restic_wrote_is_sound_in_both_formats() {
    for version in ["1", "2"] {
        let world = World::without_repository();
        world.write("a/large", noise(5_000_000, 1));
        world.write("a/text", "text ".repeat(50_000));
        world.write("empty", "");
        std::os::unix::fs::symlink("a", world.source().join("link")).unwrap();
        world.restic_well(&["init", "--repository-version", version]);
        for round in 0..3 {
            world.write("changing", noise(1_000_000, round));
            world.restic_well(&["backup", world.source().to_str().unwrap()]);
        }
        world.restic_well(&["forget", "--keep-last", "2", "--prune", "--max-unused", "0"]);
        let report = world.check(ReadData::All).unwrap();
        assert_eq!(
            (report.errors_total, report.snapshots),
            (0, 2),
            "{version}: {report:#?}"
        );
        assert!(
            report.packs > 1 && report.packs_read == report.packs,
            "{report:?}"
        );
    }
}

#[test]
fn parts_are_divided_as_restic_does_and_together_read_everything() {
    let (world, _) = world();
    let part = |index, of| world.check(ReadData::Subset { index, of }).unwrap();
    let read: u64 = (1..=3).map(|index| part(index, 3).packs_read).sum();
    assert_eq!(read, 4);
    let pack = world.files("data")[0].clone();
    flip(&pack, 100);
    let first_byte = u32::from_str_radix(&name(&pack)[..2], 16).unwrap();
    for of in [1, 2, 5, 256] {
        let index = first_byte % of + 1;
        assert_eq!(part(index, of).errors_total, 1, "{index}/{of}");
        if of > 1 {
            assert_eq!(part(index % of + 1, of).errors_total, 0, "{of}");
        }
        // The same part is the one in which restic finds it.
        let argument = format!("--read-data-subset={index}/{of}");
        assert!(!world.restic(&["check", &argument]).status.success());
    }
    let error = world.check(ReadData::Subset { index: 3, of: 2 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn a_cap_is_kept_and_many_checks_read_everything_all_the_same() {
    let (world, _) = world();
    let packs = world.files("data");
    for pack in &packs {
        // In the length of the header: nothing else is hurt, and only reading the pack shows it.
        flip(
            pack,
            usize::try_from(fs::metadata(pack).unwrap().len()).unwrap() - 4,
        );
    }
    let cap = fs::metadata(&packs[0]).unwrap().len();
    let request = CheckRequest {
        read_data: ReadData::All,
        cap_bytes: Some(cap),
    };
    let mut found = BTreeSet::new();
    for _ in 0..200 {
        let report = world
            .check_as(&request, &Log::default(), &Cancellation::default())
            .unwrap();
        assert!(report.packs_read >= 1 && report.packs_left >= 1, "{report:?}");
        assert_eq!(report.packs_read + report.packs_left, 4);
        found.extend(report.errors.into_iter().map(|error| error.id));
        if found.len() == 4 {
            return;
        }
    }
    panic!("only {found:?} were read");
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
fn packs_that_no_index_names_are_counted() {
    let (world, _) = world();
    let pack = world.files("data")[0].clone();
    let stray = "ab".repeat(32);
    fs::create_dir_all(world.repository().join("data/ab")).unwrap();
    fs::copy(&pack, world.repository().join("data/ab").join(stray)).unwrap();
    let report = world.check(ReadData::All).unwrap();
    assert_eq!(
        (report.packs_unreferenced, report.errors_total),
        (1, 0),
        "{report:?}"
    );
    assert_eq!((report.packs, report.packs_read), (4, 4));
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

#[test]
fn what_keeps_from_looking_is_an_error() {
    let (world, _) = world();
    let kind = |world: &World| world.check(ReadData::None).unwrap_err().kind();
    let wrong = Access {
        password: Password::new("wrong".to_owned()),
        ..world.access()
    };
    let error = Embedded::new()
        .check(
            &wrong,
            &CheckRequest::default(),
            &Log::default(),
            &Cancellation::default(),
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongPassword);
    assert_eq!(kind(&World::without_repository()), ErrorKind::RepositoryNotFound);
    // A directory that cannot be read does not look like packs that are gone.
    let directory = world.files("data")[0].parent().unwrap().to_owned();
    fs::rename(&directory, world.path("aside")).unwrap();
    fs::write(&directory, "").unwrap();
    let error = world.check(ReadData::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(
        error
            .chain()
            .contains("cannot list the packs of repository `test`"),
        "{}",
        error.chain()
    );
    fs::remove_file(&directory).unwrap();
    fs::rename(world.path("aside"), &directory).unwrap();
    assert_eq!(world.check(ReadData::None).unwrap().errors_total, 0);
    flip(&world.repository().join("config"), 30);
    let error = world.check(ReadData::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
}

#[test]
fn a_check_shares_and_is_kept_out_by_who_does_not() {
    let (world, _) = world();
    plant(&world, false, NOW, "elsewhere", 1);
    plant(&world, true, NOW, &host(), dead_pid());
    assert_eq!(world.check(ReadData::None).unwrap().errors_total, 0);
    assert_eq!(
        world.locks(),
        1,
        "the lock of a dead process is removed, and ours"
    );
    plant(&world, true, NOW, "elsewhere", 2);
    assert_eq!(world.check(ReadData::None).unwrap_err().kind(), ErrorKind::Locked);
}

#[test]
fn a_cancelled_check_ends() {
    let (world, _) = world();
    for phase in [Phase::Open, Phase::Index, Phase::Check] {
        let cancellation = Cancellation::default();
        let observer = On(|at: Option<Phase>, _: Option<&_>| {
            if at == Some(phase) {
                cancellation.cancel();
            }
        });
        let request = CheckRequest {
            read_data: ReadData::All,
            cap_bytes: None,
        };
        let error = world.check_as(&request, &observer, &cancellation).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{phase:?}: {}", error.chain());
        assert_eq!(world.locks(), 0);
    }
}

#[test]
fn damage_that_a_lost_lock_explains_is_not_told() {
    let (world, _) = world();
    let observer = On(|at: Option<Phase>, _: Option<&_>| {
        if at == Some(Phase::Index) {
            // Somebody thinks that he is alone, and removes what he likes.
            for path in world.files("locks").into_iter().chain(world.files("data")) {
                fs::remove_file(path).unwrap();
            }
        }
    });
    let error = world
        .check_as(&CheckRequest::default(), &observer, &Cancellation::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
}
