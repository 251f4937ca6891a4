//! What the coordinator is told and asked. Its channel is bounded; who asks when it is full is refused.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use backupd_core::{
    audit::Who,
    condition::{Condition, Standing},
    config::{Fault, Repository},
    failure::Failure,
    name::{JobName, RepositoryName, RunId},
    protocol::{ContentsWork, Event, JobOwner, Progress, PruneWork, Spec, StatisticsWork, Work},
    run::{Run, Trigger},
    space::Sample,
};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::{
    care::{CareWish, PruneWish},
    marks::MarkWish,
    moving::MoveWish,
    password::PasswordWish,
    refusal::Refusal,
};
use crate::{
    configuration::Kind,
    ports::{LaunchError, Subject},
};

/// Messages that may wait; a flood of calls is refused before it costs memory.
const QUEUE: usize = 256;

pub(super) type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// What whoever starts a run may say about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StartOptions {
    /// Free text.
    pub(crate) description: Option<String>,
    /// Free data.
    pub(crate) metadata: serde_json::Map<String, serde_json::Value>,
}

/// What to restore, and where.
#[derive(Debug, Clone)]
pub(crate) struct RestoreRequest {
    /// The job whose snapshots are meant, or else the repository.
    pub(crate) job: Option<JobName>,
    /// The repository; the job's own where there is a job.
    pub(crate) repository: Option<RepositoryName>,
    /// Id, unique prefix, or `latest`.
    pub(crate) snapshot: String,
    /// Absolute paths in the snapshot; empty for all of it.
    pub(crate) paths: Vec<PathBuf>,
    /// Where to.
    pub(crate) target: PathBuf,
    /// About the run.
    pub(crate) options: StartOptions,
}

/// Which elapses are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct ElapseQuery {
    /// Of this job.
    pub(crate) job: Option<JobName>,
    /// After this; now where `None`.
    pub(crate) from: Option<Timestamp>,
    /// Before this.
    pub(crate) until: Option<Timestamp>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// An elapse that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComingElapse {
    /// What begins then.
    pub(crate) subject: Subject,
    /// Jitter counted.
    pub(crate) at: Timestamp,
    /// As its file says it.
    pub(crate) schedule: String,
    /// Of its clock.
    pub(crate) time_zone: String,
}

pub(crate) enum Message {
    Start(JobName, StartOptions, Who, Answer<RunId>),
    /// Several jobs together.
    StartJobs(Vec<JobName>, StartOptions, Who, Answer<Vec<RunId>>),
    /// Every job that waits for this.
    Trigger(
        Trigger,
        serde_json::Map<String, serde_json::Value>,
        Who,
        Answer<Vec<RunId>>,
    ),
    /// A job, or all, until then or until somebody resumes; and why.
    Pause(
        Option<JobName>,
        Option<Timestamp>,
        Option<String>,
        Who,
        Answer<()>,
    ),
    Unpause(Option<JobName>, Who, Answer<()>),
    /// What comes.
    Elapses(ElapseQuery, Answer<Vec<ComingElapse>>),
    Restore(Box<RestoreRequest>, Who, Answer<RunId>),
    /// Something is to be done to a repository.
    Care(RepositoryName, CareWish, StartOptions, Who, Answer<RunId>),
    /// A job's retention is to be applied; whatever the guard says, if the second is set.
    Forget(JobName, bool, StartOptions, Who, Answer<RunId>),
    Copy(JobName, RepositoryName, StartOptions, Who, Answer<RunId>),
    /// A step of a move.
    Move(RepositoryName, MoveWish, StartOptions, Who, Answer<RunId>),
    /// What a forget would be told, and where.
    RetentionPreview(JobName, Option<Timestamp>, Answer<(RepositoryName, Work)>),
    /// What brings back what a run forgot, and where.
    UnforgetWork(RunId, Vec<String>, Answer<(RepositoryName, Work)>),
    /// What a prune would be told.
    PruneWork(RepositoryName, PruneWish, Answer<PruneWork>),
    /// The jobs that store into a repository, with what each takes for its own.
    Owners(RepositoryName, Answer<Vec<JobOwner>>),
    /// What an inventory of a repository would be told.
    ContentsWork(RepositoryName, Answer<ContentsWork>),
    /// What a count of a repository would be told.
    StatisticsWork(RepositoryName, Answer<StatisticsWork>),
    /// What an estimate of a job's next backup would be told, which walks the sources if the second is set.
    EstimateSpec(JobName, bool, Answer<Box<Spec>>),
    /// Somebody has counted what a repository stores.
    Size(RepositoryName, Sample, Answer<()>),
    Cancel(RunId, Who, Answer<()>),
    /// Makes a run of history an object again.
    Recall(RunId, Answer<()>),
    Job(JobName, Answer<()>),
    Repository(RepositoryName, Answer<Repository>),
    /// The text and revision of a file.
    Text(Kind, String, Answer<(String, String)>),
    /// The faults that a job's file would have.
    Validate(JobName, String, Answer<Vec<Fault>>),
    Create(Kind, String, String, Who, Answer<()>),
    Replace(JobName, String, Option<String>, Who, Answer<String>),
    SetEnabled(JobName, bool, Option<String>, Who, Answer<String>),
    Password(PasswordWish),
    /// Something is said of a snapshot.
    Mark(RepositoryName, MarkWish, Who, Answer<()>),
    Delete(JobName, Option<String>, Who, Answer<()>),
    /// By a call, or else by a signal.
    Reload(Option<(Who, Answer<Vec<Fault>>)>),
    Settings(Answer<String>),
    WorkerEvents(RunId, u32, Vec<Event>),
    WorkerGone(RunId, u32, Option<Failure>),
    /// No worker was started after all.
    LaunchFailed(RunId, u32, LaunchError),
    /// What the worker of the job's next backup would be told.
    NextSpec(JobName, Answer<Box<Spec>>),
    /// A run that a worker is at.
    AtWork(RunId, Answer<Arc<Run>>),
    Progress(Progress),
    /// How conditions stand.
    Standings(BTreeMap<Condition, Standing>),
    /// Something that starts a job has happened.
    Triggered(JobName, Trigger, serde_json::Map<String, serde_json::Value>),
    /// What keeps changes of a job's sources from being seen; nothing any more where `None`.
    Unwatched(JobName, Option<String>),
    /// The machine is about to go down, or it is not after all.
    GoingDown(bool),
    /// Rules of a zone, or the zone of the machine, are others now.
    ZonesChanged,
    /// The machine is awake again.
    Resumed,
    /// The time that was asked for has come, or the clock was set.
    Wake,
    Stop,
}

