//! The test's own connection to the bus. Calls wait for their answers, no longer than the deadline.

use std::{collections::HashMap, future::Future, sync::Arc};

use backupd_dbus::{
    BUS_NAME, Error, Interaction, JOB_INTERFACE, JobProperties, MANAGER_INTERFACE, ManagerProperties,
    ManagerProxy, REPOSITORY_INTERFACE, ROOT_PATH, RUN_INTERFACE, RepositoryProperties, RunProperties,
    job_path, repository_path, run_path,
};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use zbus::{
    Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, Type, Variant, message,
};

use crate::{Listener, wait::DEADLINE};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// What `GetManagedObjects` answers: interfaces and their properties, by path.
pub type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

/// See the module.
pub struct Bus {
    runtime: Arc<Runtime>,
    pub connection: Connection,
}

impl Bus {
    pub fn connect(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connect = async {
            loop {
                match zbus::connection::Builder::address(address).build().await {
                    Ok(connection) => return connection,
                    // The file of the socket is there before somebody listens.
                    Err(zbus::Error::Connection(error, _) | zbus::Error::InputOutput(error))
                        if error.kind() == std::io::ErrorKind::ConnectionRefused =>
                    {
                        tokio::task::yield_now().await;
                    }
                    Err(error) => panic!("the bus at `{address}` cannot be reached: {error}"),
                }
            }
        };
        let connection = runtime
            .block_on(async { tokio::time::timeout(DEADLINE, connect).await })
            .expect("the bus answers");
        Self {
            runtime: Arc::new(runtime),
            connection,
        }
    }

    /// Waits for a future, no longer than the deadline.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime
            .block_on(async { tokio::time::timeout(DEADLINE, future).await })
            .expect("the answer comes before the deadline")
    }

    /// Calls a method of the daemon.
    pub fn call<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let call = self
            .connection
            .call_method(Some(BUS_NAME), path, Some(interface), method, body);
        self.wait(call)
    }

    /// All properties of an object.
    pub fn properties<T: DeserializeOwned + Type>(&self, path: &str, interface: &str) -> zbus::Result<T> {
        self.call(path, PROPERTIES, "GetAll", &(interface,))?
            .body()
            .deserialize()
    }

    pub fn manager_properties(&self) -> ManagerProperties {
        self.properties(ROOT_PATH, MANAGER_INTERFACE).unwrap()
    }

    pub fn job(&self, name: &str) -> JobProperties {
        self.properties(&job_path(name), JOB_INTERFACE).unwrap()
    }

    pub fn repository(&self, name: &str) -> RepositoryProperties {
        self.properties(&repository_path(name), REPOSITORY_INTERFACE)
            .unwrap()
    }

    pub fn run(&self, id: &str) -> RunProperties {
        self.properties(&run_path(id), RUN_INTERFACE)
            .unwrap_or_else(|error| panic!("run {id}: {error}"))
    }

    pub fn objects(&self) -> Objects {
        self.call(
            ROOT_PATH,
            "org.freedesktop.DBus.ObjectManager",
            "GetManagedObjects",
            &(),
        )
        .unwrap()
        .body()
        .deserialize()
        .unwrap()
    }

    /// Paths of all objects of a kind: `job`, `repository` or `run`.
    pub fn paths(&self, kind: &str) -> Vec<String> {
        let prefix = format!("{ROOT_PATH}/{kind}/");
        let mut paths: Vec<String> = self.objects().keys().map(ToString::to_string).collect();
        paths.retain(|path| path.starts_with(&prefix));
        paths.sort();
        paths
    }

    /// The manager.
    pub fn manager(&self) -> ManagerProxy<'static> {
        self.wait(ManagerProxy::new(
            &self.connection,
            ROOT_PATH,
            Interaction::Forbidden,
        ))
        .unwrap()
    }

    /// Starts a job; answers the id of its run.
    pub fn start(&self, job: &str) -> Result<String, Error> {
        self.start_with(job, &HashMap::new())
    }

    pub fn start_with(&self, job: &str, options: &HashMap<&str, Variant<'_>>) -> Result<String, Error> {
        let path = self.wait(self.manager().start_job(job, options))?;
        Ok(id_of(&path))
    }

    pub fn cancel(&self, id: &str) -> zbus::Result<()> {
        let options: HashMap<&str, Variant<'_>> = HashMap::new();
        self.call(&run_path(id), RUN_INTERFACE, "Cancel", &(options,))
            .map(drop)
    }

    /// Waits until a run is in this state; answers its properties.
    pub fn wait_for_state(&self, id: &str, state: &str) -> RunProperties {
        self.wait_for_run(id, state, |run| run.state.as_deref() == Some(state))
    }

    /// Waits until a run is over.
    pub fn wait_for_end(&self, id: &str) -> RunProperties {
        self.wait_for_state(id, "finished")
    }

    /// Waits until a run looks like that.
    pub fn wait_for_run(
        &self,
        id: &str,
        what: &str,
        is_so: impl Fn(&RunProperties) -> bool,
    ) -> RunProperties {
        let listener = self.listen();
        let path = run_path(id);
        let found = listener.until(|signal| {
            let of_run = signal.is_none_or(|signal| signal.path() == path.as_str());
            of_run.then(|| self.run(id)).filter(&is_so)
        });
        found.unwrap_or_else(|| panic!("in vain waited for {what} of run {id}"))
    }

    /// All runs of the store that match.
    pub fn history(&self, filter: &HashMap<&str, Variant<'_>>) -> Vec<RunProperties> {
        let (runs, _) = self
            .wait(self.manager().list_runs(filter, &HashMap::new()))
            .unwrap();
        runs
    }

    /// Signals of the daemon from now on.
    pub fn listen(&self) -> Listener {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .path_namespace(ROOT_PATH)
            .build()
            .unwrap();
        self.listen_to(&rule)
    }

    /// Changes of the owner of the daemon's name from now on.
    pub(crate) fn listen_for_name(&self) -> Listener {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .add_arg(BUS_NAME)
            .build()
            .unwrap();
        self.listen_to(&rule)
    }

    pub fn listen_to(&self, rule: &MatchRule<'_>) -> Listener {
        let (listener, put) = Listener::new();
        let rule: zbus::OwnedMatchRule = rule.to_owned().into();
        let mut stream = self
            .wait(MessageStream::for_match_rule(rule, &self.connection, None))
            .unwrap();
        self.runtime.spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                if !put(message) {
                    return;
                }
            }
        });
        listener
    }

    /// The process that owns the daemon's name.
    pub fn owner_pid(&self) -> Option<u32> {
        let bus = "org.freedesktop.DBus";
        let call = self.connection.call_method(
            Some(bus),
            "/org/freedesktop/DBus",
            Some(bus),
            "GetConnectionUnixProcessID",
            &(BUS_NAME,),
        );
        self.wait(call).ok()?.body().deserialize().ok()
    }

    pub(crate) fn wait_without_owner(&self) {
        let listener = self.listen_for_name();
        listener.until(|_| self.owner_pid().is_none().then_some(()));
    }
}

/// The id in a run's path.
pub fn id_of(path: &OwnedObjectPath) -> String {
    let element = path.as_str().rsplit('/').next().unwrap();
    backupd_dbus::unescape(element).unwrap()
}

/// The name of an error that came over the bus, without the common beginning.
pub fn error_name(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, _, _) => name
            .as_str()
            .trim_start_matches("org.backupd.Backup1.Error.")
            .to_owned(),
        zbus::Error::FDO(error) => zbus::DBusError::name(&**error).to_string(),
        other => panic!("no error of a method: {other:?}"),
    }
}
