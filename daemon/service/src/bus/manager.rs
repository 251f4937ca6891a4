//! `org.backupd.Backup1.Manager`.

use backupd_core::name::{JobName, RunId};
use backupd_dbus::{Error, Fault, ManagerProperties, RunProperties, job_path, repository_path};
use jiff::Timestamp;
use zbus::{Connection, OwnedFd, OwnedObjectPath, interface, message::Header};

use super::{
    arguments::{self, about_text, job_name, repository_name, start_options},
    authority::{About, Action},
    errors::{of_faults, of_refusal},
    job::Job,
    objects::{Dictionary, Service, Shown, path_of_run},
    options::Options,
    properties::of_run,
    query::{audit_query, run_query},
};
use crate::{configuration::Kind, coordinator::shown};

/// What never changes of the manager's properties.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) scope: &'static str,
    pub(crate) launcher: &'static str,
    pub(crate) launcher_reason: String,
    pub(crate) started: Timestamp,
    pub(crate) configuration: String,
    pub(crate) state: String,
}

impl Facts {
    pub(super) fn properties(&self) -> ManagerProperties {
        ManagerProperties {
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            scope: Some(self.scope.to_owned()),
            launcher: Some(self.launcher.to_owned()),
            launcher_reason: Some(self.launcher_reason.clone()),
            started_usec: Some(super::properties::usec(Some(self.started))),
            configuration_directory: Some(self.configuration.clone()),
            state_directory: Some(self.state.clone()),
            ..ManagerProperties::default()
        }
    }
}

/// See the module.
pub(crate) struct Manager {
    pub(super) service: Service,
    pub(super) shown: Shown<ManagerProperties>,
}

/// The daemon as a whole.
#[interface(name = "org.backupd.Backup1.Manager")]
impl Manager {
    /// Starts a backup of a job and answers its run, which is an object until some time after its end.
    ///
    /// Options: `description` (s), free text for history; `metadata` (s), a JSON object for history.
    #[zbus(out_args("run"))]
    async fn start_job(
        &self,
        name: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(
                connection,
                &header,
                Action::Run,
                &About::job(name, repository_of(connection, name).await.as_deref()),
            )
            .await?;
        let mut options = Options::new(options);
        let about = start_options(&mut options);
        options.finish()?;
        let run = leave.start(job_name(name)?, about).await.map_err(of_refusal)?;
        Ok(path_of_run(run))
    }

    /// The object of a job.
    #[zbus(out_args("job"))]
    async fn get_job(
        &self,
        name: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(
                connection,
                &header,
                Action::Read,
                &About::job(name, repository_of(connection, name).await.as_deref()),
            )
            .await?;
        Options::new(options).finish()?;
        let job = job_name(name)?;
        leave.job(job.clone()).await.map_err(of_refusal)?;
        Ok(job_path(job.as_str()))
    }

