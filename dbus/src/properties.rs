//! The shapes of properties, and of the dictionaries that methods answer.
//!
//! Members are the D-Bus property names. A reader passes over members that it does not know, and takes the
//! empty value for one that is missing, so that old and new versions understand each other.

use serde::{Deserialize, Serialize};
use zbus::{DeserializeDict, OwnedObjectPath, SerializeDict, Type};

use crate::SpaceProperties;

/// One thing that keeps a run from starting: what, since when (µs since the epoch), what would clear it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Blocked {
    /// What it is.
    pub what: String,
    /// Since when, µs since the epoch.
    pub since_usec: u64,
    /// What would clear it.
    pub clears: String,
}

/// A fault of a configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct Fault {
    /// Path of the file.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1, in characters.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Properties of the manager.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct ManagerProperties {
    /// Version of the daemon.
    pub version: Option<String>,
    /// `system` or `user`.
    pub scope: Option<String>,
    /// Health of the whole.
    pub health: Option<String>,
    /// Why it is what it is, for people.
    pub health_reasons: Option<Vec<String>>,
    /// Faults of configuration files, as of the last load.
    pub configuration_faults: Option<Vec<Fault>>,
    /// Most runs at work at once.
    pub max_parallel_runs: Option<u32>,
    /// Runs at work.
    pub active_runs: Option<u32>,
    /// Runs in the queue.
    pub queued_runs: Option<u32>,
    /// When the next job starts by itself; 0 for none.
    #[zbus(rename = "NextUSec")]
    pub next_usec: Option<u64>,
    /// Whether no job starts by itself.
    pub paused: Option<bool>,
    /// Until when; 0 for until somebody resumes.
    #[zbus(rename = "PausedUntilUSec")]
    pub paused_until_usec: Option<u64>,
    /// The zone of the machine's clock.
    pub time_zone: Option<String>,
    /// How workers are started: `child` or `systemd`.
    pub launcher: Option<String>,
    /// Why it is not `systemd`; empty where it is.
    pub launcher_reason: Option<String>,
    /// When the daemon became ready.
    #[zbus(rename = "StartedUSec")]
    pub started_usec: Option<u64>,
    /// Where jobs and repositories are configured.
    pub configuration_directory: Option<String>,
    /// Where history and runs are kept.
    pub state_directory: Option<String>,
}

/// Properties of a job.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct JobProperties {
    /// Name.
    pub name: Option<String>,
    /// Free text from its file.
    pub description: Option<String>,
    /// Name of its repository.
    pub repository_name: Option<String>,
    /// Object of its repository.
    pub repository: Option<OwnedObjectPath>,
    /// Whether its file lets it run.
    pub enabled: Option<bool>,
    /// When it starts by itself, as its file says it: one text for each schedule.
    pub schedule: Option<Vec<String>>,
    /// When it starts by itself next; 0 for never. What is due and has not started yet lies in the past.
    #[zbus(rename = "NextUSec")]
    pub next_usec: Option<u64>,
    /// Whether it does not start by itself, by its own pause or that of all.
    pub paused: Option<bool>,
    /// Until when; 0 for until somebody resumes.
    #[zbus(rename = "PausedUntilUSec")]
    pub paused_until_usec: Option<u64>,
    /// Names under which it is started together with others.
    pub groups: Option<Vec<String>>,
    /// Jobs whose runs its own wait for.
    pub after: Option<Vec<String>>,
    /// `high`, `normal` or `low`.
    pub priority: Option<String>,
    /// `ok`, `degraded`, `late`, `failed`, `never-ran`, `paused`, `disabled` or `unknown`.
    pub health: Option<String>,
    /// Why, for people; empty while all is well.
    pub health_reason: Option<String>,
    /// Its run that is queued or at work; `/` for none.
    pub active_run: Option<OwnedObjectPath>,
    /// Why that run has not started.
    pub blocked_by: Option<Vec<Blocked>>,
    /// Its newest finished run; `/` for none that is still an object.
    pub last_run: Option<OwnedObjectPath>,
    /// How that run ended; empty for none.
    pub last_result: Option<String>,
    /// When the newest run that stored a snapshot ended; 0 for none.
    #[zbus(rename = "LastSuccessUSec")]
    pub last_success_usec: Option<u64>,
    /// The newest snapshot it stored.
    pub last_snapshot: Option<String>,
    /// How old the newest good snapshot may be; 0 for any age.
    #[zbus(rename = "MaxAgeUSec")]
    pub max_age_usec: Option<u64>,
    /// When it becomes late unless it runs well before; 0 for never.
    #[zbus(rename = "LateUSec")]
    pub late_usec: Option<u64>,
    /// Other repositories that get its snapshots, too.
    pub copies: Option<Vec<CopyProperties>>,
}

