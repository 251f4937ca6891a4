//! What the coordinator needs from the world: traits, so that it knows no SQLite, no process and no bus.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    future::Future,
    os::fd::OwnedFd,
    path::PathBuf,
    pin::Pin,
    time::Duration,
};

use backupd_core::{
    audit::{Entry, Record, Sealed, Who},
    clock::{Reading, Seen},
    condition::Condition,
    failure::{Failure, FailureClass},
    name::{JobName, RepositoryName, RunId},
    pause::Pause,
    protocol::{CareWork, KnownSnapshot, OwnedSnapshot, ReadData, ReadUpTo, Spec},
    resources::Limits,
    run::{Operation, Run, RunResult, RunState, Statistics, Trigger},
    space::Sample,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::sync::oneshot;

/// How many finished runs of a job stay objects on the bus whatever their age.
pub(crate) const STAY: u32 = 20;

/// How many finished runs stay objects for that, of all jobs: thousands of jobs would make a hundred thousand.
pub(crate) const STAY_IN_ALL: u32 = 2000;

/// A future behind a trait object.
pub(crate) type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who calls, as the bus saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user.
    pub(crate) uid: u32,
    /// The process, where the bus knows it. It may be another one by now: good for a log, not for a decision.
    pub(crate) pid: Option<u32>,
    /// The unique name of the connection, such as `:1.7`.
    pub(crate) bus_name: String,
}

impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        Self {
            uid: Some(caller.uid),
            pid: caller.pid,
            bus_name: caller.bus_name.clone(),
        }
    }
}

/// Keeps runs, and what is known of jobs beside their files.
pub(crate) trait Store: Send + Sync {
    /// Keeps a run as it is now, together with what the audit log is to say of it: both or neither. Durable when
    /// the future is ready.
    fn save_audited(&self, run: &Run, entries: Vec<Entry>) -> Reply<'_, Result<(), StoreError>>;
    /// Puts a record into the audit log; durable when the future is ready.
    fn append(&self, entry: Entry) -> Reply<'_, Result<(), StoreError>>;
    /// The audit log as it stands in the file now, in a file to read from the start: one
    /// [`Sealed`] a line as JSON, oldest first.
    fn export_audit(&self, query: AuditQuery) -> Reply<'_, Result<File, StoreError>>;
    /// Runs that are not finished, oldest first.
    fn unfinished(&self) -> Reply<'_, Result<Vec<Run>, StoreError>>;
    /// The newest finished runs, of each job and of no job `each` at most, and `all` altogether; oldest first.
    fn recent(&self, each: u32, all: u32) -> Reply<'_, Result<Vec<Run>, StoreError>>;
    /// One run.
    fn find(&self, run: RunId) -> Reply<'_, Result<Option<Run>, StoreError>> {
        Box::pin(async move {
            let query = RunQuery {
                id: Some(run.to_string()),
                limit: 1,
                ..RunQuery::default()
            };
            Ok(self.list(query).await?.pop())
        })
    }
    /// A page of history, newest first.
    fn list(&self, query: RunQuery) -> Reply<'_, Result<Vec<Run>, StoreError>>;
    /// Keeps runs as they are now, that schedules are seen to up to these elapses, and what the audit log is
    /// to say of it: all or nothing. A run that is not over is what its job was to start for.
    fn schedule(
        &self,
        runs: Vec<Run>,
        seen: Vec<(Subject, Timestamp)>,
        entries: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>>;
    /// The pauses of jobs, and that of all under no name.
    fn pauses(&self) -> Reply<'_, Result<BTreeMap<Option<JobName>, Pause>, StoreError>>;
    /// Keeps the pause of a job, or of all, or that there is none; and what the audit log is to say of it.
    fn pause(
        &self,
        job: Option<JobName>,
        pause: Option<Pause>,
        entries: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>>;
    /// What jobs are to start for, which could not when it came.
    fn pending(&self) -> Reply<'_, Result<BTreeMap<JobName, Pending>, StoreError>>;
    /// Keeps what a job is to start for, or that there is nothing.
    fn keep_pending(&self, job: JobName, pending: Option<Pending>) -> Reply<'_, Result<(), StoreError>>;
    /// Where repositories were before they were moved, and still lie.
    fn moves(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, MovedFrom>, StoreError>>;
    /// Keeps where a repository was, or that nothing is there any more.
    fn keep_move(
        &self,
        repository: RepositoryName,
        from: Option<MovedFrom>,
    ) -> Reply<'_, Result<(), StoreError>>;
    /// What is known of jobs, in their order; notes of each that it is known since `now` where it was not.
    fn job_facts(&self, jobs: Vec<JobName>, now: Timestamp)
    -> Reply<'_, Result<Vec<JobHistory>, StoreError>>;
    /// How repositories were cared for, in the order of the keys; notes of what has a schedule, which the second says, that
    /// it is known since `now` where it was not.
    fn care_facts(
        &self,
        keys: Vec<(CareKey, bool)>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<CareHistory>, StoreError>>;
    /// How large repositories were, of each oldest first.
    fn sizes(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, Vec<Sample>>, StoreError>>;
    /// Keeps how large a repository is, in the place of what was known of that day.
    fn keep_size(&self, repository: RepositoryName, sample: Sample) -> Reply<'_, Result<(), StoreError>>;
    /// What is known of the snapshots of a job that are not forgotten, beside what they say themselves.
    fn snapshots(
        &self,
        repository: RepositoryName,
        job: JobName,
    ) -> Reply<'_, Result<Vec<KnownSnapshot>, StoreError>>;
    /// Snapshots that jobs have had in a repository, and that no run of ours has forgotten.
    fn owned_snapshots(
        &self,
        repository: RepositoryName,
    ) -> Reply<'_, Result<Vec<OwnedSnapshot>, StoreError>>;
    /// Keeps what a look at all snapshots of a job has shown.
    fn learn_snapshots(&self, news: SnapshotNews) -> Reply<'_, Result<(), StoreError>>;
    /// Snapshots that this run had forgotten are there again.
    fn bring_back(
        &self,
        repository: RepositoryName,
        run: RunId,
        ids: Vec<String>,
    ) -> Reply<'_, Result<(), StoreError>>;
    /// Forgets finished runs that have expired, of this job or else of all, but for the newest `keep` of each job;
    /// answers their ids.
    fn expire(
        &self,
        job: Option<JobName>,
        now: Timestamp,
        keep: u32,
    ) -> Reply<'_, Result<Vec<RunId>, StoreError>>;
}

/// What a job is to start for that could not when it came: why, and what is noted with the run.
pub(crate) type Pending = (Trigger, serde_json::Map<String, serde_json::Value>);

/// Where a repository was before it was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MovedFrom {
    /// The keys of its file that said so, as TOML.
    pub(crate) place: String,
    /// Tells the snapshots that were there then.
    pub(crate) contents: String,
    /// When; to the second.
    pub(crate) moved: Timestamp,
}

/// What a run that forgets has found, and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotNews {
    /// Where.
    pub(crate) repository: RepositoryName,
    /// Whose snapshots.
    pub(crate) job: JobName,
    /// The run.
    pub(crate) run: RunId,
    /// Ids of those that stay.
    pub(crate) kept: Vec<String>,
    /// Ids of those that went.
    pub(crate) forgotten: Vec<String>,
    /// Ids of those that were there before the daemon knew the job.
    pub(crate) early: BTreeSet<String>,
    /// Ids of those whose dates an administrator has accepted.
    pub(crate) accepted: Vec<String>,
}

/// What is done to which repository beside backups, by a schedule of its own: its care, and copies into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CareKey {
    /// Which one.
    pub(crate) repository: RepositoryName,
    /// `check`, `prune` or `copy`.
    pub(crate) operation: Operation,
    /// Whose snapshots are copied; of a copy alone.
    pub(crate) job: Option<JobName>,
}

/// What a schedule is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Backups of a job.
    Job(JobName),
    /// The care of a repository, or a copy.
    Care(CareKey),
}

