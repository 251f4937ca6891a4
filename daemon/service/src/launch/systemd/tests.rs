//! The launcher before a service manager that does as it is told, over a socket pair.

#![allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::used_underscore_binding,
    reason = "interfaces are made of methods, and answer what they answer"
)]

use std::{
    collections::HashMap,
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use backupd_core::{
    failure::FailureClass,
    name::RunId,
    protocol::{EVENTS_FILE, Event, EventKind, LOCK_FILE, Work},
    run::RunResult,
};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::mpsc;
use zbus::{
    Connection, Guid, ObjectPath, OwnedObjectPath, OwnedVariant, connection::Builder, fdo, interface,
    object_server::SignalEmitter,
};

use super::*;
use crate::{
    coordinator::{Coordinator, Message},
    launch::LauncherSettings,
    testing::spec,
};

const ROOT: &str = "/org/freedesktop/systemd1";

/// What the next start comes to.
#[derive(Clone)]
enum Start {
    Refused,
    Job(&'static str),
    /// A worker comes to its lock.
    Held,
    /// Nobody answers, this or anything after it.
    Frozen,
}

#[derive(Default)]
struct Seen {
    calls: Vec<String>,
    properties: HashMap<String, OwnedVariant>,
    start: Option<Start>,
    held: Option<fs::File>,
    /// How often somebody asked for the state of a unit.
    asked: usize,
}

/// Does not come back from a manager that is frozen.
async fn thawed(seen: &Mutex<Seen>) {
    let frozen = matches!(seen.lock().unwrap().start, Some(Start::Frozen));
    if frozen {
        std::future::pending::<()>().await;
    }
}

/// `org.freedesktop.systemd1.Manager`, as far as it is asked.
struct Manager(Arc<Mutex<Seen>>);

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn subscribe(&self) {
        thawed(&self.0).await;
    }

    async fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: Vec<(String, OwnedVariant)>,
        others: Vec<(String, Vec<(String, OwnedVariant)>)>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<OwnedObjectPath> {
        assert!(others.is_empty());
        let start = {
            let mut seen = self.0.lock().unwrap();
            seen.calls.push(format!("start {name} {mode}"));
            seen.properties = properties.into_iter().collect();
            seen.start.clone()
        };
        thawed(&self.0).await;
        let job: OwnedObjectPath = "/org/freedesktop/systemd1/job/7".try_into().unwrap();
        let result = match &start {
            Some(Start::Job(result)) => Some(*result),
            Some(Start::Held) => {
                let mut seen = self.0.lock().unwrap();
                let lock = fs::File::create(directory_of(&seen.properties).join(LOCK_FILE)).unwrap();
                lock.lock().unwrap();
                seen.held = Some(lock);
                Some("done")
            }
            _ => None,
        };
        match result {
            Some(result) => {
                // The end of another's job comes first.
                let other = ObjectPath::try_from("/org/freedesktop/systemd1/job/6").unwrap();
                Self::job_removed(&emitter, 6, other, "other.service", "failed").await?;
                Self::job_removed(&emitter, 7, job.clone().into_inner(), name, result).await?;
                Ok(job)
            }
            _ => Err(fdo::Error::AccessDenied("not you".to_owned())),
        }
    }

    async fn stop_unit(&self, name: &str, mode: &str) -> fdo::Result<OwnedObjectPath> {
        self.0.lock().unwrap().calls.push(format!("stop {name} {mode}"));
        thawed(&self.0).await;
        Ok("/org/freedesktop/systemd1/job/8".try_into().unwrap())
    }

    async fn ref_unit(&self, name: &str) {
        self.0.lock().unwrap().calls.push(format!("ref {name}"));
        thawed(&self.0).await;
    }

    async fn unref_unit(&self, name: &str) {
        self.0.lock().unwrap().calls.push(format!("unref {name}"));
        thawed(&self.0).await;
    }

    fn set_unit_properties(&self, name: &str, runtime: bool, properties: Vec<(String, OwnedVariant)>) {
        let mut seen = self.0.lock().unwrap();
        seen.calls.push(format!("set {name} {runtime}"));
        seen.properties = properties.into_iter().collect();
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

/// The directory that the worker of these properties is told.
fn directory_of(properties: &HashMap<String, OwnedVariant>) -> PathBuf {
    let command = properties.get("ExecStart").unwrap().try_clone().unwrap();
    let command = Vec::<(String, Vec<String>, bool)>::try_from(command).unwrap();
    PathBuf::from(&command[0].1[1])
}

/// `org.freedesktop.systemd1.Unit`.
struct UnitObject(&'static str, Arc<Mutex<Seen>>);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitObject {
    #[zbus(property)]
    fn load_state(&self) -> &'static str {
        self.1.lock().unwrap().asked += 1;
        "loaded"
    }

    #[zbus(property)]
    fn active_state(&self) -> &'static str {
        self.0.trim_start_matches("queued ")
    }

    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        let id = u32::from(self.0.starts_with("queued"));
        (id, "/".try_into().unwrap())
    }
}

