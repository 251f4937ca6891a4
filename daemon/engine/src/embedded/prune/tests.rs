//! Pruning, forgetting and bringing back, disturbed at every single step.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use bytes::Bytes;
use rustic_core::{
    BytesList, ErrorKind as Rustic, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};
use tempfile::TempDir;

use super::*;
use crate::{
    BackupRequest, CheckRequest, Embedded, Engine, ForgetRequest, Password, Progress, ReadData,
    RestoreRequest, SnapshotQuery, Warning,
    embedded::{
        bars::NoBars,
        forget,
        guard::Guard,
        place::Place,
        session::{self, Opened},
        unforget,
    },
};

/// Calls a function before each change, with its number; what it answers may keep the change from being made.
struct Steps {
    inner: Arc<dyn WriteBackend>,
    done: Mutex<Vec<Step>>,
    before: Box<dyn Fn(usize) -> RusticResult<()> + Send + Sync>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Write,
    Remove,
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steps")
    }
}

impl Steps {
    fn step(&self, step: Step) -> RusticResult<()> {
        let mut done = self.done.lock().unwrap();
        done.push(step);
        (self.before)(done.len() - 1)
    }
}

impl ReadBackend for Steps {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.inner.list_with_size(tpe)
    }
    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        self.inner.read_full(tpe, id)
    }
    fn read_partial(
        &self,
        tpe: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.inner.read_partial(tpe, id, cacheable, offset, length)
    }
    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        self.inner.warmup_path(tpe, id)
    }
}

impl WriteBackend for Steps {
    fn create(&self) -> RusticResult<()> {
        self.inner.create()
    }
    fn write_bytes(&self, tpe: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.step(Step::Write)?;
        self.inner.write_bytes(tpe, id, cacheable, content)
    }
    fn remove(&self, tpe: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        self.step(Step::Remove)?;
        self.inner.remove(tpe, id, cacheable)
    }
}

struct Silent;

impl Observer for Silent {
    fn phase(&self, _: Phase) {}
    fn progress(&self, _: Progress) {}
    fn warning(&self, _: Warning) {}
}

/// What is disturbed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Mark,
    RemoveMarked,
    AtOnce,
    Forget,
    Unforget,
}

const ALL: [Work; 5] = [
    Work::Mark,
    Work::RemoveMarked,
    Work::AtOnce,
    Work::Forget,
    Work::Unforget,
];

/// A repository that is ready for one kind of work.
struct World {
    directory: TempDir,
    access: Access,
    /// Snapshots that stay, whatever happens.
    stay: Vec<String>,
    /// Snapshots to be forgotten, or that are.
    go: Vec<String>,
}

impl World {
    fn new(work: Work) -> Self {
        let directory = TempDir::new().unwrap();
        let access = Access {
            name: "test".to_owned(),
            url: directory.path().join("repository").to_str().unwrap().to_owned(),
            password: Password::new("x".to_owned()),
            cache: None,
        };
        Embedded.init(&access).unwrap();
        let mut world = Self {
            directory,
            access,
            stay: Vec::new(),
            go: Vec::new(),
        };
        let source = world.directory.path().join("source");
        fs::create_dir(&source).unwrap();
        // Each pack is needed in part, or not at all.
        for number in 0..4_u8 {
            let content = |seed: u8| -> Vec<u8> {
                (0..40_000_u32)
                    .map(|at| noise(at, seed.wrapping_add(number)))
                    .collect()
            };
            fs::write(source.join(format!("stays {number}")), content(0)).unwrap();
            fs::write(source.join("goes"), content(100)).unwrap();
            let id = world.backup(&source);
            world.go.push(id);
        }
        fs::remove_file(source.join("goes")).unwrap();
        let id = world.backup(&source);
        world.stay.push(id);
        if work != Work::Forget {
            world.forget();
        }
        if matches!(work, Work::RemoveMarked | Work::Unforget) {
            Embedded
                .prune(
                    &world.access,
                    &PruneRequest::default(),
                    &Silent,
                    &Cancellation::default(),
                )
                .unwrap();
        }
        world
    }

    /// The same once more, somewhere else. No key is derived again.
    fn again(&self) -> Self {
        let directory = TempDir::new().unwrap();
        copy(self.directory.path(), directory.path());
        Self {
            access: moved(&self.access, &directory.path().join("repository")),
            directory,
            stay: self.stay.clone(),
            go: self.go.clone(),
        }
    }

    fn backup(&self, source: &Path) -> String {
        let request = BackupRequest {
            sources: vec![source.to_owned()],
            host: "box".to_owned(),
            ..BackupRequest::default()
        };
        let report = Embedded.backup(&self.access, &request, &Silent, &Cancellation::default());
        report.unwrap().snapshot.id
    }

