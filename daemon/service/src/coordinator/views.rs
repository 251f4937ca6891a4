//! What others see of the coordinator's state: values, made new after each change.

use std::sync::Arc;

use backupd_core::{
    config::Fault,
    health::Health,
    name::{JobName, RepositoryName, RunId},
    pause::Pause,
    protocol::Progress,
    queue::Priority,
    run::{BlockedBy, Run, RunResult, Statistics},
};
use jiff::{SignedDuration, Timestamp};

/// A view of one object; clones are the same one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum View {
    Manager(Arc<ManagerView>),
    Job(Arc<JobView>),
    Repository(Arc<RepositoryView>),
    Run(Arc<RunView>),
}

/// The daemon as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ManagerView {
    pub(crate) health: Health,
    pub(crate) reasons: Vec<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) max_parallel_runs: u32,
    pub(crate) active: u32,
    pub(crate) queued: u32,
    pub(crate) next: Option<Timestamp>,
    /// That of all jobs.
    pub(crate) pause: Option<Pause>,
    pub(crate) time_zone: String,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobView {
    pub(crate) name: JobName,
    pub(crate) description: Option<String>,
    pub(crate) repository: RepositoryName,
    pub(crate) enabled: bool,
    pub(crate) schedule: Vec<String>,
    pub(crate) next: Option<Timestamp>,
    /// Its own, or that of all.
    pub(crate) pause: Option<Pause>,
    pub(crate) groups: Vec<String>,
    pub(crate) after: Vec<JobName>,
    pub(crate) priority: Priority,
    pub(crate) health: Health,
    pub(crate) reason: String,
    pub(crate) active_run: Option<RunId>,
    pub(crate) blocked_by: Vec<BlockedBy>,
    pub(crate) last_run: Option<RunId>,
    pub(crate) last_result: Option<RunResult>,
    pub(crate) last_good: Option<Timestamp>,
    pub(crate) last_snapshot: Option<String>,
    pub(crate) max_age: Option<SignedDuration>,
    pub(crate) late_at: Option<Timestamp>,
    pub(crate) copies: Vec<CopyView>,
}

/// A copy of a job's snapshots.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CopyView {
    pub(crate) to: RepositoryName,
    /// As its file says it; nothing where it follows backups.
    pub(crate) schedule: Option<String>,
    pub(crate) next: Option<Timestamp>,
    pub(crate) active_run: Option<RunId>,
    pub(crate) last_run: Option<RunId>,
    pub(crate) last_result: Option<RunResult>,
    pub(crate) last_good: Option<Timestamp>,
    pub(crate) late_at: Option<Timestamp>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RepositoryView {
    pub(crate) name: RepositoryName,
    pub(crate) description: Option<String>,
    pub(crate) url: String,
    /// The address of the place before, where it still lies.
    pub(crate) moved_from: Option<String>,
    pub(crate) engine: &'static str,
    pub(crate) jobs: Vec<JobName>,
    pub(crate) health: Health,
    pub(crate) reason: String,
    pub(crate) check: CareView,
    pub(crate) prune: CareView,
    pub(crate) space: SpaceView,
}

/// How large a repository is, and the room that it has, in bytes; nothing where that is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SpaceView {
    /// When anybody looked.
    pub(crate) measured: Option<Timestamp>,
    pub(crate) stored: Option<u64>,
    /// At its place.
    pub(crate) free: Option<u64>,
    /// That place in all.
    pub(crate) place: Option<u64>,
    /// What backups leave free.
    pub(crate) reserve: u64,
    pub(crate) quota: Option<u64>,
    pub(crate) days_until_full: Option<u32>,
}

/// What is done to a repository to keep it sound.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CareView {
    /// As its file says it.
    pub(crate) schedule: Option<String>,
    pub(crate) next: Option<Timestamp>,
    pub(crate) active_run: Option<RunId>,
    pub(crate) last_run: Option<RunId>,
    pub(crate) last_result: Option<RunResult>,
    pub(crate) last_good: Option<Timestamp>,
    pub(crate) late_at: Option<Timestamp>,
    /// Of the last good run.
    pub(crate) sums: Option<Statistics>,
}

/// A run, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunView {
    pub(crate) run: Arc<Run>,
    pub(crate) progress: Option<ProgressView>,
}

/// Progress with what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProgressView {
    pub(crate) progress: Progress,
    /// From 0 to 1.
    pub(crate) fraction: Option<f64>,
    /// Bytes a second.
    pub(crate) rate: Option<f64>,
    /// At that rate.
    pub(crate) left: Option<SignedDuration>,
}
