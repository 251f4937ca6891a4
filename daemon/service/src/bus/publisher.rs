//! Brings what the coordinator publishes to the bus: objects come and go, properties change.
//!
//! Progress alone is told at most twice a second for each run; every other change is told at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use backupd_core::name::{JobName, RepositoryName, RunId};
use backupd_dbus::{
    JOB_INTERFACE, JobProperties, MANAGER_INTERFACE, ManagerProperties, REPOSITORY_INTERFACE, ROOT_PATH,
    RUN_INTERFACE, RepositoryProperties, RunProperties, job_path, repository_path, run_path,
};
use serde::Serialize;
use tokio::time::Instant;
use zbus::{
    Connection, OwnedObjectPath, Type, Variant, fdo, names::InterfaceName, object_server::SignalEmitter,
};

use super::{
    authority::Authority,
    job::Job,
    manager::{Facts, Manager},
    objects::{Dictionary, Service, Shown, difference},
    properties::{of_job, of_manager, of_repository, of_run_view},
    repository::Repository,
    run::Run,
};
use crate::coordinator::{Changes, Handle, ObjectKey, Outbox, View};

/// Progress of a run is told no more often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// An object on the bus.
struct Object<P> {
    shown: Shown<P>,
    /// What was told last: the next change is told against it.
    told: Arc<P>,
    told_at: Instant,
    /// A change of progress waits until then.
    due: Option<Instant>,
}

impl<P> Object<P> {
    fn new(shown: Shown<P>) -> Self {
        Self {
            told: shown.all(),
            shown,
            told_at: Instant::now(),
            due: None,
        }
    }
}

/// See the module.
pub(crate) struct Publisher {
    connection: Connection,
    outbox: Arc<Outbox>,
    service: Service,
    fixed: ManagerProperties,
    manager: Option<Object<ManagerProperties>>,
    jobs: BTreeMap<JobName, Object<JobProperties>>,
    repositories: BTreeMap<RepositoryName, Object<RepositoryProperties>>,
    runs: BTreeMap<RunId, Object<RunProperties>>,
}

