//! The way to the daemon.

use std::{io, sync::Arc, time::Duration};

use backupd_dbus::{
    BUS_NAME, Error, ExitCode, Interaction, JobProxy, MANAGER_INTERFACE, ManagerProxy, ROOT_PATH,
    RUN_INTERFACE, RepositoryProxy, RunProperties, RunProxy,
};
use serde::de::DeserializeOwned;
use zbus::{Connection, ObjectPath, OwnedObjectPath, Type, conn::Builder, fdo};

use crate::{activation, agent::Agent, commands::Context, errors::Failure, objects::Objects, scope::Scope};

/// A bus and a daemon that are well answer in milliseconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// A connection to the bus of a scope.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    pub(crate) connection: Connection,
    pub(crate) scope: Scope,
    interaction: Interaction,
    agent: Arc<Agent>,
}

impl Daemon {
    /// Connects to the bus, and wakes the daemon if it sleeps.
    pub(crate) async fn connect(context: &Context<'_>) -> Result<Self, Failure> {
        let daemon = Self::bus(context.scope, context.interaction).await?;
        answered(
            context.scope,
            activation::awake(&daemon.connection, context.scope),
        )
        .await??;
        Ok(daemon)
    }

    /// The daemon if it runs; it is not started.
    pub(crate) async fn running(scope: Scope, interaction: Interaction) -> Result<Option<Self>, Failure> {
        let daemon = match Self::bus(scope, interaction).await {
            // Where there is no bus there is no daemon.
            Err(failure) if failure.code == ExitCode::Unreachable as u8 => return Ok(None),
            daemon => daemon?,
        };
        let there = answered(scope, activation::is_there(&daemon.connection)).await?;
        Ok(there.then_some(daemon))
    }

    /// The way to the daemon, be it there or not.
    async fn bus(scope: Scope, interaction: Interaction) -> Result<Self, Failure> {
        let builder = match scope {
            Scope::System => Builder::system(),
            Scope::User => Builder::session(),
        };
        // No time limit: to open a repository over a slow line may take minutes, and Ctrl-C is always there.
        let connection = answered(scope, builder.build())
            .await?
            .map_err(|error| no_bus(&error, scope))?;
        Ok(Self {
            connection,
            scope,
            interaction,
            agent: Arc::new(Agent::new(scope, interaction)),
        })
    }

    /// Turns an error of the daemon into a failure.
    pub(crate) fn failure(&self, error: Error) -> Failure {
        Failure::from_daemon(error, self.scope)
    }

    /// All jobs, repositories, runs and the manager, in the time of one question: the specification leaves the
    /// object manager's own object out of its answer, so both are asked at once.
    pub(crate) async fn objects(&self) -> Result<Objects, Failure> {
        let interface = "org.freedesktop.DBus.ObjectManager";
        let questions = async {
            tokio::join!(
                self.call::<_, Objects>(ROOT_PATH, interface, "GetManagedObjects", &()),
                self.properties(ROOT_PATH, MANAGER_INTERFACE),
            )
        };
        let (objects, manager) = answered(self.scope, questions).await?;
        let mut objects = objects?;
        objects.manager = manager?;
        objects.sort();
        Ok(objects)
    }

    /// All properties of an object at once.
    pub(crate) async fn properties<T: DeserializeOwned + Type>(
        &self,
        path: &str,
        interface: &str,
    ) -> Result<T, Failure> {
        self.call(path, "org.freedesktop.DBus.Properties", "GetAll", &(interface,))
            .await
    }

    /// The properties of a run; one whose object has gone gets it back for a while.
    pub(crate) async fn run(&self, id: &str) -> Result<RunProperties, Failure> {
        let path = backupd_dbus::run_path(id);
        let reply = self
            .raw(
                path.as_str(),
                "org.freedesktop.DBus.Properties",
                "GetAll",
                &(RUN_INTERFACE,),
            )
            .await;
        match reply {
            Ok(properties) => Ok(properties),
            Err(error) if is_unknown_object(&error) => {
                let path = self.reader().await?.get_run(id, &[].into()).await;
                let path = path.map_err(|error| self.failure(error))?;
                self.properties(path.as_str(), RUN_INTERFACE).await
            }
            Err(error) => Err(self.failure(Error::ZBus(error))),
        }
    }

