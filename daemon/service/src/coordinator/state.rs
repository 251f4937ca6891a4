//! The state, and the loop that alone changes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use backupd_core::{
    audit::Entry,
    clock::ClockWatch,
    condition::{Condition, Standing},
    config::{Catalog, Fault, Settings},
    health::Health,
    name::{JobName, RepositoryName, RunId},
    pause::Pause,
    run::Run,
    space::Sample,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::{
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior, interval},
};

use super::handle::Common;
use super::{
    Handle, Inbox, ObjectKey, Outbox, View, agenda::Agenda, care::Care, message::Message, meter::Meter,
    plan::Plan, publish::Dirty, triggers::Awaited,
};
use crate::{
    configuration::{self, Editor, Programs, Texts},
    ids::Ids,
    notify::Notifier,
    ports::{
        CareKey, Clock, JobHistory, Launcher, MovedFrom, Pending, Power, STAY, STAY_IN_ALL, Store,
        StoreError, Subject, Surroundings, Watcher, Zones,
    },
    settings::Layers,
};

/// What a coordinator is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) launcher: Arc<dyn Launcher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) power: Box<dyn Power>,
    pub(crate) surroundings: Box<dyn Surroundings>,
    pub(crate) configuration: PathBuf,
    pub(crate) common: Common,
    pub(crate) progress_socket: Option<PathBuf>,
    /// Takes the time at which the coordinator wants to be woken.
    pub(crate) alarm: watch::Sender<Option<Timestamp>>,
    /// Told of new settings.
    pub(crate) settings_changed: Box<dyn Fn(&Settings) + Send>,
    /// Knows which engines can be used.
    pub(crate) programs: Arc<dyn Programs>,
    /// Watches for what starts jobs beside time and people.
    pub(crate) watcher: Box<dyn Watcher>,
    /// Knows the machine's zone.
    pub(crate) zones: Box<dyn Zones>,
    /// Names the machine, so that jitter differs from machine to machine.
    pub(crate) machine: String,
    /// Troubles from before the coordinator was, such as a store that was set aside.
    pub(crate) troubles: Vec<String>,
}

/// A run that is an object on the bus.
pub(super) struct Live {
    pub(super) run: Arc<Run>,
    pub(super) meter: Meter,
    /// When it became an object again that was history.
    pub(super) recalled: Option<Timestamp>,
}

