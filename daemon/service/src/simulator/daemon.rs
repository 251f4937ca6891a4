//! One life of the daemon: the real coordinator, taken step by step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use backupd_core::{
    condition::{Condition, Standing},
    config::{Catalog, Settings},
    name::JobName,
    protocol::CredentialStores,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    engine::Engine,
    ground::{Ground, Happening},
    memory::Memory,
};
use crate::{
    alarm::Bell,
    configuration::AllPrograms,
    coordinator::{Changes, Common, Coordinator, Handle, Inbox, JobView, ObjectKey, Parts, Refusal, View},
    ids::Ids,
    ports::{Clock as _, Power, PowerLocks, Surroundings, Watch, Watcher, Zones},
    testing::Quiet,
};

/// What lasts while daemons come and go.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) ground: Arc<Ground>,
    pub(super) memory: Arc<Memory>,
    pub(super) engine: Arc<Engine>,
    pub(super) zone: Arc<Mutex<TimeZone>>,
    pub(super) conditions: Arc<Mutex<Conditions>>,
    pub(super) configuration: std::path::PathBuf,
}

/// How conditions stand, and what the daemon knows of that.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) fails: BTreeSet<Condition>,
    pub(super) wanted: BTreeSet<Condition>,
    /// Whether each holds, as the daemon was told.
    pub(super) told: BTreeMap<Condition, bool>,
    /// The same, with what it has forgotten since.
    pub(super) last_told: BTreeMap<Condition, bool>,
}

impl Conditions {
    /// A new daemon knows nothing.
    fn forget(&mut self) {
        *self = Self {
            fails: std::mem::take(&mut self.fails),
            ..Self::default()
        };
    }
}

/// The coordinator, and what it talks to.
pub(super) struct Daemon {
    pub(super) coordinator: Coordinator,
    pub(super) inbox: Inbox,
    pub(super) handle: Handle,
    alarm: watch::Receiver<Option<Timestamp>>,
    bell: Bell,
    views: Arc<Mutex<Changes>>,
    publisher: JoinHandle<()>,
    ground: Arc<Ground>,
}

/// The daemon died.
pub(super) struct Died;

/// What a daemon had read that died in its beginning.
pub(super) struct Read {
    pub(super) catalog: Catalog,
    pub(super) settings: Settings,
}

impl Daemon {
    pub(super) async fn begin(machine: &Machine) -> Result<Self, Read> {
        let ground = Arc::clone(&machine.ground);
        let (inbox, messages) = Coordinator::channel();
        let (alarm_times, alarm) = watch::channel(None);
        machine.conditions.lock().unwrap().forget();
        let random = Arc::clone(&ground);
        let engine = Arc::clone(&machine.engine);
        let parts = Parts {
            store: Arc::clone(&machine.memory) as _,
            launcher: Arc::clone(&machine.engine) as _,
            clock: Arc::clone(&ground) as _,
            ids: Arc::new(Ids::drawn_from(
                Arc::clone(&ground) as _,
                Box::new(move || random.bits()),
            )),
            notifier: Arc::new(Quiet),
            power: Box::new(Restless),
            surroundings: Box::new(machine.clone()),
            watcher: Box::new(Restless),
            zones: Box::new(machine.clone()),
            programs: Arc::new(AllPrograms),
            machine: "machine".to_owned(),
            configuration: machine.configuration.clone(),
            common: Common {
                credentials: CredentialStores::system(),
                cache: "/var/cache/backupd/repositories".into(),
            },
            progress_socket: None,
            alarm: alarm_times,
            settings_changed: Box::new(move |settings| engine.set_limit(settings.max_parallel_runs)),
            troubles: Vec::new(),
        };
        let mut coordinator = Coordinator::new(parts, inbox.clone(), messages);
        let begun = tokio::select! {
            biased;
            () = ground.blown() => false,
            begun = coordinator.begin() => begun.is_ok(),
        };
        if !begun {
            let (catalog, settings) = coordinator.configured();
            let (catalog, settings) = (catalog.clone(), settings.clone());
            return Err(Read { catalog, settings });
        }
        let (outbox, handle) = (coordinator.outbox(), coordinator.handle());
        let views: Arc<Mutex<Changes>> = Arc::default();
        let shown = Arc::clone(&views);
        let publisher = tokio::spawn(async move {
            loop {
                let (changes, number) = outbox.take().await;
                shown.lock().unwrap().extend(changes);
                outbox.published(number);
            }
        });
        Ok(Self {
            coordinator,
            inbox,
            handle,
            alarm,
            bell: Bell::default(),
            views,
            publisher,
            ground,
        })
    }

