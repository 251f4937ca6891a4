//! What is known of a run; the store keeps it, the bus shows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::{Operation, Phase, RunResult, RunState, Trigger};
use crate::{
    failure::Failure,
    name::{JobName, RepositoryName, RunId},
    protocol::{CareWork, ReadUpTo, RestoreWork},
    retry::Retry,
    schedule::Window,
};

/// One execution of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Sorts by the time of queueing.
    pub id: RunId,
    /// The job it belongs to; a restore straight from a repository has none.
    pub job: Option<JobName>,
    /// The repository it uses; of a copy the one that it stores in.
    pub repository: RepositoryName,
    /// The repository that a copy is made from; of a copy alone.
    #[serde(default)]
    pub source: Option<RepositoryName>,
    /// What it does.
    pub operation: Operation,
    /// Why it began.
    pub trigger: Trigger,
    /// The elapse of the schedule that it is for.
    #[serde(default)]
    pub scheduled: Option<Timestamp>,
    /// When it may begin, by the schedule that it is for.
    #[serde(default)]
    pub window: Option<RunWindow>,
    /// How it is tried again; `None` for not at all.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// Where it is in its life.
    pub state: RunState,
    /// How it ended; set exactly when `state` is `finished`.
    pub result: Option<RunResult>,
    /// When it was accepted.
    pub queued: Timestamp,
    /// When its first attempt started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The part of the work its worker is at.
    pub phase: Option<Phase>,
    /// Somebody asked it to stop.
    pub cancel_requested: bool,
    /// Its worker was asked to stop, for this reason; the run goes on later.
    #[serde(default)]
    pub makes_way: Option<String>,
    /// When the next attempt begins; set exactly when `state` is `backoff`.
    #[serde(default)]
    pub next_attempt: Option<Timestamp>,
    /// What did not hold when somebody started it all the same.
    #[serde(default)]
    pub overrode: Vec<String>,
    /// Why its turn has not come.
    pub blocked_by: Vec<BlockedBy>,
    /// Sums, of the last attempt.
    pub statistics: Statistics,
    /// What a restore writes back, and where; for a restore alone.
    #[serde(default)]
    pub restore: Option<RestoreWork>,
    /// What a check, a prune, a repair or a move is to do; of those alone.
    #[serde(default)]
    pub care: Option<CareWork>,
    /// Up to where a check has read the stored data.
    #[serde(default)]
    pub read: Option<ReadUpTo>,
    /// Its snapshot was read back, and is whole.
    #[serde(default)]
    pub verified: bool,
    /// An administrator has it forget whatever the guard says, as far as anybody may; of a forget alone.
    #[serde(default)]
    pub forced: bool,
    /// The snapshot it stored, or restored from.
    pub snapshot: Option<String>,
    /// What did the work.
    pub engine: Option<EngineVersion>,
    /// Why it did not end well, or not wholly.
    pub failure: Option<Failure>,
    /// Free text of whoever started it.
    pub description: Option<String>,
    /// Free data of whoever started it.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// When history forgets it; set at its end.
    pub expires: Option<Timestamp>,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// A window, and where the clock stands that it is read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWindow {
    /// The window.
    pub window: Window,
    /// A zone of the tz database; the machine's own where `None`.
    pub zone: Option<String>,
}

/// One try inside a run: one worker process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When its worker was started.
    pub started: Timestamp,
    /// When its worker was gone.
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub result: Option<RunResult>,
    /// Why it did not end well.
    pub failure: Option<Failure>,
    /// The worker's process id, once it said hello.
    pub pid: Option<u32>,
    /// The unit of systemd that its worker is; `None` for a plain child.
    #[serde(default)]
    pub unit: Option<String>,
    /// It was stopped to make way, and does not count.
    #[serde(default)]
    pub made_way: bool,
    /// The last event taken from its file: replay goes on after it.
    pub last_event: u64,
    /// Warnings taken from its file.
    #[serde(default)]
    pub warned: u64,
    /// What its `done` said.
    pub outcome: Option<RunResult>,
    /// When it said so.
    #[serde(default)]
    pub done: Option<Timestamp>,
}

