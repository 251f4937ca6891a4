//! What daemon and worker say to each other, all of it through files and datagrams in JSON.
//!
//! The daemon writes [`Spec`] to `spec.json`; the worker appends [`Event`]s to `events.jsonl` and may send
//! [`Progress`] datagrams, which may be lost. `events.schema.json` beside this file describes the events.

mod care;
mod contents;
mod copy;
mod credentials;
mod event;
mod forget;
mod key;
mod lock;
mod moving;
mod output;
mod progress;
mod reach;
mod rundir;
mod space;
mod spec;
mod told;
mod watch;

pub use care::{CareWork, CheckWork, MaxUnused, PruneWork, ReadData, ReadUpTo, RepairWork, UnknownAmount};
pub use contents::{ContentsRecord, ContentsWork, OwnedSnapshot, SnapshotGroupRecord};
pub use copy::CopyWork;
pub use credentials::{CredentialStores, StoredCredential, undecryptable, unloadable};
pub use event::{EVENTS_VERSION, Event, EventError, EventKind, Holder};
pub use forget::{DecisionRecord, ForgetWork, KnownSnapshot, RetentionPreview, UnforgetRecord, UnforgetWork};
pub use key::{
    AddKeyWork, EndRotationWork, KeyRecord, RecoveryRecord, RecoveryVariable, RecoveryWay, RemoveKeyWork,
    RotateKeyWork, RotatedRecord, RotationEndRecord,
};
pub use lock::{LockRecord, LockState, UnlockWork};
pub use moving::{MoveStep, MoveWork, Moving};
pub use output::{EntryRecord, PruneRecord, RepairRecord, RepositoryRecord, SnapshotRecord, StoredRecord};
pub use progress::Progress;
pub use reach::ReachRecord;
pub use rundir::{DECISIONS_FILE, EVENTS_FILE, FORGOTTEN_DIRECTORY, LOCK_FILE, LOG_FILE, SPEC_FILE};
pub use space::{
    EstimateRecord, EstimateWork, Foreseen, GrowthRecord, JobSizeRecord, ScanRecord, StatisticsRecord,
    StatisticsWork,
};
pub use spec::{
    BackupWork, JobOwner, Keep, ListWork, RepositorySpec, RestoreWork, SPEC_VERSION, SnapshotFilter, Spec,
    StorePasswordWork, WatchWork, Work, job_of_tags, job_tag,
};
pub use watch::WatchRecord;

/// JSON schema of a line of `events.jsonl`.
pub const EVENTS_SCHEMA: &str = include_str!("events.schema.json");
