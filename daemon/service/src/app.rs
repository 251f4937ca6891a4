//! Builds every part, lets them work, and says which one ended.

use std::{fs::File, path::PathBuf, sync::Arc, time::Duration};

use backupd_core::{config::Settings, unit::ServiceManager};
use jiff::Timestamp;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use zbus::{Connection, fdo::RequestNameFlags};

use crate::{
    alarm::Alarm,
    bus::{Authority, Facts, OwnerOnly, Polkit, Publisher},
    clock::SystemClock,
    conditions::{self, Conditions, Sources},
    configuration::{AskWorker, ENCRYPTION_KEY},
    coordinator::{Common, Coordinator, Inbox, Message, Outbox, Parts},
    failure::Failure,
    ids::Ids,
    journal::messages,
    launch::{self, Base, ChildLauncher, LauncherSettings, ProgressSocket, SystemdLauncher},
    logging::LogLevel,
    notify::{Notifier, Systemd, patiently},
    ports::{Launcher, Store},
    power::{self, Logind},
    scope::{Directories, Scope},
    settings::{self, Layers},
    store::SqliteStore,
    triggers::{self, Triggers},
    zones::{self, Places, SystemZones},
};

/// A bus that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long the last replies may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What works for as long as the daemon lives.
struct Running {
    connection: Connection,
    /// Those over which others are asked.
    asking: Vec<Connection>,
    store: Arc<SqliteStore>,
    notifier: Arc<Systemd>,
    outbox: Arc<Outbox>,
    coordinator: JoinHandle<()>,
    publisher: JoinHandle<zbus::Error>,
    progress: JoinHandle<std::io::Error>,
    alarm: JoinHandle<std::io::Error>,
}

/// Runs the daemon until a signal tells it to end.
pub(crate) async fn run(scope: Scope, directories: Directories, log: LogLevel) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let (inbox, messages) = Coordinator::channel();
    let mut running = tokio::select! {
        // A bus that does not answer must not keep anybody from ending us.
        () = signals.wait(&inbox) => return Ok(()),
        started = start(scope, &directories, log, inbox.clone(), messages) => started?,
    };
    running.notifier.ready();
    tracing::info!(
        MESSAGE_ID = messages::READY,
        "backupd {} is ready ({} scope)",
        env!("CARGO_PKG_VERSION"),
        scope.as_str()
    );

    let ended = |what, why: Result<String, tokio::task::JoinError>| {
        Failure::Ended(what, why.unwrap_or_else(|error| error.to_string()))
    };
    let outcome = tokio::select! {
        () = signals.wait(&inbox) => Ok(()),
        end = &mut running.coordinator => Err(ended("the coordinator", end.map(|()| "it was told to".to_owned()))),
        end = &mut running.publisher => Err(ended("the connection to the bus", end.map(|e| e.to_string()))),
        end = &mut running.progress => Err(ended("the progress socket", end.map(|e| e.to_string()))),
        end = &mut running.alarm => Err(ended("the alarm", end.map(|e| e.to_string()))),
        () = running.store.ended() => Err(Failure::Ended("the store", "its thread is gone".to_owned())),
        () = running.connection.closed() => {
            Err(Failure::Ended("the connection to the bus", "the bus is gone".to_owned()))
        }
        () = any_closed(&running.asking) => {
            Err(Failure::Ended("a connection to systemd or polkit", "the bus is gone".to_owned()))
        }
    };
    if outcome.is_ok() {
        tracing::info!(
            MESSAGE_ID = messages::STOPPING,
            "backupd ends; runs at work go on"
        );
        running.end(&inbox).await;
    }
    outcome
}

impl Running {
    /// Ends every part in order: nothing changes any more, all of it is kept, the last answers go out.
    async fn end(mut self, inbox: &Inbox) {
        self.notifier.stopping();
        inbox.stop().await;
        let _ = (&mut self.coordinator).await;
        self.store.close().await;
        // A bus that hangs is not waited for.
        let _ = tokio::time::timeout(LAST_WORDS, async {
            self.outbox.flushed().await;
            self.publisher.abort();
            let _ = (&mut self.publisher).await;
            self.connection.graceful_shutdown().await;
        })
        .await;
    }
}

