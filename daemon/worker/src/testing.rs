//! What unit tests share: a specification, an event file in memory, an engine that does as it is told.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use backupd_core::{
    config::{EngineName, PasswordSource, Verify},
    name::RunId,
    protocol::{
        BackupWork, CredentialStores, Event, EventKind, Foreseen, RepositorySpec, SPEC_VERSION, Spec, Work,
    },
    resources::Resources,
    run::Phase,
};
use backupd_engine::{
    Access, BackupReport, BackupRequest, Cancellation, CheckReport, CheckRequest, CopyReport, CopyRequest,
    Deletion, Engine, EngineError, Entry, EntryKind, ErrorKind, ForgetReport, ForgetRequest, ListRequest,
    LockInfo, MoveReport, MoveRequest, Observer, PruneReport, PruneRequest, Remains, RemovalReport,
    RepositoryInfo, RestoreReport, RestoreRequest, Result, Room, ScanReport, SnapshotInfo, SnapshotQuery,
    StatisticsReport, StatisticsRequest, UnforgetReport, VerifyLevel, VerifyReport, Warning,
};
use jiff::Timestamp;

use crate::{
    attempt::{self, Ended},
    events::{EventLog, Target},
};

pub(crate) fn backup_spec() -> Spec {
    Spec {
        version: SPEC_VERSION,
        run: RunId::from_parts(1, 2),
        attempt: 1,
        job: Some("home".parse().unwrap()),
        repository: RepositorySpec {
            name: "nas".parse().unwrap(),
            url: "/srv/nas".into(),
            password: PasswordSource::File("/secret".into()),
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
        work: Work::Backup(BackupWork {
            sources: vec!["/home".into()],
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
            foreseen: Foreseen::default(),
        }),
    }
}

/// A directory with a password file, and a specification that names it.
pub(crate) struct Secrets(tempfile::TempDir);

impl Secrets {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, "hush\n").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self(directory)
    }

    pub(crate) fn spec(&self) -> Spec {
        let mut spec = backup_spec();
        spec.repository.password = PasswordSource::File(self.0.path().join("password"));
        spec
    }
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Memory {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An event log whose lines can be looked at.
pub(crate) struct Recorder {
    pub(crate) log: EventLog,
    memory: Memory,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let memory = Memory::default();
        Self {
            log: EventLog::new(memory.clone()),
            memory,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.memory.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.text()
            .lines()
            .map(|line| Event::from_line(line).unwrap().unwrap())
            .collect()
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["event"].as_str().unwrap().to_owned()
        };
        self.text().lines().map(kind).collect()
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        self.events()
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Phase { phase } => Some(phase),
                _ => None,
            })
            .collect()
    }
}

/// Does nothing, well or badly.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) panic: bool,
    pub(crate) unreadable: u64,
    pub(crate) backup: Option<ErrorKind>,
    pub(crate) verify: Option<ErrorKind>,
    pub(crate) restore: Option<ErrorKind>,
    /// Check, prune, forget and what belongs to them.
    pub(crate) maintain: Option<ErrorKind>,
    pub(crate) checked: Option<CheckReport>,
    pub(crate) pruned: PruneReport,
    pub(crate) copied: CopyReport,
    /// What a copy that fails says; the usual if empty.
    pub(crate) said: &'static str,
    /// From where, and what.
    pub(crate) copy_asked: Mutex<Option<(String, CopyRequest)>>,
    pub(crate) moved: MoveReport,
    /// To where.
    pub(crate) move_asked: Mutex<Option<String>>,
    pub(crate) room: Room,
    pub(crate) counted: StatisticsReport,
    pub(crate) scanned: ScanReport,
    pub(crate) group_asked: Mutex<Option<String>>,
    /// Each time somebody looked for room, whether packs were to be counted.
    pub(crate) counts: Mutex<Vec<bool>>,
    pub(crate) listed: Option<Vec<SnapshotInfo>>,
    pub(crate) locks: Mutex<Vec<LockInfo>>,
    pub(crate) unforgotten: Mutex<VecDeque<UnforgetReport>>,
    pub(crate) asked: Mutex<Option<BackupRequest>>,
    pub(crate) check_asked: Mutex<Option<CheckRequest>>,
    pub(crate) prune_asked: Mutex<Option<PruneRequest>>,
    pub(crate) query_asked: Mutex<Option<SnapshotQuery>>,
    pub(crate) forget_asked: Mutex<Option<ForgetRequest>>,
    pub(crate) unforget_asked: Mutex<Vec<Vec<String>>>,
}

