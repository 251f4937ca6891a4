//! Why the coordinator says no: a kind that the bus has a name for, and a text for people.

use std::fmt;

use crate::{configuration::EditError, ports::StoreError};

/// What kind of no it is; each has a name on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    JobNotFound,
    UnknownRepository,
    RunNotFound,
    AlreadyRunning,
    JobDisabled,
    NotRunning,
    AlreadyExists,
    InvalidArgument,
    InvalidConfiguration,
    StaleRevision,
    LimitsExceeded,
    StateUnavailable,
    ShuttingDown,
    NotSupported,
    Failed,
}

/// A text of a caller as an answer repeats it: without control characters, and no longer than people read.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let escaped: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        format!("{escaped}…")
    } else {
        escaped
    }
}

/// A refused wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn shutting_down() -> Self {
        Self::new(RefusalKind::ShuttingDown, "backupd is going down")
            .hint("workers go on; ask again when it is back")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(
            RefusalKind::StateUnavailable,
            format!("the store cannot be used: {error}"),
        )
        .hint("see the free space and the owner of the state directory; nothing was started or changed")
    }
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        let kind = match &error {
            EditError::Exists { .. } => RefusalKind::AlreadyExists,
            EditError::Missing { what: "job", .. } => RefusalKind::JobNotFound,
            EditError::Missing { .. } => RefusalKind::UnknownRepository,
            EditError::Stale(_) => RefusalKind::StaleRevision,
            EditError::Faults(_) => RefusalKind::InvalidConfiguration,
            EditError::Owner(_) | EditError::ReadOnly(_) | EditError::Io { .. } => RefusalKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}
