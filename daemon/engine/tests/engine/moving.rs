//! A repository is taken to another place: whole, once, and nothing is lost at either.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use backupd_engine::{
    Access, Cancellation, CheckRequest, ErrorKind, MoveReport, MoveRequest, Observer, Phase, Progress,
    ReadData, Remains, RemovalReport, RestoreRequest, Result, SnapshotQuery, Warning,
};

use crate::{
    engine::engine,
    planted::{NOW, plant},
    selection::Mounted,
    world::{Log, World, below, flip, is_root, noise, picture},
};

/// Snapshots of some data, and a place to move them to.
fn world() -> World {
    let world = World::new();
    world.write("large", noise(3_000_000, 1));
    world.backup();
    world.write("more/text", "text ".repeat(1000));
    world.backup();
    world
}

fn at(world: &World, name: &str) -> Access {
    Access {
        url: world.path(name).to_str().unwrap().to_owned(),
        ..world.access()
    }
}

fn move_as(world: &World, observer: &dyn Observer, cancellation: &Cancellation) -> Result<MoveReport> {
    let (source, target) = (world.access(), at(world, "new"));
    engine().move_to(&source, &target, &MoveRequest::default(), observer, cancellation)
}

fn move_it(world: &World) -> Result<MoveReport> {
    move_as(world, &Log::default(), &Cancellation::default())
}

/// Removes what is at one place of what is at the other.
fn remove(current: &Access, old: &Access, why: &Remains) -> Result<RemovalReport> {
    engine().remove_remains(current, old, why, &Log::default(), &Cancellation::default())
}

/// Every file, without directories.
fn with_times(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = picture(directory);
    files.retain(|_, about| about.contains(" bytes, "));
    files
}

/// The same of which others may be the owners, at another time.
fn stored(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = with_times(directory);
    for about in files.values_mut() {
        *about = about.split(" [] ").last().unwrap().to_owned();
    }
    files
}

fn assert_whole(world: &World, access: &Access) {
    let request = CheckRequest {
        read_data: ReadData::All,
        ..CheckRequest::default()
    };
    let check = engine().check(access, &request, &Log::default(), &Cancellation::default());
    assert_eq!(check.unwrap().errors_total, 0);
    let out = world.path("out");
    let request = RestoreRequest {
        snapshot: "latest".to_owned(),
        query: SnapshotQuery::default(),
        paths: Vec::new(),
        target: out.clone(),
    };
    let restored = engine().restore(access, &request, &Log::default(), &Cancellation::default());
    assert_eq!(restored.unwrap().failed, 0);
    assert_eq!(picture(&below(&out, &world.source())), picture(&world.source()));
    fs::remove_dir_all(out).unwrap();
}

#[test]
fn a_moved_repository_is_the_same_elsewhere_and_the_old_one_can_go() {
    let world = world();
    let (old, new) = (world.repository(), world.path("new"));
    let before = with_times(&old);
    let log = Log::default();
    let report = move_as(&world, &log, &Cancellation::default()).unwrap();
    assert_eq!(stored(&new), stored(&old));
    assert_eq!(with_times(&old), before);
    let files = stored(&new);
    assert_eq!((report.files, report.files_there), (files.len() as u64, 0));
    assert!(report.bytes > 3_000_000 && report.bytes_written > 3_000_000);
    assert_eq!(
        *log.phases.lock().unwrap(),
        [Phase::Open, Phase::Index, Phase::Copy, Phase::Verify]
    );
    let last = log.last.lock().unwrap().clone();
    assert_eq!(
        (last.files_done, last.bytes_done),
        (last.files_total, last.bytes_total)
    );
    assert_eq!((world.locks(), log.warnings.lock().unwrap().len()), (0, 0));
    assert_whole(&world, &at(&world, "new"));

    // Work goes on there.
    fs::rename(&new, world.path("aside")).unwrap();
    fs::rename(&old, &new).unwrap();
    fs::rename(world.path("aside"), &old).unwrap();
    world.write("later", "later");
    world.backup();
    let removed = remove(
        &world.access(),
        &at(&world, "new"),
        &Remains::Moved(report.contents),
    )
    .unwrap();
    assert_eq!(removed.files, report.files);
    assert!(!new.exists());
    assert_whole(&world, &world.access());
    assert_eq!((world.snapshots(), world.locks()), (3, 0));
}

/// Cancels once so many files are done.
struct CancelAt(u64, Cancellation);

impl Observer for CancelAt {
    fn phase(&self, phase: Phase) {
        if self.0 == 0 && phase == Phase::Verify {
            self.1.cancel();
        }
    }
    fn progress(&self, progress: Progress) {
        if self.0 > 0 && progress.files_done >= self.0 {
            self.1.cancel();
        }
    }
    fn warning(&self, _: Warning) {}
}

