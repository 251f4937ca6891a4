//! From the daemon's refusals and failures to the errors of the contract.

use backupd_core::{
    config::Fault,
    failure::{Failure, FailureClass},
};
use backupd_dbus::Error;

use crate::{
    coordinator::{Refusal, RefusalKind},
    ports::{AskError, LaunchError},
};

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is the function given to `map_err`"
)]
pub(super) fn of_refusal(refusal: Refusal) -> Error {
    let text = refusal.to_string();
    match refusal.kind {
        RefusalKind::JobNotFound => Error::JobNotFound(text),
        RefusalKind::UnknownRepository => Error::UnknownRepository(text),
        RefusalKind::RunNotFound => Error::RunNotFound(text),
        RefusalKind::AlreadyRunning => Error::AlreadyRunning(text),
        RefusalKind::JobDisabled => Error::JobDisabled(text),
        RefusalKind::NotRunning => Error::NotRunning(text),
        RefusalKind::AlreadyExists => Error::AlreadyExists(text),
        RefusalKind::InvalidArgument => Error::InvalidArgument(text),
        RefusalKind::InvalidConfiguration => Error::InvalidConfiguration(text),
        RefusalKind::StaleRevision => Error::StaleRevision(text),
        RefusalKind::LimitsExceeded => Error::LimitsExceeded(text),
        RefusalKind::StateUnavailable => Error::StateUnavailable(text),
        RefusalKind::ShuttingDown => Error::ShuttingDown(text),
        RefusalKind::NotSupported => Error::NotSupported(text),
        RefusalKind::Failed => Error::Failed(text),
    }
}

pub(super) fn of_question(error: AskError) -> Error {
    match error {
        AskError::Launch(LaunchError::Unit {
            unit,
            reason,
            journal,
        }) => Error::WorkerFailed(format!(
            "the unit `{unit}` could not be started: {reason}\nhint: `{journal}` shows what systemd says of it"
        )),
        AskError::Launch(LaunchError::Credential(failure)) | AskError::Failure(failure) => {
            of_failure(&failure)
        }
        AskError::Launch(error @ LaunchError::Silent(..)) => {
            Error::WorkerFailed(format!("{error}\nhint: see whether its server or disk is there"))
        }
        AskError::Launch(error) => Error::WorkerFailed(format!(
            "{error}\nhint: the program belongs to the backupd package: install it again, or set `worker` in \
             `backupd.toml`"
        )),
        AskError::Busy => Error::LimitsExceeded(
            "too many questions wait for an answer\nhint: wait for the answers of earlier calls".to_owned(),
        ),
        AskError::NoAnswer(why) => Error::WorkerFailed(format!(
            "the worker ended without an answer: {why}\nhint: the daemon's log may say more"
        )),
    }
}

fn of_failure(failure: &Failure) -> Error {
    let text = match &failure.hint {
        Some(hint) => format!("{}\nhint: {hint}", failure.message),
        None => failure.message.clone(),
    };
    match failure.class {
        FailureClass::Network => Error::Network(text),
        FailureClass::RepositoryNotFound => Error::RepositoryNotFound(text),
        FailureClass::RepositoryExists => Error::RepositoryExists(text),
        // The listing of a path and of a snapshot fail alike for a client: there is no such thing.
        FailureClass::SnapshotNotFound => Error::SnapshotNotFound(text),
        FailureClass::Credentials => Error::Credentials(text),
        FailureClass::Locked => Error::Locked(text),
        FailureClass::NoSpace => Error::NoSpace(text),
        FailureClass::Corrupt => Error::Corrupt(text),
        FailureClass::Configuration => Error::InvalidArgument(text),
        FailureClass::SourceMissing
        | FailureClass::SourceUnreadable
        | FailureClass::Guarded
        | FailureClass::Hook
        | FailureClass::Engine
        | FailureClass::Interrupted
        | FailureClass::TimedOut
        | FailureClass::Cancelled => Error::Failed(text),
    }
}

pub(super) fn of_faults(faults: &[Fault]) -> Vec<backupd_dbus::Fault> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    faults
        .iter()
        .map(|fault| backupd_dbus::Fault {
            file: Some(fault.file.to_string_lossy().into_owned()),
            line: fault.line.map(number),
            column: fault.column.map(number),
            message: Some(fault.message.clone()),
            hint: fault.hint.clone(),
        })
        .collect()
}
