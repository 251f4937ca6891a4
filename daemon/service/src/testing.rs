//! Doubles for what must be steered in tests: time, workers, and a store that fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Seek as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use backupd_core::{
    audit::Entry,
    clock::Reading,
    condition::Condition,
    failure::{Failure, FailureClass},
    name::{JobName, RepositoryName, RunId},
    pause::Pause,
    protocol::{CredentialStores, Event, EventKind, KnownSnapshot, OwnedSnapshot, Spec},
    resources::Limits,
    run::{Run, RunResult},
    space::Sample,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tempfile::TempDir;
use tokio::sync::{Notify, oneshot, watch};

use crate::{
    configuration::AllPrograms,
    coordinator::{
        Changes, Common, Coordinator, Handle, Inbox, JobView, ManagerView, ObjectKey, Outbox, Parts,
        ProgressView, RepositoryView, View,
    },
    ids::Ids,
    notify::Notifier,
    ports::{
        AskError, AuditQuery, CareHistory, CareKey, Clock, JobHistory, LaunchError, Launcher, LimitError,
        MovedFrom, Pending, Power, PowerLocks, Reply, RunQuery, SnapshotNews, Store, StoreError, Subject,
        Surroundings, Watch, Watcher, Watching, Zones,
    },
    store::SqliteStore,
};

/// A clock that stands until it is moved.
pub(crate) struct SteeredClock(Mutex<Reading>);

impl SteeredClock {
    pub(crate) fn at(now: Timestamp) -> Self {
        let since_boot = SignedDuration::from_hours(1);
        Self(Mutex::new(Reading {
            now,
            since_boot,
            awake: since_boot,
        }))
    }

    /// Time passes.
    pub(crate) fn advance(&self, by: SignedDuration) {
        self.sleep(by);
        let mut reading = self.0.lock().unwrap();
        reading.awake = reading.awake.checked_add(by).unwrap();
    }

    /// Time passes while the machine sleeps.
    pub(crate) fn sleep(&self, by: SignedDuration) {
        let mut reading = self.0.lock().unwrap();
        reading.now = reading.now.checked_add(by).unwrap();
        reading.since_boot = reading.since_boot.checked_add(by).unwrap();
    }

    /// Somebody sets the clock.
    pub(crate) fn set(&self, now: Timestamp) {
        self.0.lock().unwrap().now = now;
    }
}

impl Clock for SteeredClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    fn since_boot(&self) -> SignedDuration {
        self.0.lock().unwrap().since_boot
    }

    fn awake(&self) -> SignedDuration {
        self.0.lock().unwrap().awake
    }
}

/// A machine in this zone.
pub(crate) struct SteeredZone(pub(crate) Arc<Mutex<TimeZone>>);

impl Zones for SteeredZone {
    fn local(&self) -> TimeZone {
        self.0.lock().unwrap().clone()
    }
}

/// Says nothing by itself; the test says how conditions stand.
#[derive(Default)]
pub(crate) struct ScriptedSurroundings(pub(crate) Arc<Mutex<BTreeSet<Condition>>>);

impl Surroundings for ScriptedSurroundings {
    fn want(&self, conditions: BTreeSet<Condition>) {
        *self.0.lock().unwrap() = conditions;
    }
}

/// Watches nothing; the test says what happens.
#[derive(Default)]
pub(crate) struct ScriptedWatcher(pub(crate) Arc<Mutex<BTreeMap<JobName, Watch>>>);

impl Watcher for ScriptedWatcher {
    fn want(&self, watches: BTreeMap<JobName, Watch>) {
        *self.0.lock().unwrap() = watches;
    }
}

/// How a watch ends.
pub(crate) type WatchEnd = oneshot::Sender<Option<Failure>>;

/// Starts nothing; the test says what the workers do.
#[derive(Default)]
pub(crate) struct ScriptedLauncher {
    pub(crate) launched: Mutex<Vec<Spec>>,
    pub(crate) adopted: Mutex<Vec<RunId>>,
    pub(crate) stopped: Mutex<Vec<RunId>>,
    pub(crate) forgotten: Mutex<Vec<RunId>>,
    pub(crate) found: Mutex<Vec<(RunId, Option<Spec>)>>,
    pub(crate) broken: AtomicBool,
    pub(crate) limits: Mutex<Limits>,
    /// Watches that were begun, and the end that each would write to.
    pub(crate) watches: Mutex<Vec<(Spec, std::io::PipeWriter, WatchEnd)>>,
    /// Told of each watch that begins.
    pub(crate) watch_began: Notify,
    /// Where attempts have their directories.
    pub(crate) runs: PathBuf,
    /// What a question is answered with; none is a wrong password.
    pub(crate) answer: Mutex<Option<String>>,
    /// Questions that were put.
    pub(crate) asked: Mutex<Vec<Spec>>,
}

