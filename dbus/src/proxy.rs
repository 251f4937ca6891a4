//! Typed proxies for clients. Property reads go through `GetManagedObjects` or `GetAll`, in one call, into the
//! structs of this crate.
//!
//! They are not made by `zbus::proxy`, which fixes when it is compiled whether a call allows a question for a
//! password: that is for whoever calls to say.

use std::collections::HashMap;

use zbus::{
    Connection, Fd, ObjectPath, OwnedFd, OwnedObjectPath, Variant,
    proxy::{CacheProperties, MethodFlags},
};

use crate::{
    BUS_NAME, ElapseProperties, Error, Fault, JOB_INTERFACE, MANAGER_INTERFACE, PasswordProperties,
    REPOSITORY_INTERFACE, RUN_INTERFACE, RotationProperties, RunLimits, RunProperties,
};

/// `options a{sv}`, the last argument of every method; an unknown key is refused.
pub type Options<'a> = HashMap<&'a str, Variant<'a>>;

/// Whether somebody may be asked for a password before a call is allowed, which then may take minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// Who is not allowed already is asked.
    Allowed,
    /// Who is not allowed already is refused.
    Forbidden,
}

impl Interaction {
    fn flags(self) -> MethodFlags {
        match self {
            Self::Allowed => MethodFlags::ALLOW_INTERACTIVE_AUTH,
            Self::Forbidden => MethodFlags::empty(),
        }
    }
}

