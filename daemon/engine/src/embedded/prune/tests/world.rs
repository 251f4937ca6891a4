//! Repositories that are ready for work, and what has to hold after it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustic_core::{RusticResult, WriteBackend};
use tempfile::TempDir;

use super::steps::{Step, Steps};
use crate::{
    Access, BackupRequest, Cancellation, CheckRequest, Embedded, Engine, ForgetRequest, Observer, Password,
    Phase, Progress, PruneRequest, ReadData, RestoreRequest, Result, SnapshotQuery, Unused, Warning,
    embedded::{
        bars::NoBars,
        feed::Feed,
        forget,
        guard::Guard,
        place::Place,
        prune::run_in,
        session::{self, Opened, Opening, Session},
        unforget,
    },
};

/// Hears nothing.
pub(super) struct Silent;

impl Observer for Silent {
    fn phase(&self, _: Phase) {}
    fn progress(&self, _: Progress) {}
    fn warning(&self, _: Warning) {}
}

/// What is disturbed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Work {
    Mark,
    RemoveMarked,
    AtOnce,
    Forget,
    Unforget,
}

pub(super) const ALL: [Work; 5] = [
    Work::Mark,
    Work::RemoveMarked,
    Work::AtOnce,
    Work::Forget,
    Work::Unforget,
];

/// A repository that is ready for one kind of work.
pub(super) struct World {
    directory: TempDir,
    pub(super) access: Access,
    /// Snapshots that stay, whatever happens.
    pub(super) stay: Vec<String>,
    /// Snapshots to be forgotten, or that are.
    go: Vec<String>,
}

impl World {
    pub(super) fn new(work: Work) -> Self {
        let directory = TempDir::new().unwrap();
        let access = Access {
            name: "test".to_owned(),
            url: directory.path().join("repository").to_str().unwrap().to_owned(),
            password: Password::new("x".to_owned()),
            cache: None,
            secrets: crate::Secrets::default(),
            options: crate::Options::default(),
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
    pub(super) fn again(&self) -> Self {
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

    pub(super) fn root(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Does the work; before each change `before` is called.
    pub(super) fn work(
        &self,
        work: Work,
        cancellation: &Cancellation,
        before: impl Fn(usize) -> RusticResult<()> + Send + Sync + 'static,
    ) -> (Result<()>, Vec<Step>) {
        let place = Place::of(&self.access).unwrap();
        let steps = Arc::new(Steps::new(session::backend(&place), before));
        let guard = Guard::new(
            Arc::clone(&steps) as Arc<dyn WriteBackend>,
            Arc::clone(&place.store),
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
                let soon = Duration::from_secs(1);
                while run_is_too_early(&self.access, soon) {
                    std::thread::yield_now();
                }
                run_in(session, &repository, &prune(soon), &Silent, &feed).map(|_| ())
            }
            Work::AtOnce => run_in(session, &repository, &prune(Duration::ZERO), &Silent, &feed).map(|_| ()),
            Work::Forget => forget::run_in(session, &repository, &self.request(), &Silent).map(|_| ()),
            Work::Unforget => {
                let keep = self.request().keep;
                unforget::run_in(session, &repository, &keep, &[], &Silent).map(|report| {
                    assert!(report.lost.is_empty(), "{report:?}");
                })
            }
        };
        (done, steps.done())
    }
}

pub(super) fn moved(access: &Access, to: &Path) -> Access {
    let url = to.to_str().unwrap().to_owned();
    let key = access.password.key_of(&access.url).unwrap();
    access.password.remember(&url, key);
    Access {
        url,
        ..access.clone()
    }
}

const LONG: Duration = Duration::from_hours(23);

/// Whether marks are younger than that.
fn run_is_too_early(access: &Access, age: Duration) -> bool {
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
pub(super) fn assert_sound(access: &Access, snapshots: &[String], what: &str) {
    let request = CheckRequest {
        read_data: ReadData::All,
        ..CheckRequest::default()
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
pub(super) fn copy(from: &Path, to: &Path) {
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

pub(super) fn files(root: &Path) -> Vec<PathBuf> {
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