#[test]
fn what_was_cut_off_is_no_repository_and_is_gone_on_with() {
    let world = world();
    let cancellation = Cancellation::default();
    let error = move_as(&world, &CancelAt(0, cancellation.clone()), &cancellation).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(!world.path("new/config").exists());
    assert_eq!(world.locks(), 0);
    // One that was written half, beside a temporary file, and one that the disk has lost since.
    let packs: Vec<PathBuf> = stored(&world.path("new/data")).into_keys().collect();
    fs::write(world.path("new/data").join(&packs[0]), "half").unwrap();
    let temporary = world.path(&format!("new/data/ab/{}-tmp-", "ab".repeat(32)));
    fs::write(&temporary, "half").unwrap();
    let pack = world.path("new/data").join(&packs[1]);
    flip(&pack, 100);
    let error = move_it(&world).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(
        error.chain().contains("1 files read at the new place"),
        "{}",
        error.chain()
    );
    assert!(!world.path("new/config").exists() && !pack.exists());
    let report = move_it(&world).unwrap();
    assert_eq!(report.files_there, report.files - 2, "{report:?}");
    assert_whole(&world, &at(&world, "new"));
    // Once more changes nothing, and looks at everything.
    let again = move_it(&world).unwrap();
    assert_eq!((again.bytes_written, again.files_there), (0, report.files - 1));
}

#[test]
fn what_a_move_that_was_given_up_has_left_can_be_removed() {
    let world = world();
    let cancellation = Cancellation::default();
    move_as(&world, &CancelAt(0, cancellation.clone()), &cancellation).unwrap_err();
    let new = at(&world, "new");
    let removed = remove(&world.access(), &new, &Remains::GivenUp).unwrap();
    assert!(removed.files > 3, "{removed:?}");
    assert!(!world.path("new").exists());
    assert_eq!(remove(&world.access(), &new, &Remains::GivenUp).unwrap().files, 0);
    // Also one that had come to its end; what else lies there stays.
    move_it(&world).unwrap();
    fs::write(world.path("new/README"), "mine").unwrap();
    remove(&world.access(), &new, &Remains::GivenUp).unwrap();
    let left: Vec<PathBuf> = stored(&world.path("new")).into_keys().collect();
    assert!(!world.path("new/data").exists());
    assert_eq!(left, [PathBuf::from("README")]);
    assert_whole(&world, &world.access());
}

#[test]
fn nothing_is_moved_onto_anything_else() {
    let world = world();
    let refused = |what: &str, kind: ErrorKind, says: &str| {
        let before = picture(world.directory.path());
        let target = at(&world, what);
        let error = engine()
            .move_to(
                &world.access(),
                &target,
                &MoveRequest::default(),
                &Log::default(),
                &Cancellation::default(),
            )
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{}", error.chain());
        assert!(error.chain().contains(says), "{}", error.chain());
        let mut after = picture(world.directory.path());
        // A lock has come and gone there.
        after.remove(Path::new("repository/locks"));
        let mut before = before;
        before.remove(Path::new("repository/locks"));
        assert_eq!(after, before, "{what}");
    };
    let other = World::new();
    fs::rename(other.repository(), world.path("other")).unwrap();
    fs::create_dir(world.path("full")).unwrap();
    fs::write(world.path("full/letter"), "dear").unwrap();
    fs::create_dir_all(world.path("begun/keys")).unwrap();
    fs::write(world.path("begun/keys").join("12".repeat(32)), "a key").unwrap();
    refused("other", ErrorKind::RepositoryExists, "another repository is at");
    refused(
        "full",
        ErrorKind::TargetUnusable,
        "is not empty and is not a repository",
    );
    refused("begun", ErrorKind::TargetUnusable, "that are not of `test`");
    refused("repository", ErrorKind::InvalidRequest, "is there already");
    refused(
        "repository/data/new",
        ErrorKind::InvalidRequest,
        "lie within each other",
    );
    // Empty folders are nothing.
    fs::create_dir_all(world.path("new/data/ab")).unwrap();
    move_it(&world).unwrap();
}

#[test]
fn damage_is_not_moved() {
    let world = world();
    let pack = world.files("data")[0].clone();
    flip(&pack, 1000);
    let error = move_it(&world).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let name = pack.file_name().unwrap().to_str().unwrap();
    assert!(error.chain().contains(name), "{}", error.chain());
    assert!(!world.path("new/config").exists());
    flip(&pack, 1000);
    move_it(&world).unwrap();
    assert_whole(&world, &at(&world, "new"));
}

