//! A scratch repository, and workers that use it.

use std::{
    cell::Cell,
    fs::{self, File},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use backupd_core::{
    config::{EngineName, PasswordSource, Verify},
    failure::Failure,
    name::RunId,
    protocol::{
        BackupWork, CredentialStores, EVENTS_FILE, EVENTS_SCHEMA, Event, EventKind, LOG_FILE, Progress,
        RepositorySpec, RestoreWork, SPEC_FILE, SPEC_VERSION, SnapshotFilter, Spec, Work,
    },
    resources::Resources,
    run::{RunResult, Statistics},
};

/// Must not be seen anywhere.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

pub(crate) struct Bench {
    directory: tempfile::TempDir,
    runs: Cell<u64>,
}

impl Bench {
    /// Without a repository.
    pub(crate) fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bench = Self {
            directory,
            runs: Cell::new(0),
        };
        bench.secret("password", PASSWORD);
        fs::create_dir(bench.path("source")).unwrap();
        bench
    }

    /// With a repository and a source of two files.
    pub(crate) fn new() -> Self {
        let bench = Self::empty();
        assert_eq!(bench.run(&bench.spec(Work::Initialize)).code, 0);
        fs::create_dir(bench.path("source/directory")).unwrap();
        fs::write(bench.path("source/one"), "first").unwrap();
        fs::write(bench.path("source/directory/two"), "second").unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, format!("{content}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn spec(&self, work: Work) -> Spec {
        self.runs.set(self.runs.get() + 1);
        Spec {
            version: SPEC_VERSION,
            run: RunId::from_parts(self.runs.get(), 7),
            attempt: 1,
            job: Some("home".parse().unwrap()),
            repository: RepositorySpec {
                name: "nas".parse().unwrap(),
                url: self.path("repository").to_str().unwrap().to_owned(),
                password: PasswordSource::File(self.path("password")),
                engine: EngineName::Embedded,
                credentials: CredentialStores::default(),
                cache: None,
                secrets: backupd_core::config::Credentials::new(),
                reach: backupd_core::config::Reach::default(),
                room: backupd_core::space::Room::default(),
                lock_wait: jiff::SignedDuration::ZERO,
                marks: Vec::new(),
            },
            resources: Resources::default(),
            progress_socket: None,
            work,
        }
    }

    /// A backup of `source`, changed by the caller.
    pub(crate) fn backup(&self, change: impl FnOnce(&mut BackupWork)) -> Spec {
        let mut work = BackupWork {
            sources: vec![self.path("source")],
            optional_sources: vec![],
            include: vec![],
            exclude: vec![],
            exclude_if_present: vec![],
            exclude_caches: false,
            exclude_larger_than: None,
            one_file_system: false,
            tags: vec![],
            host: None,
            adopts: vec![],
            description: None,
            compression: None,
            verify: Verify::Snapshot,
            foreseen: backupd_core::protocol::Foreseen::default(),
        };
        change(&mut work);
        self.spec(Work::Backup(work))
    }

    pub(crate) fn restore(&self, snapshot: &str) -> Spec {
        self.spec(Work::Restore(RestoreWork {
            snapshot: snapshot.into(),
            filter: SnapshotFilter::default(),
            paths: vec![],
            target: self.path("target"),
        }))
    }

    pub(crate) fn run_directory(&self, spec: &Spec) -> PathBuf {
        let directory = self.path(&format!("runs/{}", spec.run));
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join(SPEC_FILE),
            serde_json::to_vec_pretty(spec).unwrap(),
        )
        .unwrap();
        directory
    }

    /// A worker for a directory; its output goes to files there.
    pub(crate) fn worker(directory: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backupd-worker"));
        command
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(File::create(directory.join("answer")).unwrap())
            .stderr(File::create(directory.join(LOG_FILE)).unwrap())
            .env("BACKUPD_LOG", "debug")
            .env_remove("JOURNAL_STREAM");
        command
    }

    pub(crate) fn start(&self, spec: &Spec) -> (Child, PathBuf) {
        let directory = self.run_directory(spec);
        (Self::worker(&directory).spawn().unwrap(), directory)
    }

    /// Starts a worker, and returns once it has told of something that `is_there`.
    pub(crate) fn start_until(
        &self,
        mut spec: Spec,
        is_there: impl Fn(&Progress) -> bool,
    ) -> (Child, PathBuf) {
        let path = self.path(&format!("progress-{}", spec.run));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        spec.progress_socket = Some(path);
        let started = self.start(&spec);
        let mut buffer = [0; 4096];
        loop {
            let length = socket.recv(&mut buffer).unwrap();
            if is_there(&serde_json::from_slice(&buffer[..length]).unwrap()) {
                return started;
            }
        }
    }

    /// Stock restic on the repository; it must end well.
    pub(crate) fn restic(&self, arguments: &[&str]) -> String {
        let output = Command::new("restic")
            .args(["--no-cache", "--repo"])
            .arg(self.path("repository"))
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .output()
            .unwrap_or_else(|error| panic!("these tests need the program `restic`: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "restic {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Stock restic reads everything and finds nothing wrong, whoever left a lock.
    pub(crate) fn assert_sound(&self) {
        self.restic(&["check", "--read-data", "--no-lock"]);
    }

    pub(crate) fn locks(&self) -> usize {
        fs::read_dir(self.path("repository/locks")).unwrap().count()
    }

    pub(crate) fn run(&self, spec: &Spec) -> Finished {
        let (child, directory) = self.start(spec);
        Finished::of(child, &directory)
    }

    pub(crate) fn snapshot_count(&self) -> usize {
        fs::read_dir(self.path("repository/snapshots")).unwrap().count()
    }

    /// Every file of the repository with its size.
    pub(crate) fn contents(&self) -> Vec<(PathBuf, u64)> {
        fn walk(directory: &Path, into: &mut Vec<(PathBuf, u64)>) {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), into);
                } else {
                    into.push((entry.path(), entry.metadata().unwrap().len()));
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path("repository"), &mut found);
        found.sort();
        found
    }
}

/// What a worker left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) events: Vec<Event>,
    pub(crate) answer: String,
    pub(crate) log: String,
}

impl Finished {
    /// Waits, and sees to what holds for every worker.
    pub(crate) fn of(mut child: Child, directory: &Path) -> Self {
        let status = child.wait().unwrap();
        let lines = fs::read_to_string(directory.join(EVENTS_FILE)).unwrap_or_default();
        let log = fs::read_to_string(directory.join(LOG_FILE)).unwrap_or_default();
        let answer = fs::read_to_string(directory.join("answer")).unwrap_or_default();
        for text in [&lines, &log, &answer] {
            assert!(!text.contains(PASSWORD), "{text}");
        }
        let schema = jsonschema::validator_for(&serde_json::from_str(EVENTS_SCHEMA).unwrap()).unwrap();
        for line in lines.lines() {
            let value = serde_json::from_str(line).unwrap();
            let faults: Vec<_> = schema
                .iter_errors(&value)
                .map(|fault| fault.to_string())
                .collect();
            assert!(faults.is_empty(), "{line}: {faults:?}");
        }
        let events: Vec<Event> = lines
            .lines()
            .map(|line| Event::from_line(line).unwrap().unwrap())
            .collect();
        assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq));
        Self {
            code: status.code().unwrap_or(-1),
            events,
            answer,
            log,
        }
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.kind.word()).collect()
    }

    fn find<T>(&self, pick: impl Fn(&EventKind) -> Option<T>) -> Option<T> {
        self.events.iter().rev().find_map(|event| pick(&event.kind))
    }

    /// The result; fails where the last event is not `done`.
    pub(crate) fn result(&self) -> RunResult {
        match self.events.last().map(|event| &event.kind) {
            Some(EventKind::Done { result }) => *result,
            other => panic!("ended with {other:?}; log: {}", self.log),
        }
    }

    pub(crate) fn snapshot(&self) -> Option<String> {
        self.find(|kind| match kind {
            EventKind::Snapshot { snapshot } => Some(snapshot.clone()),
            _ => None,
        })
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.find(|kind| match kind {
            EventKind::Stats { statistics } => Some(statistics.clone()),
            _ => None,
        })
        .unwrap()
    }

    pub(crate) fn failure(&self) -> Failure {
        let failure = self
            .find(|kind| match kind {
                EventKind::Failure { failure } => Some(failure.clone()),
                _ => None,
            })
            .unwrap_or_else(|| panic!("no failure in {:?}", self.events));
        assert!(
            failure.message.contains("`nas`") || failure.message.contains("spec.json"),
            "{failure}"
        );
        failure
    }

    pub(crate) fn warnings(&self) -> Vec<(Option<String>, String)> {
        self.events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Warning { path, reason, .. } => Some((path.clone(), reason.clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn records<T: serde::de::DeserializeOwned>(&self) -> Vec<T> {
        self.answer
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::getuid().is_root()
}
