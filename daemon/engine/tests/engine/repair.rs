//! What a check finds wrong is mended, and nothing that is whole is lost by it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use backupd_engine::{
    Cancellation, EngineError, ErrorKind, ReadData, RepairIndexReport, RepairIndexRequest,
    RepairSnapshotsReport, RepairSnapshotsRequest,
};

use crate::{
    engine::engine,
    upkeep::assert_sound,
    world::{Log, World, flip, noise, picture},
};

const THOROUGH: RepairIndexRequest = RepairIndexRequest {
    read_data: true,
    dry_run: false,
};

fn index(world: &World, request: RepairIndexRequest) -> Result<RepairIndexReport, EngineError> {
    let (log, cancellation) = (Log::default(), Cancellation::default());
    engine().repair_index(&world.access(), request, &log, &cancellation)
}

fn snapshots(world: &World, dry_run: bool) -> Result<(RepairSnapshotsReport, Vec<String>), EngineError> {
    let log = Log::default();
    let request = RepairSnapshotsRequest {
        keep: world.path("kept"),
        dry_run,
    };
    engine()
        .repair_snapshots(&world.access(), &request, &log, &Cancellation::default())
        .map(|report| (report, log.warned()))
}

/// Two snapshots of directories and files, large and small.
fn world() -> World {
    let world = World::new();
    world.write("large", noise(600_000, 1));
    world.write("deep/one", noise(200_000, 2));
    world.write("deep/below/two", noise(100_000, 3));
    world.backup();
    world.write("new/three", noise(150_000, 4));
    world.backup();
    world
}

fn well(world: &World) -> BTreeMap<PathBuf, String> {
    let dry = RepairIndexRequest {
        dry_run: true,
        ..RepairIndexRequest::default()
    };
    assert!(index(world, dry).unwrap().is_well());
    let before = world.stored_files();
    assert!(index(world, RepairIndexRequest::default()).unwrap().is_well());
    assert!(index(world, THOROUGH).unwrap().is_well());
    let (report, warned) = snapshots(world, false).unwrap();
    assert_eq!((report.hurt.as_slice(), warned.as_slice()), (&[][..], &[][..]));
    assert_eq!(world.stored_files(), before, "what is well is not touched");
    before
}

#[test]
fn what_is_well_stays_as_it_is() {
    let world = world();
    well(&world);
    assert_sound(&world);
}

#[test]
fn an_index_that_is_gone_or_damaged_is_made_anew() {
    for damage in [
        |file: &Path| fs::remove_file(file).unwrap(),
        |file: &Path| flip(file, 40),
        |file: &Path| fs::write(file, b"").unwrap(),
        |file: &Path| fs::write(file, vec![7; 1000]).unwrap(),
    ] {
        let world = world();
        let files = world.files("index");
        assert_eq!(files.len(), 2);
        damage(&files[0]);
        let before = world.stored_files();
        let dry = RepairIndexRequest {
            dry_run: true,
            ..RepairIndexRequest::default()
        };
        let planned = index(&world, dry).unwrap();
        assert!(planned.packs_found > 0, "{planned:?}");
        assert_eq!(world.stored_files(), before, "a preview changes nothing");
        let done = index(&world, RepairIndexRequest::default()).unwrap();
        assert_eq!(done, planned);
        well(&world);
        assert_sound(&world);
    }
}

#[test]
fn all_of_the_index_can_be_made_anew() {
    let world = world();
    for file in world.files("index") {
        fs::remove_file(file).unwrap();
    }
    let done = index(&world, RepairIndexRequest::default()).unwrap();
    assert_eq!((done.packs_found, done.index_files), (done.packs, 0), "{done:?}");
    assert_sound(&world);
}

/// The pack that holds the content of `large`: by far the largest.
fn largest(world: &World) -> PathBuf {
    let mut packs = world.files("data");
    packs.sort_by_key(|pack| fs::metadata(pack).unwrap().len());
    packs.pop().unwrap()
}

#[test]
fn what_is_whole_in_a_damaged_pack_is_saved_and_the_rest_comes_back_with_the_next_backup() {
    let world = world();
    let pack = largest(&world);
    flip(&pack, 1000);
    // Not to be seen from outside.
    assert!(index(&world, RepairIndexRequest::default()).unwrap().is_well());
    let planned = index(
        &world,
        RepairIndexRequest {
            dry_run: true,
            ..THOROUGH
        },
    )
    .unwrap();
    assert_eq!((planned.packs_damaged, planned.blobs_lost), (1, 1), "{planned:?}");
    assert!(pack.exists());
    let done = index(&world, THOROUGH).unwrap();
    assert_eq!((done.packs_damaged, done.blobs_lost), (1, 1), "{done:?}");
    assert!(done.bytes_written > 0 && !pack.exists(), "{done:?}");
    assert!(
        world.check(ReadData::All).unwrap().errors_total > 0,
        "a blob is missing"
    );
    // The source still has it.
    let mut request = world.request();
    request.parent = None;
    world.backup_as(&request).unwrap();
    well(&world);
    assert_sound(&world);
}