/// `org.freedesktop.systemd1.Service`.
struct ServiceObject(&'static str, i32);

#[interface(name = "org.freedesktop.systemd1.Service")]
impl ServiceObject {
    #[zbus(property)]
    fn result(&self) -> &'static str {
        self.0
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        self.1
    }

    #[zbus(property, name = "CPUWeight")]
    fn cpu_weight(&self) -> u64 {
        20
    }

    #[zbus(property, name = "IOWeight")]
    fn io_weight(&self) -> u64 {
        u64::MAX
    }

    #[zbus(property)]
    fn memory_high(&self) -> u64 {
        u64::MAX
    }

    #[zbus(property)]
    fn memory_max(&self) -> u64 {
        1 << 30
    }
}

struct Stage {
    launcher: SystemdLauncher,
    messages: mpsc::Receiver<Message>,
    seen: Arc<Mutex<Seen>>,
    server: Connection,
    directory: TempDir,
}

impl Stage {
    async fn new(start: Start) -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            start: Some(start),
            ..Seen::default()
        }));
        let (near, far) = UnixStream::pair().unwrap();
        let server = Builder::unix_stream(near)
            .server(Guid::generate())
            .p2p()
            .serve_at(ROOT, Manager(Arc::clone(&seen)));
        let client = Builder::unix_stream(far).p2p();
        let (server, client) = tokio::join!(server.build(), client.build());
        let (inbox, messages) = Coordinator::channel();
        let directory = tempfile::tempdir().unwrap();
        let settings = LauncherSettings {
            manager: ServiceManager::System,
            worker: "/usr/libexec/backupd/backupd-worker".into(),
            runs: directory.path().join("runs"),
            questions: directory.path().join("questions"),
            grace: Duration::from_secs(30),
            secret_variables: Vec::new(),
        };
        let systemd = Systemd::new(&client.unwrap()).await.unwrap();
        Self {
            launcher: SystemdLauncher::new(Base::new(settings, inbox), systemd),
            messages,
            seen,
            server: server.unwrap(),
            directory,
        }
    }

    /// The unit is in this state, and says this of its end.
    async fn unit(&self, name: &str, active: &'static str, result: &'static str, status: i32) -> String {
        let path = format!("{ROOT}/unit/{}", backupd_dbus::escape(name));
        let server = self.server.object_server();
        let unit = UnitObject(active, Arc::clone(&self.seen));
        server.at(path.as_str(), unit).await.unwrap();
        server
            .at(path.as_str(), ServiceObject(result, status))
            .await
            .unwrap();
        path
    }

    /// The unit comes to its end.
    async fn end(&self, path: &str) {
        let unit = self
            .server
            .object_server()
            .interface::<_, UnitObject>(path)
            .await
            .unwrap();
        unit.get_mut().await.0 = "failed";
        unit.get()
            .await
            .active_state_changed(unit.signal_emitter())
            .await
            .unwrap();
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(Duration::from_mins(1), self.messages.recv())
            .await
            .unwrap()
            .unwrap()
    }

    fn calls(&self) -> Vec<String> {
        self.seen.lock().unwrap().calls.clone()
    }
}

fn name(run: RunId) -> String {
    run_unit_name(&run.to_string())
}

