//! A daemon that answers the contract from fixed data, and remembers what it was asked.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::{Seek as _, Write as _},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard},
};

use backupd_dbus::{
    BUS_NAME, ElapseProperties, Error, Fault, JOB_INTERFACE, JobProperties, MANAGER_INTERFACE,
    ManagerProperties, REPOSITORY_INTERFACE, ROOT_PATH, RUN_INTERFACE, RepositoryProperties, RunProperties,
    job_path, repository_path, run_path,
};
use futures_util::StreamExt as _;
use serde::{Serialize, Serializer};
use zbus::{
    Connection, MessageStream, OwnedObjectPath, Signature, Type,
    conn::Builder,
    message::{Flags, Header, Message, Type as MessageType},
};

use crate::{bus::Bus, fixtures};

/// What a method answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Nothing,
    Path(OwnedObjectPath),
    Paths(Vec<OwnedObjectPath>),
    Elapses(Vec<ElapseProperties>),
    Text(String),
    File(String, String),
    Faults(Vec<Fault>),
    Runs(Vec<RunProperties>, String),
    /// Lines through a file descriptor.
    Lines(String),
    Error(Error),
}

/// What becomes of a run when it was read.
#[derive(Clone)]
pub(crate) enum Step {
    /// It changes, and the bus is told.
    Run(Box<RunProperties>),
    /// The daemon goes away and comes back.
    Restart,
    /// The daemon goes away for good.
    Leave,
}

