//! The public contract of backupd on D-Bus.
//!
//! Names, object paths, errors, the shapes of properties, and typed proxies. The daemon serves what stands
//! here and clients build on it; the introspection XML under `interfaces/` is generated from the daemon and
//! held against it by a test.
//!
//! Times on the bus are `t`, microseconds since the epoch, in members that end in `USec`; 0 is "not yet".
//! Sizes are `t` in bytes. File names are `ay`, bytes without a terminating NUL.

mod error;
mod path;
mod properties;
mod proxy;
mod records;
mod space;

pub use error::{Error, ExitCode};
pub use path::{escape, job_path, repository_path, run_path, unescape};
pub use properties::{
    AttemptProperties, Blocked, CareProperties, CopyProperties, ElapseProperties, Fault, JobProperties,
    ManagerProperties, PasswordProperties, ProgressProperties, RepositoryProperties, RotationProperties,
    RunLimits, RunProperties, StatisticsProperties,
};
pub use proxy::{Interaction, JobProxy, ManagerProxy, Options, RepositoryProxy, RunProxy};
pub use records::{AuditRecord, Entry, LogEvent, PrunePlan, RepositoryInfo, Snapshot};
pub use space::{Estimate, Growth, JobSize, RepositoryStatistics, Scan, SpaceProperties};

/// `MESSAGE_ID` in the journal of a copy of a record of the audit log.
pub const AUDIT_MESSAGE_ID: &str = "6826be33e4f64b14bb91581904878d57";

/// Well-known bus name.
pub const BUS_NAME: &str = "org.backupd.Backup1";
/// Path of the manager, which is also the object manager.
pub const ROOT_PATH: &str = "/org/backupd/Backup1";
/// Interface of the manager.
pub const MANAGER_INTERFACE: &str = "org.backupd.Backup1.Manager";
/// Interface of jobs.
pub const JOB_INTERFACE: &str = "org.backupd.Backup1.Job";
/// Interface of repositories.
pub const REPOSITORY_INTERFACE: &str = "org.backupd.Backup1.Repository";
/// Interface of runs.
pub const RUN_INTERFACE: &str = "org.backupd.Backup1.Run";
