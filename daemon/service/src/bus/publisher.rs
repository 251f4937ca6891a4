//! Brings what the coordinator publishes to the bus.
//!
//! Progress and sums of a run alone are told at most twice a second; every other change is told at once.

use std::sync::Arc;

use backupd_dbus::{
    JOB_INTERFACE, MANAGER_INTERFACE, ManagerProperties, REPOSITORY_INTERFACE, ROOT_PATH, RUN_INTERFACE,
    job_path, repository_path,
};
use tokio::time::Instant;
use zbus::{Connection, OwnedObjectPath};

use super::{
    authority::Authority,
    family::Family,
    job::Job,
    manager::{Facts, Manager},
    object_manager::{Managed, ObjectManager},
    objects::{Service, path_of_run},
    properties::of_manager,
    repository::Repository,
    run::Run,
};
use crate::coordinator::{Changes, Handle, JobView, ObjectKey, Outbox, RepositoryView, RunView, View};

/// See the module.
pub(crate) struct Publisher {
    connection: Connection,
    outbox: Arc<Outbox>,
    pub(super) service: Service,
    fixed: ManagerProperties,
    manager: Family<ManagerProperties>,
    jobs: Family<JobView>,
    repositories: Family<RepositoryView>,
    runs: Family<RunView>,
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
            manager: Family::new(MANAGER_INTERFACE, &[]),
            jobs: Family::new(JOB_INTERFACE, &[]),
            repositories: Family::new(REPOSITORY_INTERFACE, &[]),
            // Sums grow with each warning, of which there may be thousands.
            runs: Family::new(RUN_INTERFACE, &["Progress", "Statistics"]),
        }
    }

    /// Serves everything that is published already: before the name is taken, so that nobody finds half of it.
    pub(crate) async fn begin(&mut self) -> zbus::Result<()> {
        let managed = Managed {
            repositories: self.repositories.objects(),
            runs: self.runs.objects(),
            jobs: self.jobs.objects(),
        };
        let server = self.connection.object_server();
        server.at(ROOT_PATH, ObjectManager { managed }).await?;
        let (changes, number) = self.outbox.take().await;
        self.publish(changes, number).await?;
        self.repositories.announce();
        self.runs.announce();
        self.jobs.announce();
        Ok(())
    }

    /// Publishes for as long as the bus is there.
    pub(crate) async fn serve(mut self) -> zbus::Error {
        loop {
            // Only the waiting is given up half way, never the telling.
            let taken = tokio::select! {
                taken = self.outbox.take() => Some(taken),
                () = sleep_until(self.runs.due()) => None,
            };
            let outcome = match taken {
                Some((changes, number)) => self.publish(changes, number).await,
                None => self.runs.tell_due(&self.connection).await,
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
        let bus = &self.connection;
        let service = self.service.clone();
        match (key, view) {
            (ObjectKey::Manager, Some(View::Manager(view))) => {
                let (path, properties) = (
                    OwnedObjectPath::try_from(ROOT_PATH)?,
                    Arc::new(of_manager(&view, &self.fixed)),
                );
                self.manager
                    .show(bus, path, properties, |shown| Manager { service, shown })
                    .await
            }
            (ObjectKey::Job(name), Some(View::Job(view))) => {
                let path = job_path(name.as_str());
                self.jobs
                    .show(bus, path, view, |shown| Job { name, service, shown })
                    .await
            }
            (ObjectKey::Repository(name), Some(View::Repository(view))) => {
                let path = repository_path(name.as_str());
                let make = |shown| Repository { name, service, shown };
                self.repositories.show(bus, path, view, make).await
            }
            (ObjectKey::Run(id), Some(View::Run(view))) => {
                let path = path_of_run(id);
                self.runs
                    .show(bus, path, view, |shown| Run { id, service, shown })
                    .await
            }
            (ObjectKey::Job(name), None) => self.jobs.hide::<Job>(bus, job_path(name.as_str())).await,
            (ObjectKey::Repository(name), None) => {
                self.repositories
                    .hide::<Repository>(bus, repository_path(name.as_str()))
                    .await
            }
            (ObjectKey::Run(id), None) => self.runs.hide::<Run>(bus, path_of_run(id)).await,
            // A view goes with its own key; the coordinator makes no other pairs.
            (key, view) => {
                tracing::error!(?key, ?view, "a view under the wrong key is not published");
                Ok(())
            }
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
