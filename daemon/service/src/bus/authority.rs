//! Who may do what. One trait, asked by every method before anything else.

use backupd_dbus::Error;
use zbus::{Connection, fdo, message::Header, names::BusName};

use crate::{ports::Reply, scope::Scope};

/// What a method does, by its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Look at jobs, runs and history.
    Read,
    /// Start a run.
    Run,
    /// Stop a run.
    Cancel,
    /// See which files a snapshot holds, or which files a run worked on.
    Browse,
    /// Write files back.
    Restore,
    /// Change configuration.
    Configure,
    /// Make a repository known, create or test it.
    Repository,
}

impl Action {
    /// The verb in a refusal.
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read this",
            Self::Run => "start jobs",
            Self::Cancel => "cancel runs",
            Self::Browse => "see the files of snapshots and runs",
            Self::Restore => "restore",
            Self::Configure => "change the configuration",
            Self::Repository => "add, create or test repositories",
        }
    }
}

/// Decides.
pub(crate) trait Authority: Send + Sync {
    /// Whether the caller may do this; an error of the contract if not.
    fn check<'a>(
        &'a self,
        connection: &'a Connection,
        header: &'a Header<'_>,
        action: Action,
    ) -> Reply<'a, Result<(), Error>>;
}

/// Root and the user whom the daemon runs as may do everything; others may look, in the system scope.
pub(crate) struct OwnerOnly {
    scope: Scope,
    owner: u32,
}

impl OwnerOnly {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            owner: nix::unistd::geteuid().as_raw(),
        }
    }

    async fn decide(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        action: Action,
    ) -> Result<(), Error> {
        if action == Action::Read && self.scope == Scope::System {
            return Ok(());
        }
        let refused = |why: &str| Error::NotAuthorized(format!("you may not {}: {why}", action.as_str()));
        let sender = header
            .sender()
            .ok_or_else(|| refused("the bus does not say who you are"))?;
        let bus = fdo::DBusProxy::new(connection)
            .await
            .map_err(|error| refused(&error.to_string()))?;
        let caller = bus
            .get_connection_unix_user(BusName::Unique(sender.to_owned()))
            .await
            .map_err(|error| refused(&error.to_string()))?;
        if caller == 0 || caller == self.owner {
            return Ok(());
        }
        Err(Error::NotAuthorized(format!(
            "you may not {}: that is for root{}\nhint: call `backupctl` with `sudo`",
            action.as_str(),
            if self.owner == 0 {
                ""
            } else {
                " and the daemon's own user"
            }
        )))
    }
}

impl Authority for OwnerOnly {
    fn check<'a>(
        &'a self,
        connection: &'a Connection,
        header: &'a Header<'_>,
        action: Action,
    ) -> Reply<'a, Result<(), Error>> {
        Box::pin(self.decide(connection, header, action))
    }
}