/// How a repository was cared for, as the store knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CareHistory {
    /// When the daemon first saw the schedule.
    pub(crate) known_since: Option<Timestamp>,
    /// Up to where the schedule was seen to.
    pub(crate) seen: Seen,
    /// The newest finished run of all, whatever its result.
    pub(crate) last_run: Option<RunId>,
    /// How the newest run ended that says something: neither cancelled nor skipped.
    pub(crate) last_result: Option<RunResult>,
    /// Why it did not end well.
    pub(crate) last_failure: Option<Failure>,
    /// When the newest good run ended.
    pub(crate) last_good: Option<Timestamp>,
    /// The sums of that run.
    pub(crate) sums: Option<Statistics>,
    /// Up to where the newest check has read that says so.
    pub(crate) read: Option<ReadUpTo>,
    /// Damage in the stored data, until a check that reads it finds none. It begins where this was found.
    pub(crate) damage: Option<Failure>,
}

/// What a check says of the stored data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataVerdict {
    /// It has read some, and all that it has read is well.
    Well,
    /// It has read some, and there is damage.
    Damaged(Failure),
    /// Nothing.
    Silent,
}

impl DataVerdict {
    /// Of a run that has ended.
    pub(crate) fn of(run: &Run) -> Self {
        match &run.care {
            Some(CareWork::Check(check)) if check.read_data != ReadData::None => {}
            _ => return Self::Silent,
        }
        match &run.failure {
            Some(failure) if failure.class == FailureClass::Corrupt => Self::Damaged(failure.clone()),
            None if run.result.is_some_and(RunResult::is_good) => Self::Well,
            _ => Self::Silent,
        }
    }
}

