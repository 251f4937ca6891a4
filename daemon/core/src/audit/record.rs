//! What a record holds.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::clip;
use crate::{
    name::{JobName, RepositoryName, RunId},
    run::{UnknownWord, words},
};

/// The version of the canonical form.
pub const VERSION: u32 = 1;

words! {
    /// What was done, or asked for.
    Action ("audit action") {
        /// A log begins: its first record, and no other.
        LogBegin = "log-begin",
        /// A backup was accepted.
        RunStart = "run-start",
        /// A restore was accepted.
        RunRestore = "run-restore",
        /// A copy of a job's snapshots was accepted.
        RunCopy = "run-copy",
        /// A forget of a job's snapshots was accepted.
        RunForget = "run-forget",
        /// Snapshots that were forgotten were brought back.
        RunUnforget = "run-unforget",
        /// A check of a repository was accepted.
        RunCheck = "run-check",
        /// A prune of a repository was accepted.
        RunPrune = "run-prune",
        /// A repair of a repository was accepted.
        RunRepair = "run-repair",
        /// A move of a repository, or the removal of what one has left, was accepted.
        RunMove = "run-move",
        /// A worker was found at work for a run that the store did not know.
        RunAdopt = "run-adopt",
        /// A run was asked to stop.
        RunCancel = "run-cancel",
        /// A run ended.
        RunEnd = "run-end",
        /// The limits of a run at work were changed.
        RunLimit = "run-limit",
        /// A job, or all, were paused.
        Pause = "pause",
        /// A pause was ended.
        Resume = "resume",
        /// A job's file was written.
        JobCreate = "job-create",
        /// A job's file was replaced.
        JobReplace = "job-replace",
        /// A job was enabled.
        JobEnable = "job-enable",
        /// A job was disabled.
        JobDisable = "job-disable",
        /// A job's file was deleted.
        JobDelete = "job-delete",
        /// Files that somebody else changed came into force.
        ConfigurationReload = "configuration-reload",
        /// A repository's file was written.
        RepositoryCreate = "repository-create",
        /// A repository was made in its place.
        RepositoryInitialize = "repository-initialize",
        /// A repository's file names another place, to which it was moved.
        RepositoryMove = "repository-move",
        /// A repository's password was set.
        RepositoryPassword = "repository-password",
        /// A repository got another key.
        RepositoryKeyAdd = "repository-key-add",
        /// A repository lost a key.
        RepositoryKeyRemove = "repository-key-remove",
        /// A key of a repository was replaced by one with another password.
        RepositoryKeyRotate = "repository-key-rotate",
        /// The password of a repository was read.
        RepositoryReveal = "repository-reveal",
        /// Locks of a repository were removed.
        RepositoryUnlock = "repository-unlock",
        /// A snapshot was pinned, or is to go at a time.
        SnapshotMark = "snapshot-mark",
        /// A call was refused.
        Call = "call",
    }
}

words! {
    /// What came of it.
    Outcome ("audit result") {
        /// It was done.
        Done = "done",
        /// The caller may not.
        Refused = "refused",
        /// It was tried, and did not work.
        Failed = "failed",
    }
}

/// Who did it, by the word of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The user; `None` where the bus did not say.
    pub uid: Option<u32>,
    /// The process, where it is known.
    pub pid: Option<u32>,
    /// The connection, such as `:1.7`; empty for the daemon itself.
    pub bus_name: String,
}

/// A record before it has its place in a log. Texts that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in microseconds since the epoch.
    pub time_usec: i64,
    /// The user; -1 where nobody knows.
    pub uid: i64,
    /// The process; 0 where nobody knows.
    pub pid: i64,
    /// The connection to the bus; empty for the daemon itself.
    pub bus_name: String,
    /// What.
    pub action: Action,
    /// The method of a refused call, such as `Manager.StartJob`; where `count` is more than 1, the kind of call.
    pub call: String,
    /// The job.
    pub job: String,
    /// The repository.
    pub repository: String,
    /// The run.
    pub run: String,
    /// The snapshot that was restored from, as it was asked for, or that was stored.
    pub snapshot: String,
    /// Where a restore writes to.
    pub target: String,
    /// The revision of a file before.
    pub old_revision: String,
    /// The revision of a file after.
    pub new_revision: String,
    /// What changed, as it was.
    pub old: String,
    /// What changed, as it is.
    pub new: String,
    /// What came of it.
    pub result: Outcome,
    /// Why, where it is not `done`.
    pub reason: String,
    /// How many calls this record stands for.
    pub count: u64,
}

/// An entry in its place in a log: the canonical form is its JSON as `serde_json` writes it without white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`].
    pub v: u32,
    /// From 1, without gaps.
    pub seq: u64,
    /// Names the log: 16 hexadecimal digits, the same in all its records.
    pub log: String,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
    /// The hash of the record before, [`NO_HASH`](super::NO_HASH) in the first.
    pub prev: String,
}

impl Entry {
    /// An entry of something that was done.
    pub fn new(action: Action, who: &Who, now: Timestamp) -> Self {
        Self {
            time_usec: now.as_microsecond(),
            uid: who.uid.map_or(-1, i64::from),
            pid: who.pid.map_or(0, i64::from),
            bus_name: who.bus_name.clone(),
            action,
            call: String::new(),
            job: String::new(),
            repository: String::new(),
            run: String::new(),
            snapshot: String::new(),
            target: String::new(),
            old_revision: String::new(),
            new_revision: String::new(),
            old: String::new(),
            new: String::new(),
            result: Outcome::Done,
            reason: String::new(),
            count: 1,
        }
    }

    /// On a job.
    #[must_use]
    pub fn job(mut self, job: Option<&JobName>) -> Self {
        self.job = job.map(ToString::to_string).unwrap_or_default();
        self
    }

    /// On a repository.
    #[must_use]
    pub fn repository(mut self, repository: Option<&RepositoryName>) -> Self {
        self.repository = repository.map(ToString::to_string).unwrap_or_default();
        self
    }

    /// On a run.
    #[must_use]
    pub fn run(mut self, run: RunId) -> Self {
        self.run = run.to_string();
        self
    }

    /// From one value to another; texts that are too long for a record are cut, and end in their hash.
    #[must_use]
    pub fn values(mut self, old: &str, new: &str) -> Self {
        self.old = clip(old);
        self.new = clip(new);
        self
    }

    /// From one revision of a file to another.
    #[must_use]
    pub fn revisions(mut self, old: &str, new: &str) -> Self {
        old.clone_into(&mut self.old_revision);
        new.clone_into(&mut self.new_revision);
        self
    }

    /// With another result, and why.
    #[must_use]
    pub fn result(mut self, result: Outcome, reason: &str) -> Self {
        self.result = result;
        self.reason = clip(reason);
        self
    }
}
