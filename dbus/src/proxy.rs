//! Typed proxies for clients. Property reads go through `GetManagedObjects` or `GetAll`, in one call, into the
//! structs of this crate.
//!
//! Methods that somebody may have to authenticate for allow the question; polkit asks nobody otherwise.

use std::collections::HashMap;

use zbus::{OwnedFd, OwnedObjectPath, Variant, proxy};

use crate::{Error, Fault, RunProperties};

/// `options a{sv}`, the last argument of every method; an unknown key is refused.
pub type Options<'a> = HashMap<&'a str, Variant<'a>>;

/// The daemon as a whole.
#[proxy(
    interface = "org.backupd.Backup1.Manager",
    default_service = "org.backupd.Backup1",
    default_path = "/org/backupd/Backup1"
)]
pub trait Manager {
    /// Starts a job. Options: `description` s, `metadata` s (a JSON object).
    #[zbus(allow_interactive_auth)]
    fn start_job(&self, name: &str, options: &Options<'_>) -> Result<OwnedObjectPath, Error>;
    /// The object of a job.
    fn get_job(&self, name: &str, options: &Options<'_>) -> Result<OwnedObjectPath, Error>;
    /// The object of a repository.
    fn get_repository(&self, name: &str, options: &Options<'_>) -> Result<OwnedObjectPath, Error>;
    /// The object of a run; one that is history gets its object back for a while.
    fn get_run(&self, id: &str, options: &Options<'_>) -> Result<OwnedObjectPath, Error>;
    /// History, newest first. Filter: `id` s (a beginning of ids), `job` s, `repository` s, `operation` s,
    /// `trigger` s, `kind` s, `state` s, `result` s, `since-usec` t, `until-usec` t (of queueing).
    /// Options: `limit` u (100, at most 1000), `before` s (what the page before answered as `next`).
    /// `next` is empty on the last page.
    fn list_runs(
        &self,
        filter: &Options<'_>,
        options: &Options<'_>,
    ) -> Result<(Vec<RunProperties>, String), Error>;
    /// Writes a new job file after validating it.
    #[zbus(allow_interactive_auth)]
    fn create_job(
        &self,
        name: &str,
        configuration: &str,
        options: &Options<'_>,
    ) -> Result<OwnedObjectPath, Error>;
    /// The faults that a job file with this text would have; changes nothing.
    fn validate_job(
        &self,
        name: &str,
        configuration: &str,
        options: &Options<'_>,
    ) -> Result<Vec<Fault>, Error>;
    /// Writes a new repository file after validating it.
    #[zbus(allow_interactive_auth)]
    fn create_repository(
        &self,
        name: &str,
        configuration: &str,
        options: &Options<'_>,
    ) -> Result<OwnedObjectPath, Error>;
    /// Reads all configuration again; answers its faults. A file with faults stays in force as it was.
    #[zbus(allow_interactive_auth)]
    fn reload(&self, options: &Options<'_>) -> Result<Vec<Fault>, Error>;
    /// The daemon's own settings as they are in force: TOML.
    #[zbus(allow_interactive_auth)]
    fn get_settings(&self, options: &Options<'_>) -> Result<String, Error>;
}

/// One job.
#[proxy(
    interface = "org.backupd.Backup1.Job",
    default_service = "org.backupd.Backup1"
)]
pub trait Job {
    /// As `Manager.StartJob`.
    #[zbus(allow_interactive_auth)]
    fn start(&self, options: &Options<'_>) -> Result<OwnedObjectPath, Error>;
    /// Restores a snapshot of this job (`latest` is the newest of this job) into an empty directory.
    /// Options: `paths` aay (absolute, in the snapshot), `description` s, `metadata` s.
    #[zbus(allow_interactive_auth)]
    fn restore(&self, snapshot: &str, target: &[u8], options: &Options<'_>)
    -> Result<OwnedObjectPath, Error>;
    /// Writes `enabled` into the job's file, keeping its comments. Options: `revision` s.
    #[zbus(allow_interactive_auth)]
    fn set_enabled(&self, enabled: bool, options: &Options<'_>) -> Result<String, Error>;
    /// Deletes the job's file; snapshots and history stay. Options: `revision` s.
    #[zbus(allow_interactive_auth)]
    fn delete(&self, options: &Options<'_>) -> Result<(), Error>;
    /// The job's file as it is, and its revision.
    #[zbus(allow_interactive_auth)]
    fn get_configuration(&self, options: &Options<'_>) -> Result<(String, String), Error>;
    /// Replaces the job's file after validating it; answers the new revision. Options: `revision` s.
    #[zbus(allow_interactive_auth)]
    fn set_configuration(&self, configuration: &str, options: &Options<'_>) -> Result<String, Error>;
}

/// One repository.
#[proxy(
    interface = "org.backupd.Backup1.Repository",
    default_service = "org.backupd.Backup1"
)]
pub trait Repository {
    /// Creates the repository at its place; answers a JSON record through a file.
    #[zbus(allow_interactive_auth)]
    fn initialize(&self, options: &Options<'_>) -> Result<OwnedFd, Error>;
    /// Opens the repository with its password; answers a JSON record through a file.
    #[zbus(allow_interactive_auth)]
    fn test(&self, options: &Options<'_>) -> Result<OwnedFd, Error>;
    /// Lists snapshots, oldest first, one JSON record a line. Options: `job` s, `host` s, `tags` as.
    #[zbus(allow_interactive_auth)]
    fn open_snapshots(&self, options: &Options<'_>) -> Result<OwnedFd, Error>;
    /// Lists files of a snapshot, one JSON record a line. Options: `path` ay, `recursive` b, `job` s.
    #[zbus(allow_interactive_auth)]
    fn open_listing(&self, snapshot: &str, options: &Options<'_>) -> Result<OwnedFd, Error>;
    /// Restores a snapshot into an empty directory. Options: `paths` aay, `description` s, `metadata` s.
    #[zbus(allow_interactive_auth)]
    fn restore(&self, snapshot: &str, target: &[u8], options: &Options<'_>)
    -> Result<OwnedObjectPath, Error>;
    /// The repository's file as it is, and its revision.
    #[zbus(allow_interactive_auth)]
    fn get_configuration(&self, options: &Options<'_>) -> Result<(String, String), Error>;
}

/// One run.
#[proxy(
    interface = "org.backupd.Backup1.Run",
    default_service = "org.backupd.Backup1"
)]
pub trait Run {
    /// Asks the run to stop; it ends as `cancelled` soon after.
    #[zbus(allow_interactive_auth)]
    fn cancel(&self, options: &Options<'_>) -> Result<(), Error>;
    /// The events of an attempt so far, one JSON object a line. Options: `attempt` u (the last).
    #[zbus(allow_interactive_auth)]
    fn open_log(&self, options: &Options<'_>) -> Result<OwnedFd, Error>;
}