macro_rules! proxies {
    ($(
        $(#[$doc:meta])*
        $proxy:ident: $interface:ident {
            $(
                $(#[$about:meta])*
                fn $method:ident = $member:literal($($argument:ident: $type:ty),+) -> $answer:ty;
            )+
        }
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $proxy<'a> {
            proxy: zbus::Proxy<'a>,
            flags: MethodFlags,
        }

        impl<'a> $proxy<'a> {
            /// The object at a path. It keeps no properties.
            pub async fn new<P>(
                connection: &Connection,
                path: P,
                interaction: Interaction,
            ) -> zbus::Result<Self>
            where
                P: TryInto<ObjectPath<'a>>,
                P::Error: Into<zbus::Error>,
            {
                let proxy = zbus::proxy::Builder::new(connection)
                    .destination(BUS_NAME)
                    .path(path)
                    .interface($interface)
                    .cache_properties(CacheProperties::No)
                    .build()
                    .await?;
                let flags = interaction.flags();
                Ok(Self { proxy, flags })
            }

            $(
                $(#[$about])*
                pub async fn $method(&self, $($argument: $type),+) -> Result<$answer, Error> {
                    let answer = self
                        .proxy
                        .call_with_flags($member, self.flags, &($($argument,)+))
                        .await?;
                    answer.ok_or(Error::ZBus(zbus::Error::InvalidReply))
                }
            )+
        }
    )+};
}

proxies! {
    /// The daemon as a whole.
    ManagerProxy: MANAGER_INTERFACE {
        /// Starts a job. Options: `description` s, `metadata` s (a JSON object).
        fn start_job = "StartJob"(name: &str, options: &Options<'_>) -> OwnedObjectPath;
        /// Starts several jobs together, so that each waits for those it comes after; answers their runs in the same
        /// order. A job that is queued or at work already answers with that run; if one is unknown or disabled, none
        /// starts. Options as of `StartJob`.
        fn start_jobs = "StartJobs"(names: &[&str], options: &Options<'_>) -> Vec<OwnedObjectPath>;
        /// Starts the jobs that wait for this: `package-upgrade`, `shutdown`. Options: `metadata` s.
        fn trigger = "Trigger"(trigger: &str, options: &Options<'_>) -> Vec<OwnedObjectPath>;
        /// No job starts by itself until then, µs since the epoch; 0 is until `Resume`. Options: `reason` s.
        fn pause = "Pause"(until_usec: u64, options: &Options<'_>) -> ();
        /// Ends a pause of all; those of single jobs stay.
        fn resume = "Resume"(options: &Options<'_>) -> ();
        /// What comes, in order. Options: `job` s, `from-usec` t (now), `until-usec` t, `limit` u (100, at most 1000).
        fn list_elapses = "ListElapses"(options: &Options<'_>) -> Vec<ElapseProperties>;
        /// The object of a job.
        fn get_job = "GetJob"(name: &str, options: &Options<'_>) -> OwnedObjectPath;
        /// The object of a repository.
        fn get_repository = "GetRepository"(name: &str, options: &Options<'_>) -> OwnedObjectPath;
        /// The object of a run; one that is history gets its object back for a while.
        fn get_run = "GetRun"(id: &str, options: &Options<'_>) -> OwnedObjectPath;
        /// History, newest first. Filter: `id` s (a beginning of ids), `job` s, `repository` s, `operation` s,
        /// `trigger` s, `kind` s, `state` s, `result` s, `since-usec` t, `until-usec` t (of queueing).
        /// Options: `limit` u (100, at most 1000), `before` s (what the page before answered as `next`).
        /// `next` is empty on the last page.
        fn list_runs = "ListRuns"(
            filter: &Options<'_>,
            options: &Options<'_>
        ) -> (Vec<RunProperties>, String);
        /// Writes a new job file after validating it.
        fn create_job = "CreateJob"(
            name: &str,
            configuration: &str,
            options: &Options<'_>
        ) -> OwnedObjectPath;
        /// The faults that a job file with this text would have; changes nothing.
        fn validate_job = "ValidateJob"(
            name: &str,
            configuration: &str,
            options: &Options<'_>
        ) -> Vec<Fault>;
        /// Writes a new repository file after validating it.
        fn create_repository = "CreateRepository"(
            name: &str,
            configuration: &str,
            options: &Options<'_>
        ) -> OwnedObjectPath;
        /// Reads all configuration again; answers its faults. A file with faults stays in force as it was.
        fn reload = "Reload"(options: &Options<'_>) -> Vec<Fault>;
        /// The daemon's own settings as they are in force: TOML.
        fn get_settings = "GetSettings"(options: &Options<'_>) -> String;
        /// The audit log as JSON lines, oldest first: see [`AuditRecord`](crate::AuditRecord). Options:
        /// `since-usec` t, `until-usec` t, `job` s, `limit` u (the newest so many).
        fn open_audit = "OpenAudit"(options: &Options<'_>) -> OwnedFd;
    }

    /// One job.
    JobProxy: JOB_INTERFACE {
        /// As `Manager.StartJob`.
        fn start = "Start"(options: &Options<'_>) -> OwnedObjectPath;
        /// Restores a snapshot of this job into an empty directory; another job's is not found.
        /// Options: `paths` aay (absolute, in the snapshot), `description` s, `metadata` s.
        fn restore = "Restore"(snapshot: &str, target: &[u8], options: &Options<'_>) -> OwnedObjectPath;
        /// Copies the job's snapshots into another repository that its file names. Options: `description` s, `metadata` s.
        fn copy = "Copy"(repository: &str, options: &Options<'_>) -> OwnedObjectPath;
        /// Applies the job's retention. Options: `force` b, `description` s, `metadata` s.
        fn forget = "Forget"(options: &Options<'_>) -> OwnedObjectPath;
        /// What a backup would add; a JSON record through a file. Options: `scan` b, walk the sources.
        fn open_estimate = "OpenEstimate"(options: &Options<'_>) -> OwnedFd;
        /// What `Forget` would do, one JSON record a line. Options: `at-usec` t.
        fn open_retention_preview = "OpenRetentionPreview"(options: &Options<'_>) -> OwnedFd;
        /// The job does not start by itself until then, µs since the epoch; 0 is until `Resume`. Options: `reason` s.
        fn pause = "Pause"(until_usec: u64, options: &Options<'_>) -> ();
        /// Ends the job's pause; what it missed is made up for.
        fn resume = "Resume"(options: &Options<'_>) -> ();
        /// Writes `enabled` into the job's file, keeping its comments. Options: `revision` s.
        fn set_enabled = "SetEnabled"(enabled: bool, options: &Options<'_>) -> String;
        /// Deletes the job's file; snapshots and history stay. Options: `revision` s.
        fn delete = "Delete"(options: &Options<'_>) -> ();
        /// The job's file as it is, and its revision.
        fn get_configuration = "GetConfiguration"(options: &Options<'_>) -> (String, String);
        /// Replaces the job's file after validating it; answers the new revision. Options: `revision` s.
        fn set_configuration = "SetConfiguration"(configuration: &str, options: &Options<'_>) -> String;
        /// The unit that the job's next backup would be, as the text of a unit file.
        fn get_unit = "GetUnit"(options: &Options<'_>) -> String;
    }

    /// One repository.
    RepositoryProxy: REPOSITORY_INTERFACE {
        /// Creates the repository at its place; answers a JSON record through a file.
        fn initialize = "Initialize"(options: &Options<'_>) -> OwnedFd;
        /// Opens the repository with its password; answers a JSON record through a file.
        fn test = "Test"(options: &Options<'_>) -> OwnedFd;
        /// Lists snapshots, oldest first, one JSON record a line. Options: `job` s, `host` s, `tags` as.
        fn open_snapshots = "OpenSnapshots"(options: &Options<'_>) -> OwnedFd;
        /// What is in the repository, and whose it is, one JSON record a line.
        fn open_contents = "OpenContents"(options: &Options<'_>) -> OwnedFd;
        /// Lists files of a snapshot, one JSON record a line. Options: `path` ay, `recursive` b, `job` s.
        fn open_listing = "OpenListing"(snapshot: &str, options: &Options<'_>) -> OwnedFd;
        /// Restores a snapshot into an empty directory. Options: `paths` aay, `description` s, `metadata` s.
        fn restore = "Restore"(snapshot: &str, target: &[u8], options: &Options<'_>) -> OwnedObjectPath;
        /// Checks whether the repository is whole. Options: `read-data` s (`none`, `all`, `1/12`, `10 GiB`),
        /// `description` s, `metadata` s.
        fn check = "Check"(options: &Options<'_>) -> OwnedObjectPath;
        /// Removes what no snapshot needs. Options: `max-unused` s (`5%`, `10 GiB`, `unlimited`), `max-repack` t,
        /// `description` s, `metadata` s.
        fn prune = "Prune"(options: &Options<'_>) -> OwnedObjectPath;
        /// What the repository stores, and for whom; a JSON record through a file.
        fn open_statistics = "OpenStatistics"(options: &Options<'_>) -> OwnedFd;
        /// What `Prune` would do; a JSON record through a file. Options: `max-unused` s, `max-repack` t.
        fn open_prune_plan = "OpenPrunePlan"(options: &Options<'_>) -> OwnedFd;
        /// Lists locks, the oldest first, one JSON record a line.
        fn open_locks = "OpenLocks"(options: &Options<'_>) -> OwnedFd;
        /// Removes locks by their full ids; answers those that are removed, one JSON record a line. Options: `force` b.
        fn unlock = "Unlock"(locks: &[&str], options: &Options<'_>) -> OwnedFd;
        /// Mends `index` or `snapshots`; answers the run. Options: `read-data` b, `description`, `metadata` s.
        fn repair = "Repair"(what: &str, options: &Options<'_>) -> OwnedObjectPath;
        /// Moves it: `bring` to a place, `release` the place before, or `give-up` one; answers the run. Options:
        /// `description`, `metadata` s.
        fn r#move = "Move"(what: &str, place: &str, options: &Options<'_>) -> OwnedObjectPath;
        /// What that would do, one JSON record a line. Options: `read-data` b.
        fn open_repair_plan = "OpenRepairPlan"(what: &str, options: &Options<'_>) -> OwnedFd;
        /// Says that a snapshot stays or goes. Options: `pinned` b, `pinned-until-usec` t, `expires-usec` t, `note` s.
        fn mark_snapshot = "MarkSnapshot"(snapshot: &str, options: &Options<'_>) -> ();
        /// Lists keys, the oldest first, one JSON record a line.
        fn open_keys = "OpenKeys"(options: &Options<'_>) -> OwnedFd;
        /// Makes a key with the password that is read from a descriptor; answers it, a JSON record. Options: `host`, `user` s.
        fn add_key = "AddKey"(password: Fd<'_>, options: &Options<'_>) -> OwnedFd;
        /// Removes a key by its full id; answers what it was, a JSON record.
        fn remove_key = "RemoveKey"(key: &str, options: &Options<'_>) -> OwnedFd;
        /// Replaces the password, and the key that it opens. Options: `password` h.
        fn rotate_key = "RotateKey"(options: &Options<'_>) -> RotationProperties;
        /// What one needs to restore with stock restic elsewhere; a JSON record through a file.
        fn open_recovery = "OpenRecovery"(options: &Options<'_>) -> OwnedFd;
        /// Writes the password into a descriptor.
        fn reveal_password = "RevealPassword"(password: Fd<'_>, options: &Options<'_>) -> ();
        /// Keeps the password that is read from a descriptor, and lets the repository's file name where.
        /// Options: `keep` s (`auto`, `credential` or `file`), `unchecked` b, `revision` s.
        fn set_password = "SetPassword"(password: Fd<'_>, options: &Options<'_>) -> PasswordProperties;
        /// The repository's file as it is, and its revision.
        fn get_configuration = "GetConfiguration"(options: &Options<'_>) -> (String, String);
    }

    /// One run.
    RunProxy: RUN_INTERFACE {
        /// Asks the run to stop; it ends as `cancelled` soon after.
        fn cancel = "Cancel"(options: &Options<'_>) -> ();
        /// The events of an attempt so far, one JSON object a line. Options: `attempt` u (the last).
        fn open_log = "OpenLog"(options: &Options<'_>) -> OwnedFd;
        /// What a run that forgets decided, one JSON record a line. Options: `attempt` u (the last).
        fn open_decisions = "OpenDecisions"(options: &Options<'_>) -> OwnedFd;
        /// Brings back what the run forgot; one JSON record a line. Options: `snapshots` as (all).
        fn unforget = "Unforget"(options: &Options<'_>) -> OwnedFd;
        /// Changes limits of the run while it is at work; answers those that are in force then. Options:
        /// `cpu-weight`, `io-weight`, `memory-high`, `memory-max` t.
        fn set_limits = "SetLimits"(options: &Options<'_>) -> RunLimits;
    }
}