/// Where launchers tell what workers do.
#[derive(Clone)]
pub(crate) struct Inbox(pub(super) mpsc::Sender<Message>);

impl Inbox {
    /// An inbox and its reading end.
    pub(super) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Events, in the order of the file; waits while the coordinator is busy.
    pub(crate) async fn worker_events(&self, run: RunId, attempt: u32, events: Vec<Event>) {
        let _ = self.0.send(Message::WorkerEvents(run, attempt, events)).await;
    }

    /// The worker is gone and its file was read to the end; `why`, where anybody knows.
    pub(crate) async fn worker_gone(&self, run: RunId, attempt: u32, why: Option<Failure>) {
        let _ = self.0.send(Message::WorkerGone(run, attempt, why)).await;
    }

    /// No worker was started after all.
    pub(crate) async fn launch_failed(&self, run: RunId, attempt: u32, error: LaunchError) {
        let _ = self.0.send(Message::LaunchFailed(run, attempt, error)).await;
    }

    /// Progress; lost while the coordinator is busy.
    pub(crate) fn progress(&self, progress: Progress) {
        let _ = self.0.try_send(Message::Progress(progress));
    }

    /// The time has come, or the clock was set.
    pub(crate) async fn wake(&self) {
        let _ = self.0.send(Message::Wake).await;
    }

    /// How conditions stand; waits while the coordinator is busy.
    pub(crate) async fn standings(&self, standings: BTreeMap<Condition, Standing>) {
        let _ = self.0.send(Message::Standings(standings)).await;
    }

    /// Something that starts a job has happened; waits while the coordinator is busy.
    pub(crate) async fn triggered(
        &self,
        job: JobName,
        trigger: Trigger,
        metadata: serde_json::Map<String, serde_json::Value>,
    ) {
        let _ = self.0.send(Message::Triggered(job, trigger, metadata)).await;
    }

    /// What keeps changes of a job's sources from being seen; nothing any more where `None`.
    pub(crate) async fn unwatched(&self, job: JobName, why: Option<String>) {
        let _ = self.0.send(Message::Unwatched(job, why)).await;
    }

    /// The machine is about to go down, or it is not after all.
    pub(crate) async fn going_down(&self, down: bool) {
        let _ = self.0.send(Message::GoingDown(down)).await;
    }

    /// Rules of a zone, or the zone of the machine, are others now.
    pub(crate) async fn zones_changed(&self) {
        let _ = self.0.send(Message::ZonesChanged).await;
    }

    /// The machine is awake again.
    pub(crate) async fn resumed(&self) {
        let _ = self.0.send(Message::Resumed).await;
    }

    /// Read the configuration again; nobody waits for the answer.
    pub(crate) async fn reload(&self) {
        let _ = self.0.send(Message::Reload(None)).await;
    }

    /// End; workers go on.
    pub(crate) async fn stop(&self) {
        let _ = self.0.send(Message::Stop).await;
    }
}
