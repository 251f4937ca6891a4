//! What is asked of `org.freedesktop.systemd1`.

use std::{future::pending, time::Duration};

use backupd_core::{resources::Limits, unit::Unit};
use futures_util::StreamExt as _;
use zbus::{
    Connection, ObjectPath, OwnedObjectPath, OwnedVariant, Variant,
    fdo::{self, PropertiesProxy},
    proxy,
    proxy::CacheProperties,
};

pub(super) use super::properties::Extra;
use super::{end::End, properties};
use crate::ports::LimitError;

/// The name of every service manager on its bus.
pub(crate) const NAME: &str = "org.freedesktop.systemd1";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const NO_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";

/// A start that has not come to an end by then will not.
const LONGEST_START: Duration = Duration::from_mins(2);
/// systemd learns of the end of a process as soon as anybody.
const SOON: Duration = Duration::from_secs(10);
/// A manager that has not answered a call by then is stopped, or worse.
const ANSWER: Duration = Duration::from_secs(10);

/// A unit that was not started.
#[derive(Debug)]
pub(super) struct NotStarted {
    pub(super) reason: String,
    /// Where it got far enough to end.
    pub(super) end: Option<End>,
}

impl From<String> for NotStarted {
    fn from(reason: String) -> Self {
        Self { reason, end: None }
    }
}

/// Properties of a unit as they are sent.
type Properties<'a> = Vec<(String, Variant<'a>)>;

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: Properties<'_>,
        others: Vec<(String, Properties<'_>)>,
    ) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn ref_unit(&self, name: &str) -> zbus::Result<()>;
    fn unref_unit(&self, name: &str) -> zbus::Result<()>;
    fn set_unit_properties(&self, name: &str, runtime: bool, properties: Properties<'_>) -> zbus::Result<()>;
    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: ObjectPath<'_>, unit: &str, result: &str) -> zbus::Result<()>;
    #[zbus(signal)]
    fn unit_removed(&self, id: &str, unit: ObjectPath<'_>) -> zbus::Result<()>;
}

/// The service manager of the daemon's bus.
#[derive(Clone)]
pub(crate) struct Systemd {
    manager: ManagerProxy<'static>,
    pub(super) connection: Connection,
}

/// Where a unit is in its life.
enum State {
    AtWork,
    Over(Option<End>),
    /// systemd does not say.
    Unknown,
}

impl Systemd {
    /// Begins to listen to the manager.
    pub(crate) async fn new(connection: &Connection) -> zbus::Result<Self> {
        let manager = ManagerProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        if let Ok(subscribed) = tokio::time::timeout(ANSWER, manager.subscribe()).await {
            subscribed?;
        } else {
            // It hears us when it is well again.
            tracing::warn!("systemd does not answer: workers start when it does");
        }
        Ok(Self {
            manager,
            connection: connection.clone(),
        })
    }

    /// Starts a unit; on failure says why not.
    pub(super) async fn start(&self, unit: &Unit, extra: Vec<Extra>) -> Result<(), NotStarted> {
        let started = tokio::time::timeout(LONGEST_START, self.try_start(unit, extra)).await;
        let result = match started {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => return Err(in_words(&error).into()),
            Err(_) => {
                self.stop(&unit.name).await;
                return Err(format!(
                    "systemd did not say within {} s whether it has",
                    LONGEST_START.as_secs()
                )
                .into());
            }
        };
        if result == "done" {
            return Ok(());
        }
        let end = self.ended_soon(&unit.name).await;
        let end = end.filter(|end| end.result != "success");
        let reason = match &end {
            Some(end) => end.in_words(),
            None => format!("systemd says `{result}`"),
        };
        Err(NotStarted { reason, end })
    }

    /// The result of the job that starts the unit.
    async fn try_start(&self, unit: &Unit, extra: Vec<Extra>) -> zbus::Result<String> {
        // Before the job is there, so that its end cannot be missed.
        let mut removed = self.manager.receive_job_removed().await?;
        let properties = properties::of_unit(unit, extra);
        let job = self
            .manager
            .start_transient_unit(&unit.name, "fail", properties, Vec::new())
            .await?;
        while let Some(signal) = removed.next().await {
            let arguments = signal.args()?;
            if arguments.job().as_str() == job.as_str() {
                return Ok((*arguments.result()).to_owned());
            }
        }
        Err(zbus::Error::Failure("the bus is gone".to_owned()))
    }

    /// Asks a unit to stop. Answers whether there is one.
    pub(super) async fn stop(&self, unit: &str) -> bool {
        match answered(self.manager.stop_unit(unit, "replace")).await {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(unit, %error, "the unit cannot be stopped");
                false
            }
        }
    }

    /// Keeps a unit known for as long as we are. Answers whether there is one; an error says that nobody can tell.
    pub(super) async fn refer(&self, unit: &str) -> zbus::Result<bool> {
        match answered(self.manager.ref_unit(unit)).await {
            Ok(()) => Ok(true),
            Err(zbus::Error::MethodError(name, ..)) if name.as_str() == NO_UNIT => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// [`Self::ended`] for a unit that is over, or about to be.
    pub(super) async fn ended_soon(&self, unit: &str) -> Option<End> {
        let end = tokio::time::timeout(SOON, self.watch(unit)).await;
        self.let_go(unit).await;
        end.ok()?.ok()?
    }

    /// Waits for the end of a unit, and lets it go; answers how it ended where systemd still knows. An error says
    /// that nobody can tell.
    pub(super) async fn ended(&self, unit: &str) -> zbus::Result<Option<End>> {
        let end = self.watch(unit).await;
        self.let_go(unit).await;
        end
    }

    /// There is nothing to let go where we did not refer to it.
    async fn let_go(&self, unit: &str) {
        let _ = answered(self.manager.unref_unit(unit)).await;
    }

    /// Waits for the end of a unit.
    pub(super) async fn watch(&self, unit: &str) -> zbus::Result<Option<End>> {
        let properties = self.properties(unit).await?;
        let mut changed = properties.receive_properties_changed().await?;
        let mut removed = self.manager.receive_unit_removed_with_args(&[(0, unit)]).await?;
        // Not on a connection without a bus.
        let mut owner = self.manager.inner().receive_owner_changed().await.ok();
        loop {
            let unknown = match self.state(&properties).await {
                State::Over(end) => return Ok(end),
                State::AtWork => false,
                State::Unknown => true,
            };
            tokio::select! {
                // Its end may have been told already.
                () = tokio::time::sleep(ANSWER), if unknown => {}
                Some(_) = changed.next() => {}
                Some(_) = removed.next() => {}
                Some(_) = async {
                    match owner.as_mut() {
                        Some(owner) => owner.next().await,
                        None => pending().await,
                    }
                } => {
                    // It began anew, or somebody else did: who listens has to say so again.
                    let _ = answered(self.manager.subscribe()).await;
                }
                else => return Ok(None),
            }
        }
    }

    async fn properties(&self, unit: &str) -> zbus::Result<PropertiesProxy<'static>> {
        let path = format!("/org/freedesktop/systemd1/unit/{}", backupd_dbus::escape(unit));
        PropertiesProxy::builder(&self.connection)
            .destination(NAME)
            .path(path)
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }

    async fn state(&self, properties: &PropertiesProxy<'_>) -> State {
        let text = async |interface: &'static str, name| {
            let value: OwnedVariant = answered(properties.get(interface.try_into()?, name)).await?;
            String::try_from(value).map_err(|error| fdo::Error::Failed(error.to_string()))
        };
        match text(UNIT, "LoadState").await {
            Ok(loaded) if loaded == "loaded" => {}
            Ok(_) | Err(fdo::Error::UnknownObject(_)) => return State::Over(None),
            Err(_) => return State::Unknown,
        }
        match text(UNIT, "ActiveState").await {
            // One whose start is queued is `inactive`, too.
            Ok(active) if active == "inactive" || active == "failed" => {
                if has_job(properties).await {
                    return State::AtWork;
                }
            }
            Ok(_) => return State::AtWork,
            Err(_) => return State::Unknown,
        }
        let Ok(result) = text(SERVICE, "Result").await else {
            return State::Over(None);
        };
        let status = number(properties, "ExecMainStatus").await.unwrap_or(0);
        State::Over(Some(End { result, status }))
    }

    /// The limits of a unit at work.
    pub(super) async fn limits(&self, unit: &str) -> Result<Limits, LimitError> {
        Ok(in_force(&self.at_work(unit).await?).await)
    }

    /// Changes limits until the unit ends; answers what is in force then.
    pub(super) async fn limit(&self, unit: &str, limits: Limits) -> Result<Limits, LimitError> {
        let properties = self.at_work(unit).await?;
        let wanted = [
            ("CPUWeight", limits.cpu_weight),
            ("IOWeight", limits.io_weight),
            ("MemoryHigh", limits.memory_high),
            ("MemoryMax", limits.memory_max),
        ];
        let wanted = wanted
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Variant::from(value?))));
        answered(self.manager.set_unit_properties(unit, true, wanted.collect()))
            .await
            .map_err(|error| refused(&error))?;
        Ok(in_force(&properties).await)
    }

    /// The properties of a unit that has a process.
    async fn at_work(&self, unit: &str) -> Result<PropertiesProxy<'static>, LimitError> {
        let properties = self.properties(unit).await.map_err(|error| refused(&error))?;
        match self.state(&properties).await {
            State::AtWork => Ok(properties),
            _ => Err(LimitError::NoWorker),
        }
    }
}