    fn request(&self) -> ForgetRequest {
        ForgetRequest {
            snapshots: self.go.clone(),
            keep: self.directory.path().join("kept"),
        }
    }

    fn forget(&self) {
        let report = Embedded.forget(&self.access, &self.request(), &Silent, &Cancellation::default());
        assert_eq!(report.unwrap().forgotten.len(), self.go.len());
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Does the work; before each change `before` is called.
    fn work(
        &self,
        work: Work,
        cancellation: &Cancellation,
        before: impl Fn(usize) -> RusticResult<()> + Send + Sync + 'static,
    ) -> (Result<()>, Vec<Step>) {
        let place = Place::of(&self.access).unwrap();
        let steps = Arc::new(Steps {
            inner: session::backend(&place).unwrap(),
            done: Mutex::default(),
            before: Box::new(before),
        });
        let guard = Guard::new(
            Arc::clone(&steps) as Arc<dyn WriteBackend>,
            place.root.clone(),
            cancellation.clone(),
        );
        let opening = Opening {
            cancellation,
            compression: None,
            bars: NoBars,
        };
        let (session, repository): (Session, Opened) =
            Session::open_behind(&self.access, place, guard, opening).unwrap();
        let prune = |keep_delete| PruneRequest {
            keep_delete,
            max_unused: Unused::Percent(0),
            ..PruneRequest::default()
        };
        let feed = Arc::new(Feed::default());
        let done = match work {
            Work::Mark => run_in(session, &repository, &prune(LONG), &Silent, &feed).map(|_| ()),
            Work::RemoveMarked => {
                // As if the marks were old; no nanosecond is.
                let soon = std::time::Duration::from_secs(1);
                while run_is_too_early(&self.access, soon) {
                    std::thread::yield_now();
                }
                run_in(session, &repository, &prune(soon), &Silent, &feed).map(|_| ())
            }
            Work::AtOnce => run_in(
                session,
                &repository,
                &prune(std::time::Duration::ZERO),
                &Silent,
                &feed,
            )
            .map(|_| ()),
            Work::Forget => forget::run_in(session, &repository, &self.request(), &Silent).map(|_| ()),
            Work::Unforget => {
                let keep = self.request().keep;
                unforget::run_in(session, &repository, &keep, &[], &Silent).map(|report| {
                    assert!(report.lost.is_empty(), "{report:?}");
                })
            }
        };
        let steps = steps.done.lock().unwrap().clone();
        (done, steps)
    }
}

fn moved(access: &Access, to: &Path) -> Access {
    let url = to.to_str().unwrap().to_owned();
    let key = access.password.key_of(&access.url).unwrap();
    access.password.remember(&url, key);
    Access {
        url,
        ..access.clone()
    }
}

const LONG: std::time::Duration = std::time::Duration::from_hours(23);

/// Whether marks are younger than that.
fn run_is_too_early(access: &Access, age: std::time::Duration) -> bool {
    let request = PruneRequest {
        keep_delete: age,
        ..PruneRequest::default()
    };
    let plan = Embedded.prune_plan(access, &request, &Silent, &Cancellation::default());
    plan.unwrap().packs_waiting > 0
}

fn noise(at: u32, seed: u8) -> u8 {
    let mixed = (at ^ (u32::from(seed) << 20)).wrapping_mul(0x9e37_79b1);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca77).to_be_bytes()[0]
}

/// Everything that a snapshot needs is there, and what stays can be restored.
fn assert_sound(access: &Access, snapshots: &[String], what: &str) {
    let request = CheckRequest {
        read_data: ReadData::All,
        cap_bytes: None,
    };
    let report = Embedded
        .check(access, &request, &Silent, &Cancellation::default())
        .unwrap();
    assert_eq!(report.errors_total, 0, "{what}: {report:#?}");
    for snapshot in snapshots {
        let target = TempDir::new().unwrap();
        let request = RestoreRequest {
            snapshot: snapshot.clone(),
            query: SnapshotQuery::default(),
            paths: Vec::new(),
            target: target.path().join("out"),
        };
        let report = Embedded.restore(access, &request, &Silent, &Cancellation::default());
        assert_eq!(report.unwrap().failed, 0, "{what}");
    }
}