impl Publisher {
    pub(crate) fn new(
        connection: Connection,
        outbox: Arc<Outbox>,
        handle: Handle,
        authority: Arc<dyn Authority>,
        facts: &Facts,
    ) -> Self {
        Self {
            connection,
            outbox,
            service: Service::new(handle, authority),
            fixed: facts.properties(),
            manager: None,
            jobs: BTreeMap::new(),
            repositories: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }

    /// Serves everything that is published already: before the name is taken, so that nobody finds half of it.
    pub(crate) async fn begin(&mut self) -> zbus::Result<()> {
        self.connection
            .object_server()
            .at(ROOT_PATH, fdo::ObjectManager)
            .await?;
        let (changes, number) = self.outbox.take().await;
        self.publish(changes, number).await
    }

    /// Publishes for as long as the bus is there.
    pub(crate) async fn serve(mut self) -> zbus::Error {
        loop {
            let due = self.runs.values().filter_map(|object| object.due).min();
            // Only the waiting is given up half way, never the telling.
            let taken = tokio::select! {
                taken = self.outbox.take() => Some(taken),
                () = sleep_until(due) => None,
            };
            let outcome = match taken {
                Some((changes, number)) => self.publish(changes, number).await,
                None => self.tell_due().await,
            };
            if let Err(error) = outcome {
                return error;
            }
        }
    }

    async fn publish(&mut self, changes: Changes, number: u64) -> zbus::Result<()> {
        for (key, view) in changes {
            self.apply(key, view).await?;
        }
        self.outbox.published(number);
        Ok(())
    }

    async fn apply(&mut self, key: ObjectKey, view: Option<View>) -> zbus::Result<()> {
        let server = self.connection.object_server();
        match (key, view) {
            (ObjectKey::Manager, Some(View::Manager(view))) => {
                let properties = of_manager(&view, &self.fixed);
                if let Some(object) = &mut self.manager {
                    let path = OwnedObjectPath::try_from(ROOT_PATH)?;
                    return tell(
                        &self.connection,
                        &path,
                        MANAGER_INTERFACE,
                        object,
                        properties,
                        false,
                    )
                    .await;
                }
                let shown = Shown::new(properties);
                let manager = Manager {
                    service: self.service.clone(),
                    shown: shown.clone(),
                };
                self.manager = Some(Object::new(shown));
                server.at(ROOT_PATH, manager).await?;
            }
            (ObjectKey::Job(name), Some(View::Job(view))) => {
                let (path, properties) = (job_path(name.as_str()), of_job(&view));
                if let Some(object) = self.jobs.get_mut(&name) {
                    return tell(&self.connection, &path, JOB_INTERFACE, object, properties, false).await;
                }
                let shown = Shown::new(properties);
                let job = Job {
                    name: name.clone(),
                    service: self.service.clone(),
                    shown: shown.clone(),
                };
                self.jobs.insert(name, Object::new(shown));
                server.at(path, job).await?;
            }
            (ObjectKey::Repository(name), Some(View::Repository(view))) => {
                let (path, properties) = (repository_path(name.as_str()), of_repository(&view));
                if let Some(object) = self.repositories.get_mut(&name) {
                    return tell(
                        &self.connection,
                        &path,
                        REPOSITORY_INTERFACE,
                        object,
                        properties,
                        false,
                    )
                    .await;
                }
                let shown = Shown::new(properties);
                let repository = Repository {
                    name: name.clone(),
                    service: self.service.clone(),
                    shown: shown.clone(),
                };
                self.repositories.insert(name, Object::new(shown));
                server.at(path, repository).await?;
            }
            (ObjectKey::Run(id), Some(View::Run(view))) => {
                let (path, properties) = (run_path(&id.to_string()), of_run_view(&view));
                if let Some(object) = self.runs.get_mut(&id) {
                    return tell(&self.connection, &path, RUN_INTERFACE, object, properties, true).await;
                }
                let shown = Shown::new(properties);
                let run = Run {
                    id,
                    service: self.service.clone(),
                    shown: shown.clone(),
                };
                self.runs.insert(id, Object::new(shown));
                server.at(path, run).await?;
            }
            (ObjectKey::Job(name), None) => {
                if self.jobs.remove(&name).is_some() {
                    server.remove::<Job, _>(job_path(name.as_str())).await?;
                }
            }
            (ObjectKey::Repository(name), None) => {
                if self.repositories.remove(&name).is_some() {
                    server
                        .remove::<Repository, _>(repository_path(name.as_str()))
                        .await?;
                }
            }
            (ObjectKey::Run(id), None) => {
                if self.runs.remove(&id).is_some() {
                    server.remove::<Run, _>(run_path(&id.to_string())).await?;
                }
            }
            // A view goes with its own key; the coordinator makes no other pairs.
            (key, view) => tracing::error!(?key, ?view, "a view under the wrong key is not published"),
        }
        Ok(())
    }

    async fn tell_due(&mut self) -> zbus::Result<()> {
        let now = Instant::now();
        for (id, object) in &mut self.runs {
            if object.due.is_some_and(|due| due <= now) {
                let changed = difference(&*object.told, &*object.shown.all())?;
                let path = run_path(&id.to_string());
                emit(&self.connection, &path, RUN_INTERFACE, object, &changed).await?;
            }
        }
        Ok(())
    }
}

/// Shows new properties, and tells the change now, or later where it is of progress alone.
async fn tell<P: Serialize + Type>(
    connection: &Connection,
    path: &OwnedObjectPath,
    interface: &'static str,
    object: &mut Object<P>,
    properties: P,
    has_progress: bool,
) -> zbus::Result<()> {
    object.shown.set(properties);
    let changed = difference(&*object.told, &*object.shown.all())?;
    if changed.is_empty() {
        object.due = None;
        return Ok(());
    }
    // Sums grow with each warning, of which there may be thousands.
    if has_progress && changed.keys().all(|key| key == "Progress" || key == "Statistics") {
        let due = object.told_at + PROGRESS_INTERVAL;
        if due > Instant::now() {
            object.due = Some(due);
            return Ok(());
        }
    }
    emit(connection, path, interface, object, &changed).await
}

async fn emit<P>(
    connection: &Connection,
    path: &OwnedObjectPath,
    interface: &'static str,
    object: &mut Object<P>,
    changed: &Dictionary,
) -> zbus::Result<()> {
    object.told = object.shown.all();
    object.told_at = Instant::now();
    object.due = None;
    let emitter = SignalEmitter::new(connection, path)?;
    let changed: HashMap<&str, Variant<'_>> = changed
        .iter()
        .map(|(name, value)| (name.as_str(), (**value).clone()))
        .collect();
    let interface = InterfaceName::from_static_str(interface)?;
    fdo::Properties::properties_changed(&emitter, interface, changed, (&[][..]).into()).await
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