#[test]
fn what_is_lost_is_taken_out_of_the_snapshots_and_named() {
    let world = world();
    let before = picture(&world.source());
    flip(&largest(&world), 1000);
    index(&world, THOROUGH).unwrap();
    let stored = world.stored_files();
    let (planned, warned) = snapshots(&world, true).unwrap();
    assert_eq!(planned.hurt.len(), 2, "{planned:?}");
    assert_eq!(world.stored_files(), stored, "a preview changes nothing");
    assert!(
        warned.iter().all(|line| line.contains("pieces are lost")),
        "{warned:?}"
    );
    let (done, told) = snapshots(&world, false).unwrap();
    assert_eq!(told, warned);
    for (done, planned) in done.hurt.iter().zip(&planned.hurt) {
        assert_eq!((done.files, done.directories, done.is_lost), (1, 0, false));
        assert_eq!((&done.id, planned.repaired.as_ref()), (&planned.id, None));
        assert!(done.repaired.is_some());
    }
    assert_eq!(world.snapshots(), 2);
    world.restic_well(&["check", "--read-data"]);
    // They are the job's as before, and all that is whole is in them.
    let listed = engine()
        .snapshots(&world.access(), &backupd_engine::SnapshotQuery::default())
        .unwrap();
    assert!(listed.iter().all(|snapshot| {
        ["job", "repaired"]
            .iter()
            .all(|tag| snapshot.tags.iter().any(|own| own == tag))
    }));
    let restored = picture(&world.restore("left"));
    let gone: Vec<&PathBuf> = before
        .keys()
        .filter(|path| !restored.contains_key(*path))
        .collect();
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert!(
        restored
            .keys()
            .any(|path| path.to_string_lossy().ends_with(".repaired"))
    );
    well(&world);
    // A snapshot that went comes back only whole.
    let ids: Vec<String> = done.hurt.iter().map(|hurt| hurt.id.clone()).collect();
    let back = world.unforget(&ids).unwrap();
    assert_eq!((back.lost.len(), back.restored.len()), (2, 0), "{back:?}");
}

#[test]
fn the_index_is_mended_before_the_snapshots() {
    let world = world();
    fs::remove_file(largest(&world)).unwrap();
    let error = snapshots(&world, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.chain().contains("has to be repaired first"),
        "{}",
        error.chain()
    );
    let done = index(&world, RepairIndexRequest::default()).unwrap();
    assert_eq!(done.packs_missing, 1, "{done:?}");
    let (done, _) = snapshots(&world, false).unwrap();
    assert!(!done.hurt.is_empty());
    world.restic_well(&["check", "--read-data"]);
    well(&world);
}

#[test]
fn a_pack_that_was_cut_off_gives_what_is_left_of_it() {
    let world = world();
    let pack = largest(&world);
    let length = fs::metadata(&pack).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&pack).unwrap();
    file.set_len(length - 50).unwrap();
    drop(file);
    let done = index(&world, RepairIndexRequest::default()).unwrap();
    assert_eq!(
        (done.packs_damaged, done.blobs_lost),
        (1, 0),
        "only the header: {done:?}"
    );
    well(&world);
    assert_sound(&world);
}

#[test]
fn a_snapshot_that_nobody_can_read_goes_and_its_file_is_kept() {
    let world = world();
    let files = world.files("snapshots");
    flip(&files[0], 60);
    let (done, _) = snapshots(&world, false).unwrap();
    assert_eq!(done.hurt.len(), 1);
    assert!(done.hurt[0].is_lost && done.hurt[0].repaired.is_none());
    assert!(
        world.path("kept").join(&done.hurt[0].id).exists()
            || fs::read_dir(world.path("kept")).unwrap().count() == 1
    );
    world.restic_well(&["check", "--read-data"]);
    well(&world);
}

#[test]
fn whoever_is_cancelled_while_mending_has_lost_nothing() {
    for at in 0..6 {
        let world = world();
        flip(&largest(&world), 1000);
        fs::remove_file(&world.files("index")[0]).unwrap();
        let cancellation = Cancellation::default();
        let told = Cancel {
            at,
            seen: std::sync::atomic::AtomicU64::new(0),
            cancellation: &cancellation,
        };
        let ended = engine().repair_index(&world.access(), THOROUGH, &told, &cancellation);
        if let Err(error) = ended {
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error.chain());
        }
        assert_eq!(world.locks(), 0);
        index(&world, THOROUGH).unwrap();
        let mut request = world.request();
        request.parent = None;
        world.backup_as(&request).unwrap();
        assert_sound(&world);
    }
}

/// Cancels when it is told something for the so-manieth time.
struct Cancel<'a> {
    at: u64,
    seen: std::sync::atomic::AtomicU64,
    cancellation: &'a Cancellation,
}

impl Cancel<'_> {
    fn count(&self) {
        if self.seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == self.at {
            self.cancellation.cancel();
        }
    }
}

impl backupd_engine::Observer for Cancel<'_> {
    fn phase(&self, _: backupd_engine::Phase) {
        self.count();
    }
    fn progress(&self, _: backupd_engine::Progress) {}
    fn warning(&self, _: backupd_engine::Warning) {
        self.count();
    }
}