/// One thing that keeps a run from starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedBy {
    /// What it is.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// What would clear it.
    pub clears: String,
}

/// The engine that did the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineVersion {
    /// `embedded` or `restic`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Sums of a run. Sizes are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    /// Files not in the parent snapshot.
    pub files_new: u64,
    /// Files that differ from the parent snapshot.
    pub files_changed: u64,
    /// Files as in the parent snapshot.
    pub files_unmodified: u64,
    /// Files and directories that could not be read.
    pub files_unreadable: u64,
    /// Files written by a restore.
    pub files_restored: u64,
    /// Directories looked at or made.
    pub directories: u64,
    /// Bytes of all files looked at.
    pub bytes_processed: u64,
    /// Bytes read from new and changed files.
    pub bytes_read: u64,
    /// Bytes new to the repository, before compression.
    pub bytes_added: u64,
    /// Bytes written to the repository, after compression and encryption.
    pub bytes_stored: u64,
    /// Bytes written by a restore.
    pub bytes_restored: u64,
    /// Bytes of stored data that a check has read.
    pub bytes_checked: u64,
    /// What a check found that is not as it should be.
    pub errors_found: u64,
    /// Bytes of all that the repository stores, at the end of a backup, check or prune; 0 where unknown.
    pub bytes_repository: u64,
    /// Bytes of it that no snapshot needs.
    pub bytes_unused: u64,
    /// Bytes that are free at the repository's place at the end, with `bytes_place`: both are 0 where that is unknown.
    pub bytes_free: u64,
    /// Bytes of that place in all.
    pub bytes_place: u64,
    /// Bytes that a prune wrote anew, to be rid of what stood beside them.
    pub bytes_repacked: u64,
    /// Bytes that a prune removed.
    pub bytes_freed: u64,
    /// Snapshots that were removed.
    pub snapshots_forgotten: u64,
    /// Snapshots that stayed when others were removed.
    pub snapshots_kept: u64,
    /// Snapshots that were copied.
    pub snapshots_copied: u64,
    /// Snapshots that were to be copied and were there already.
    pub snapshots_present: u64,
    /// Warnings told, whatever about.
    pub warnings: u64,
}

impl Statistics {
    /// How many times smaller new data became; `None` where nothing was stored.
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn compression_ratio(&self) -> Option<f64> {
        (self.bytes_stored > 0 && self.bytes_added > 0)
            .then(|| self.bytes_added as f64 / self.bytes_stored as f64)
    }
}

impl Run {
    /// A run that was just accepted.
    pub fn new(
        id: RunId,
        job: Option<JobName>,
        repository: RepositoryName,
        operation: Operation,
        trigger: Trigger,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            job,
            repository,
            source: None,
            operation,
            trigger,
            scheduled: None,
            window: None,
            retry: None,
            state: RunState::Queued,
            result: None,
            queued: now,
            started: None,
            finished: None,
            phase: None,
            cancel_requested: false,
            makes_way: None,
            next_attempt: None,
            overrode: Vec::new(),
            blocked_by: Vec::new(),
            statistics: Statistics::default(),
            restore: None,
            care: None,
            read: None,
            verified: false,
            forced: false,
            snapshot: None,
            engine: None,
            failure: None,
            description: None,
            metadata: serde_json::Map::new(),
            expires: None,
            attempts: Vec::new(),
        }
    }

    /// Seconds from the start of the first attempt to the end, or to `now`.
    pub fn duration(&self, now: Timestamp) -> Option<f64> {
        let end = self.finished.unwrap_or(now);
        self.started
            .map(|started| end.duration_since(started).as_secs_f64().max(0.0))
    }

    /// Bytes looked at or restored per second.
    #[allow(clippy::cast_precision_loss, reason = "a speed for people")]
    pub fn speed(&self, now: Timestamp) -> Option<f64> {
        let sums = &self.statistics;
        let bytes = sums.bytes_processed + sums.bytes_restored + sums.bytes_checked;
        self.duration(now)
            .filter(|seconds| *seconds > 0.0 && bytes > 0)
            .map(|s| bytes as f64 / s)
    }
}
