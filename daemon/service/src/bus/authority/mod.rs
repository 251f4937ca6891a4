//! Who may do what. One trait, asked by every method before anything else.

mod about;
mod caller;
mod owner;

use backupd_dbus::Error;
use zbus::{Connection, message::Header};

use crate::ports::{Caller, Reply};

pub(crate) use self::{about::About, owner::OwnerOnly};

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

/// A call that somebody must be allowed to make.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// Where it came from.
    pub(crate) connection: &'a Connection,
    /// Its header.
    pub(crate) header: &'a Header<'a>,
    /// What it does.
    pub(crate) action: Action,
    /// To what.
    pub(crate) about: &'a About,
}

/// Decides.
pub(crate) trait Authority: Send + Sync {
    /// Whether the caller may do this, and who it is; an error of the contract if not.
    fn check<'a>(&'a self, call: Call<'a>) -> Reply<'a, Result<Caller, Error>>;
}
