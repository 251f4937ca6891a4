//! What the audit log is told.

use backupd_core::{
    audit::{Action, Entry, Outcome, Who, change},
    config::edit::revision,
    protocol::{CareWork, MoveStep},
    run::{Operation, Run, RunResult},
};

use super::{Coordinator, refusal::Refusal};
use crate::{
    audit::daemon,
    configuration::{self, EditError},
};

impl Coordinator {
    /// An entry of now.
    pub(super) fn entry(&self, action: Action, who: &Who) -> Entry {
        Entry::new(action, who, self.parts.clock.now())
    }

    /// Records what is about to be done; what cannot be recorded is not done.
    pub(super) async fn record(&mut self, entry: Entry) -> Result<(), Refusal> {
        let action = entry.action;
        self.parts.store.append(entry).await.map_err(|error| {
            tracing::error!(%error, "`{action}` cannot be recorded, and is not done");
            self.store_trouble = Some(error.to_string());
            error.into()
        })
    }

    /// Records a change of a file, and does it. The file is named as in [`configuration::Texts`], and has that text
    /// afterwards.
    pub(super) async fn change(
        &mut self,
        entry: Entry,
        (file, text): (String, Option<&str>),
        act: impl FnOnce() -> Result<(), EditError> + Send,
    ) -> Result<(), Refusal> {
        // What others changed comes into force together with this.
        let found = configuration::texts(&self.parts.configuration);
        if found != self.texts {
            self.record_reload(&daemon(), "", found).await?;
        }
        self.record(entry.clone()).await?;
        let Err(error) = act() else {
            match text {
                Some(text) => self.texts.insert(file, text.to_owned()),
                None => self.texts.remove(&file),
            };
            return Ok(());
        };
        let refusal = Refusal::from(error);
        let failed = entry.result(Outcome::Failed, &refusal.message);
        // What is told is why the change failed, whatever becomes of this.
        let _ = self.record(failed).await;
        Err(refusal)
    }

    /// Records that files are read again, with what changed of them.
    pub(super) async fn record_reload(
        &mut self,
        who: &Who,
        call: &str,
        found: configuration::Texts,
    ) -> Result<(), Refusal> {
        let changed = configuration::difference(&self.texts, &found);
        let mut entry = self
            .entry(Action::ConfigurationReload, who)
            .values(&changed.old, &changed.new);
        call.clone_into(&mut entry.call);
        self.record(entry).await?;
        self.texts = found;
        Ok(())
    }
}

/// On the object that a run is.
pub(super) fn of_run(entry: Entry, run: &Run) -> Entry {
    entry
        .job(run.job.as_ref())
        .repository(Some(&run.repository))
        .run(run.id)
}

/// That a run was accepted.
pub(super) fn accepted(entry: Entry, run: &Run) -> Entry {
    let mut entry = of_run(entry, run);
    if let Some(restore) = &run.restore {
        entry.snapshot.clone_from(&restore.snapshot);
        entry.target = restore.target.to_string_lossy().into_owned();
        let paths: Vec<_> = restore.paths.iter().map(|path| path.to_string_lossy()).collect();
        entry = entry.values("", &paths.join("\n"));
    }
    if let Some(CareWork::Move(moving)) = &run.care {
        let (old, new) = match moving.step {
            MoveStep::Bring => ("", moving.place.trim()),
            MoveStep::Release | MoveStep::GiveUp => (moving.place.trim(), ""),
        };
        entry = entry.values(old, new);
    }
    if run.forced {
        entry = entry.values("", "forced");
    }
    entry
}

/// The action of accepting a run.
pub(super) fn accepting(operation: Operation) -> Action {
    match operation {
        Operation::Backup => Action::RunStart,
        Operation::Restore => Action::RunRestore,
        Operation::Forget => Action::RunForget,
        Operation::Copy => Action::RunCopy,
        Operation::Check => Action::RunCheck,
        Operation::Prune => Action::RunPrune,
        Operation::Repair => Action::RunRepair,
        Operation::Move => Action::RunMove,
    }
}

/// That a run ended: its result is the new value, and the snapshot is what it stored or restored from.
pub(super) fn ended(entry: Entry, run: &Run) -> Entry {
    let word = run.result.map_or("", RunResult::as_str);
    let mut entry = of_run(entry, run).values("", word);
    entry.snapshot = run.snapshot.clone().unwrap_or_default();
    let why = run
        .failure
        .as_ref()
        .map_or("", |failure| failure.message.as_str());
    let outcome = match run.result {
        Some(RunResult::Failed | RunResult::Interrupted | RunResult::TimedOut) => Outcome::Failed,
        _ => Outcome::Done,
    };
    entry.result(outcome, why)
}

/// Of a file: its revisions, and the lines that change.
pub(super) fn of_text(entry: Entry, old: Option<&str>, new: Option<&str>) -> Entry {
    let name = |text: Option<&str>| text.map(revision).unwrap_or_default();
    let changed = change(old.unwrap_or_default(), new.unwrap_or_default());
    entry
        .values(&changed.old, &changed.new)
        .revisions(&name(old), &name(new))
}

#[cfg(test)]
mod tests;