/// Builds every part and connects them.
async fn start(
    scope: Scope,
    directories: &Directories,
    log: LogLevel,
    inbox: Inbox,
    messages: mpsc::Receiver<Message>,
) -> Result<Running, Failure> {
    let started = Timestamp::now();
    let notifier = Arc::new(Systemd);
    let (store, troubles) = open_store(directories, started, &*notifier).await?;
    let store = Arc::new(store);
    let connection = connect(scope).await?;
    // What we ask of others goes another way than what is asked of us: neither can use up the other's share of the bus,
    // and ours can be closed as soon as the last answer has gone out.
    let manager = connect(scope).await?;

    let (launcher, reason, base) = launcher(scope, directories, &log, inbox.clone(), &manager).await?;
    let socket_path = directories.runtime.join("progress.sock");
    let socket = ProgressSocket::bind(&socket_path)
        .map_err(|error| Failure::System("the progress socket cannot be made", error))?;
    let (asked, times) = watch::channel(None);
    let (power, power_locks) = Logind::new();
    let (surroundings, conditions_wanted) = Conditions::new();
    let (watcher, to_watch) = Triggers::new();
    let parts = Parts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        launcher: Arc::clone(&launcher),
        clock: Arc::new(SystemClock),
        ids: Arc::new(Ids::new(Arc::new(SystemClock))),
        notifier: Arc::clone(&notifier) as Arc<dyn Notifier>,
        power: Box::new(power),
        surroundings: Box::new(surroundings),
        watcher: Box::new(watcher),
        zones: Box::new(SystemZones),
        programs: Arc::new(AskWorker(base.clone())),
        machine: machine(),
        configuration: directories.configuration.clone(),
        common: Common {
            credentials: directories.credentials.clone(),
            cache: directories.repositories(),
        },
        progress_socket: Some(socket_path),
        alarm: asked,
        settings_changed: Box::new(move |settings| {
            log.set(&settings.log);
            base.configure(worker(settings), grace(settings));
        }),
        troubles,
    };
    // From before the clock and the zones are first read.
    let alarm = Alarm::new().map_err(|error| Failure::System("the alarm cannot be made", error))?;
    match zones::Watcher::new(Places::system()) {
        Ok(watcher) => drop(tokio::spawn(watcher.serve(inbox.clone()))),
        Err(error) => zones::blind(&error),
    }
    let mut coordinator = Coordinator::new(parts, inbox.clone(), messages);
    coordinator.begin().await?;

    let facts = Facts {
        scope: scope.as_str(),
        launcher: launcher.name(),
        launcher_reason: reason.unwrap_or_default(),
        started,
        configuration: directories.configuration.display().to_string(),
        state: directories.state.display().to_string(),
    };
    let (outbox, handle) = (coordinator.outbox(), coordinator.handle());
    let mut asking = vec![manager.clone()];
    let authority: Arc<dyn Authority> = match scope {
        // A connection of its own: however many calls wait for polkit, nothing else waits for them.
        Scope::System => {
            let polkit = connect(scope).await?;
            asking.push(polkit.clone());
            Arc::new(Polkit::new(polkit))
        }
        Scope::User => Arc::new(OwnerOnly::new()),
    };
    let sources = Sources::of_machine(scope, &manager, handle.clone());
    let mut publisher = Publisher::new(connection.clone(), Arc::clone(&outbox), handle, authority, &facts);
    publisher.begin().await.map_err(|error| {
        Failure::Bus(format!(
            "the bus refuses our objects: {error}\nhint: start backupd again; look at what the bus says"
        ))
    })?;
    let means = triggers::Means {
        launcher,
        clock: Arc::new(SystemClock),
        ids: Arc::new(Ids::new(Arc::new(SystemClock))),
        own: [&directories.state, &directories.cache, &directories.runtime]
            .map(Clone::clone)
            .into(),
        inbox: inbox.clone(),
    };
    tokio::spawn(triggers::serve(means, to_watch));
    tokio::spawn(power::serve(scope, manager.clone(), power_locks, inbox.clone()));
    tokio::spawn(conditions::serve(sources, conditions_wanted, inbox.clone()));
    let running = Running {
        connection,
        asking,
        store,
        notifier,
        outbox,
        coordinator: tokio::spawn(coordinator.run()),
        publisher: tokio::spawn(publisher.serve()),
        progress: tokio::spawn(socket.serve(inbox.clone())),
        alarm: tokio::spawn(alarm.serve(times, inbox)),
    };
    own_name(scope, &running.connection).await?;
    Ok(running)
}

/// The store, and what there is to say about it.
async fn open_store(
    directories: &Directories,
    now: Timestamp,
    notifier: &dyn Notifier,
) -> Result<(SqliteStore, Vec<String>), Failure> {
    let path = directories.state.join("backupd.db");
    let opening = SqliteStore::open(&path, now);
    let store = patiently(
        notifier,
        "Opening the store; a migration or a check takes its time",
        opening,
    )
    .await?;
    let trouble = store.set_aside().map(|aside| {
        format!(
            "the store was damaged and is set aside as `{}`: its history is not shown",
            aside.display()
        )
    });
    if let Some(trouble) = &trouble {
        tracing::error!(MESSAGE_ID = messages::STORE_SET_ASIDE, "{trouble}");
    }
    Ok((store, trouble.into_iter().collect()))
}