impl Launcher for ScriptedLauncher {
    fn name(&self) -> &'static str {
        "child"
    }

    fn launch(&self, spec: &Spec) -> Reply<'_, Result<(), LaunchError>> {
        let outcome = if self.broken.load(Ordering::SeqCst) {
            Err(LaunchError::Program(
                "/nowhere/backupd-worker".into(),
                "No such file".to_owned(),
            ))
        } else {
            self.launched.lock().unwrap().push(spec.clone());
            Ok(())
        };
        Box::pin(async move { outcome })
    }

    fn adopt(&self, run: RunId, _attempt: u32) {
        self.adopted.lock().unwrap().push(run);
    }

    fn stop(&self, run: RunId, _attempt: u32) {
        self.stopped.lock().unwrap().push(run);
    }

    fn ask(&self, spec: &Spec, _input: Option<OwnedFd>) -> Reply<'_, Result<File, AskError>> {
        self.asked.lock().unwrap().push(spec.clone());
        let answer = self.answer.lock().unwrap().as_ref().map(|text| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.rewind().unwrap();
            file
        });
        let wrong = || {
            AskError::Failure(Failure::new(FailureClass::Credentials, "wrong password").hint("ask nobody"))
        };
        Box::pin(async move { answer.ok_or_else(wrong) })
    }

    fn watch(&self, spec: &Spec) -> Reply<'_, Result<Watching, LaunchError>> {
        let (lines, output) = std::io::pipe().unwrap();
        let (told, end) = oneshot::channel();
        self.watches.lock().unwrap().push((spec.clone(), output, told));
        self.watch_began.notify_one();
        let lines = lines.into();
        Box::pin(async move { Ok(Watching { lines, end }) })
    }

    fn unit_name(&self, _run: RunId) -> Option<String> {
        None
    }

    fn describe(&self, spec: &Spec) -> Reply<'_, Result<String, LaunchError>> {
        let text = format!("# unit of {}", spec.repository.name);
        Box::pin(async move { Ok(text) })
    }

    fn limits(&self, _run: RunId) -> Reply<'_, Result<Limits, LimitError>> {
        let limits = *self.limits.lock().unwrap();
        Box::pin(async move { Ok(limits) })
    }

    fn limit(&self, _run: RunId, limits: Limits) -> Reply<'_, Result<Limits, LimitError>> {
        let outcome = if self.broken.load(Ordering::SeqCst) {
            Err(LimitError::Refused("no such property".to_owned()))
        } else {
            let mut held = self.limits.lock().unwrap();
            *held = held.with(limits);
            Ok(*held)
        };
        Box::pin(async move { outcome })
    }

    fn directory(&self, run: RunId, attempt: u32) -> PathBuf {
        self.runs.join(format!("{run}-{attempt}"))
    }

    fn open_events(&self, _run: RunId, _attempt: u32) -> std::io::Result<File> {
        File::open("/dev/null")
    }

    fn survey(&self) -> Vec<(RunId, Option<Spec>)> {
        self.found.lock().unwrap().clone()
    }

    fn forget(&self, run: RunId) {
        self.forgotten.lock().unwrap().push(run);
    }
}

/// A real store that can be told to refuse writes.
pub(crate) struct FailingStore {
    pub(crate) real: SqliteStore,
    pub(crate) full: AtomicBool,
    /// What was recorded together with runs, a line for each transaction.
    pub(crate) saved: Mutex<Vec<String>>,
}