/// Without the many directories in which no pack is.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if !entry.file_type().unwrap().is_dir() {
            fs::copy(path, to).unwrap();
        } else if entry.file_name().len() > 2 || fs::read_dir(&path).unwrap().next().is_some() {
            copy(&path, &to);
        }
    }
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(self::files(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// Whoever is killed at any step leaves a sound repository.
fn killed(work: Work) {
    let world = World::new(work);
    let moments = Arc::new(Mutex::new(Vec::new()));
    let (root, taken) = (world.root(), Arc::clone(&moments));
    let (done, _) = world.work(work, &Cancellation::default(), move |_| {
        let moment = TempDir::new().unwrap();
        let mut taken = taken.lock().unwrap();
        copy(&root, &moment.path().join("repository"));
        taken.push(moment);
        Ok(())
    });
    done.unwrap();
    assert_sound(&world.access, &world.stay, "in the end");
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 1, "{work:?}");
    for (number, moment) in moments.iter().enumerate() {
        let what = format!("{work:?}, step {number}");
        let root = moment.path().join("repository");
        for lock in files(&root.join("locks")) {
            fs::remove_file(lock).unwrap();
        }
        let access = moved(&world.access, &root);
        assert_sound(&access, &world.stay, &what);
        let again = PruneRequest {
            keep_delete: std::time::Duration::ZERO,
            ..PruneRequest::default()
        };
        Embedded
            .prune(&access, &again, &Silent, &Cancellation::default())
            .unwrap();
        assert_sound(&access, &world.stay, &what);
    }
}

#[test]
fn a_killed_prune_that_marks_is_sound() {
    killed(Work::Mark);
}

#[test]
fn a_killed_prune_that_removes_is_sound() {
    killed(Work::RemoveMarked);
}

#[test]
fn a_killed_prune_at_once_is_sound() {
    killed(Work::AtOnce);
}

#[test]
fn a_killed_forget_is_sound() {
    killed(Work::Forget);
}

#[test]
fn a_killed_unforget_is_sound() {
    killed(Work::Unforget);
}

#[test]
fn a_failure_at_any_step_leaves_a_sound_repository_and_nothing_new() {
    for work in ALL {
        let ready = World::new(work);
        for failing in 0.. {
            let world = ready.again();
            let before = files(&world.root());
            let (done, steps) = world.work(work, &Cancellation::default(), move |number| {
                if number == failing {
                    let full = io::Error::from(io::ErrorKind::StorageFull);
                    return Err(RusticError::with_source(Rustic::Backend, "it is full", full));
                }
                Ok(())
            });
            let what = format!("{work:?}, step {failing} of {steps:?}");
            if done.is_ok() {
                assert!(failing == steps.len() && failing > 1, "{what}");
                break;
            }
            assert_eq!(done.unwrap_err().kind(), ErrorKind::NoSpace, "{what}");
            assert_sound(&world.access, &world.stay, &what);
            // Others may be under way beside the one that failed.
            let removed = |(number, step): (usize, &Step)| *step == Step::Remove && number != failing;
            if !steps.iter().enumerate().any(removed) && work != Work::Unforget {
                assert!(files(&world.root()) == before, "{what}");
            }
        }
    }
}

#[test]
fn a_cancellation_at_any_step_leaves_a_sound_repository() {
    for work in ALL {
        let ready = World::new(work);
        for at in 0.. {
            let world = ready.again();
            let cancellation = Cancellation::default();
            let asked = cancellation.clone();
            let (done, steps) = world.work(work, &cancellation, move |number| {
                if number == at {
                    asked.cancel();
                }
                Ok(())
            });
            let what = format!("{work:?}, step {at} of {steps:?}");
            assert_sound(&world.access, &world.stay, &what);
            match done {
                // After the last step, or within those of a forget, there is nothing to be cancelled.
                Ok(()) if at + 1 >= steps.len() => break,
                Ok(()) => assert_eq!(work, Work::Forget, "{what}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled, "{what}"),
            }
        }
    }
}

#[test]
fn nothing_is_removed_once_the_lock_is_lost() {
    // As many may be under way at once.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for work in [Work::RemoveMarked, Work::AtOnce, Work::Forget] {
        let ready = World::new(work);
        for at in 0.. {
            let world = ready.again();
            let locks = world.root().join("locks");
            let (done, steps) = world.work(work, &Cancellation::default(), move |number| {
                if number == at {
                    for lock in files(&locks) {
                        fs::remove_file(lock).unwrap();
                    }
                }
                Ok(())
            });
            let what = format!("{work:?}, step {at} of {steps:?}");
            assert_sound(&world.access, &world.stay, &what);
            let Some(after) = steps.get(at + 1..) else { break };
            let removed = after.iter().filter(|step| **step == Step::Remove).count();
            match done {
                Ok(()) => assert!(after.len() < threads, "{what}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Locked, "{what}: {}", error.chain());
                    assert!(removed < threads, "{what}");
                }
            }
        }
    }
}