#[tokio::test]
async fn a_worker_is_a_unit_and_its_end_is_told_in_words() {
    let mut stage = Stage::new(Start::Job("done")).await;
    let spec = spec();
    let path = stage.unit(&name(spec.run), "active", "oom-kill", 9).await;
    stage.launcher.launch(&spec).await.unwrap();
    while !stage.calls().iter().any(|call| call.starts_with("start")) {
        tokio::task::yield_now().await;
    }
    {
        let seen = stage.seen.lock().unwrap();
        let directory = format!("{}/runs/{}/attempt-1", stage.directory.path().display(), spec.run);
        let program = "/usr/libexec/backupd/backupd-worker".to_owned();
        let command = vec![(program.clone(), vec![program, directory], false)];
        let value = |name: &str| seen.properties.get(name).unwrap().try_clone().unwrap();
        assert_eq!(
            Vec::<(String, Vec<String>, bool)>::try_from(value("ExecStart")).unwrap(),
            command
        );
        assert_eq!(u64::try_from(value("CapabilityBoundingSet")).unwrap(), 1 << 2);
        assert_eq!(u64::try_from(value("TimeoutStopUSec")).unwrap(), 31_000_000);
        assert!(bool::try_from(value("AddRef")).unwrap());
    }
    stage.end(&path).await;
    match stage.next().await {
        Message::WorkerGone(run, 1, Some(why)) => {
            assert_eq!((run, why.class), (spec.run, FailureClass::Interrupted));
            assert!(why.message.contains("out of memory"), "{why}");
            assert!(why.hint.unwrap().contains("memory_high"));
        }
        _ => panic!("the worker is not gone"),
    }
    assert_eq!(
        stage.calls().last().unwrap(),
        &format!("unref {}", name(spec.run))
    );
}

#[tokio::test]
async fn a_start_that_fails_says_why_and_where_to_read_more() {
    for (start, status, reason) in [
        (Start::Refused, 0, "not you"),
        (Start::Job("failed"), 226, "226/NAMESPACE"),
        (Start::Job("failed"), 203, "203/EXEC"),
        (Start::Job("canceled"), 0, "`canceled`"),
    ] {
        let mut stage = Stage::new(start).await;
        let spec = spec();
        let result = if status == 0 { "success" } else { "exit-code" };
        stage.unit(&name(spec.run), "failed", result, status).await;
        stage.launcher.launch(&spec).await.unwrap();
        match stage.next().await {
            Message::LaunchFailed(
                run,
                1,
                LaunchError::Unit {
                    unit,
                    reason: why,
                    journal,
                },
            ) => {
                assert_eq!((run, unit), (spec.run, name(spec.run)));
                assert!(why.contains(reason), "{why}");
                assert_eq!(journal, format!("journalctl -u {}", name(spec.run)));
            }
            _ => panic!("the start did not fail"),
        }
    }
}

#[tokio::test]
async fn a_worker_that_ended_at_once_says_itself_why() {
    let mut stage = Stage::new(Start::Job("failed")).await;
    let spec = spec();
    stage.unit(&name(spec.run), "failed", "exit-code", 1).await;
    let directory = stage.launcher.base.create(&spec).unwrap();
    let failure = Failure::new(FailureClass::Credentials, "no password");
    let kinds = [
        EventKind::Failure { failure },
        EventKind::Done {
            result: RunResult::Failed,
        },
    ];
    let line = |(seq, kind)| Event {
        seq,
        time: Timestamp::UNIX_EPOCH,
        kind,
    };
    let lines = (1..).zip(kinds).map(line).map(|event| event.to_line().unwrap());
    fs::write(directory.events(), lines.collect::<String>()).unwrap();
    tokio::spawn(stage.launcher.clone().run(spec.clone(), directory));
    match stage.next().await {
        Message::WorkerEvents(_, 1, events) => assert_eq!(events.len(), 2),
        _ => panic!("nobody reads what it says"),
    }
    match stage.next().await {
        Message::WorkerGone(run, 1, _) => assert_eq!(run, spec.run),
        _ => panic!("the worker is not gone"),
    }
}

#[tokio::test]
async fn a_credential_that_cannot_be_loaded_is_told_as_that() {
    let mut stage = Stage::new(Start::Job("failed")).await;
    let mut spec = spec();
    let name_of_it = "nas-password".parse().unwrap();
    spec.repository.password = PasswordSource::Credential(name_of_it);
    let store = stage.directory.path().join("credstore.encrypted");
    fs::create_dir(&store).unwrap();
    fs::write(store.join("nas-password"), "sealed elsewhere").unwrap();
    spec.repository.credentials.encrypted = vec![store.clone()];
    stage.unit(&name(spec.run), "failed", "exit-code", 243).await;
    stage.launcher.launch(&spec).await.unwrap();
    match stage.next().await {
        Message::LaunchFailed(_, 1, LaunchError::Credential(failure)) => {
            assert_eq!(failure.class, FailureClass::Credentials);
            let path = store.join("nas-password").display().to_string();
            assert!(
                failure.message.contains("`nas-password`") && failure.message.contains(&path),
                "{failure}"
            );
            assert!(
                failure
                    .hint
                    .unwrap()
                    .contains("backupctl repository set-password")
            );
        }
        _ => panic!("the start did not fail"),
    }
}