/// A copy of a job's snapshots in another repository: a member is missing where there is nothing to say.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct CopyProperties {
    /// Name of that repository.
    pub repository_name: Option<String>,
    /// When by itself, as the job's file says it; missing where it follows each good backup.
    pub schedule: Option<String>,
    /// When next.
    #[zbus(rename = "NextUSec")]
    pub next_usec: Option<u64>,
    /// The run that is queued or at work.
    pub active_run: Option<OwnedObjectPath>,
    /// The newest run that is over.
    pub last_run: Option<OwnedObjectPath>,
    /// How the newest ended that was neither cancelled nor skipped.
    pub last_result: Option<String>,
    /// When the newest good one ended.
    #[zbus(rename = "LastSuccessUSec")]
    pub last_success_usec: Option<u64>,
    /// When the job becomes late by it, unless a good one comes before.
    #[zbus(rename = "LateUSec")]
    pub late_usec: Option<u64>,
}

/// One elapse that comes, as `ListElapses` answers it.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct ElapseProperties {
    /// What begins then: `backup` or `copy` of a job, `check` or `prune` of a repository.
    pub operation: Option<String>,
    /// The repository that is cared for or copied to; empty for a backup.
    pub repository_name: Option<String>,
    /// Name of the job.
    pub job_name: Option<String>,
    /// When, jitter counted; µs since the epoch.
    #[zbus(rename = "AtUSec")]
    pub at_usec: Option<u64>,
    /// The schedule, as the job's file says it.
    pub schedule: Option<String>,
    /// The zone of its clock, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
}

/// Properties of a repository.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct RepositoryProperties {
    /// Name.
    pub name: Option<String>,
    /// Free text from its file.
    pub description: Option<String>,
    /// Where it is, without user name and password.
    pub url: Option<String>,
    /// Where it was before it was moved, and still lies; empty where there is no such place.
    pub moved_from: Option<String>,
    /// `embedded` or `restic`.
    pub engine: Option<String>,
    /// Names of the jobs that store into it.
    pub jobs: Option<Vec<String>>,
    /// What is said of it: `ok`, `degraded`, `late`, `failed`.
    pub health: Option<String>,
    /// Why, for people; empty where it is well.
    pub health_reason: Option<String>,
    /// Whether it is whole, and when anybody looked.
    pub check_care: Option<CareProperties>,
    /// How it is rid of what no snapshot needs.
    pub prune_care: Option<CareProperties>,
    /// How large it is, and the room that it has.
    pub space: Option<SpaceProperties>,
}

/// What is done to a repository to keep it sound: a member is missing where there is nothing to say.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct CareProperties {
    /// When by itself, as its file says it.
    pub schedule: Option<String>,
    /// When next.
    #[zbus(rename = "NextUSec")]
    pub next_usec: Option<u64>,
    /// The run that is queued or at work.
    pub active_run: Option<OwnedObjectPath>,
    /// The newest run that is over.
    pub last_run: Option<OwnedObjectPath>,
    /// How the newest ended that was neither cancelled nor skipped.
    pub last_result: Option<String>,
    /// When the newest good one ended.
    #[zbus(rename = "LastSuccessUSec")]
    pub last_success_usec: Option<u64>,
    /// When it becomes late, unless a good one comes before.
    #[zbus(rename = "LateUSec")]
    pub late_usec: Option<u64>,
    /// Bytes that the repository stored at the end of the newest good one.
    pub bytes_repository: Option<u64>,
    /// Bytes of it that no snapshot needed then.
    pub bytes_unused: Option<u64>,
}

/// What `Repository.SetPassword` answers.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct PasswordProperties {
    /// The credential that holds it; missing where a file does.
    pub credential: Option<String>,
    /// The file that holds it; missing where a credential does.
    pub file: Option<String>,
    /// Whether it has opened the repository.
    pub opens: Option<bool>,
    /// What holds the password before, for people; it stays.
    pub before: Option<String>,
    /// Revision of the repository's file.
    pub revision: Option<String>,
}