impl Store for FailingStore {
    fn save_audited(&self, run: &Run, entries: Vec<Entry>) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        let words: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
        self.saved.lock().unwrap().push(words.join(" "));
        self.real.save_audited(run, entries)
    }

    fn append(&self, entry: Entry) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        self.real.append(entry)
    }

    fn export_audit(&self, query: AuditQuery) -> Reply<'_, Result<File, StoreError>> {
        self.real.export_audit(query)
    }

    fn unfinished(&self) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.real.unfinished()
    }

    fn recent(&self, each: u32, all: u32) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.real.recent(each, all)
    }

    fn list(&self, query: RunQuery) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.real.list(query)
    }

    fn schedule(
        &self,
        runs: Vec<Run>,
        seen: Vec<(Subject, Timestamp)>,
        entries: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        self.real.schedule(runs, seen, entries)
    }

    fn pauses(&self) -> Reply<'_, Result<BTreeMap<Option<JobName>, Pause>, StoreError>> {
        self.real.pauses()
    }

    fn pause(
        &self,
        job: Option<JobName>,
        pause: Option<Pause>,
        entries: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        self.real.pause(job, pause, entries)
    }

    fn pending(&self) -> Reply<'_, Result<BTreeMap<JobName, Pending>, StoreError>> {
        self.real.pending()
    }

    fn keep_pending(&self, job: JobName, pending: Option<Pending>) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        self.real.keep_pending(job, pending)
    }

    fn moves(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, MovedFrom>, StoreError>> {
        self.real.moves()
    }

    fn keep_move(
        &self,
        repository: RepositoryName,
        from: Option<MovedFrom>,
    ) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        self.real.keep_move(repository, from)
    }

    fn job_facts(
        &self,
        jobs: Vec<JobName>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<JobHistory>, StoreError>> {
        self.real.job_facts(jobs, now)
    }

    fn care_facts(
        &self,
        keys: Vec<(CareKey, bool)>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<CareHistory>, StoreError>> {
        self.real.care_facts(keys, now)
    }

    fn sizes(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, Vec<Sample>>, StoreError>> {
        self.real.sizes()
    }

    fn keep_size(&self, repository: RepositoryName, sample: Sample) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        self.real.keep_size(repository, sample)
    }

    fn snapshots(
        &self,
        repository: RepositoryName,
        job: JobName,
    ) -> Reply<'_, Result<Vec<KnownSnapshot>, StoreError>> {
        self.real.snapshots(repository, job)
    }

    fn owned_snapshots(
        &self,
        repository: RepositoryName,
    ) -> Reply<'_, Result<Vec<OwnedSnapshot>, StoreError>> {
        self.real.owned_snapshots(repository)
    }

    fn learn_snapshots(&self, news: SnapshotNews) -> Reply<'_, Result<(), StoreError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError("database or disk is full".to_owned())) });
        }
        self.real.learn_snapshots(news)
    }

    fn bring_back(
        &self,
        repository: RepositoryName,
        run: RunId,
        ids: Vec<String>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.real.bring_back(repository, run, ids)
    }

    fn expire(
        &self,
        job: Option<JobName>,
        now: Timestamp,
        keep: u32,
    ) -> Reply<'_, Result<Vec<RunId>, StoreError>> {
        self.real.expire(job, now, keep)
    }
}

/// Tells systemd nothing.
pub(crate) struct Quiet;

impl Notifier for Quiet {
    fn ready(&self) {}
    fn reloading(&self) {}
    fn stopping(&self) {}
    fn status(&self, _text: &str) {}
    fn watchdog(&self) -> Option<std::time::Duration> {
        None
    }
    fn alive(&self) {}
    fn longer(&self, _by: std::time::Duration) {}
}

/// A coordinator at work, with everything around it.
pub(crate) struct Stage {
    pub(crate) handle: Handle,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) inbox: Inbox,
    pub(crate) clock: Arc<SteeredClock>,
    pub(crate) launcher: Arc<ScriptedLauncher>,
    pub(crate) store: Arc<FailingStore>,
    pub(crate) alarm: watch::Receiver<Option<Timestamp>>,
    pub(crate) directory: Arc<TempDir>,
    /// What the machine is asked not to do.
    pub(crate) locks: Arc<Mutex<PowerLocks>>,
    /// What is asked of it.
    pub(crate) conditions: Arc<Mutex<BTreeSet<Condition>>>,
    /// What is watched for.
    pub(crate) watches: Arc<Mutex<BTreeMap<JobName, Watch>>>,
    /// The zone of the machine.
    pub(crate) zone: Arc<Mutex<TimeZone>>,
    /// How many events the workers of attempts have written.
    words: Mutex<BTreeMap<(RunId, u32), u64>>,
    views: Arc<Mutex<Changes>>,
}

struct SteadyMachine(Arc<Mutex<PowerLocks>>);

impl Power for SteadyMachine {
    fn want(&self, locks: PowerLocks) {
        *self.0.lock().unwrap() = locks;
    }
}

impl Stage {
    /// A stage with the repository `nas` and these jobs, each with the lines given.
    pub(crate) async fn new(jobs: &[(&str, &str)]) -> Self {
        Self::new_with(jobs, Vec::new()).await
    }

    /// A stage with the job `home`, whose repository has these lines.
    pub(crate) async fn caring(lines: &str) -> Self {
        let directory = Self::files(&[("home", "")], lines);
        Self::begin(directory, Vec::new()).await
    }

