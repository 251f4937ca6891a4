//! What daemon and worker say to each other, all of it through files and datagrams in JSON.
//!
//! The daemon writes [`Spec`] to `spec.json`; the worker appends [`Event`]s to `events.jsonl` and may send
//! [`Progress`] datagrams, which may be lost. `events.schema.json` beside this file describes the events.

mod credentials;
mod event;
mod output;
mod progress;
mod reach;
mod rundir;
mod spec;
mod told;
mod watch;

pub use credentials::{CredentialStores, StoredCredential, undecryptable, unloadable};
pub use event::{EVENTS_VERSION, Event, EventError, EventKind};
pub use output::{EntryRecord, RepositoryRecord, SnapshotRecord, StoredRecord};
pub use progress::Progress;
pub use reach::ReachRecord;
pub use rundir::{EVENTS_FILE, LOCK_FILE, LOG_FILE, SPEC_FILE};
pub use spec::{
    BackupWork, Keep, ListWork, RepositorySpec, RestoreWork, SPEC_VERSION, SnapshotFilter, Spec,
    StorePasswordWork, WatchWork, Work, job_of_tags, job_tag,
};
pub use watch::WatchRecord;

/// JSON schema of a line of `events.jsonl`.
pub const EVENTS_SCHEMA: &str = include_str!("events.schema.json");