/// See the module.
pub(crate) struct Coordinator {
    pub(super) parts: Parts,
    pub(super) ids: Arc<Ids>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) editor: Editor,
    messages: mpsc::Receiver<Message>,
    handle: Handle,
    pub(super) settings: Settings,
    pub(super) catalog: Catalog,
    pub(super) faults: Vec<Fault>,
    pub(super) refused: BTreeSet<JobName>,
    pub(super) histories: BTreeMap<JobName, JobHistory>,
    pub(super) runs: BTreeMap<RunId, Live>,
    /// The store refused something that it has not done since.
    pub(super) store_trouble: Option<String>,
    /// Runs whose state is in memory alone, and what is to be recorded of them.
    pub(super) unsaved: BTreeMap<RunId, Vec<Entry>>,
    /// What has a schedule and of which the store does not know up to where it is seen to.
    pub(super) unmarked: BTreeSet<Subject>,
    /// Jobs whose history could not be read.
    pub(super) unread: BTreeSet<JobName>,
    /// The settings of each file as they were when it had no faults.
    pub(super) layers: Layers,
    /// The files as they were when they were last loaded.
    pub(super) texts: Texts,
    pub(super) published: BTreeMap<ObjectKey, View>,
    /// What is to be published anew.
    pub(super) dirty: Dirty,
    /// Jobs that are worse than paused.
    pub(super) bad: BTreeMap<JobName, Health>,
    /// Repositories that are not well.
    pub(super) bad_repositories: BTreeMap<RepositoryName, Health>,
    pub(super) status: String,
    /// Runs that are not over.
    pub(super) unfinished: BTreeSet<RunId>,
    /// The unfinished backup of each job that has one.
    pub(super) active: BTreeMap<JobName, RunId>,
    /// What is to be looked at, and when.
    pub(super) agenda: Agenda,
    pub(super) plans: BTreeMap<JobName, Plan>,
    /// How repositories are cared for.
    pub(super) cares: BTreeMap<CareKey, Care>,
    /// How large repositories were, of each oldest first.
    pub(super) sizes: BTreeMap<RepositoryName, Vec<Sample>>,
    pub(super) pauses: BTreeMap<Option<JobName>, Pause>,
    /// Jobs of which a run begins when the one at work is over.
    pub(super) after_active: BTreeSet<JobName>,
    /// Jobs that are due and have no place in the queue, by when they were.
    pub(super) outside: Agenda,
    /// Triggers that came while a run was at work, or the job was paused.
    pub(super) pending: BTreeMap<JobName, Pending>,
    /// Where repositories were before they were moved, and still lie.
    pub(super) moves: BTreeMap<RepositoryName, MovedFrom>,
    /// Jobs whose retention is to be applied.
    pub(super) forgets: BTreeSet<JobName>,
    /// Copies that are to follow a backup.
    pub(super) copies: BTreeSet<CareKey>,
    /// Snapshots that are gone, and of which something may be said still.
    pub(super) forgotten: BTreeMap<RepositoryName, BTreeSet<String>>,
    /// What is watched for may be something else now.
    pub(super) rewatch: bool,
    /// What else starts jobs than changes of their sources.
    pub(super) awaited: Awaited,
    /// Why changes of a job's sources are not seen.
    pub(super) unwatched: BTreeMap<JobName, String>,
    /// Jobs that run before the machine goes down, once it is about to.
    pub(super) departing: Option<BTreeSet<JobName>>,
    /// How the conditions stand that matter now.
    pub(super) standings: BTreeMap<Condition, Standing>,
    pub(super) wanted_conditions: BTreeSet<Condition>,
    /// Runs of which is noted what they override.
    pub(super) told_overridden: BTreeSet<RunId>,
    pub(super) clock: ClockWatch,
    /// When history was last gone through for what has expired.
    pub(super) tidied: Option<Timestamp>,
    /// When the machine or the daemon began to be awake.
    pub(super) awake_since: Timestamp,
    /// The machine's zone.
    pub(super) local: TimeZone,
    /// Why zones are not what they should be.
    pub(super) zone_trouble: Option<String>,
}

impl Coordinator {
    /// Makes a coordinator. Nothing happens before [`Coordinator::begin`].
    pub(crate) fn new(parts: Parts, inbox: Inbox, messages: mpsc::Receiver<Message>) -> Self {
        let ids = Arc::clone(&parts.ids);
        let outbox = Arc::new(Outbox::new());
        let handle = Handle::new(
            inbox,
            Arc::clone(&outbox),
            Arc::clone(&parts.store),
            Arc::clone(&parts.launcher),
            Arc::clone(&ids),
            parts.common.clone(),
            Arc::clone(&parts.clock),
        );
        let editor = Editor::new(parts.configuration.clone(), Arc::clone(&parts.programs));
        let reading = parts.clock.reading();
        let local = parts.zones.local();
        let zone_trouble = parts.zones.trouble();
        Self {
            parts,
            ids,
            outbox,
            editor,
            messages,
            handle,
            settings: Settings::default(),
            catalog: Catalog::default(),
            faults: Vec::new(),
            refused: BTreeSet::new(),
            histories: BTreeMap::new(),
            runs: BTreeMap::new(),
            store_trouble: None,
            unsaved: BTreeMap::new(),
            unmarked: BTreeSet::new(),
            texts: Texts::new(),
            unread: BTreeSet::new(),
            layers: Layers::default(),
            published: BTreeMap::new(),
            dirty: Dirty::default(),
            bad: BTreeMap::new(),
            bad_repositories: BTreeMap::new(),
            status: String::new(),
            unfinished: BTreeSet::new(),
            active: BTreeMap::new(),
            agenda: Agenda::default(),
            plans: BTreeMap::new(),
            cares: BTreeMap::new(),
            sizes: BTreeMap::new(),
            pauses: BTreeMap::new(),
            after_active: BTreeSet::new(),
            outside: Agenda::default(),
            pending: BTreeMap::new(),
            moves: BTreeMap::new(),
            forgets: BTreeSet::new(),
            copies: BTreeSet::new(),
            forgotten: BTreeMap::new(),
            rewatch: true,
            awaited: Awaited::default(),
            unwatched: BTreeMap::new(),
            departing: None,
            standings: BTreeMap::new(),
            wanted_conditions: BTreeSet::new(),
            told_overridden: BTreeSet::new(),
            clock: ClockWatch::new(reading),
            tidied: None,
            awake_since: reading.now,
            local,
            zone_trouble,
        }
    }