/// What `Repository.RotateKey` answers.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct RotationProperties {
    /// The credential that holds the password now; missing where a file does.
    pub credential: Option<String>,
    /// The file that holds it; missing where a credential does.
    pub file: Option<String>,
    /// What held the password before, for people.
    pub before: Option<String>,
    /// The new key.
    pub key: Option<String>,
    /// The key that it replaces.
    pub old_key: Option<String>,
    /// Whether it went on with a rotation that was cut off.
    pub resumed: Option<bool>,
    /// Why the key and the password before are there still; missing where they are gone.
    pub left: Option<String>,
    /// Whether what held the password before stays, since it may be somebody else's too.
    pub spared: Option<bool>,
}

/// Progress of a run: sums since its phase began. Sizes in bytes; a total of 0 is not known yet.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct ProgressProperties {
    /// Files finished.
    pub files_done: Option<u64>,
    /// Files in all.
    pub files_total: Option<u64>,
    /// Bytes finished.
    pub bytes_done: Option<u64>,
    /// Bytes in all.
    pub bytes_total: Option<u64>,
    /// Bytes new to the repository.
    pub bytes_added: Option<u64>,
    /// Files that could not be read.
    pub unreadable: Option<u64>,
    /// From 0 to 1; missing while unknown.
    pub fraction: Option<f64>,
    /// Bytes a second, over the last seconds.
    pub rate: Option<f64>,
    /// Microseconds left, by that rate; missing while unknown.
    #[zbus(rename = "LeftUSec")]
    pub left_usec: Option<u64>,
}

/// Sums of a run. Sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct StatisticsProperties {
    /// Files not in the parent snapshot.
    pub files_new: Option<u64>,
    /// Files that differ from the parent snapshot.
    pub files_changed: Option<u64>,
    /// Files as in the parent snapshot.
    pub files_unmodified: Option<u64>,
    /// Files and directories that could not be read.
    pub files_unreadable: Option<u64>,
    /// Files written by a restore.
    pub files_restored: Option<u64>,
    /// Directories looked at or made.
    pub directories: Option<u64>,
    /// Bytes of all files looked at.
    pub bytes_processed: Option<u64>,
    /// Bytes read from new and changed files.
    pub bytes_read: Option<u64>,
    /// Bytes new to the repository, before compression.
    pub bytes_added: Option<u64>,
    /// Bytes written to the repository, after compression and encryption.
    pub bytes_stored: Option<u64>,
    /// Bytes written by a restore.
    pub bytes_restored: Option<u64>,
    /// Bytes of stored data that a check has read.
    pub bytes_checked: Option<u64>,
    /// What a check found that is not as it should be.
    pub errors_found: Option<u64>,
    /// Bytes of all that the repository stores, at the end of a check or prune.
    pub bytes_repository: Option<u64>,
    /// Bytes of it that no snapshot needs.
    pub bytes_unused: Option<u64>,
    /// Bytes that a prune wrote anew.
    pub bytes_repacked: Option<u64>,
    /// Bytes that a prune removed.
    pub bytes_freed: Option<u64>,
    /// Snapshots that were removed.
    pub snapshots_forgotten: Option<u64>,
    /// Snapshots that stayed when others were removed.
    pub snapshots_kept: Option<u64>,
    /// Snapshots that were copied.
    pub snapshots_copied: Option<u64>,
    /// Snapshots that were to be copied and were there already.
    pub snapshots_present: Option<u64>,
    /// Warnings told.
    pub warnings: Option<u64>,
    /// `BytesAdded / BytesStored`; missing where nothing was stored.
    pub compression_ratio: Option<f64>,
    /// Bytes looked at or written a second.
    pub bytes_per_second: Option<f64>,
}

/// One attempt of a run.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct AttemptProperties {
    /// From 1.
    pub number: Option<u32>,
    /// When its worker was started.
    #[zbus(rename = "StartedUSec")]
    pub started_usec: Option<u64>,
    /// When its worker was gone; 0 while it lives.
    #[zbus(rename = "FinishedUSec")]
    pub finished_usec: Option<u64>,
    /// How it ended; empty while it lives.
    pub result: Option<String>,
    /// Why it did not end well.
    pub failure_class: Option<String>,
    /// What happened, for people.
    pub failure_message: Option<String>,
    /// Process id of its worker; 0 while unknown.
    #[zbus(rename = "PID")]
    pub pid: Option<u32>,
}