fn refused(error: &zbus::Error) -> LimitError {
    LimitError::Refused(in_words(error))
}

async fn in_force(properties: &PropertiesProxy<'_>) -> Limits {
    Limits {
        cpu_weight: limit_of(properties, "CPUWeight").await,
        io_weight: limit_of(properties, "IOWeight").await,
        memory_high: limit_of(properties, "MemoryHigh").await,
        memory_max: limit_of(properties, "MemoryMax").await,
    }
}

/// Whether something is still to be done with a unit.
async fn has_job(properties: &PropertiesProxy<'_>) -> bool {
    let Ok(interface) = UNIT.try_into() else {
        return false;
    };
    let job = answered(properties.get(interface, "Job")).await.ok();
    job.and_then(|job| <(u32, OwnedObjectPath)>::try_from(job).ok())
        .is_some_and(|(id, _)| id != 0)
}

async fn number<T: TryFrom<OwnedVariant>>(properties: &PropertiesProxy<'_>, name: &str) -> Option<T> {
    let value = answered(properties.get(SERVICE.try_into().ok()?, name))
        .await
        .ok()?;
    T::try_from(value).ok()
}

/// The largest number says that there is no limit.
async fn limit_of(properties: &PropertiesProxy<'_>, name: &str) -> Option<u64> {
    number(properties, name).await.filter(|limit| *limit != u64::MAX)
}

/// A call that the manager answers at once when it is well.
async fn answered<T, E: From<fdo::Error>>(call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(ANSWER, call).await.unwrap_or_else(|_| {
        let reason = format!("systemd does not answer within {} s", ANSWER.as_secs());
        Err(fdo::Error::Timeout(reason).into())
    })
}

/// What systemd says, without the name of the error.
fn in_words(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(_, Some(text), _) => text.clone(),
        error => error.to_string(),
    }
}
