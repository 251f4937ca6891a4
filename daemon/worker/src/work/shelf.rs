//! The folder of passwords, held by one worker at a time, and the note that says how far a rotation is.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use backupd_core::{
    config::PasswordSource,
    failure::{Failure, FailureClass},
};
use serde::{Deserialize, Serialize};

use super::keeping::{self, said};
use crate::{attempt::Context, failure};

/// Another worker may open a repository far away meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often is looked whether it is done.
const TICK: Duration = Duration::from_millis(50);

/// How far a rotation is. It stands beside the passwords from before the new one is kept until the one before is gone,
/// and holds neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// What the repository's file named when it began.
    pub(super) from: PasswordSource,
    /// What it is to name.
    pub(super) to: PasswordSource,
    /// The key that is to go.
    pub(super) old_key: String,
}

/// Nobody else has it as long as this is there.
pub(super) struct Shelf<'a> {
    context: &'a Context<'a>,
    note: PathBuf,
    _lock: File,
}

impl<'a> Shelf<'a> {
    /// Makes the folder where it is missing, and waits for another worker that has it.
    pub(super) fn lock(context: &'a Context<'a>, secrets: &Path) -> Result<Self, Failure> {
        let failed = |error: &io::Error| {
            let what = format!("the folder of passwords cannot be used: {}", said(secrets, error));
            Failure::new(FailureClass::Configuration, failure::about(context.spec, &what))
                .hint("set that right, and try again")
        };
        keeping::make_directory(secrets).map_err(|error| failed(&error))?;
        let lock = File::open(secrets).map_err(|error| failed(&error))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
                Err(TryLockError::WouldBlock) if context.cancellation.is_cancelled() => {
                    return Err(failure::cancelled(context.spec));
                }
                Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(TICK),
                Err(TryLockError::WouldBlock) => {
                    let what = "another worker is at work on the passwords";
                    return Err(
                        Failure::new(FailureClass::Locked, failure::about(context.spec, what))
                            .hint("try again when it is done"),
                    );
                }
            }
        }
        Ok(Self {
            context,
            note: secrets.join(format!(".rotation-{}.json", context.spec.repository.name)),
            _lock: lock,
        })
    }

    /// What an earlier worker left of a rotation that is not over.
    pub(super) fn note(&self) -> Result<Option<Note>, Failure> {
        let text = match fs::read(&self.note) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| self.failed(&error))?,
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| self.failed(&error.into()))
    }

    /// Notes how far it is, so that it lasts.
    pub(super) fn write(&self, note: &Note) -> Result<(), Failure> {
        serde_json::to_vec(note)
            .map_err(io::Error::from)
            .and_then(|text| keeping::write_over(&self.note, &text))
            .map_err(|error| self.failed(&error))
    }

    /// It is over.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        keeping::remove(&self.note).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        let what = format!(
            "the note of a rotation cannot be used: {}",
            said(&self.note, error)
        );
        Failure::new(
            FailureClass::Configuration,
            failure::about(self.context.spec, &what),
        )
        .hint("set that right, and rotate again")
    }
}