/// What the store knows of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct JobHistory {
    /// When the daemon first saw the job.
    pub(crate) known_since: Option<Timestamp>,
    /// Up to where its schedule was seen to.
    pub(crate) seen: Seen,
    /// The newest finished backup that says something: neither cancelled nor skipped.
    pub(crate) last_result: Option<RunResult>,
    /// The newest finished backup of all, whatever its result.
    pub(crate) last_run: Option<RunId>,
    /// When the newest good backup ended.
    pub(crate) last_good: Option<Timestamp>,
    /// The snapshot of that backup.
    pub(crate) last_snapshot: Option<String>,
    /// When that backup began.
    pub(crate) good_began: Option<Timestamp>,
    /// When the newest finished backup of all began.
    pub(crate) last_began: Option<Timestamp>,
    /// Why the newest telling backup did not end well.
    pub(crate) last_failure: Option<String>,
    /// Why its retention could not be applied the last time.
    pub(crate) forget_failure: Option<String>,
}

/// Which runs are asked for. `None` matches all.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunQuery {
    /// Ids that begin like this.
    pub(crate) id: Option<String>,
    /// Of this job.
    pub(crate) job: Option<JobName>,
    /// On this repository.
    pub(crate) repository: Option<RepositoryName>,
    /// Of this operation.
    pub(crate) operation: Option<Operation>,
    /// With this trigger.
    pub(crate) trigger: Option<Trigger>,
    /// `manual` (true) or `automatic` (false).
    pub(crate) manual: Option<bool>,
    /// In this state.
    pub(crate) state: Option<RunState>,
    /// With this result.
    pub(crate) result: Option<RunResult>,
    /// Queued at or after.
    pub(crate) since: Option<Timestamp>,
    /// Queued before.
    pub(crate) until: Option<Timestamp>,
    /// Older than this run.
    pub(crate) before: Option<RunId>,
    /// At most so many.
    pub(crate) limit: u32,
}

/// Which records of the audit log are asked for. `None` matches all.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditQuery {
    /// At or after.
    pub(crate) since: Option<Timestamp>,
    /// Before.
    pub(crate) until: Option<Timestamp>,
    /// Of this job.
    pub(crate) job: Option<JobName>,
    /// The newest so many.
    pub(crate) limit: Option<u32>,
}

impl AuditQuery {
    /// Whether the record is meant, but for the limit. One that nobody can read always is: it must not hide.
    pub(crate) fn matches(&self, sealed: &Sealed) -> bool {
        let Ok(record) = serde_json::from_str::<Record>(&sealed.record) else {
            return true;
        };
        let time = record.entry.time_usec;
        self.since.is_none_or(|since| time >= since.as_microsecond())
            && self.until.is_none_or(|until| time < until.as_microsecond())
            && self
                .job
                .as_ref()
                .is_none_or(|job| record.entry.job == job.as_str())
    }
}

/// The store could not do it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(pub(crate) String);

/// Starts and stops workers, and tells the coordinator's [`Inbox`](crate::coordinator::Inbox) about them.
pub(crate) trait Launcher: Send + Sync {
    /// `child` or `systemd`.
    fn name(&self) -> &'static str;
    /// Writes the spec into a new run directory and has a worker started there; its events come to the inbox, and
    /// so does a start that fails later.
    fn launch(&self, spec: &Spec) -> Reply<'_, Result<(), LaunchError>>;
    /// Takes up the attempt of an earlier daemon: all its events, and its end, come to the inbox.
    fn adopt(&self, run: RunId, attempt: u32);
    /// Asks a worker to stop; it is killed when it has not ended after the grace period. Does nothing where
    /// there is none.
    fn stop(&self, run: RunId, attempt: u32);
    /// Puts a question to a short-lived worker, which reads `input`; its answer is a file to read from the start.
    fn ask(&self, spec: &Spec, input: Option<OwnedFd>) -> Reply<'_, Result<std::fs::File, AskError>>;
    /// Has a worker watch what a job would store.
    fn watch(&self, spec: &Spec) -> Reply<'_, Result<Watching, LaunchError>>;
    /// The unit that does a run, where there is one.
    fn unit_name(&self, run: RunId) -> Option<String>;
    /// The text of the unit that would do what the spec says.
    fn describe(&self, spec: &Spec) -> Reply<'_, Result<String, LaunchError>>;
    /// The limits of a run at work.
    fn limits(&self, run: RunId) -> Reply<'_, Result<Limits, LimitError>>;
    /// Changes the limits of a run at work; answers what is in force then.
    fn limit(&self, run: RunId, limits: Limits) -> Reply<'_, Result<Limits, LimitError>>;
    /// The directory of an attempt, whether it is there or not.
    fn directory(&self, run: RunId, attempt: u32) -> PathBuf;
    /// The event file of an attempt, opened for reading.
    fn open_events(&self, run: RunId, attempt: u32) -> std::io::Result<std::fs::File>;
    /// Runs that have a directory, each with its spec if a worker is at it.
    fn survey(&self) -> Vec<(RunId, Option<Spec>)>;
    /// Removes what is left of a run that history has forgotten.
    fn forget(&self, run: RunId);
}

