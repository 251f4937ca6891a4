//! Watches: a worker that tells through a pipe, and ends when nobody reads that any more, so also with the daemon.

use std::{io::PipeWriter, os::fd::OwnedFd};

use backupd_core::{failure::Failure, protocol::Spec};
use tokio::sync::oneshot;

use super::{
    ask::{self, Outcome},
    base::Base,
    rundir::RunDirectory,
};
use crate::ports::{LaunchError, Watching};

/// A watch that is about to begin: its directory, which goes with its worker, and the end to write to.
pub(super) struct Watch {
    pub(super) directory: RunDirectory,
    pub(super) output: PipeWriter,
    told: oneshot::Sender<Option<Failure>>,
}

impl Base {
    /// Makes what a watch needs, and what its daemon holds of it.
    pub(super) fn new_watch(&self, spec: &Spec) -> Result<(Watch, Watching), LaunchError> {
        let directory = RunDirectory::at(self.settings().questions.join(spec.run.to_string()));
        let unwritable =
            |error: std::io::Error| LaunchError::Directory(directory.path().to_owned(), error.to_string());
        directory.create(spec).map_err(unwritable)?;
        let (lines, output) = std::io::pipe().map_err(unwritable)?;
        let (told, end) = oneshot::channel();
        let watch = Watch {
            directory,
            output,
            told,
        };
        let lines = OwnedFd::from(lines);
        Ok((watch, Watching { lines, end }))
    }
}

impl Ended {
    /// Its worker is gone, or never came.
    pub(super) fn tell(self) {
        let failure = match ask::outcome(&self.directory) {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Answered | Outcome::Silent => None,
        };
        // A worker that lives, or will, has its directory; the next daemon cleans up.
        if matches!(self.directory.claim(), Ok(true)) {
            let _ = std::fs::remove_dir_all(self.directory.path());
        }
        let _ = self.told.send(failure);
    }
}

/// What is left of a watch once its worker has the end to write to.
pub(super) struct Ended {
    directory: RunDirectory,
    told: oneshot::Sender<Option<Failure>>,
}

impl Watch {
    /// Parts with the end to write to, which must be the worker's alone.
    pub(super) fn hand_over(self) -> (PipeWriter, Ended) {
        let Self {
            directory,
            output,
            told,
        } = self;
        (output, Ended { directory, told })
    }
}
