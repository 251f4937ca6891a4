//! `org.backupd.Backup1.Manager`.

mod calls;
mod facts;

use backupd_dbus::{
    ElapseProperties, Error, Fault, ManagerProperties, RunProperties, job_path, repository_path,
};
use zbus::{Connection, OwnedFd, OwnedObjectPath, interface, message::Header};

use self::calls::{about_job, coming, create, page};
pub(crate) use self::facts::Facts;
use super::{
    arguments::{self, about_text, job_name, new_name, pause, repository_name, run_id, start_options},
    authority::{About, Action},
    errors::{of_faults, of_refusal},
    objects::{Dictionary, Service, Shown, path_of_run},
    options::Options,
    query::audit_query,
};
use crate::configuration::Kind;

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
        let about = about_job(connection, name).await;
        let leave = self.leave(connection, &header, Action::Run, &about).await?;
        let mut options = Options::new(options);
        let told = start_options(&mut options);
        options.finish()?;
        let run = leave.start(job_name(name)?, told).await.map_err(of_refusal)?;
        Ok(path_of_run(run))
    }

    /// Starts backups of several jobs together, so that each waits for those it comes after; answers their runs in the
    /// same order. Of a job that is queued or at work already, the answer is that run; where one is unknown or
    /// disabled, none starts.
    ///
    /// Options: `description`, `metadata` (s), as of `StartJob`.
    #[zbus(out_args("runs"))]
    async fn start_jobs(
        &self,
        names: Vec<&str>,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<OwnedObjectPath>, Error> {
        self.start_all(&names, options, connection, &header).await
    }

    /// Starts the jobs whose files say that they wait for this: `package-upgrade` or `shutdown`. Answers their runs.
    ///
    /// Options: `metadata` (s), a JSON object for history.
    #[zbus(out_args("runs"))]
    async fn trigger(
        &self,
        trigger: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<OwnedObjectPath>, Error> {
        self.start_waiting(trigger, options, connection, &header).await
    }

    /// From now on no job starts by itself, until a time (µs since the epoch), or until `Resume` for 0. Who starts one
    /// by hand may.
    ///
    /// Options: `reason` (s).
    async fn pause(
        &self,
        until_usec: u64,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self.allow(connection, &header, Action::Cancel).await?;
        let (until, reason) = pause(until_usec, options)?;
        leave.pause(None, until, reason).await.map_err(of_refusal)
    }

    /// Ends the pause of all; those of single jobs stay. What was missed is made up for.
    async fn resume(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self.allow(connection, &header, Action::Run).await?;
        Options::new(options).finish()?;
        leave.resume(None).await.map_err(of_refusal)
    }

    /// When jobs start by themselves, and repositories are cared for, in order: `Operation`, `JobName`,
    /// `RepositoryName` where there is no job, `Schedule`, `TimeZone` (s), `AtUSec` (t).
    ///
    /// Options: `job` (s); `from-usec` (t), now if not given; `until-usec` (t); `limit` (u), at most 1000, 100 if not
    /// given.
    #[zbus(out_args("elapses"))]
    async fn list_elapses(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<ElapseProperties>, Error> {
        let leave = self.allow(connection, &header, Action::Read).await?;
        coming(&leave, options).await
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
        let about = about_job(connection, name).await;
        let leave = self.leave(connection, &header, Action::Read, &about).await?;
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
        let about = About::repository(name);
        let leave = self.leave(connection, &header, Action::Read, &about).await?;
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
        let leave = self.allow(connection, &header, Action::Read).await?;
        Options::new(options).finish()?;
        let run = run_id(id)?;
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
        let leave = self.allow(connection, &header, Action::Read).await?;
        page(&leave, filter, options).await
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
        let about = about_text(name, configuration);
        let leave = self.leave(connection, &header, Action::Configure, &about).await?;
        Options::new(options).finish()?;
        create(&leave, Kind::Job, name, configuration).await?;
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
        let about = About::job(name, None);
        let leave = self.leave(connection, &header, Action::Read, &about).await?;
        Options::new(options).finish()?;
        let (job, text) = (new_name(name)?, arguments::configuration(configuration)?);
        let faults = leave.validate(job, text).await.map_err(of_refusal)?;
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
        let about = About::repository(name);
        let leave = self
            .leave(connection, &header, Action::Repository, &about)
            .await?;
        Options::new(options).finish()?;
        create(&leave, Kind::Repository, name, configuration).await?;
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
        let leave = self.allow(connection, &header, Action::Configure).await?;
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
        let leave = self.allow(connection, &header, Action::Read).await?;
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
        let leave = self.allow(connection, &header, Action::Audit).await?;
        let records = leave.open_audit(audit_query(options)?).await;
        let records = records.map_err(of_refusal)?;
        Ok(OwnedFd::from(std::os::fd::OwnedFd::from(records)))
    }

    /// Version of the daemon.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> String {
        self.shown.member(|properties| &properties.version)
    }

    /// `system` or `user`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn scope(&self) -> String {
        self.shown.member(|properties| &properties.scope)
    }

    /// Health of the whole: `ok`, `degraded`, `late`, `failed` or `unknown`.
    #[zbus(property)]
    fn health(&self) -> String {
        self.shown.member(|properties| &properties.health)
    }

    /// Why it is what it is, for people; empty while all is well.
    #[zbus(property)]
    fn health_reasons(&self) -> Vec<String> {
        self.shown.member(|properties| &properties.health_reasons)
    }

    /// Faults of configuration files as of the last load: `File` (s), `Line`, `Column` (u), `Message`,
    /// `Hint` (s).
    #[zbus(property)]
    fn configuration_faults(&self) -> Vec<Fault> {
        self.shown.member(|properties| &properties.configuration_faults)
    }

    /// Most runs at work at once.
    #[zbus(property)]
    fn max_parallel_runs(&self) -> u32 {
        self.shown.member(|properties| &properties.max_parallel_runs)
    }

    /// Runs at work.
    #[zbus(property)]
    fn active_runs(&self) -> u32 {
        self.shown.member(|properties| &properties.active_runs)
    }

    /// Runs in the queue.
    #[zbus(property)]
    fn queued_runs(&self) -> u32 {
        self.shown.member(|properties| &properties.queued_runs)
    }

    /// When the next job starts by itself; 0 for none.
    #[zbus(property, name = "NextUSec")]
    fn next_usec(&self) -> u64 {
        self.shown.member(|properties| &properties.next_usec)
    }

    /// Whether no job starts by itself.
    #[zbus(property)]
    fn paused(&self) -> bool {
        self.shown.member(|properties| &properties.paused)
    }

    /// Until when; 0 for until somebody resumes.
    #[zbus(property, name = "PausedUntilUSec")]
    fn paused_until_usec(&self) -> u64 {
        self.shown.member(|properties| &properties.paused_until_usec)
    }

    /// The zone of the machine's clock, such as `Europe/Berlin`; empty where it has no name.
    #[zbus(property)]
    fn time_zone(&self) -> String {
        self.shown.member(|properties| &properties.time_zone)
    }

    /// How workers are started: `systemd`, as transient units, or `child`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn launcher(&self) -> String {
        self.shown.member(|properties| &properties.launcher)
    }

    /// Why it is not systemd, for people; empty where it is.
    #[zbus(property(emits_changed_signal = "const"))]
    fn launcher_reason(&self) -> String {
        self.shown.member(|properties| &properties.launcher_reason)
    }

    /// When the daemon started.
    #[zbus(property(emits_changed_signal = "const"), name = "StartedUSec")]
    fn started_usec(&self) -> u64 {
        self.shown.member(|properties| &properties.started_usec)
    }

    /// Where jobs and repositories are configured.
    #[zbus(property(emits_changed_signal = "const"))]
    fn configuration_directory(&self) -> String {
        self.shown
            .member(|properties| &properties.configuration_directory)
    }

    /// Where history and run directories are kept.
    #[zbus(property(emits_changed_signal = "const"))]
    fn state_directory(&self) -> String {
        self.shown.member(|properties| &properties.state_directory)
    }
}
