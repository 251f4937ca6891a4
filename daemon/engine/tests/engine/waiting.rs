//! Locks of others are waited for, as long as one is told to.

use std::{fs, sync::Mutex, time::Duration};

use backupd_engine::{
    Access, Cancellation, EngineError, ErrorKind, ForgetRequest, LockInfo, Observer, Phase, Progress,
    PruneRequest, RestoreRequest, SnapshotQuery, VerifyLevel, Warning,
};

use crate::{
    engine::engine,
    planted::{NOW, plant},
    upkeep,
    world::World,
};

/// Told who is in the way, it does something about it.
struct Told<F> {
    act: F,
    seen: Mutex<Vec<Option<(String, u32, bool)>>>,
}

impl<F: Fn(&LockInfo) + Sync> Told<F> {
    fn new(act: F) -> Self {
        Self {
            act,
            seen: Mutex::default(),
        }
    }

    fn seen(self) -> Vec<Option<(String, u32, bool)>> {
        self.seen.into_inner().unwrap()
    }
}

impl<F: Fn(&LockInfo) + Sync> Observer for Told<F> {
    fn phase(&self, _: Phase) {}
    fn progress(&self, _: Progress) {}
    fn warning(&self, _: Warning) {}
    fn locked(&self, by: Option<&LockInfo>) {
        let mut seen = self.seen.lock().unwrap();
        seen.push(by.map(|by| (by.host.clone(), by.pid, by.exclusive)));
        if let Some(by) = by {
            (self.act)(by);
        }
    }
}

const LONG: Duration = Duration::from_mins(10);

fn patient(world: &World, lock_wait: Duration) -> Access {
    let mut access = world.access();
    access.options.lock_wait = lock_wait;
    access
}

fn remove(world: &World, lock: &LockInfo) {
    fs::remove_file(world.repository().join("locks").join(&lock.id)).unwrap();
}

#[test]
fn whatever_takes_a_lock_goes_on_once_the_other_has_ended() {
    let world = upkeep::forgotten();
    let access = patient(&world, LONG);
    let cancellation = Cancellation::default();
    let work = |name: &str, observer: &dyn Observer| -> Result<(), EngineError> {
        let engine = engine();
        match name {
            "backup" => engine
                .backup(&access, &world.request(), observer, &cancellation)
                .map(drop),
            "verify" => engine
                .verify(&access, "latest", VerifyLevel::Snapshot, observer, &cancellation)
                .map(drop),
            "restore" => {
                let request = RestoreRequest {
                    snapshot: "latest".to_owned(),
                    query: SnapshotQuery::default(),
                    paths: Vec::new(),
                    target: world.path("out"),
                };
                engine
                    .restore(&access, &request, observer, &cancellation)
                    .map(drop)
            }
            "forget" => {
                let query = SnapshotQuery::default();
                let snapshots = engine.snapshots(&access, &query).unwrap();
                let request = ForgetRequest {
                    snapshots: vec![snapshots.last().unwrap().id.clone()],
                    keep: world.path("kept"),
                };
                engine
                    .forget(&access, &request, observer, &cancellation)
                    .map(drop)
            }
            _ => engine
                .prune(&access, &PruneRequest::default(), observer, &cancellation)
                .map(drop),
        }
    };
    for (name, exclusive) in [
        ("backup", true),
        ("verify", true),
        ("restore", true),
        ("forget", false),
        ("prune", false),
    ] {
        plant(&world, exclusive, NOW, "elsewhere", 4711);
        let told = Told::new(|lock: &LockInfo| remove(&world, lock));
        work(name, &told).unwrap_or_else(|error| panic!("{name}: {}", error.chain()));
        let holder = Some(("elsewhere".to_owned(), 4711, exclusive));
        assert_eq!(told.seen(), [holder, None], "{name}");
        assert_eq!(world.locks(), 0, "{name}");
    }
    upkeep::assert_sound(&world);
}

#[test]
fn a_lock_that_stays_is_told_of_when_the_time_is_over() {
    let world = World::new();
    world.write("file", "x");
    plant(&world, true, NOW, "elsewhere", 4711);
    let told = Told::new(|_| ());
    let access = patient(&world, Duration::from_millis(300));
    let backup = |observer| engine().backup(&access, &world.request(), observer, &Cancellation::default());
    let error = backup(&told).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{}", error.chain());
    for part in ["somebody", "`elsewhere`", "4711"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(told.seen(), [Some(("elsewhere".to_owned(), 4711, true)), None]);
    assert_eq!((world.snapshots(), world.locks()), (0, 1));
}

#[test]
fn another_who_comes_meanwhile_is_told_of_too() {
    let world = World::new();
    world.write("file", "x");
    plant(&world, true, NOW, "elsewhere", 4711);
    let told = Told::new(|lock: &LockInfo| {
        remove(&world, lock);
        if lock.host == "elsewhere" {
            plant(&world, true, NOW, "nearby", 4712);
        }
    });
    let access = patient(&world, LONG);
    engine()
        .backup(&access, &world.request(), &told, &Cancellation::default())
        .unwrap();
    let hosts: Vec<Option<String>> = told
        .seen()
        .into_iter()
        .map(|seen| seen.map(|(host, ..)| host))
        .collect();
    assert_eq!(
        hosts,
        [Some("elsewhere".to_owned()), Some("nearby".to_owned()), None]
    );
}

#[test]
fn who_waits_can_be_cancelled() {
    let world = World::new();
    world.write("file", "x");
    plant(&world, true, NOW, "elsewhere", 4711);
    let cancellation = Cancellation::default();
    let told = Told::new(|_| cancellation.cancel());
    let access = patient(&world, LONG);
    let error = engine()
        .backup(&access, &world.request(), &told, &cancellation)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error.chain());
    assert_eq!((world.snapshots(), world.locks()), (0, 1));
}