#[tokio::test]
async fn a_worker_that_came_all_the_same_is_followed() {
    let mut stage = Stage::new(Start::Refused).await;
    let spec = spec();
    stage.unit(&name(spec.run), "failed", "signal", 9).await;
    let directory = stage.launcher.base.create(&spec).unwrap();
    let lock = fs::File::create(directory.path().join(LOCK_FILE)).unwrap();
    lock.lock().unwrap();
    tokio::spawn(stage.launcher.clone().run(spec.clone(), directory));
    while !stage.calls().contains(&format!("ref {}", name(spec.run))) {
        tokio::task::yield_now().await;
    }
    drop(lock);
    match stage.next().await {
        Message::WorkerGone(_, 1, Some(why)) => assert!(why.message.contains("SIGKILL"), "{why}"),
        _ => panic!("the worker is not gone"),
    }
}

#[tokio::test]
async fn a_worker_on_its_way_to_its_lock_is_waited_for() {
    for state in ["activating", "queued inactive"] {
        let mut stage = Stage::new(Start::Refused).await;
        let spec = spec();
        let path = stage.unit(&name(spec.run), state, "signal", 9).await;
        let directory = stage.launcher.base.create(&spec).unwrap();
        stage.launcher.adopt(spec.run, 1);
        while stage.seen.lock().unwrap().asked == 0 {
            tokio::task::yield_now().await;
        }
        assert!(directory.spec().is_ok(), "the directory was claimed before");
        let lock = fs::File::create(directory.path().join(LOCK_FILE)).unwrap();
        lock.lock().unwrap();
        stage.end(&path).await;
        drop(lock);
        match stage.next().await {
            Message::WorkerGone(_, 1, Some(why)) => assert!(why.message.contains("SIGKILL"), "{why}"),
            _ => panic!("the worker is not gone"),
        }
    }
}

#[tokio::test]
async fn an_answer_goes_through_a_file_that_the_unit_is_handed() {
    let stage = Stage::new(Start::Job("done")).await;
    let mut spec = spec();
    spec.work = Work::Test;
    let unit = format!("backupd-ask-{}.service", spec.run);
    stage.unit(&unit, "failed", "exit-code", 1).await;
    let silent = stage.launcher.ask(&spec, None).await;
    assert!(matches!(silent, Err(AskError::NoAnswer(why)) if why.contains("exited with 1")));
    let seen = stage.seen.lock().unwrap();
    assert!(seen.properties.contains_key("StandardOutputFileDescriptor"));
    assert_eq!(
        seen.calls,
        [format!("start {unit} fail"), format!("unref {unit}")]
    );
}

#[tokio::test]
async fn a_question_is_over_when_its_worker_says_so_whatever_systemd_knows() {
    let stage = Stage::new(Start::Held).await;
    let mut spec = spec();
    spec.work = Work::Test;
    let launcher = stage.launcher.clone();
    let asked = tokio::spawn(async move { launcher.ask(&spec, None).await });
    // There is no object of the unit: it is over, as far as systemd says.
    while !stage.calls().iter().any(|call| call.starts_with("unref")) {
        tokio::task::yield_now().await;
    }
    let directory = directory_of(&stage.seen.lock().unwrap().properties);
    assert!(directory.exists() && !asked.is_finished());
    let done = Event {
        seq: 1,
        time: Timestamp::UNIX_EPOCH,
        kind: EventKind::Done {
            result: RunResult::Success,
        },
    };
    fs::write(directory.join(EVENTS_FILE), done.to_line().unwrap()).unwrap();
    stage.seen.lock().unwrap().held = None;
    asked.await.unwrap().unwrap();
    assert!(!directory.exists());
}