#[test]
fn a_disk_that_is_too_small_is_seen_before_it_is_full() {
    if !is_root() {
        eprintln!("skipped: only root can mount a small file system");
        return;
    }
    let world = world();
    let new = world.path("new");
    fs::create_dir(&new).unwrap();
    let mounted = Mounted::tmpfs(&new, "2m");
    let error = move_it(&world).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
    assert!(
        error.chain().contains("the move is expected to add"),
        "{}",
        error.chain()
    );
    assert!(picture(&new).into_keys().all(|path| path.as_os_str().is_empty()));
    drop(mounted);
    // Others fill it meanwhile.
    let _mounted = Mounted::tmpfs(&new, "8m");
    let request = MoveRequest::default();
    let filling = Filling(new.join("theirs"));
    let (source, target) = (world.access(), at(&world, "new"));
    let error = engine()
        .move_to(&source, &target, &request, &filling, &Cancellation::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", error.chain());
    assert!(!new.join("config").exists());
    fs::remove_file(new.join("theirs")).unwrap();
    move_it(&world).unwrap();
    assert_whole(&world, &target);
}

/// Takes all the room before the first file is written.
struct Filling(PathBuf);

impl Observer for Filling {
    fn phase(&self, phase: Phase) {
        if phase == Phase::Copy {
            let mut size = 8 << 20;
            while size > 4096 {
                let mut file = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&self.0)
                    .unwrap();
                let _ = std::io::Write::write_all(&mut file, &vec![0; size]);
                size /= 2;
            }
        }
    }
    fn progress(&self, _: Progress) {}
    fn warning(&self, _: Warning) {}
}

#[test]
fn an_old_place_where_somebody_has_worked_since_is_not_touched() {
    let world = world();
    let contents = move_it(&world).unwrap().contents;
    let old = world.access();
    let new = at(&world, "new");
    world.write("of another machine", "that has not heard of it");
    let late = world.backup().snapshot.id;
    let before = stored(&world.repository());
    let why = Remains::Moved(contents);
    let error = remove(&new, &old, &why).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(
        error.chain().contains("snapshots have come or gone there"),
        "{}",
        error.chain()
    );
    assert_eq!(stored(&world.repository()), before);
    world.forget(&[late]).unwrap();
    // Somebody is at work.
    plant(&world, false, NOW, "elsewhere", 1);
    let error = remove(&new, &old, &why).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
    for lock in world.files("locks") {
        fs::remove_file(lock).unwrap();
    }
    // It is not where it is said to be now.
    let wrong = Access {
        url: world.path("nowhere").to_str().unwrap().to_owned(),
        ..new.clone()
    };
    let error = remove(&wrong, &old, &why).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RepositoryNotFound);
    let error = remove(&new, &new, &why).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let other = World::new();
    let error = remove(&new, &other.access(), &why).unwrap_err();
    assert!(
        error.chain().contains("another repository is there"),
        "{}",
        error.chain()
    );
    assert!(other.repository().join("config").exists());

    // Cut off in the middle, it is gone on with.
    fs::remove_file(world.repository().join("config")).unwrap();
    fs::remove_file(&world.files("index")[0]).unwrap();
    remove(&new, &old, &why).unwrap();
    assert!(!world.repository().exists());
    assert_whole_but(&world, &new);
}

/// What was moved lacks what another machine stored later.
fn assert_whole_but(world: &World, access: &Access) {
    fs::remove_file(world.source().join("of another machine")).unwrap();
    let check = engine().check(
        access,
        &CheckRequest::default(),
        &Log::default(),
        &Cancellation::default(),
    );
    assert_eq!(check.unwrap().errors_total, 0);
}

#[test]
fn a_repository_in_use_is_not_moved() {
    let world = world();
    plant(&world, false, NOW, "elsewhere", 1);
    let error = move_it(&world).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
    assert!(!world.path("new").exists());
}

#[test]
fn a_place_that_is_not_mounted_is_not_taken_for_released_in_silence() {
    let world = world();
    let contents = move_it(&world).unwrap().contents;
    fs::rename(world.repository(), world.path("unplugged")).unwrap();
    let log = Log::default();
    let removed = engine().remove_remains(
        &at(&world, "new"),
        &world.access(),
        &Remains::Moved(contents),
        &log,
        &Cancellation::default(),
    );
    assert_eq!(removed.unwrap().files, 0);
    let warnings = log.warnings.lock().unwrap();
    assert!(warnings[0].reason.contains("not mounted"), "{warnings:?}");
    assert!(world.path("unplugged/config").exists());
}
