//! Programs that a repository needs beside us: looked for when a file says so, not when its first backup fails.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use backupd_core::config::{EngineName, Fault, Repository};

use crate::launch::Base;

/// Knows which engines can be used here.
pub(crate) trait Programs: Send + Sync {
    /// Why an engine cannot be used.
    fn trouble(&self, engine: EngineName) -> Option<String>;
}

/// Asks the worker, which uses them.
pub(crate) struct AskWorker(pub(crate) Base);

impl Programs for AskWorker {
    fn trouble(&self, engine: EngineName) -> Option<String> {
        if engine == EngineName::Embedded {
            return None;
        }
        let asked = Command::new(self.0.worker())
            .args(["--engine", engine.as_str()])
            .stdin(Stdio::null())
            .output();
        match asked {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            // The worker is missed soon enough, and with better words.
            Err(error) => {
                tracing::warn!(%error, "the worker cannot be asked for its engines");
                None
            }
        }
    }
}

/// All can be used.
#[cfg(test)]
pub(crate) struct AllPrograms;

#[cfg(test)]
impl Programs for AllPrograms {
    fn trouble(&self, _engine: EngineName) -> Option<String> {
        None
    }
}

/// The fault of a repository whose engine cannot be used.
pub(super) fn fault(trouble: &str, file: &Path, repository: &Repository) -> Fault {
    let engine = repository.engine.as_str();
    Fault::new(file, format!("the engine `{engine}` cannot be used: {trouble}"))
        .at(repository.origin.of("engine"))
        .key("engine")
        .hint("or remove the key: the engine that is built in serves the same repositories")
}