/// The launcher, why it is not systemd, and what it has of the settings.
async fn launcher(
    scope: Scope,
    directories: &Directories,
    log: &LogLevel,
    inbox: Inbox,
    connection: &Connection,
) -> Result<(Arc<dyn Launcher>, Option<String>, Base), Failure> {
    let settings = settings::load(&directories.configuration, &Layers::new()).settings;
    log.set(&settings.log);
    let questions = directories.cache.join("questions");
    let manager = match scope {
        Scope::System => ServiceManager::System,
        Scope::User => ServiceManager::User,
    };
    let base = LauncherSettings {
        manager,
        worker: worker(&settings),
        runs: directories.state.join("runs"),
        questions,
        grace: grace(&settings),
        secret_variables: vec![ENCRYPTION_KEY.to_owned()],
    };
    let base = Base::new(base, inbox);
    match launch::choose(settings.launcher, manager, connection).await {
        Ok(systemd) => {
            let launcher = SystemdLauncher::new(base.clone(), systemd);
            launcher.end_questions();
            Ok((Arc::new(launcher), None, base))
        }
        Err(reason) => {
            launch::children_serve(settings.launcher, &reason, launch::is_confined(manager))?;
            tracing::info!("workers are plain children, and not units of systemd: {reason}");
            let launcher = Arc::new(ChildLauncher::new(base.clone()));
            launcher.end_questions();
            Ok((launcher, Some(reason.to_string()), base))
        }
    }
}

/// Holds the state directory, so that no second daemon works on it.
pub(crate) fn claim(scope: Scope, directories: &Directories) -> Result<File, Failure> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(directories.state.join("backupd.lock"))
        .map_err(|error| Failure::System("the state directory cannot be locked", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::AnotherDaemon {
            state: directories.state.clone(),
            scope: scope.as_str(),
        }),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(Failure::System("the state directory cannot be locked", error))
        }
    }
}

async fn connect(scope: Scope) -> Result<Connection, Failure> {
    let connecting = async {
        match scope {
            Scope::System => Connection::system().await,
            Scope::User => Connection::session().await,
        }
    };
    let connected = tokio::time::timeout(PATIENCE, connecting)
        .await
        .unwrap_or_else(|_| Err(zbus::Error::Failure("it does not answer".to_owned())));
    connected.map_err(|error| {
        let (bus, hint) = match scope {
            Scope::System => ("system", "is `dbus.service` running?"),
            Scope::User => (
                "session",
                "log in through a session that has a bus, or run backupd under `dbus-run-session`",
            ),
        };
        Failure::Bus(format!("the {bus} bus cannot be reached: {error}\nhint: {hint}"))
    })
}

/// Becomes ready when one of them is lost; without it, the daemon would go on by half.
async fn any_closed(connections: &[Connection]) {
    futures_util::future::select_all(connections.iter().map(|connection| Box::pin(connection.closed())))
        .await;
}

/// Takes the name, once everything is served.
async fn own_name(scope: Scope, connection: &Connection) -> Result<(), Failure> {
    let name = backupd_dbus::BUS_NAME;
    match connection
        .request_name_with_flags(name, RequestNameFlags::DO_NOT_QUEUE)
        .await
    {
        Ok(_) => Ok(()),
        Err(zbus::Error::NameTaken) => Err(Failure::Bus(format!(
            "another process owns the bus name `{name}`\nhint: `busctl --{} status {name}` shows which",
            scope.as_str()
        ))),
        Err(error) => Err(Failure::Forbidden {
            name,
            reason: error.to_string(),
        }),
    }
}

/// What tells this machine from others: its id, or else its name.
fn machine() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" => nix::unistd::gethostname()
            .map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned()),
        id => id.to_owned(),
    }
}

/// The worker that the settings name, or else the one that was installed with us.
fn worker(settings: &Settings) -> PathBuf {
    const INSTALLED: &str = "/usr/libexec/backupd/backupd-worker";
    settings.worker.clone().unwrap_or_else(|| {
        std::env::current_exe()
            .ok()
            .and_then(|own| Some(own.parent()?.join("backupd-worker")))
            .filter(|beside| beside.exists())
            .unwrap_or_else(|| PathBuf::from(INSTALLED))
    })
}

fn grace(settings: &Settings) -> Duration {
    settings.cancel_grace.unsigned_abs()
}

/// SIGTERM and SIGINT end the daemon, SIGHUP is a reload.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::System("signals cannot be listened for", error));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Becomes ready when the daemon is to end.
    async fn wait(&mut self, inbox: &Inbox) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => inbox.reload().await,
            }
        }
    }
}