/// Limits of a run at work, as `SetLimits` takes and answers them; what is not set is not changed, or not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct RunLimits {
    /// Share of the processor, 1 to 10000.
    pub cpu_weight: Option<u64>,
    /// Share of the disks, 1 to 10000.
    pub io_weight: Option<u64>,
    /// Bytes of memory from which on the worker is slowed down.
    pub memory_high: Option<u64>,
    /// Bytes of memory at which the worker is killed.
    pub memory_max: Option<u64>,
}

/// Properties of a run; also what `ListRuns` answers for each run.
#[derive(Debug, Clone, Default, PartialEq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct RunProperties {
    /// 26 letters and digits that sort by time.
    pub id: Option<String>,
    /// Name of its job; empty for a restore straight from a repository.
    pub job_name: Option<String>,
    /// Object of its job; `/` for none.
    pub job: Option<OwnedObjectPath>,
    /// Name of its repository.
    pub repository_name: Option<String>,
    /// Name of the repository that a copy is made from; empty for what is no copy.
    pub source_name: Option<String>,
    /// `backup`, `restore`, `check`, `prune`, `forget` or `copy`.
    pub operation: Option<String>,
    /// Why it began.
    pub trigger: Option<String>,
    /// `manual` or `automatic`.
    pub kind: Option<String>,
    /// `queued`, `waiting`, `starting`, `running`, `finishing`, `backoff` or `finished`.
    pub state: Option<String>,
    /// `success`, `partial`, `failed`, `cancelled`, `skipped`, `interrupted`, `timed-out`; empty before.
    pub result: Option<String>,
    /// The part of the work: `open`, `index`, `scan`, `backup`, `verify`, `restore`; empty outside.
    pub phase: Option<String>,
    /// Somebody asked it to stop.
    pub cancel_requested: Option<bool>,
    /// Why it has not started.
    pub blocked_by: Option<Vec<Blocked>>,
    /// The number of its last attempt; 0 before the first.
    pub attempt: Option<u32>,
    /// Its attempts, oldest first.
    pub attempts: Option<Vec<AttemptProperties>>,
    /// The unit of systemd that its last attempt is or was; empty for a plain child.
    pub unit: Option<String>,
    /// When it was accepted.
    #[zbus(rename = "QueuedUSec")]
    pub queued_usec: Option<u64>,
    /// The elapse of the schedule that it is for; 0 for none.
    #[zbus(rename = "ScheduledUSec")]
    pub scheduled_usec: Option<u64>,
    /// When its next attempt begins, in state `backoff`; 0 elsewhere.
    #[zbus(rename = "NextAttemptUSec")]
    pub next_attempt_usec: Option<u64>,
    /// Conditions that did not hold and that whoever started it by hand overrode, for people.
    pub overrode: Option<Vec<String>>,
    /// When its first attempt started; 0 before.
    #[zbus(rename = "StartedUSec")]
    pub started_usec: Option<u64>,
    /// When it ended; 0 before.
    #[zbus(rename = "FinishedUSec")]
    pub finished_usec: Option<u64>,
    /// When history forgets it; 0 for not yet known.
    #[zbus(rename = "ExpiresUSec")]
    pub expires_usec: Option<u64>,
    /// How far it is; told at most twice a second.
    pub progress: Option<ProgressProperties>,
    /// Its sums.
    pub statistics: Option<StatisticsProperties>,
    /// The snapshot that it stored or restored from; empty for none.
    pub snapshot: Option<String>,
    /// What did the work; empty before.
    pub engine: Option<String>,
    /// Version of that.
    pub engine_version: Option<String>,
    /// Why it did not end well; empty if it did.
    pub failure_class: Option<String>,
    /// What happened, for people.
    pub failure_message: Option<String>,
    /// What to do next, for people.
    pub failure_hint: Option<String>,
    /// Free text of whoever started it.
    pub description: Option<String>,
    /// Free data of whoever started it: a JSON object.
    pub metadata: Option<String>,
}