/// A worker could not be started.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LaunchError {
    /// The program is not there or cannot be run.
    #[error("the worker `{program}` cannot be started: {reason}", program = .0.display(), reason = .1)]
    Program(PathBuf, String),
    /// The attempt has a directory already: an earlier daemon started a worker there.
    #[error("the run directory `{path}` is there already", path = .0.display())]
    Exists(PathBuf),
    /// systemd did not start its unit.
    #[error("the unit `{unit}` could not be started: {reason}")]
    Unit {
        /// Its name.
        unit: String,
        /// Why not.
        reason: String,
        /// A command that says more.
        journal: String,
    },
    /// systemd could not load the credential with the repository's password.
    #[error("{}", .0.message)]
    Credential(backupd_core::failure::Failure),
    /// Nobody can say what there is at a path that the unit depends on.
    #[error("the file system of `{path}` does not answer within {seconds} s", path = .0.display(), seconds = .1.as_secs())]
    Silent(PathBuf, Duration),
    /// The run directory could not be made.
    #[error("the run directory `{path}` cannot be written: {reason}", path = .0.display(), reason = .1)]
    Directory(PathBuf, String),
}

/// Limits that were not changed.
#[derive(Debug, Clone)]
pub(crate) enum LimitError {
    /// Nobody limits plain children.
    Unsupported,
    /// The run has no worker, or not yet.
    NoWorker,
    /// systemd says why.
    Refused(String),
}

/// A question that got no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum AskError {
    /// Too many wait for an answer already.
    #[error("too many questions wait for an answer")]
    Busy,
    /// The worker could not be started.
    #[error(transparent)]
    Launch(LaunchError),
    /// The worker says why.
    #[error("{}", .0.message)]
    Failure(backupd_core::failure::Failure),
    /// The worker ended without saying why.
    #[error("the worker ended without an answer: {0}")]
    NoAnswer(String),
}

/// What the machine is asked not to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PowerLocks {
    /// Sleep and shutdown wait a moment.
    pub(crate) delay: bool,
    /// Neither sleep nor shutdown.
    pub(crate) block: bool,
    /// Shutdown waits a moment, for runs that begin then.
    pub(crate) departure: bool,
}

/// Keeps the machine awake. Where nobody can do that, nothing happens.
pub(crate) trait Power: Send + Sync {
    /// From now on these locks, and no others.
    fn want(&self, locks: PowerLocks);
}

/// Looks at what must hold for runs.
pub(crate) trait Surroundings: Send + Sync {
    /// From now on these, and no others. How each stands comes to the inbox, at once and whenever it changes.
    fn want(&self, conditions: BTreeSet<Condition>);
}

/// What of a job is watched, so that changes start it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watch {
    /// What the worker is told.
    pub(crate) spec: Box<Spec>,
    /// Runs begin so far from one another at least.
    pub(crate) distance: SignedDuration,
    /// When the newest good backup began; what has changed since then is in no snapshot.
    pub(crate) stored: Option<Timestamp>,
    /// When the newest backup of all began; the next one keeps its distance.
    pub(crate) began: Option<Timestamp>,
}

/// A worker that watches.
pub(crate) struct Watching {
    /// What it tells, one [`WatchRecord`](backupd_core::protocol::WatchRecord) a line. It ends when this is closed.
    pub(crate) lines: OwnedFd,
    /// Ready once it is gone; with the reason where it gave one.
    pub(crate) end: oneshot::Receiver<Option<Failure>>,
}

/// Watches the sources of jobs.
pub(crate) trait Watcher: Send + Sync {
    /// From now on of these jobs, and no others. Changes come to the inbox, and so does what keeps them from being seen.
    fn want(&self, watches: BTreeMap<JobName, Watch>);
}

/// Where the clock of the machine stands.
pub(crate) trait Zones: Send + Sync {
    /// Its zone now.
    fn local(&self) -> TimeZone;
    /// Why zones are not what they should be, for people.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// Reads the time. Steered in tests.
pub(crate) trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// The time since the machine started, sleep counted; nobody sets it.
    fn since_boot(&self) -> SignedDuration;
    /// The same without sleep.
    fn awake(&self) -> SignedDuration {
        self.since_boot()
    }
    /// All of them.
    fn reading(&self) -> Reading {
        Reading {
            now: self.now(),
            since_boot: self.since_boot(),
            awake: self.awake(),
        }
    }
}