/// Lets the engine do the work of an attempt; answers what it wrote to whoever asked.
pub(crate) fn attempt(engine: &Scripted, work: Work) -> (Ended, Recorder, String) {
    attempt_in(Path::new("/no/run/directory"), engine, work)
}

/// As [`attempt`], with a run directory.
pub(crate) fn attempt_in(directory: &Path, engine: &Scripted, work: Work) -> (Ended, Recorder, String) {
    let secrets = Secrets::new();
    let mut spec = secrets.spec();
    spec.work = work;
    let recorder = Recorder::new();
    let mut answer = Vec::new();
    let ended = attempt::attempt(
        &spec,
        directory,
        engine,
        &recorder.log,
        &Cancellation::default(),
        &mut answer,
    );
    (ended, recorder, String::from_utf8(answer).unwrap())
}

impl Scripted {
    fn go(
        &self,
        phase: backupd_engine::Phase,
        failure: Option<ErrorKind>,
        observer: &dyn Observer,
    ) -> Result<()> {
        assert!(!self.panic, "the script says so");
        observer.phase(backupd_engine::Phase::Open);
        observer.phase(phase);
        for number in 0..self.unreadable {
            observer.warning(Warning {
                path: format!("/{number}").into(),
                reason: "Permission denied".into(),
            });
        }
        failure.map_or(Ok(()), |kind| Err(EngineError::new(kind, "the script says so")))
    }
}

