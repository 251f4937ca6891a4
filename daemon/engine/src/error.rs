//! Why an operation failed, in kinds that a caller can decide on.

use std::{error::Error, fmt};

/// Result of an engine call.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// What went wrong, as far as it decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing at that place.
    RepositoryNotFound,
    /// A repository is there already.
    RepositoryExists,
    /// Something is there, but no repository; or its format is unknown.
    NotARepository,
    /// No key of the repository opens with this password.
    WrongPassword,
    /// Another process holds a lock that excludes this work.
    Locked,
    /// No room left where the repository, cache or target is.
    NoSpace,
    /// What was read is not what was stored.
    Corrupt,
    /// A source does not exist.
    SourceMissing,
    /// A source as a whole cannot be read.
    SourceUnreadable,
    /// The place of the repository refuses to be read or written.
    PermissionDenied,
    /// The network or the server on it.
    Network,
    /// The server of the repository refuses our credentials.
    AccessRefused,
    /// The server cannot show that it is the one that it should be.
    Untrusted,
    /// No such snapshot, or more than one with that prefix.
    SnapshotNotFound,
    /// No such path in the snapshot.
    PathNotFound,
    /// The target of a restore is not empty, not a directory, or lies in a repository.
    TargetUnusable,
    /// A request that makes no sense, such as a pattern that cannot be parsed.
    InvalidRequest,
    /// Somebody asked to stop.
    Cancelled,
    /// Everything else.
    Other,
}

/// An engine's error: a kind, a sentence, and what it came from.
#[derive(Debug)]
pub struct EngineError {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl EngineError {
    /// An error without a cause below it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Names what it came from.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence with all causes, separated by `: `, each said once.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut next = self.source();
        while let Some(error) = next {
            let said = error.to_string();
            if !said.is_empty() && !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            next = error.source();
        }
        text
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