    /// Works until nothing is left to do.
    pub(super) async fn work(&mut self) -> Result<(), Died> {
        loop {
            // Who has something to send does so.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            tokio::select! {
                biased;
                () = self.ground.blown() => return Err(Died),
                worked = self.coordinator.work_off() => if !worked { return Ok(()) },
            }
        }
    }

    /// Asks for something as a client would, and waits for the answer.
    pub(super) async fn ask<T: Send + 'static>(
        &mut self,
        request: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<Result<T, Refusal>, Died> {
        let asked = tokio::spawn(request);
        while !asked.is_finished() {
            self.work().await?;
        }
        Ok(asked.await.unwrap())
    }

    /// When its alarm rings.
    pub(super) fn rings_at(&self) -> Option<Timestamp> {
        self.bell.armed(*self.alarm.borrow())
    }

    /// The time has come, or the clock was set.
    pub(super) async fn ring(&mut self) {
        let now = self.ground.now();
        let at = self.rings_at();
        self.bell.rang(at, now);
        self.inbox.wake().await;
    }

    /// What is wanted of the alarm, whether it rings for it or not.
    pub(super) fn wanted(&self) -> Option<Timestamp> {
        *self.alarm.borrow()
    }

    pub(super) fn job(&self, name: &JobName) -> Option<JobView> {
        match self.views.lock().unwrap().get(&ObjectKey::Job(name.clone())) {
            Some(Some(View::Job(view))) => Some((**view).clone()),
            _ => None,
        }
    }

    /// How many objects there are.
    pub(super) fn objects(&self) -> usize {
        let views = self.views.lock().unwrap();
        views.values().filter(|view| view.is_some()).count()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.publisher.abort();
    }
}

impl Machine {
    /// Tells how conditions stand, those that were asked for.
    pub(super) fn standings(&self) -> BTreeMap<Condition, Standing> {
        let mut conditions = self.conditions.lock().unwrap();
        let Conditions {
            fails,
            wanted,
            told,
            last_told,
        } = &mut *conditions;
        told.extend(
            wanted
                .iter()
                .map(|condition| (condition.clone(), !fails.contains(condition))),
        );
        last_told.extend(told.clone());
        let standing = |condition: &Condition| {
            if fails.contains(condition) {
                let (what, clears) = (format!("{condition} is missing"), "chance".to_owned());
                Standing::Fails { what, clears }
            } else {
                Standing::Holds
            }
        };
        wanted
            .iter()
            .map(|condition| (condition.clone(), standing(condition)))
            .collect()
    }
}

impl Surroundings for Machine {
    fn want(&self, wanted: BTreeSet<Condition>) {
        let mut conditions = self.conditions.lock().unwrap();
        conditions.told.retain(|condition, _| wanted.contains(condition));
        if !wanted.is_subset(&conditions.wanted) {
            let delay = self.ground.while_up_to(SignedDuration::from_secs(20));
            self.ground.after(delay, Happening::Standing);
        }
        conditions.wanted = wanted;
    }
}

impl Zones for Machine {
    fn local(&self) -> TimeZone {
        self.zone.lock().unwrap().clone()
    }
}

/// A machine of which nothing is wanted.
struct Restless;

impl Power for Restless {
    fn want(&self, _: PowerLocks) {}
}

impl Watcher for Restless {
    fn want(&self, _: BTreeMap<JobName, Watch>) {}
}