impl Engine for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn init(&self, access: &Access) -> Result<RepositoryInfo> {
        self.probe(access)
    }

    fn probe(&self, _: &Access) -> Result<RepositoryInfo> {
        Ok(RepositoryInfo {
            id: "c".repeat(64),
            version: 2,
            snapshots: 1,
        })
    }

    fn backup(
        &self,
        _: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<BackupReport> {
        *self.asked.lock().unwrap() = Some(request.clone());
        self.go(backupd_engine::Phase::Backup, self.backup, observer)?;
        Ok(BackupReport {
            snapshot: snapshot(),
            files_new: 1,
            files_changed: 0,
            files_unmodified: 0,
            files_unreadable: self.unreadable,
            directories: 1,
            bytes_processed: 1,
            bytes_read: 1,
            bytes_added: 1,
            bytes_stored: 1,
        })
    }

    fn verify(
        &self,
        _: &Access,
        _: &str,
        _: VerifyLevel,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<VerifyReport> {
        let quiet = Self {
            unreadable: 0,
            ..Self::default()
        };
        quiet.go(backupd_engine::Phase::Verify, self.verify, observer)?;
        Ok(VerifyReport::default())
    }

    fn remove_dead_locks(&self, _: &Access) -> Result<u64> {
        Ok(0)
    }

    fn locks(&self, _: &Access) -> Result<Vec<LockInfo>> {
        Ok(self.locks.lock().unwrap().clone())
    }

    fn unlock(&self, _: &Access, locks: &[String], _: bool) -> Result<Vec<LockInfo>> {
        let mut held = self.locks.lock().unwrap();
        let (removed, left) = held.drain(..).partition(|lock| locks.contains(&lock.id));
        *held = left;
        Ok(removed)
    }

    fn snapshots(&self, _: &Access, query: &SnapshotQuery) -> Result<Vec<SnapshotInfo>> {
        *self.query_asked.lock().unwrap() = Some(query.clone());
        Ok(self.listed.clone().unwrap_or_else(|| vec![snapshot()]))
    }

    fn list(&self, _: &Access, _: &ListRequest, each: &mut dyn FnMut(Entry) -> io::Result<()>) -> Result<()> {
        for _ in 0..3 {
            each(entry()).map_err(|error| EngineError::new(ErrorKind::Other, "stopped").caused_by(error))?;
        }
        Ok(())
    }

    fn restore(
        &self,
        _: &Access,
        _: &RestoreRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<RestoreReport> {
        self.go(backupd_engine::Phase::Restore, self.restore, observer)?;
        Ok(RestoreReport {
            snapshot: "a".repeat(64),
            failed: self.unreadable,
            ..RestoreReport::default()
        })
    }

    fn check(
        &self,
        _: &Access,
        request: &CheckRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<CheckReport> {
        *self.check_asked.lock().unwrap() = Some(request.clone());
        self.go(backupd_engine::Phase::Check, self.maintain, observer)?;
        Ok(self.checked.clone().unwrap_or_default())
    }

    fn prune(
        &self,
        _: &Access,
        request: &PruneRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<PruneReport> {
        *self.prune_asked.lock().unwrap() = Some(request.clone());
        self.go(backupd_engine::Phase::Prune, self.maintain, observer)?;
        Ok(self.pruned.clone())
    }

    fn prune_plan(
        &self,
        _: &Access,
        _: &PruneRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<PruneReport> {
        self.go(backupd_engine::Phase::Index, self.maintain, observer)?;
        Ok(self.pruned.clone())
    }

    fn forget(
        &self,
        _: &Access,
        request: &ForgetRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<ForgetReport> {
        *self.forget_asked.lock().unwrap() = Some(request.clone());
        self.go(backupd_engine::Phase::Forget, self.maintain, observer)?;
        Ok(ForgetReport {
            forgotten: request.snapshots.clone(),
            missing: Vec::new(),
        })
    }

    fn copy(
        &self,
        source: &Access,
        _: &Access,
        request: &CopyRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<CopyReport> {
        *self.copy_asked.lock().unwrap() = Some((source.name.clone(), request.clone()));
        let gone = self.go(backupd_engine::Phase::Copy, self.maintain, observer);
        gone.map_err(|error| EngineError::new(error.kind(), self.said))?;
        Ok(self.copied.clone())
    }

    fn move_to(
        &self,
        _: &Access,
        target: &Access,
        _: &MoveRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<MoveReport> {
        *self.move_asked.lock().unwrap() = Some(target.url.clone());
        self.go(backupd_engine::Phase::Copy, self.maintain, observer)?;
        Ok(self.moved.clone())
    }

    fn remove_remains(
        &self,
        _: &Access,
        _: &Access,
        _: &Remains,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<RemovalReport> {
        self.go(backupd_engine::Phase::Prune, self.maintain, observer)?;
        Ok(RemovalReport::default())
    }

    fn unforget(
        &self,
        _: &Access,
        _: &Path,
        snapshots: &[String],
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<UnforgetReport> {
        self.unforget_asked.lock().unwrap().push(snapshots.to_vec());
        self.go(backupd_engine::Phase::Verify, self.maintain, observer)?;
        Ok(self.unforgotten.lock().unwrap().pop_front().unwrap_or_default())
    }

    fn room(&self, _: &Access, count: bool) -> Result<Room> {
        self.counts.lock().unwrap().push(count);
        Ok(self.room)
    }

    fn statistics(
        &self,
        _: &Access,
        request: &StatisticsRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<StatisticsReport> {
        *self.group_asked.lock().unwrap() = Some(request.group_by.clone());
        self.go(backupd_engine::Phase::Scan, self.maintain, observer)?;
        Ok(self.counted.clone())
    }

    fn scan(
        &self,
        _: &Access,
        request: &BackupRequest,
        observer: &dyn Observer,
        _: &Cancellation,
    ) -> Result<ScanReport> {
        *self.asked.lock().unwrap() = Some(request.clone());
        self.go(backupd_engine::Phase::Scan, self.maintain, observer)?;
        Ok(self.scanned.clone())
    }
}

pub(crate) fn snapshot() -> SnapshotInfo {
    SnapshotInfo {
        id: "a".repeat(64),
        time: Timestamp::UNIX_EPOCH,
        host: "h".into(),
        tags: vec!["job=home".into()],
        paths: vec!["/home".into()],
        description: None,
        program_version: "backupd 0".into(),
        parent: None,
        files: Some(1),
        bytes: Some(1),
        bytes_stored: Some(1),
        deletion: Deletion::Unmarked,
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        path: "/entry".into(),
        kind: EntryKind::File,
        size: 1,
        modified: None,
        mode: Some(0o600),
        uid: None,
        gid: None,
        user: None,
        group: None,
        target: None,
    }
}
