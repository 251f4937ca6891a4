//! `org.backupd.Backup1.Job`.

use backupd_core::name::JobName;
use backupd_dbus::{Blocked, CopyProperties, Error};
use zbus::{Connection, OwnedFd, OwnedObjectPath, interface, message::Header};

use super::{
    answer::answered,
    arguments::{self, about_text, absolute_path, paths, pause, start_options},
    authority::{About, Action},
    errors::of_refusal,
    objects::{Dictionary, Service, Shown, path_of_run},
    options::Options,
    query::time,
};
use crate::{
    configuration::Kind,
    coordinator::{JobView, RestoreRequest},
};

/// See the module.
pub(super) struct Job {
    pub(super) name: JobName,
    pub(super) service: Service,
    pub(super) shown: Shown<JobView>,
}

impl Job {
    fn about(&self) -> About {
        About::job(self.name.as_str(), Some(self.shown.view().repository.as_str()))
    }
}

/// A configured definition of what is backed up where to.
#[interface(name = "org.backupd.Backup1.Job")]
impl Job {
    /// Starts a backup and answers its run; as `Manager.StartJob`.
    #[zbus(out_args("run"))]
    async fn start(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Run, &self.about())
            .await?;
        let mut options = Options::new(options);
        let about = start_options(&mut options);
        options.finish()?;
        let run = leave.start(self.name.clone(), about).await.map_err(of_refusal)?;
        Ok(path_of_run(run))
    }

    /// Restores a snapshot of this job into a directory that is empty or does not exist, below which absolute
    /// source paths are made. `snapshot` is an id, a unique beginning of one among this job's, or `latest`;
    /// another job's is not found.
    ///
    /// Options: `paths` (aay), absolute paths in the snapshot, all if not given; `description`, `metadata` (s).
    #[zbus(out_args("run"))]
    async fn restore(
        &self,
        snapshot: &str,
        target: Vec<u8>,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Restore, &self.about())
            .await?;
        let mut options = Options::new(options);
        let request = RestoreRequest {
            job: Some(self.name.clone()),
            repository: None,
            snapshot: arguments::snapshot(snapshot)?,
            paths: paths(&mut options),
            target: absolute_path(target, "the target").map_err(Error::InvalidArgument)?,
            options: start_options(&mut options),
        };
        options.finish()?;
        let run = leave.restore(request).await.map_err(of_refusal)?;
        Ok(path_of_run(run))
    }

    /// Copies the snapshots of this job that are not there yet into another repository, which its file names in `copies`.
    /// Answers the run.
    ///
    /// Options: `description`, `metadata` (s).
    #[zbus(out_args("run"))]
    async fn copy(
        &self,
        repository: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Run, &self.about())
            .await?;
        let mut options = Options::new(options);
        let about = start_options(&mut options);
        options.finish()?;
        let to = arguments::repository_name(repository)?;
        let run = leave.copy(self.name.clone(), to, about).await;
        Ok(path_of_run(run.map_err(of_refusal)?))
    }

    /// Applies the job's retention: removes the snapshots that it lets go, and keeps their files, so that `Run.Unforget`
    /// brings them back until a prune has removed their data. Answers the run. It also runs after each good backup.
    ///
    /// Options: `force` (b), whatever the guard says, as far as anybody may; `description`, `metadata` (s).
    #[zbus(out_args("run"))]
    async fn forget(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Forget, &self.about())
            .await?;
        let mut options = Options::new(options);
        let force = options.take("force", "a boolean (`b`)").unwrap_or(false);
        let about = start_options(&mut options);
        options.finish()?;
        let run = leave.forget(self.name.clone(), force, about).await;
        Ok(path_of_run(run.map_err(of_refusal)?))
    }

    /// What `Forget` would do now; changes nothing. Answers a file with one JSON record a line: `record` is `snapshot`, with
    /// `id`, `time`, `day`, `verdict` (`keep` or `forget`), `reasons`, `bytes`, `bytes_stored`, the newest first; then
    /// `objection`, what the guard says, with `kind`, `message`, `hint`, `snapshots`, `overridden`.
    ///
    /// Options: `at-usec` (t), as if it were then.
    #[zbus(out_args("decisions"))]
    async fn open_retention_preview(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        let mut options = Options::new(options);
        let at = time(&mut options, "at-usec");
        options.finish()?;
        answered(leave.retention_preview(self.name.clone(), at).await)
    }

    /// What a backup would add, from what those before have added; with `scan`, also from walking the sources, which reads
    /// no file. Answers a file with one JSON record: `job`, `repository`, `runs`, how many were looked at, `bytes_median`,
    /// `bytes_largest`, `scan` (`files`, `bytes`, `files_new`, `bytes_new`, `files_changed`, `bytes_changed`,
    /// `files_unreadable`, `snapshot`), `bytes_stored`, `bytes_free`, `bytes_place`, `bytes_reserve`, `bytes_quota`,
    /// `days_until_full`. What is not known is `null`.
    ///
    /// Options: `scan` (b).
    #[zbus(out_args("estimate"))]
    async fn open_estimate(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        let mut options = Options::new(options);
        let scan = options.take("scan", "a boolean (`b`)").unwrap_or(false);
        options.finish()?;
        answered(leave.estimate(self.name.clone(), scan).await)
    }

    /// From now on the job does not start by itself, until a time (µs since the epoch), or until `Resume` for 0. Who
    /// starts it by hand may.
    ///
    /// Options: `reason` (s).
    async fn pause(
        &self,
        until_usec: u64,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Cancel, &self.about())
            .await?;
        let (until, reason) = pause(until_usec, options)?;
        leave
            .pause(Some(self.name.clone()), until, reason)
            .await
            .map_err(of_refusal)
    }

    /// Ends the job's own pause. What it missed is made up for.
    async fn resume(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Run, &self.about())
            .await?;
        Options::new(options).finish()?;
        leave.resume(Some(self.name.clone())).await.map_err(of_refusal)
    }

    /// Writes `enabled` into the job's file and keeps the rest of it; answers the file's revision.
    ///
    /// Options: `revision` (s), which the file must still have.
    #[zbus(out_args("revision"))]
    async fn set_enabled(
        &self,
        enabled: bool,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Configure, &self.about())
            .await?;
        let revision = revision(options)?;
        leave
            .set_enabled(self.name.clone(), enabled, revision)
            .await
            .map_err(of_refusal)
    }

    /// Deletes the job's file. Snapshots and history stay.
    ///
    /// Options: `revision` (s), which the file must still have.
    async fn delete(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Configure, &self.about())
            .await?;
        let revision = revision(options)?;
        leave
            .delete(self.name.clone(), revision)
            .await
            .map_err(of_refusal)
    }

    /// The job's file as it is, and its revision.
    #[zbus(out_args("configuration", "revision"))]
    async fn get_configuration(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(String, String), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        Options::new(options).finish()?;
        leave
            .text(Kind::Job, self.name.to_string())
            .await
            .map_err(of_refusal)
    }

    /// Replaces the job's file after validating the new text; answers its revision.
    ///
    /// Options: `revision` (s), which the file must still have.
    #[zbus(out_args("revision"))]
    async fn set_configuration(
        &self,
        configuration: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let mut abouts = vec![self.about()];
        let new = about_text(self.name.as_str(), configuration);
        if new.repository.is_some() && !abouts.contains(&new) {
            abouts.push(new);
        }
        let leave = self
            .service
            .allow_each(connection, &header, Action::Configure, &abouts)
            .await?;
        let revision = revision(options)?;
        let text = arguments::configuration(configuration)?;
        leave
            .replace(self.name.clone(), text, revision)
            .await
            .map_err(of_refusal)
    }

    /// The unit that the job's next backup would be, as the text of a unit file: its limits and its sandbox. `RUN`
    /// stands for the id of the run.
    #[zbus(out_args("unit"))]
    async fn get_unit(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        Options::new(options).finish()?;
        leave.unit_text(self.name.clone()).await.map_err(of_refusal)
    }

    /// Name.
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> String {
        self.shown.get(|properties| properties.name)
    }

    /// Free text from its file.
    #[zbus(property)]
    fn description(&self) -> String {
        self.shown.get(|properties| properties.description)
    }

    /// Name of its repository.
    #[zbus(property)]
    fn repository_name(&self) -> String {
        self.shown.get(|properties| properties.repository_name)
    }

    /// Object of its repository.
    #[zbus(property)]
    fn repository(&self) -> OwnedObjectPath {
        self.shown.get(|properties| properties.repository)
    }

    /// Whether its file lets it run.
    #[zbus(property)]
    fn enabled(&self) -> bool {
        self.shown.get(|properties| properties.enabled)
    }

    /// When it starts by itself, as its file says it: one text for each schedule.
    #[zbus(property)]
    fn schedule(&self) -> Vec<String> {
        self.shown.get(|properties| properties.schedule)
    }

    /// When it starts by itself next; 0 for never. What is due and has not started yet lies in the past.
    #[zbus(property, name = "NextUSec")]
    fn next_usec(&self) -> u64 {
        self.shown.get(|properties| properties.next_usec)
    }

    /// Whether it does not start by itself, by its own pause or that of all.
    #[zbus(property)]
    fn paused(&self) -> bool {
        self.shown.get(|properties| properties.paused)
    }

    /// Until when; 0 for until somebody resumes.
    #[zbus(property, name = "PausedUntilUSec")]
    fn paused_until_usec(&self) -> u64 {
        self.shown.get(|properties| properties.paused_until_usec)
    }

    /// Names under which it is started together with others.
    #[zbus(property)]
    fn groups(&self) -> Vec<String> {
        self.shown.get(|properties| properties.groups)
    }

    /// Jobs whose runs its own wait for.
    #[zbus(property)]
    fn after(&self) -> Vec<String> {
        self.shown.get(|properties| properties.after)
    }

    /// `high`, `normal` or `low`.
    #[zbus(property)]
    fn priority(&self) -> String {
        self.shown.get(|properties| properties.priority)
    }

    /// `ok`, `degraded`, `late`, `failed`, `never-ran`, `paused`, `disabled` or `unknown`.
    #[zbus(property)]
    fn health(&self) -> String {
        self.shown.get(|properties| properties.health)
    }

    /// Why, for people; empty while all is well.
    #[zbus(property)]
    fn health_reason(&self) -> String {
        self.shown.get(|properties| properties.health_reason)
    }

    /// Its backup that is queued or at work; `/` for none.
    #[zbus(property)]
    fn active_run(&self) -> OwnedObjectPath {
        self.shown.get(|properties| properties.active_run)
    }

    /// Why that run has not started: what, since when (µs since the epoch), what would clear it.
    #[zbus(property)]
    fn blocked_by(&self) -> Vec<Blocked> {
        self.shown.get(|properties| properties.blocked_by)
    }

    /// Its newest finished backup; `/` for none that is an object.
    #[zbus(property)]
    fn last_run(&self) -> OwnedObjectPath {
        self.shown.get(|properties| properties.last_run)
    }

    /// How that run ended; empty for none.
    #[zbus(property)]
    fn last_result(&self) -> String {
        self.shown.get(|properties| properties.last_result)
    }

    /// When the newest backup that stored a snapshot ended; 0 for none.
    #[zbus(property, name = "LastSuccessUSec")]
    fn last_success_usec(&self) -> u64 {
        self.shown.get(|properties| properties.last_success_usec)
    }

    /// The newest snapshot it stored; empty for none.
    #[zbus(property)]
    fn last_snapshot(&self) -> String {
        self.shown.get(|properties| properties.last_snapshot)
    }

    /// How old its newest good snapshot may be, µs; 0 for any age.
    #[zbus(property, name = "MaxAgeUSec")]
    fn max_age_usec(&self) -> u64 {
        self.shown.get(|properties| properties.max_age_usec)
    }

    /// When it becomes late unless it runs well before; 0 for never.
    #[zbus(property, name = "LateUSec")]
    fn late_usec(&self) -> u64 {
        self.shown.get(|properties| properties.late_usec)
    }

    /// Other repositories that get its snapshots, too. Of each `RepositoryName`, `Schedule` (s), missing where the copy
    /// follows each good backup, `NextUSec` (t), `ActiveRun`, `LastRun` (o), `LastResult` (s), `LastSuccessUSec`,
    /// `LateUSec` (t); what there is nothing to say of is missing.
    #[zbus(property)]
    fn copies(&self) -> Vec<CopyProperties> {
        self.shown.get(|properties| properties.copies)
    }
}

fn revision(options: Dictionary) -> Result<Option<String>, Error> {
    let mut options = Options::new(options);
    let revision = options.text("revision");
    options.finish()?;
    Ok(revision)
}