    async fn call<B, T>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<T, Failure>
    where
        B: serde::Serialize + zbus::DynamicType,
        T: DeserializeOwned + Type,
    {
        self.raw(path, interface, method, body)
            .await
            .map_err(|error| self.failure(Error::ZBus(error)))
    }

    async fn raw<B, T>(&self, path: &str, interface: &str, method: &str, body: &B) -> zbus::Result<T>
    where
        B: serde::Serialize + zbus::DynamicType,
        T: DeserializeOwned + Type,
    {
        let reply = self
            .connection
            .call_method(Some(BUS_NAME), path, Some(interface), method, body)
            .await?;
        reply.body().deserialize()
    }

    /// The manager, to look at things: nobody needs a password for that, as polkit comes.
    pub(crate) async fn reader(&self) -> Result<ManagerProxy<'static>, Failure> {
        self.proxy(ManagerProxy::new(&self.connection, ROOT_PATH, self.interaction))
            .await
    }

    /// The manager, to change things.
    pub(crate) async fn manager(&self) -> Result<ManagerProxy<'static>, Failure> {
        self.agent.ready().await;
        self.reader().await
    }

    pub(crate) async fn job(&self, name: &str) -> Result<JobProxy<'static>, Failure> {
        self.agent.ready().await;
        let path = backupd_dbus::job_path(name);
        self.proxy(JobProxy::new(&self.connection, path, self.interaction))
            .await
    }

    pub(crate) async fn repository(&self, name: &str) -> Result<RepositoryProxy<'static>, Failure> {
        self.agent.ready().await;
        let path = backupd_dbus::repository_path(name);
        self.proxy(RepositoryProxy::new(&self.connection, path, self.interaction))
            .await
    }

    pub(crate) async fn run_proxy(&self, path: OwnedObjectPath) -> Result<RunProxy<'static>, Failure> {
        self.agent.ready().await;
        self.proxy(RunProxy::new(&self.connection, path, self.interaction))
            .await
    }

    async fn proxy<P>(&self, made: impl Future<Output = zbus::Result<P>>) -> Result<P, Failure> {
        made.await.map_err(|error| self.failure(Error::ZBus(error)))
    }
}

/// The id in a run's path.
pub(crate) fn run_id(path: &ObjectPath<'_>) -> Result<String, Failure> {
    path.as_str()
        .rsplit('/')
        .next()
        .and_then(backupd_dbus::unescape)
        .ok_or_else(|| Failure::internal(format!("`{path}` is no path of a run")))
}

/// Whether there is no object at the path.
pub(crate) fn is_unknown_object(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::FDO(error) if matches!(
        **error,
        fdo::Error::UnknownObject(_) | fdo::Error::UnknownInterface(_) | fdo::Error::UnknownMethod(_)
    ))
}

/// What is answered at once by whoever is well.
async fn answered<T>(scope: Scope, question: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, question).await.map_err(|_| {
        Failure::unreachable(format!(
            "neither the {} nor the daemon on it has answered for {} s",
            scope.bus(),
            PATIENCE.as_secs()
        ))
        .hint(scope.log_hint())
    })
}

fn no_bus(error: &zbus::Error, scope: Scope) -> Failure {
    let message = format!("there is no {}: {error}", scope.bus());
    let refused = |kind| Failure::new("AccessDenied", ExitCode::NotAuthorised, kind);
    match error {
        zbus::Error::Connection(cause, address) if cause.kind() == io::ErrorKind::PermissionDenied => {
            refused(format!(
                "the {} at `{address}` refused the connection: {cause}",
                scope.bus()
            ))
        }
        zbus::Error::Handshake(text) => {
            refused(format!("the {} refused the connection: {text}", scope.bus()))
        }
        zbus::Error::Connection(cause, address) => {
            Failure::unreachable(format!("there is no {} at `{address}`: {cause}", scope.bus()))
                .hint(bus_hint(scope))
        }
        _ => Failure::unreachable(message).hint(bus_hint(scope)),
    }
}

fn bus_hint(scope: Scope) -> &'static str {
    match scope {
        Scope::System => {
            "the system bus is started with the machine, by `dbus.service`; your own daemon is reached \
            with `--user`"
        }
        Scope::User => {
            "log in, or run both daemon and client under `dbus-run-session`; the machine's daemon is \
            reached with `--system`"
        }
    }
}