    /// The object of a repository.
    #[zbus(out_args("repository"))]
    async fn get_repository(
        &self,
        name: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Read, &About::repository(name))
            .await?;
        Options::new(options).finish()?;
        let repository = repository_name(name)?;
        leave.repository(repository.clone()).await.map_err(of_refusal)?;
        Ok(repository_path(repository.as_str()))
    }

    /// The object of a run. A run that is only history becomes an object again for a while.
    #[zbus(out_args("run"))]
    async fn get_run(
        &self,
        id: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Read, &About::nothing())
            .await?;
        Options::new(options).finish()?;
        let run: RunId = id.parse().map_err(|_: backupd_core::name::InvalidRunId| {
            let id = backupd_core::name::InvalidRunId(shown(id));
            Error::RunNotFound(format!("{id}\nhint: `backupctl history` lists the runs"))
        })?;
        leave.recall(run).await.map_err(of_refusal)?;
        Ok(path_of_run(run))
    }

    /// A page of runs, newest first, each with the properties of the Run interface.
    ///
    /// Filter: `id` (s), a beginning of ids; `job`, `repository`, `operation`, `trigger`, `kind` (`manual` or
    /// `automatic`), `state`, `result` (s); `since-usec`, `until-usec` (t), when it was queued.
    /// Options: `limit` (u), at most 1000, 100 if not given; `before` (s), what the page before answered as
    /// `next`. `next` is empty on the last page.
    #[zbus(out_args("runs", "next"))]
    async fn list_runs(
        &self,
        filter: Dictionary,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(Vec<RunProperties>, String), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Read, &About::nothing())
            .await?;
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

    /// Writes the file of a new job, `jobs.d/NAME.toml`, after validating it, and takes it into force.
    #[zbus(out_args("job"))]
    async fn create_job(
        &self,
        name: &str,
        configuration: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(
                connection,
                &header,
                Action::Configure,
                &about_text(name, configuration),
            )
            .await?;
        Options::new(options).finish()?;
        let (owned, text) = (name.to_owned(), arguments::configuration(configuration)?);
        leave.create(Kind::Job, owned, text).await.map_err(of_refusal)?;
        Ok(job_path(name))
    }

    /// The faults that a job's file with this text would have, beside the others; changes nothing.
    #[zbus(out_args("faults"))]
    async fn validate_job(
        &self,
        name: &str,
        configuration: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<Fault>, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Read, &About::job(name, None))
            .await?;
        Options::new(options).finish()?;
        let job: JobName = arguments::new_name(name)?;
        let faults = leave
            .validate(job, arguments::configuration(configuration)?)
            .await
            .map_err(of_refusal)?;
        Ok(of_faults(&faults))
    }

    /// Writes the file of a new repository, `repositories.d/NAME.toml`, after validating it, and takes it into
    /// force. The repository itself is made by `Repository.Initialize`.
    #[zbus(out_args("repository"))]
    async fn create_repository(
        &self,
        name: &str,
        configuration: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &About::repository(name))
            .await?;
        Options::new(options).finish()?;
        let (owned, text) = (name.to_owned(), arguments::configuration(configuration)?);
        leave
            .create(Kind::Repository, owned, text)
            .await
            .map_err(of_refusal)?;
        Ok(repository_path(name))
    }

    /// Reads all configuration again and answers its faults. A file with faults stays in force as it was.
    #[zbus(out_args("faults"))]
    async fn reload(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<Fault>, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Configure, &About::nothing())
            .await?;
        Options::new(options).finish()?;
        let faults = leave.reload().await.map_err(of_refusal)?;
        Ok(of_faults(&faults))
    }

    /// The daemon's own settings as they are in force, as TOML.
    #[zbus(out_args("settings"))]
    async fn get_settings(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Read, &About::nothing())
            .await?;
        Options::new(options).finish()?;
        leave.settings().await.map_err(of_refusal)
    }

    /// The audit log as it stands in the store now, as a file of JSON lines, oldest first: `seq`, a number;
    /// `record`, the canonical form as a string; `hash`, the SHA-256 of that.
    ///
    /// Options: `since-usec`, `until-usec` (t); `job` (s); `limit` (u), the newest so many. Without options it is
    /// the whole log, which can be verified. A record that cannot be read is in every answer.
    #[zbus(out_args("records"))]
    async fn open_audit(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Audit, &About::nothing())
            .await?;
        let records = leave.open_audit(audit_query(options)?).await;
        let records = records.map_err(of_refusal)?;
        Ok(OwnedFd::from(std::os::fd::OwnedFd::from(records)))
    }

    /// Version of the daemon.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> String {
        self.shown.get(|properties| properties.version.clone())
    }

    /// `system` or `user`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn scope(&self) -> String {
        self.shown.get(|properties| properties.scope.clone())
    }

    /// Health of the whole: `ok`, `degraded`, `late`, `failed` or `unknown`.
    #[zbus(property)]
    fn health(&self) -> String {
        self.shown.get(|properties| properties.health.clone())
    }

    /// Why it is what it is, for people; empty while all is well.
    #[zbus(property)]
    fn health_reasons(&self) -> Vec<String> {
        self.shown.get(|properties| properties.health_reasons.clone())
    }

    /// Faults of configuration files as of the last load: `File` (s), `Line`, `Column` (u), `Message`,
    /// `Hint` (s).
    #[zbus(property)]
    fn configuration_faults(&self) -> Vec<Fault> {
        self.shown
            .get(|properties| properties.configuration_faults.clone())
    }

    /// Most runs at work at once.
    #[zbus(property)]
    fn max_parallel_runs(&self) -> u32 {
        self.shown.get(|properties| properties.max_parallel_runs)
    }

    /// Runs at work.
    #[zbus(property)]
    fn active_runs(&self) -> u32 {
        self.shown.get(|properties| properties.active_runs)
    }

    /// Runs in the queue.
    #[zbus(property)]
    fn queued_runs(&self) -> u32 {
        self.shown.get(|properties| properties.queued_runs)
    }

    /// How workers are started: `systemd`, as transient units, or `child`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn launcher(&self) -> String {
        self.shown.get(|properties| properties.launcher.clone())
    }

    /// Why it is not systemd, for people; empty where it is.
    #[zbus(property(emits_changed_signal = "const"))]
    fn launcher_reason(&self) -> String {
        self.shown.get(|properties| properties.launcher_reason.clone())
    }

    /// When the daemon started.
    #[zbus(property(emits_changed_signal = "const"), name = "StartedUSec")]
    fn started_usec(&self) -> u64 {
        self.shown.get(|properties| properties.started_usec)
    }

    /// Where jobs and repositories are configured.
    #[zbus(property(emits_changed_signal = "const"))]
    fn configuration_directory(&self) -> String {
        self.shown
            .get(|properties| properties.configuration_directory.clone())
    }

    /// Where history and run directories are kept.
    #[zbus(property(emits_changed_signal = "const"))]
    fn state_directory(&self) -> String {
        self.shown.get(|properties| properties.state_directory.clone())
    }
}

/// The repository of a job, if there is such a job.
async fn repository_of(connection: &Connection, job: &str) -> Option<String> {
    let path = job_path(job);
    let job = connection.object_server().interface::<_, Job>(path).await.ok()?;
    job.get().await.shown.all().repository_name.clone()
}
