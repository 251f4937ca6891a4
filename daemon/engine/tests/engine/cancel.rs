//! A cancelled operation ends soon, and leaves a repository that works.

use std::{
    fs,
    sync::Mutex,
    time::{Duration, Instant},
};

use backupd_engine::{
    Cancellation, ErrorKind, Observer, Phase, Progress, RestoreRequest, SnapshotQuery, VerifyLevel, Warning,
};

use crate::engine::engine;
use crate::world::{World, noise};

/// Cancels when told to, and remembers when that was.
struct Canceller {
    cancellation: Cancellation,
    at: fn(Option<Phase>, Option<&Progress>) -> bool,
    when: Mutex<Option<Instant>>,
}

impl Canceller {
    fn new(at: fn(Option<Phase>, Option<&Progress>) -> bool) -> Self {
        Self {
            cancellation: Cancellation::default(),
            at,
            when: Mutex::default(),
        }
    }

    fn look(&self, phase: Option<Phase>, progress: Option<&Progress>) {
        if (self.at)(phase, progress) {
            self.when.lock().unwrap().get_or_insert_with(Instant::now);
            self.cancellation.cancel();
        }
    }

    fn elapsed(&self) -> Duration {
        self.when
            .lock()
            .unwrap()
            .expect("nothing was cancelled")
            .elapsed()
    }
}

impl Observer for Canceller {
    fn phase(&self, phase: Phase) {
        self.look(Some(phase), None);
    }
    fn progress(&self, progress: Progress) {
        self.look(None, Some(&progress));
    }
    fn warning(&self, _warning: Warning) {}
}

fn cancelled_backup(world: &World, at: fn(Option<Phase>, Option<&Progress>) -> bool) {
    let before = world.snapshots();
    let canceller = Canceller::new(at);
    let error = engine()
        .backup(
            &world.access(),
            &world.request(),
            &canceller,
            &canceller.cancellation,
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error.chain());
    assert!(
        canceller.elapsed() < Duration::from_secs(1),
        "{:?}",
        canceller.elapsed()
    );
    assert_eq!((world.snapshots(), world.locks()), (before, 0));
}

#[test]
fn a_backup_is_cancelled_in_every_phase() {
    let world = World::new();
    world.write("file", noise(100_000, 1));
    cancelled_backup(&world, |phase, _| phase == Some(Phase::Open));
    cancelled_backup(&world, |phase, _| phase == Some(Phase::Index));
    cancelled_backup(&world, |phase, _| phase == Some(Phase::Scan));
    cancelled_backup(&world, |phase, _| phase == Some(Phase::Backup));
    world.backup();
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn a_backup_is_cancelled_within_one_huge_file() {
    let world = World::new();
    let huge = world.source().join("huge");
    fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    cancelled_backup(&world, |_, progress| {
        progress.is_some_and(|progress| progress.bytes_done > 0)
    });
    fs::write(&huge, "small now").unwrap();
    world.backup();
    assert_eq!(fs::read(world.restore("out").join("huge")).unwrap(), b"small now");
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn reading_operations_are_cancelled_too() {
    let world = World::new();
    world.write("file", noise(100_000, 1));
    let snapshot = world.backup().snapshot.id;
    let canceller = Canceller::new(|phase, _| phase == Some(Phase::Verify));
    let error = engine()
        .verify(
            &world.access(),
            &snapshot,
            VerifyLevel::Snapshot,
            &canceller,
            &canceller.cancellation,
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let canceller = Canceller::new(|phase, _| phase == Some(Phase::Restore));
    let request = RestoreRequest {
        snapshot,
        query: SnapshotQuery::default(),
        paths: Vec::new(),
        target: world.path("out"),
    };
    let error = engine()
        .restore(&world.access(), &request, &canceller, &canceller.cancellation)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(world.locks(), 0);
}
