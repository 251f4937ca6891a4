//! What runs wait for: power, network, mounts, devices, load, memory, hosts.
//!
//! Each kind has a task that lives while one of its conditions is wanted: where nothing is wanted, nothing is watched
//! and nobody wakes. A service that is absent, does not answer or talks nonsense is no reason to hold a backup: then
//! nobody can tell, and the condition holds.

mod device;
mod gauge;
mod mount;
mod network;
mod patience;
mod power;
mod reach;
mod service;
mod teller;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use backupd_core::condition::{Condition, Standing};
use tokio::{sync::watch, task::JoinHandle};
use zbus::Connection;

use self::teller::Teller;
use crate::{
    coordinator::{Handle, Inbox},
    ports::Surroundings,
    scope::Scope,
};

/// What is wanted, each with the number of the wish that brought it: what comes back after it was not wanted is told
/// again, even if it stands as it did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    wish: u64,
    conditions: BTreeMap<Condition, u64>,
}

impl Wanted {
    /// Takes a new wish. Answers whether it is another.
    fn replace(&mut self, conditions: BTreeSet<Condition>) -> bool {
        if self.conditions.keys().eq(&conditions) {
            return false;
        }
        self.wish += 1;
        self.conditions
            .retain(|condition, _| conditions.contains(condition));
        for condition in conditions {
            self.conditions.entry(condition).or_insert(self.wish);
        }
        true
    }
}

/// Passes on what the coordinator wants.
pub(crate) struct Conditions(watch::Sender<Wanted>);

impl Conditions {
    /// The port, and what [`serve`] follows.
    pub(crate) fn new() -> (Self, watch::Receiver<Wanted>) {
        let (wanted, follow) = watch::channel(Wanted::default());
        (Self(wanted), follow)
    }
}

impl Surroundings for Conditions {
    fn want(&self, conditions: BTreeSet<Condition>) {
        self.0.send_if_modified(|wanted| wanted.replace(conditions));
    }
}

/// Who is asked.
#[derive(Clone)]
pub(crate) struct Sources {
    /// The system's bus, where the daemon is on it; else there is a connection while something is asked there.
    system_bus: Option<Connection>,
    /// The kernel's `loadavg` and `meminfo` are here.
    kernel: PathBuf,
    mounts: PathBuf,
    /// Who looks for hosts: the daemon itself speaks to none.
    worker: Option<Handle>,
}

impl Sources {
    /// The machine that the daemon runs on; `connection` is to the bus of its scope.
    pub(crate) fn of_machine(scope: Scope, connection: &Connection, handle: Handle) -> Self {
        Self {
            system_bus: matches!(scope, Scope::System).then(|| connection.clone()),
            kernel: "/proc".into(),
            mounts: "/proc/self/mountinfo".into(),
            worker: Some(handle),
        }
    }

    async fn system_bus(&self) -> zbus::Result<Connection> {
        match &self.system_bus {
            Some(connection) => Ok(connection.clone()),
            None => Connection::system().await,
        }
    }
}

/// What is looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Power,
    Network,
    Mounts,
    Devices,
    Gauges,
    Places,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Power => "the power supply",
            Self::Network => "the network",
            Self::Mounts => "what is mounted",
            Self::Devices => "what devices there are",
            Self::Gauges => "the load and free memory",
            Self::Places => "what hosts can be reached",
        })
    }
}

fn kind(condition: &Condition) -> Kind {
    match condition {
        Condition::AcPower | Condition::BatteryAbove(_) => Kind::Power,
        Condition::Unmetered | Condition::Online => Kind::Network,
        Condition::Mounted(_) => Kind::Mounts,
        Condition::Device(_) => Kind::Devices,
        Condition::LoadBelow(_) | Condition::FreeMemory(_) => Kind::Gauges,
        Condition::Reachable(_) => Kind::Places,
    }
}

/// A task that looks after one kind; it ends when this is dropped.
struct Follower {
    wanted: watch::Sender<Wanted>,
    task: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells the inbox how what is wanted stands, for as long as the daemon lives.
pub(crate) async fn serve(sources: Sources, mut wanted: watch::Receiver<Wanted>, inbox: Inbox) {
    let mut followers: BTreeMap<Kind, Follower> = BTreeMap::new();
    loop {
        let mut kinds: BTreeMap<Kind, Wanted> = BTreeMap::new();
        for (condition, number) in &wanted.borrow_and_update().conditions {
            let part = kinds.entry(kind(condition)).or_default();
            part.conditions.insert(condition.clone(), *number);
        }
        followers.retain(|kind, _| kinds.contains_key(kind));
        for (kind, part) in kinds {
            if let Some(follower) = followers.get(&kind) {
                follower.wanted.send_replace(part);
                continue;
            }
            let (wanted, follow) = watch::channel(part);
            let teller = Teller::new(follow, inbox.clone());
            let task = tokio::spawn(look_after(kind, sources.clone(), teller));
            followers.insert(kind, Follower { wanted, task });
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

/// Never ends: where a source fails, everything of its kind holds from then on.
async fn look_after(kind: Kind, sources: Sources, mut teller: Teller) {
    if let Err(error) = follow(kind, &sources, &mut teller).await {
        tracing::info!(%error, "nobody can tell how {kind} stands: what asks for it holds");
    }
    loop {
        teller.tell(|_| Standing::Holds).await;
        teller.changed().await;
    }
}

async fn follow(kind: Kind, sources: &Sources, teller: &mut Teller) -> zbus::Result<()> {
    match kind {
        Kind::Power => power::follow(&sources.system_bus().await?, teller).await,
        Kind::Network => network::follow(&sources.system_bus().await?, teller).await,
        Kind::Mounts => Ok(mount::follow(&sources.mounts, teller).await?),
        Kind::Devices => Ok(device::follow(&sources.mounts, teller).await?),
        Kind::Gauges => gauge::follow(&sources.kernel, teller).await,
        Kind::Places => match &sources.worker {
            Some(worker) => reach::follow(worker, teller).await,
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests;