/// All that the daemon knows.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) manager: ManagerProperties,
    pub(crate) jobs: Vec<JobProperties>,
    pub(crate) repositories: Vec<RepositoryProperties>,
    pub(crate) runs: BTreeMap<String, RunProperties>,
    /// By member, or by member and object: `OpenSnapshots nas`.
    pub(crate) answers: HashMap<String, Answer>,
    pub(crate) steps: VecDeque<Step>,
    pub(crate) calls: Vec<String>,
    /// Whether each of these calls let the daemon ask for a password.
    pub(crate) interactive: Vec<bool>,
    /// The manager's own object is part of the managed ones.
    pub(crate) whole: bool,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) connection: Connection,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub(crate) async fn start(bus: &Bus) -> Self {
        let connection = Builder::address(bus.address.as_str()).build().await.unwrap();
        let fake = Self {
            connection,
            state: Arc::new(Mutex::new(fixtures::state())),
        };
        // The stream is there before the name, so that no call is missed.
        let calls = MessageStream::from(&fake.connection);
        fake.connection.request_name(BUS_NAME).await.unwrap();
        tokio::spawn(fake.clone().serve(calls));
        fake
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn answer(&self, member: &str, answer: Answer) {
        self.state().answers.insert(member.to_owned(), answer);
    }

    /// What was asked beside reading, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    async fn serve(self, mut calls: MessageStream) {
        while let Some(Ok(message)) = calls.next().await {
            let header = message.header();
            let ours = header
                .destination()
                .is_some_and(|name| !name.as_str().starts_with("org.freedesktop."));
            if message.message_type() == MessageType::MethodCall && ours {
                self.handle(&message, &header).await;
            }
        }
    }

    async fn handle(&self, message: &Message, header: &Header<'_>) {
        let member = header.member().unwrap().as_str();
        let path = header.path().unwrap().as_str();
        match member {
            "GetManagedObjects" => {
                let objects = self.objects();
                self.connection.reply(header, &objects).await.unwrap();
            }
            "GetAll" if path == ROOT_PATH => {
                let manager = self.state().manager.clone();
                self.connection.reply(header, &manager).await.unwrap();
            }
            "GetAll" => self.read_run(header, path).await,
            _ => {
                let object = path
                    .rsplit('/')
                    .next()
                    .and_then(backupd_dbus::unescape)
                    .unwrap_or_default();
                let arguments = message
                    .body()
                    .deserialize::<zbus::Structure<'_>>()
                    .map(|body| shown(&body));
                let call = format!("{member} {object} {}", arguments.unwrap_or_default());
                self.state().calls.push(call);
                let interactive = header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
                self.state().interactive.push(interactive);
                self.reply(header, self.answer_to(member, &object, message)).await;
            }
        }
    }

    /// A run, and then what becomes of it.
    async fn read_run(&self, header: &Header<'_>, path: &str) {
        let (run, step) = {
            let mut state = self.state();
            let run = state
                .runs
                .values()
                .find(|run| run_path(run.id.as_deref().unwrap()).as_str() == path)
                .cloned();
            (run, state.steps.pop_front())
        };
        let Some(run) = run else {
            let error = zbus::fdo::Error::UnknownObject(format!("Unknown object '{path}'"));
            return self.connection.reply_dbus_error(header, error).await.unwrap();
        };
        self.connection.reply(header, &run).await.unwrap();
        match step {
            None => {}
            Some(Step::Run(next)) => {
                let path = run_path(next.id.as_deref().unwrap());
                self.state()
                    .runs
                    .insert(next.id.clone().unwrap(), (*next).clone());
                let body = (RUN_INTERFACE, &*next, Vec::<String>::new());
                let interface = "org.freedesktop.DBus.Properties";
                let told =
                    self.connection
                        .emit_signal(None::<&str>, path, interface, "PropertiesChanged", &body);
                told.await.unwrap();
            }
            Some(Step::Restart) => {
                self.connection.release_name(BUS_NAME).await.unwrap();
                self.connection.request_name(BUS_NAME).await.unwrap();
            }
            Some(Step::Leave) => drop(self.connection.release_name(BUS_NAME).await.unwrap()),
        }
    }

    /// The answer that was set for the object, or for the member; else what an obedient daemon says.
    fn answer_to(&self, member: &str, object: &str, message: &Message) -> Answer {
        let state = self.state();
        if let Some(answer) = state
            .answers
            .get(&format!("{member} {object}"))
            .or_else(|| state.answers.get(member))
        {
            return answer.clone();
        }
        let first = || {
            message
                .body()
                .deserialize::<zbus::Structure<'_>>()
                .ok()
                .and_then(|body| <&str>::try_from(body.fields().first()?).ok().map(str::to_owned))
        };
        match member {
            "StartJob" if first().as_deref() == Some("mail") => Answer::Path(run_path(fixtures::BAD_RUN)),
            "StartJobs" => Answer::Paths(vec![run_path(fixtures::NEW_RUN), run_path(fixtures::BAD_RUN)]),
            "Trigger" => Answer::Paths(Vec::new()),
            "ListElapses" => Answer::Elapses(Vec::new()),
            "StartJob" | "Restore" => Answer::Path(run_path(fixtures::NEW_RUN)),
            "GetRun" => match first() {
                Some(id) if state.runs.contains_key(&id) => Answer::Path(run_path(&id)),
                id => Answer::Error(Error::RunNotFound(format!(
                    "there is no run `{}`",
                    id.unwrap_or_default()
                ))),
            },
            "CreateJob" => Answer::Path(job_path(&first().unwrap())),
            "CreateRepository" => Answer::Path(repository_path(&first().unwrap())),
            "ValidateJob" | "Reload" => Answer::Faults(Vec::new()),
            "ListRuns" => Answer::Runs(Vec::new(), String::new()),
            "SetEnabled" => Answer::Text("5f".to_owned()),
            _ => Answer::Nothing,
        }
    }

    async fn reply(&self, header: &Header<'_>, answer: Answer) {
        let connection = &self.connection;
        let sent = match answer {
            Answer::Nothing => connection.reply(header, &()).await,
            Answer::Path(path) => connection.reply(header, &path).await,
            Answer::Paths(paths) => connection.reply(header, &paths).await,
            Answer::Elapses(elapses) => connection.reply(header, &elapses).await,
            Answer::Text(text) => connection.reply(header, &text).await,
            Answer::File(text, revision) => connection.reply(header, &(text, revision)).await,
            Answer::Faults(faults) => connection.reply(header, &faults).await,
            Answer::Runs(runs, next) => connection.reply(header, &(runs, next)).await,
            Answer::Lines(lines) => {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(lines.as_bytes()).unwrap();
                file.rewind().unwrap();
                connection
                    .reply(header, &zbus::OwnedFd::from(OwnedFd::from(file)))
                    .await
            }
            Answer::Error(error) => connection.reply_dbus_error(header, error).await,
        };
        sent.unwrap();
    }

    fn objects(&self) -> HashMap<OwnedObjectPath, HashMap<&'static str, Properties>> {
        let state = self.state();
        let mut objects = HashMap::new();
        for job in &state.jobs {
            let properties = HashMap::from([(JOB_INTERFACE, Properties::Job(Box::new(job.clone())))]);
            objects.insert(job_path(job.name.as_deref().unwrap()), properties);
        }
        for repository in &state.repositories {
            let properties = HashMap::from([(
                REPOSITORY_INTERFACE,
                Properties::Repository(Box::new(repository.clone())),
            )]);
            objects.insert(repository_path(repository.name.as_deref().unwrap()), properties);
        }
        for run in state.runs.values() {
            let properties = HashMap::from([(RUN_INTERFACE, Properties::Run(Box::new(run.clone())))]);
            objects.insert(run_path(run.id.as_deref().unwrap()), properties);
        }
        if state.whole {
            let properties = HashMap::from([
                (
                    MANAGER_INTERFACE,
                    Properties::Manager(Box::new(state.manager.clone())),
                ),
                // A newer daemon has more than this version knows.
                (
                    "org.backupd.Backup1.Future",
                    Properties::Repository(Box::default()),
                ),
            ]);
            objects.insert(OwnedObjectPath::try_from(ROOT_PATH).unwrap(), properties);
        }
        objects
    }
}

/// Arguments of a call as text.
fn shown(body: &zbus::Structure<'_>) -> String {
    body.fields()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
        .replace("@a{sv} {}", "{}")
}

/// Properties of one of the interfaces; all are `a{sv}` on the bus.
enum Properties {
    Manager(Box<ManagerProperties>),
    Job(Box<JobProperties>),
    Repository(Box<RepositoryProperties>),
    Run(Box<RunProperties>),
}

impl Type for Properties {
    const SIGNATURE: &'static Signature = RunProperties::SIGNATURE;
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Manager(properties) => properties.serialize(serializer),
            Self::Job(properties) => properties.serialize(serializer),
            Self::Repository(properties) => properties.serialize(serializer),
            Self::Run(properties) => properties.serialize(serializer),
        }
    }
}