    /// A channel for [`Coordinator::new`]: launchers need its one end before there is a coordinator.
    pub(crate) fn channel() -> (Inbox, mpsc::Receiver<Message>) {
        Inbox::new()
    }

    #[cfg(test)]
    pub(super) fn messages(&mut self) -> &mut mpsc::Receiver<Message> {
        &mut self.messages
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Loads configuration and history, adopts running workers, and publishes everything.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        self.texts = configuration::texts(&self.parts.configuration);
        self.load_configuration();
        self.refresh_histories().await;
        self.refresh_cares().await;
        self.refresh_sizes().await;
        let mut runs = self.parts.store.recent(STAY, STAY_IN_ALL).await?;
        runs.extend(self.parts.store.unfinished().await?);
        if let Some(newest) = runs.iter().map(|run| run.id).max() {
            self.ids.continue_after(newest);
        }
        for run in runs {
            if run.state.has_worker() {
                self.adopt(&run);
                // What it overrode was noted then.
                self.told_overridden.insert(run.id);
            }
            let id = run.id;
            self.insert(run);
            self.appoint_window(id);
        }
        self.move_attempts(SignedDuration::ZERO).await;
        for (job, pause) in self.parts.store.pauses().await? {
            self.take_pause(job, Some(pause));
        }
        self.pending = self.parts.store.pending().await?;
        self.moves = self.parts.store.moves().await?;
        self.adopt_unknown().await;
        self.retire();
        self.plan_all().await;
        // Files may have gone and windows closed while nobody looked.
        self.let_go().await;
        self.look_at_windows().await;
        self.rouse_pending();
        self.make_up_for_copies();
        self.touch_all();
        self.pump().await;
        self.settle().await;
        Ok(())
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(mut self) {
        let refusals = Arc::clone(self.handle.refusals());
        let counting = tokio::spawn(Arc::clone(&refusals).serve());
        // Nobody who waits for the daemon's start waits for this.
        self.forget_expired(None).await;
        // It stops while the machine sleeps, as the clock does by which systemd watches.
        let mut watchdog = self.parts.notifier.watchdog().map(|period| {
            let mut watchdog = interval(period / 2);
            watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
            watchdog
        });
        loop {
            let message = tokio::select! {
                message = self.messages.recv() => message,
                () = tick(watchdog.as_mut()) => {
                    self.parts.notifier.alive();
                    continue;
                }
            };
            match message {
                None | Some(Message::Stop) => break,
                Some(message) => self.take(message).await,
            }
        }
        counting.abort();
        refusals.finish().await;
    }
}

async fn tick(watchdog: Option<&mut Interval>) {
    match watchdog {
        Some(watchdog) => {
            watchdog.tick().await;
        }
        None => std::future::pending().await,
    }
}
