//! `org.backupd.Backup1.Run`.

use backupd_core::name::{JobName, RunId};
use backupd_dbus::{AttemptProperties, Blocked, Error, ProgressProperties, RunLimits, StatisticsProperties};
use zbus::{Connection, OwnedFd, OwnedObjectPath, interface, message::Header};

use super::{
    answer::answered,
    arguments::limits,
    authority::{About, Action},
    errors::of_refusal,
    objects::{Dictionary, Service, Shown},
    options::Options,
    properties::of_limits,
};
use crate::coordinator::RunView;

/// See the module.
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) service: Service,
    pub(super) shown: Shown<RunView>,
}

impl Run {
    fn about(&self) -> About {
        let view = self.shown.view();
        let job = view.run.job.as_ref().map_or("", JobName::as_str);
        About::job(job, Some(view.run.repository.as_str()))
    }
}

/// One execution of one operation. It stays an object for some time after its end: subscribe to
/// `PropertiesChanged`, then read `State`, and nothing can be missed.
#[interface(name = "org.backupd.Backup1.Run")]
impl Run {
    /// Asks the run to stop. It ends soon after with the result `cancelled`; nothing stored before is harmed.
    async fn cancel(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Cancel, &self.about())
            .await?;
        Options::new(options).finish()?;
        leave.cancel(self.id).await.map_err(of_refusal)
    }

    /// The events of an attempt as they are now: a file with one JSON object a line, which names the files that
    /// could not be read.
    ///
    /// Options: `attempt` (u), the last if not given.
    #[zbus(out_args("events"))]
    async fn open_log(
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
        let last = self.shown.get(|properties| properties.attempt);
        let attempt: u32 = options.take("attempt", "a number (`u`)").unwrap_or(last);
        options.finish()?;
        if attempt == 0 {
            return Err(Error::InvalidArgument(format!(
                "run {} has not started: it has no log",
                self.id
            )));
        }
        let events = leave.open_events(self.id, attempt).map_err(|error| {
            Error::Failed(format!(
                "run {} has no log of attempt {attempt}: {error}",
                self.id
            ))
        })?;
        Ok(OwnedFd::from(std::os::fd::OwnedFd::from(events)))
    }

    /// What a run that forgets has decided of each snapshot, before it removed the first: a file with one JSON record a
    /// line, as `Job.OpenRetentionPreview` answers it.
    ///
    /// Options: `attempt` (u), the last if not given.
    #[zbus(out_args("decisions"))]
    async fn open_decisions(
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
        let last = self.shown.get(|properties| properties.attempt);
        let attempt: u32 = options.take("attempt", "a number (`u`)").unwrap_or(last);
        options.finish()?;
        let decisions = leave.open_decisions(self.id, attempt).map_err(|error| {
            Error::Failed(format!(
                "run {} has decided nothing in attempt {attempt}: {error}",
                self.id
            ))
        })?;
        Ok(OwnedFd::from(std::os::fd::OwnedFd::from(decisions)))
    }

    /// Brings back snapshots that this run forgot, as long as no prune has removed what they need. Answers a file with one
    /// JSON record a line: `id`, `present`, and `reason` where it is not.
    ///
    /// Options: `snapshots` (as), full ids, all if not given.
    #[zbus(out_args("snapshots"))]
    async fn unforget(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Forget, &self.about())
            .await?;
        let mut options = Options::new(options);
        let snapshots = options.take("snapshots", "a list of strings (`as`)");
        options.finish()?;
        answered(leave.unforget(self.id, snapshots.unwrap_or_default()).await)
    }

    /// Changes limits of the run while it is at work, until its end; answers those that are in force then.
    ///
    /// Options, and the answer's members where there is a limit: `cpu-weight`, `io-weight` (t, 1 to 10000),
    /// `memory-high`, `memory-max` (t, bytes).
    #[zbus(out_args("limits"))]
    async fn set_limits(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<RunLimits, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Cancel, &self.about())
            .await?;
        let mut options = Options::new(options);
        let limits = limits(&mut options);
        options.finish()?;
        let limits = leave.limit(self.id, limits).await.map_err(of_refusal)?;
        Ok(of_limits(&limits))
    }

    /// 26 letters and digits that sort by time.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> String {
        self.shown.get(|properties| properties.id)
    }

    /// Name of its job; empty for a restore straight from a repository.
    #[zbus(property(emits_changed_signal = "const"))]
    fn job_name(&self) -> String {
        self.shown.get(|properties| properties.job_name)
    }

    /// Object of its job; `/` for none.
    #[zbus(property(emits_changed_signal = "const"))]
    fn job(&self) -> OwnedObjectPath {
        self.shown.get(|properties| properties.job)
    }

    /// Name of its repository.
    #[zbus(property(emits_changed_signal = "const"))]
    fn repository_name(&self) -> String {
        self.shown.get(|properties| properties.repository_name)
    }

    /// Name of the repository that a copy is made from; empty for what is no copy.
    #[zbus(property(emits_changed_signal = "const"))]
    fn source_name(&self) -> String {
        self.shown.get(|properties| properties.source_name)
    }

    /// `backup`, `restore`, `check`, `prune`, `forget` or `copy`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn operation(&self) -> String {
        self.shown.get(|properties| properties.operation)
    }

    /// Why it began: `manual`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn trigger(&self) -> String {
        self.shown.get(|properties| properties.trigger)
    }

    /// `manual` when a person asked for it, else `automatic`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn kind(&self) -> String {
        self.shown.get(|properties| properties.kind)
    }

    /// `queued`, `waiting`, `starting`, `running`, `finishing` or `finished`.
    #[zbus(property)]
    fn state(&self) -> String {
        self.shown.get(|properties| properties.state)
    }

    /// `success`, `partial`, `failed`, `cancelled`, `interrupted`; empty until it is finished.
    #[zbus(property)]
    fn result(&self) -> String {
        self.shown.get(|properties| properties.result)
    }

    /// The part of the work: `open`, `index`, `scan`, `backup`, `verify`, `restore`, `check`, `prune`, `forget`, `copy`; empty outside.
    #[zbus(property)]
    fn phase(&self) -> String {
        self.shown.get(|properties| properties.phase)
    }

    /// Somebody asked it to stop.
    #[zbus(property)]
    fn cancel_requested(&self) -> bool {
        self.shown.get(|properties| properties.cancel_requested)
    }

    /// Why it has not started: what, since when (µs since the epoch), what would clear it.
    #[zbus(property)]
    fn blocked_by(&self) -> Vec<Blocked> {
        self.shown.get(|properties| properties.blocked_by)
    }

    /// The number of its last attempt; 0 before the first.
    #[zbus(property)]
    fn attempt(&self) -> u32 {
        self.shown.get(|properties| properties.attempt)
    }

    /// Its attempts, oldest first: `Number` (u), `StartedUSec`, `FinishedUSec` (t), `Result`, `FailureClass`,
    /// `FailureMessage` (s), `PID` (u).
    #[zbus(property)]
    fn attempts(&self) -> Vec<AttemptProperties> {
        self.shown.get(|properties| properties.attempts)
    }

    /// The unit of systemd that its last attempt is or was; empty for a plain child.
    #[zbus(property)]
    fn unit(&self) -> String {
        self.shown.get(|properties| properties.unit)
    }

    /// When it was accepted.
    #[zbus(property(emits_changed_signal = "const"), name = "QueuedUSec")]
    fn queued_usec(&self) -> u64 {
        self.shown.get(|properties| properties.queued_usec)
    }

    /// The elapse of the schedule that it is for; 0 for none.
    #[zbus(property(emits_changed_signal = "const"), name = "ScheduledUSec")]
    fn scheduled_usec(&self) -> u64 {
        self.shown.get(|properties| properties.scheduled_usec)
    }

    /// When its next attempt begins, in state `backoff`; 0 elsewhere.
    #[zbus(property, name = "NextAttemptUSec")]
    fn next_attempt_usec(&self) -> u64 {
        self.shown.get(|properties| properties.next_attempt_usec)
    }

    /// Conditions that did not hold and that whoever started it by hand overrode, for people.
    #[zbus(property)]
    fn overrode(&self) -> Vec<String> {
        self.shown.get(|properties| properties.overrode)
    }

    /// When its first attempt started; 0 before.
    #[zbus(property, name = "StartedUSec")]
    fn started_usec(&self) -> u64 {
        self.shown.get(|properties| properties.started_usec)
    }

    /// When it ended; 0 before.
    #[zbus(property, name = "FinishedUSec")]
    fn finished_usec(&self) -> u64 {
        self.shown.get(|properties| properties.finished_usec)
    }

    /// When history forgets it; 0 before its end.
    #[zbus(property, name = "ExpiresUSec")]
    fn expires_usec(&self) -> u64 {
        self.shown.get(|properties| properties.expires_usec)
    }

    /// How far it is, told at most twice a second: `FilesDone`, `FilesTotal`, `BytesDone`, `BytesTotal`,
    /// `BytesAdded`, `Unreadable` (t), `Fraction` (d, 0 to 1), `Rate` (d, bytes a second), `LeftUSec` (t).
    #[zbus(property)]
    fn progress(&self) -> ProgressProperties {
        self.shown.get(|properties| properties.progress)
    }

    /// Its sums: `FilesNew`, `FilesChanged`, `FilesUnmodified`, `FilesUnreadable`, `FilesRestored`,
    /// `Directories`, `BytesProcessed`, `BytesRead`, `BytesAdded`, `BytesStored`, `BytesRestored`,
    /// `Warnings` (t), `CompressionRatio`, `BytesPerSecond` (d).
    #[zbus(property)]
    fn statistics(&self) -> StatisticsProperties {
        self.shown.get(|properties| properties.statistics)
    }

    /// The snapshot that it stored or restored from; empty for none.
    #[zbus(property)]
    fn snapshot(&self) -> String {
        self.shown.get(|properties| properties.snapshot)
    }

    /// What did the work; empty before.
    #[zbus(property)]
    fn engine(&self) -> String {
        self.shown.get(|properties| properties.engine)
    }

    /// Version of that.
    #[zbus(property)]
    fn engine_version(&self) -> String {
        self.shown.get(|properties| properties.engine_version)
    }

    /// Why it did not end well, such as `no-space`; empty if it did.
    #[zbus(property)]
    fn failure_class(&self) -> String {
        self.shown.get(|properties| properties.failure_class)
    }

    /// What happened, for people.
    #[zbus(property)]
    fn failure_message(&self) -> String {
        self.shown.get(|properties| properties.failure_message)
    }

    /// What to do next, for people.
    #[zbus(property)]
    fn failure_hint(&self) -> String {
        self.shown.get(|properties| properties.failure_hint)
    }

    /// Free text of whoever started it.
    #[zbus(property(emits_changed_signal = "const"))]
    fn description(&self) -> String {
        self.shown.get(|properties| properties.description)
    }

    /// Free data of whoever started it: a JSON object.
    #[zbus(property(emits_changed_signal = "const"))]
    fn metadata(&self) -> String {
        self.shown.get(|properties| properties.metadata)
    }
}
