//! Why a run failed: classes that decide retries, advice and error names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The network, or the server on it.
    #[serde(rename = "network", alias = "ERROR_NETWORK")]
    Network,
    /// Nothing at the repository's place, or no repository.
    RepositoryNotFound,
    /// A repository is there already.
    RepositoryExists,
    /// No such snapshot, or no such path in it.
    SnapshotNotFound,
    /// The password is wrong, or could not be had.
    Credentials,
    /// Somebody else's lock excludes the work.
    Locked,
    /// No room left.
    NoSpace,
    /// What was read is not what was stored.
    Corrupt,
    /// A source of the job does not exist.
    SourceMissing,
    /// Nothing of the sources can be read.
    SourceUnreadable,
    /// What was to be removed is guarded, and nothing was.
    Guarded,
    /// A hook ended badly.
    Hook,
    /// The job or the repository is set up in a way that cannot work.
    Configuration,
    /// The engine, or the worker itself.
    Engine,
    /// The worker ended without saying how.
    Interrupted,
    /// The run took longer than it may.
    TimedOut,
    /// Somebody asked it to stop.
    Cancelled,
}

impl FailureClass {
    /// The word in history, on the bus and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::RepositoryNotFound => "repository-not-found",
            Self::RepositoryExists => "repository-exists",
            Self::SnapshotNotFound => "snapshot-not-found",
            Self::Credentials => "credentials",
            Self::Locked => "locked",
            Self::NoSpace => "no-space",
            Self::Corrupt => "corrupt",
            Self::SourceMissing => "source-missing",
            Self::SourceUnreadable => "source-unreadable",
            Self::Guarded => "guarded",
            Self::Hook => "hook",
            Self::Configuration => "configuration",
            Self::Engine => "engine",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether another attempt may end better without anybody doing anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Network | Self::Locked | Self::Interrupted)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Decides what happens next.
    pub class: FailureClass,
    /// What happened, to what.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
