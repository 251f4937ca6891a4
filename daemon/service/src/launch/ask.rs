//! Questions: a short-lived worker writes its answer to a file, which goes to the client as it is.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_core::{
    failure::Failure,
    protocol::{EventKind, LOG_FILE, Spec, Work},
    run::RunResult,
    unit::LONGEST_QUESTION,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{base::Base, follow::Tail, rundir::RunDirectory};
use crate::ports::{AskError, LaunchError};

/// A repository that has not answered by then will not.
pub(super) const LONGEST: Duration = LONGEST_QUESTION.unsigned_abs();

/// One question: its directory, which is gone with its worker when this is dropped, and its turn.
pub(super) struct Question {
    pub(super) directory: RunDirectory,
    answer: PathBuf,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Drop for Question {
    fn drop(&mut self) {
        // A worker that lives, or will, has its directory; the next daemon cleans up.
        if matches!(self.directory.claim(), Ok(true)) {
            let _ = std::fs::remove_dir_all(self.directory.path());
        }
    }
}

impl Base {
    /// Waits for its turn, and makes a directory for the question and a file for its answer.
    pub(super) async fn question(&self, spec: &Spec) -> Result<(Question, File), AskError> {
        let asker = self
            .askers
            .clone()
            .try_acquire_owned()
            .map_err(|_| AskError::Busy)?;
        let turn = self
            .questions
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| AskError::NoAnswer("the daemon takes no questions any more".to_owned()))?;
        let directory = RunDirectory::at(self.settings().questions.join(spec.run.to_string()));
        let question = Question {
            answer: directory.path().join("answer.jsonl"),
            directory,
            _permits: [asker, turn],
        };
        question
            .directory
            .create(spec)
            .map_err(|error| question.unwritable(&error))?;
        let output = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&question.answer)
            .map_err(|error| question.unwritable(&error))?;
        Ok((question, output))
    }
}

impl Question {
    pub(super) fn unwritable(&self, error: &std::io::Error) -> AskError {
        AskError::Launch(LaunchError::Directory(
            self.directory.path().to_owned(),
            error.to_string(),
        ))
    }

    /// What its worker, which has ended, left; `silent` says why where it left nothing.
    pub(super) fn answer(&self, silent: Option<String>) -> Result<File, AskError> {
        match outcome(&self.directory) {
            Outcome::Answered => File::open(&self.answer).map_err(|error| self.unwritable(&error)),
            Outcome::Failed(failure) => Err(AskError::Failure(failure)),
            Outcome::Silent => Err(AskError::NoAnswer(
                silent.unwrap_or_else(|| last_words(self.directory.path())),
            )),
        }
    }

    pub(super) fn too_long() -> AskError {
        AskError::NoAnswer(format!("it took longer than {} s", LONGEST.as_secs()))
    }
}

/// Whether a question leaves nothing half made when nobody waits for its answer any more.
pub(super) fn may_be_dropped(work: &Work) -> bool {
    matches!(
        work,
        Work::Test
            | Work::Snapshots { .. }
            | Work::Contents(_)
            | Work::List(_)
            | Work::Keys
            | Work::Recovery
            | Work::Statistics(_)
            | Work::Estimate(_)
            | Work::Reach { .. }
    )
}

pub(super) enum Outcome {
    Answered,
    Failed(Failure),
    Silent,
}

pub(super) fn outcome(directory: &RunDirectory) -> Outcome {
    let mut tail = Tail::new(directory.events());
    let mut failure = None;
    let mut result = None;
    while let Ok(Some(events)) = tail.read() {
        for event in events {
            match event.kind {
                EventKind::Failure { failure: said } => failure = Some(said),
                EventKind::Done { result: said } => result = Some(said),
                _ => {}
            }
        }
    }
    match (result, failure) {
        (Some(RunResult::Success), _) => Outcome::Answered,
        (_, Some(failure)) => Outcome::Failed(failure),
        _ => Outcome::Silent,
    }
}

/// The last line that the worker wrote to its log.
fn last_words(directory: &Path) -> String {
    std::fs::read(directory.join(LOG_FILE))
        .ok()
        .and_then(|log| String::from_utf8_lossy(&log).lines().last().map(str::to_owned))
        .unwrap_or_else(|| "it ended without a word".to_owned())
}

/// Removes what an earlier daemon left of its questions; answers the directories of those that are still at work.
pub(super) fn clean(questions: &Path) -> Vec<RunDirectory> {
    let Ok(left) = std::fs::read_dir(questions) else {
        return Vec::new();
    };
    let directories = left.flatten().map(|entry| RunDirectory::at(entry.path()));
    let (held, gone): (Vec<_>, Vec<_>) = directories.partition(RunDirectory::is_held);
    for directory in gone {
        let _ = std::fs::remove_dir_all(directory.path());
    }
    held
}
