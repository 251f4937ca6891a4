//! Questions: a short-lived worker writes its answer to a file, which goes to the client as it is.

use std::{
    fs::{File, OpenOptions},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt as _},
    path::Path,
    process::Stdio,
    time::Duration,
};

use backupd_core::{
    failure::Failure,
    protocol::{EventKind, LOG_FILE, Spec, Work},
    run::RunResult,
};

use super::{child::ChildLauncher, follow::Tail, process, rundir::RunDirectory};
use crate::ports::{AskError, LaunchError};

/// A repository that has not answered by then will not.
const LONGEST: Duration = Duration::from_mins(15);

/// The directory of one question; gone when this is dropped.
struct Question(RunDirectory);

impl Drop for Question {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.path());
    }
}

impl ChildLauncher {
    pub(super) async fn answer(&self, spec: &Spec, input: Option<OwnedFd>) -> Result<File, AskError> {
        let _asker = self.askers.try_acquire().map_err(|_| AskError::Busy)?;
        let _turn = self
            .questions
            .acquire()
            .await
            .map_err(|_| AskError::NoAnswer("the daemon takes no questions any more".to_owned()))?;
        let question = Question(RunDirectory::at(
            self.settings().questions.join(spec.run.to_string()),
        ));
        let directory = &question.0;
        let unwritable = |error: std::io::Error| {
            AskError::Launch(LaunchError::Directory(
                directory.path().to_owned(),
                error.to_string(),
            ))
        };
        directory.create(spec).map_err(unwritable)?;
        let path = directory.path().join("answer.jsonl");
        let output = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(unwritable)?;
        let mut child = self
            .command(directory, spec)
            .map_err(unwritable)?
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::from(output))
            // Nobody waits for the answer any more when the daemon is told to stop; but nothing is left half made.
            .kill_on_drop(matches!(
                spec.work,
                Work::Test | Work::Snapshots { .. } | Work::List(_)
            ))
            .spawn()
            .map_err(|error| AskError::Launch(self.program_error(&error)))?;
        match tokio::time::timeout(LONGEST, child.wait()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(AskError::NoAnswer(error.to_string())),
            Err(_) => {
                if let Some(pid) = child.id() {
                    process::stop(pid, self.settings().grace, || directory.is_held()).await;
                }
                return Err(AskError::NoAnswer(format!(
                    "it took longer than {} s",
                    LONGEST.as_secs()
                )));
            }
        }
        match outcome(directory) {
            Outcome::Answered => File::open(&path).map_err(unwritable),
            Outcome::Failed(failure) => Err(AskError::Failure(failure)),
            Outcome::Silent => Err(AskError::NoAnswer(last_words(directory.path()))),
        }
    }
}

enum Outcome {
    Answered,
    Failed(Failure),
    Silent,
}

fn outcome(directory: &RunDirectory) -> Outcome {
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

/// Removes what an earlier daemon left of its questions.
pub(crate) fn clean(questions: &Path) {
    let Ok(left) = std::fs::read_dir(questions) else {
        return;
    };
    for entry in left.flatten() {
        let directory = RunDirectory::at(entry.path());
        if !directory.is_held() {
            let _ = std::fs::remove_dir_all(directory.path());
        }
    }
}