#[tokio::test]
async fn a_question_that_outlived_its_daemon_is_stopped() {
    let stage = Stage::new(Start::Refused).await;
    let questions = stage.directory.path().join("questions");
    let (held, gone) = (questions.join("HELD"), questions.join("GONE"));
    fs::create_dir_all(&held).unwrap();
    fs::create_dir_all(&gone).unwrap();
    let lock = fs::File::create(held.join(LOCK_FILE)).unwrap();
    lock.lock().unwrap();
    stage.launcher.end_questions();
    while stage.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.calls(), ["stop backupd-ask-HELD.service replace"]);
    assert!(held.exists() && !gone.exists());
    drop(lock);
    while held.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_manager_that_is_frozen_leaves_nobody_waiting() {
    let mut stage = Stage::new(Start::Refused).await;
    stage.seen.lock().unwrap().start = Some(Start::Frozen);
    tokio::time::pause();
    Systemd::new(&stage.launcher.systemd.connection).await.unwrap();
    let spec = spec();
    stage.launcher.launch(&spec).await.unwrap();
    match stage.messages.recv().await.unwrap() {
        Message::LaunchFailed(_, 1, error) => assert!(error.to_string().contains("within 120 s"), "{error}"),
        _ => panic!("the start did not fail"),
    }
    // An attempt of an earlier daemon whose worker is gone.
    stage.launcher.adopt(spec.run, 1);
    assert!(matches!(
        stage.messages.recv().await.unwrap(),
        Message::WorkerGone(_, 1, None)
    ));
}

#[tokio::test]
async fn limits_are_set_and_read_back() {
    let stage = Stage::new(Start::Refused).await;
    let run = RunId::from_parts(1, 1);
    stage.unit(&name(run), "active", "success", 0).await;
    let wanted = Limits {
        cpu_weight: Some(20),
        ..Limits::default()
    };
    let in_force = stage.launcher.limit(run, wanted).await.unwrap();
    let expected = Limits {
        cpu_weight: Some(20),
        memory_max: Some(1 << 30),
        ..Limits::default()
    };
    assert_eq!(in_force, expected);
    assert_eq!(stage.calls(), [format!("set {} true", name(run))]);
    let over = RunId::from_parts(1, 2);
    stage.unit(&name(over), "inactive", "success", 0).await;
    assert!(matches!(
        stage.launcher.limit(over, wanted).await,
        Err(LimitError::NoWorker)
    ));
}

#[tokio::test]
async fn a_stop_is_asked_of_the_unit() {
    let stage = Stage::new(Start::Refused).await;
    let run = RunId::from_parts(1, 1);
    stage.launcher.stop(run, 1);
    while stage.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.calls(), [format!("stop {} replace", name(run))]);
}

#[test]
fn every_end_has_its_words() {
    let mut spec = spec();
    let failure = |spec: &Spec, result: &str, status| {
        let result = result.to_owned();
        End { result, status }.failure(spec, "journalctl -u X")
    };
    assert_eq!(failure(&spec, "success", 0), None);
    for (result, status, words) in [
        ("signal", 11, "SIGSEGV"),
        ("signal", 64, "signal 64"),
        ("core-dump", 6, "SIGABRT"),
        ("exit-code", 1, "exited with 1"),
        ("exit-code", 243, "243/CREDENTIALS"),
        ("timeout", 9, "did not in time"),
        ("watchdog", 6, "`watchdog`"),
    ] {
        let failure = failure(&spec, result, status).unwrap();
        assert_eq!(failure.class, FailureClass::Interrupted);
        assert!(failure.message.contains(words), "{failure}");
        assert!(failure.hint.unwrap().contains("`journalctl -u X`"));
    }
    spec.repository.password = PasswordSource::Credential("nas".parse().unwrap());
    let credential = failure(&spec, "exit-code", 243).unwrap();
    assert_eq!(credential.class, FailureClass::Credentials);
    assert!(credential.message.contains("not there"), "{credential}");
    spec.resources.memory_max = Some(64 << 20);
    spec.resources.max_runtime = Some(jiff::SignedDuration::from_hours(1));
    let memory = failure(&spec, "oom-kill", 9).unwrap();
    assert!(memory.message.contains("64 MiB") && memory.hint.unwrap().contains("raise `memory_max`"));
    assert_eq!(
        failure(&spec, "timeout", 9).unwrap().class,
        FailureClass::TimedOut
    );
}
