//! The longer of the manager's methods, from who calls to what is answered.

use backupd_core::name::{JobName, RepositoryName};
use backupd_dbus::{ElapseProperties, Error, RunProperties, job_path};
use zbus::{Connection, OwnedObjectPath, message::Header};

use super::Manager;
use crate::{
    bus::{
        arguments::{self, job_name, start_options, trigger},
        authority::{About, Action},
        errors::of_refusal,
        job::Job,
        leave::Leave,
        objects::{Dictionary, path_of_run},
        options::Options,
        properties::{of_elapse, of_run},
        query::{elapse_query, run_query},
    },
    configuration::Kind,
};

impl Manager {
    /// Leave for what is about nothing in particular.
    pub(super) async fn allow(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        action: Action,
    ) -> Result<Leave, Error> {
        self.leave(connection, header, action, &About::nothing()).await
    }

    pub(super) async fn leave(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        action: Action,
        about: &About,
    ) -> Result<Leave, Error> {
        self.service.allow(connection, header, action, about).await
    }

    /// Each of them must be allowed before any starts.
    pub(super) async fn start_all(
        &self,
        names: &[&str],
        options: Dictionary,
        connection: &Connection,
        header: &Header<'_>,
    ) -> Result<Vec<OwnedObjectPath>, Error> {
        let mut abouts = Vec::with_capacity(names.len().max(1));
        for name in names {
            abouts.push(about_job(connection, name).await);
        }
        if abouts.is_empty() {
            abouts.push(About::nothing());
        }
        let leave = self
            .service
            .allow_each(connection, header, Action::Run, &abouts)
            .await?;
        let mut options = Options::new(options);
        let about = start_options(&mut options);
        options.finish()?;
        if names.is_empty() {
            return Err(Error::InvalidArgument("no job is named".to_owned()));
        }
        let names = names
            .iter()
            .map(|name| job_name(name))
            .collect::<Result<Vec<JobName>, _>>()?;
        let runs = leave.start_jobs(names, about).await.map_err(of_refusal)?;
        Ok(runs.into_iter().map(path_of_run).collect())
    }

    pub(super) async fn start_waiting(
        &self,
        word: &str,
        options: Dictionary,
        connection: &Connection,
        header: &Header<'_>,
    ) -> Result<Vec<OwnedObjectPath>, Error> {
        let leave = self.allow(connection, header, Action::Run).await?;
        let (trigger, metadata) = trigger(word, options)?;
        let runs = leave.trigger(trigger, metadata).await.map_err(of_refusal)?;
        Ok(runs.into_iter().map(path_of_run).collect())
    }
}

pub(super) async fn page(
    leave: &Leave,
    filter: Dictionary,
    options: Dictionary,
) -> Result<(Vec<RunProperties>, String), Error> {
    let (query, limit) = run_query(filter, options)?;
    let mut runs = leave.list_runs(query).await.map_err(of_refusal)?;
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = runs.len() > page;
    runs.truncate(page);
    let next = runs
        .last()
        .filter(|_| more)
        .map(|run| run.id.to_string())
        .unwrap_or_default();
    Ok((runs.iter().map(of_run).collect(), next))
}

pub(super) async fn coming(leave: &Leave, options: Dictionary) -> Result<Vec<ElapseProperties>, Error> {
    let elapses = leave.elapses(elapse_query(options)?).await.map_err(of_refusal)?;
    Ok(elapses.iter().map(of_elapse).collect())
}

pub(super) async fn create(leave: &Leave, kind: Kind, name: &str, configuration: &str) -> Result<(), Error> {
    let text = arguments::configuration(configuration)?;
    leave
        .create(kind, name.to_owned(), text)
        .await
        .map_err(of_refusal)
}

/// A job with its repository, if there is such a job.
pub(super) async fn about_job(connection: &Connection, name: &str) -> About {
    let server = connection.object_server();
    let repository = match server.interface::<_, Job>(job_path(name)).await {
        Ok(job) => Some(job.get().await.shown.view().repository.clone()),
        Err(_) => None,
    };
    About::job(name, repository.as_ref().map(RepositoryName::as_str))
}
