//! What workers leave behind, and the workers themselves.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{Bed, wait};

impl Bed {
    /// The directory of a run's first attempt.
    pub fn attempt_directory(&self, run: &str) -> PathBuf {
        self.state().join("runs").join(run).join("attempt-1")
    }

    /// The events of a run so far.
    pub fn events(&self, run: &str) -> Vec<Value> {
        read_events(&self.attempt_directory(run))
    }

    /// Waits until the worker of a run has written such an event; the run has started.
    pub fn wait_for_event<T>(&self, run: &str, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let directory = self.attempt_directory(run);
        wait::for_files(&format!("the event `{what}` of run {run}"), &[&directory], || {
            read_events(&directory).iter().find_map(&look)
        })
    }

    /// Waits until the worker is in this phase, or past it.
    pub fn wait_for_phase(&self, run: &str, phase: &str) {
        self.wait_for_event(run, phase, |event| (event["phase"] == phase).then_some(()));
    }

    /// The process that works for a run, once it has said so.
    pub fn worker(&self, run: &str) -> u32 {
        self.wait_for_event(run, "hello", |event| {
            (event["event"] == "hello").then(|| u32::try_from(event["pid"].as_u64().unwrap()).unwrap())
        })
    }

    /// The process that works for an attempt of a run, once it has said so.
    pub fn worker_of(&self, run: &str, attempt: u32) -> u32 {
        let directory = self
            .state()
            .join("runs")
            .join(run)
            .join(format!("attempt-{attempt}"));
        wait::for_files("the worker of the attempt", &[&directory], || {
            let hello = read_events(&directory)
                .into_iter()
                .find(|event| event["event"] == "hello")?;
            u32::try_from(hello["pid"].as_u64()?).ok()
        })
    }

    /// Ids of the run directories.
    pub fn run_directories(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.state().join("runs")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// Whole lines of an event file.
pub(crate) fn read_events(directory: &Path) -> Vec<Value> {
    let text = fs::read_to_string(directory.join("events.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
