//! restic-format repositories behind one trait.
//!
//! This crate knows no job and no daemon: it is given a repository, what to do, someone to tell about it
//! and a way to be stopped. `rustic_core` appears in no public type.

mod access;
mod check;
mod embedded;
mod engine;
mod error;
mod key;
mod lock;
mod maintenance;
mod moving;
mod observe;
mod repair;
mod report;
mod request;
mod restic;
mod space;
mod store;

pub use access::{Access, Options, Password, Secrets};
pub use check::{CheckError, CheckReport, CheckRequest, Damage, ReadData, ReadUpTo, Remedy};
pub use embedded::{Embedded, Wanted};
pub use engine::Engine;
pub use error::{EngineError, ErrorKind, Result};
pub use key::{KeyInfo, NewKey};
pub use lock::{LockInfo, LockStanding};
pub use maintenance::{ForgetReport, ForgetRequest, Lost, PruneReport, PruneRequest, UnforgetReport, Unused};
pub use moving::{MoveReport, MoveRequest, Remains, RemovalReport};
pub use observe::{Cancellation, Observer, Phase, Progress, Warning};
pub use repair::{
    HurtSnapshot, RepairIndexReport, RepairIndexRequest, RepairSnapshotsReport, RepairSnapshotsRequest,
};
pub use report::{
    BackupReport, CopiedSnapshot, CopyReport, Deletion, Entry, EntryKind, RepositoryInfo, RestoreReport,
    SnapshotInfo, VerifyReport,
};
pub use request::{
    BackupRequest, CopyRequest, ListRequest, RestoreRequest, Series, SnapshotGroup, SnapshotQuery,
    VerifyLevel,
};
pub use restic::Restic;
pub use space::{Allowance, GroupReport, Room, ScanReport, Space, StatisticsReport, StatisticsRequest};
pub use store::{Direction, Pace};