    /// The same, where the launcher finds these runs' directories.
    pub(crate) async fn new_with(jobs: &[(&str, &str)], found: Vec<(RunId, Option<Spec>)>) -> Self {
        Self::begin(Self::files(jobs, ""), found).await
    }

    fn files(jobs: &[(&str, &str)], repository: &str) -> Arc<TempDir> {
        let directory = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let file = directory.path().join("etc").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(
            "repositories.d/nas.toml",
            &format!("url = \"/srv/nas\"\npassword_file = \"/etc/secret\"\n{repository}\n"),
        );
        for (name, lines) in jobs {
            let text = format!("repository = \"nas\"\nsources = [\"/home/{name}\"]\n{lines}\n");
            write(&format!("jobs.d/{name}.toml"), &text);
        }
        Arc::new(directory)
    }

    /// Ends this daemon and begins another on the same directories.
    pub(crate) async fn restart(self) -> Self {
        self.inbox.stop().await;
        self.store.real.close().await;
        Self::begin(self.directory, Vec::new()).await
    }

    async fn begin(directory: Arc<TempDir>, found: Vec<(RunId, Option<Spec>)>) -> Self {
        let clock = Arc::new(SteeredClock::at(Timestamp::from_second(1_800_000_000).unwrap()));
        let real = SqliteStore::open(&directory.path().join("backupd.db"), clock.now())
            .await
            .unwrap();
        let store = Arc::new(FailingStore {
            real,
            full: AtomicBool::new(false),
            saved: Mutex::default(),
        });
        let launcher = Arc::new(ScriptedLauncher {
            found: Mutex::new(found),
            runs: directory.path().join("runs"),
            ..ScriptedLauncher::default()
        });
        let (inbox, messages) = Coordinator::channel();
        let (alarm_times, alarm) = watch::channel(None);
        let (locks, conditions, watches) = (Arc::default(), Arc::default(), Arc::default());
        let zone = Arc::new(Mutex::new(TimeZone::UTC));
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            launcher: Arc::clone(&launcher) as Arc<dyn Launcher>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::new(Ids::new(Arc::clone(&clock) as Arc<dyn Clock>)),
            notifier: Arc::new(Quiet),
            power: Box::new(SteadyMachine(Arc::clone(&locks))),
            surroundings: Box::new(ScriptedSurroundings(Arc::clone(&conditions))),
            watcher: Box::new(ScriptedWatcher(Arc::clone(&watches))),
            zones: Box::new(SteeredZone(Arc::clone(&zone))),
            programs: Arc::new(AllPrograms),
            machine: "machine".to_owned(),
            configuration: directory.path().join("etc"),
            common: Common {
                credentials: CredentialStores::system(),
                cache: "/var/cache/backupd/repositories".into(),
            },
            progress_socket: None,
            alarm: alarm_times,
            settings_changed: Box::new(|_| {}),
            troubles: Vec::new(),
        };
        let mut coordinator = Coordinator::new(parts, inbox.clone(), messages);
        coordinator.begin().await.unwrap();
        let (handle, outbox) = (coordinator.handle(), coordinator.outbox());
        tokio::spawn(coordinator.run());
        Self {
            handle,
            outbox,
            inbox,
            clock,
            launcher,
            store,
            alarm,
            directory,
            locks,
            conditions,
            watches,
            zone,
            words: Mutex::default(),
            views: Arc::default(),
        }
    }

    /// Takes what is published, as the bus would, for as long as the test runs; without it nobody is answered.
    pub(crate) fn published(self) -> Self {
        let (outbox, views) = (Arc::clone(&self.outbox), Arc::clone(&self.views));
        tokio::spawn(async move {
            loop {
                let (changes, number) = outbox.take().await;
                views.lock().unwrap().extend(changes);
                outbox.published(number);
            }
        });
        self
    }

    /// The newest view of the repository, after everything sent so far was worked on.
    pub(crate) async fn repository_view(&self) -> Arc<RepositoryView> {
        self.handle.settings().await.unwrap();
        let key = ObjectKey::Repository("nas".parse().unwrap());
        match self.views.lock().unwrap().get(&key) {
            Some(Some(View::Repository(view))) => Arc::clone(view),
            other => panic!("the repository is not published: {other:?}"),
        }
    }

    /// The newest view of the whole, after everything sent so far was worked on.
    pub(crate) async fn manager_view(&self) -> Arc<ManagerView> {
        self.handle.settings().await.unwrap();
        match self.views.lock().unwrap().get(&ObjectKey::Manager) {
            Some(Some(View::Manager(view))) => Arc::clone(view),
            other => panic!("the manager is not published: {other:?}"),
        }
    }

    /// The newest view of a job, after everything sent so far was worked on.
    pub(crate) async fn job_view(&self, name: &str) -> JobView {
        self.handle.settings().await.unwrap();
        match self.views.lock().unwrap().get(&ObjectKey::Job(job(name))) {
            Some(Some(View::Job(view))) => (**view).clone(),
            other => panic!("the job `{name}` is not published: {other:?}"),
        }
    }

    /// The newest view of a run, after everything sent so far was worked on.
    pub(crate) async fn run_view(&self, run: RunId) -> Arc<Run> {
        self.handle.settings().await.unwrap();
        match self.views.lock().unwrap().get(&ObjectKey::Run(run)) {
            Some(Some(View::Run(view))) => Arc::clone(&view.run),
            other => panic!("the run {run} is not published: {other:?}"),
        }
    }

    /// The newest progress of a run that is shown, after everything sent so far was worked on.
    pub(crate) async fn progress_of(&self, run: RunId) -> Option<ProgressView> {
        self.handle.settings().await.unwrap();
        match self.views.lock().unwrap().get(&ObjectKey::Run(run)) {
            Some(Some(View::Run(view))) => view.progress.clone(),
            other => panic!("the run {run} is not published: {other:?}"),
        }
    }

    pub(crate) fn configuration(&self, file: &str) -> std::path::PathBuf {
        self.directory.path().join("etc").join(file)
    }

    /// What the worker of a run's last attempt says, and its end.
    pub(crate) async fn worker_says(&self, run: RunId, kinds: Vec<EventKind>, gone: bool) {
        let launched = || self.launcher.launched.lock().unwrap();
        let last = launched()
            .iter()
            .rev()
            .find(|spec| spec.run == run)
            .map(|spec| spec.attempt);
        let attempt = last.unwrap_or(1);
        let hello = EventKind::Hello {
            pid: 1,
            run,
            attempt,
            program: "backupd-worker 0".to_owned(),
            engine: None,
        };
        let said = self.said(run, attempt);
        let events = (said + 1..)
            .zip((said == 0).then_some(hello).into_iter().chain(kinds))
            .map(|(seq, kind)| Event {
                seq,
                time: self.clock.now(),
                kind,
            });
        let events: Vec<Event> = events.collect();
        self.words
            .lock()
            .unwrap()
            .insert((run, attempt), said + events.len() as u64);
        self.inbox.worker_events(run, attempt, events).await;
        if gone {
            self.inbox.worker_gone(run, attempt, None).await;
        }
    }

    fn said(&self, run: RunId, attempt: u32) -> u64 {
        self.words
            .lock()
            .unwrap()
            .get(&(run, attempt))
            .copied()
            .unwrap_or(0)
    }

    /// The worker of a run succeeds.
    pub(crate) async fn worker_succeeds(&self, run: RunId) {
        let kinds = vec![
            EventKind::Snapshot {
                snapshot: "ab".repeat(32),
            },
            EventKind::Done {
                result: RunResult::Success,
            },
        ];
        self.worker_says(run, kinds, true).await;
    }

    /// The run as the store has it, after everything sent so far was worked on.
    pub(crate) async fn stored(&self, run: RunId) -> Run {
        // Messages are worked on in order: an answer means that all before it are done.
        self.handle.settings().await.unwrap();
        let query = RunQuery {
            id: Some(run.to_string()),
            limit: 1,
            ..RunQuery::default()
        };
        self.handle.list_runs(query).await.unwrap().remove(0)
    }
}

/// The name of a job.
pub(crate) fn job(name: &str) -> JobName {
    name.parse().unwrap()
}

/// Reads a file.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

/// What a worker is told for a backup of `home` to `/srv/nas`.
pub(crate) fn spec() -> Spec {
    serde_json::from_value(serde_json::json!({
        "version": 1,
        "run": RunId::from_parts(1, 1),
        "attempt": 1,
        "job": "home",
        "repository": {
            "name": "nas",
            "url": "/srv/nas",
            "password": { "file": "/etc/secret" },
            "engine": "embedded",
            "credentials": CredentialStores::system(),
            "cache": null,
        },
        "progress_socket": null,
        "work": {
            "operation": "backup", "sources": ["/home"], "optional_sources": [], "include": [], "exclude": [],
            "exclude_if_present": [], "exclude_caches": false, "exclude_larger_than": null, "one_file_system": false,
            "tags": [], "host": null, "description": null, "compression": null, "verify": "snapshot",
        },
    }))
    .unwrap()
}
