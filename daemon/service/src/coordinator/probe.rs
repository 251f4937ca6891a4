//! What the simulator does with the coordinator, and sees of its inside.

use std::collections::BTreeMap;

use backupd_core::{
    config::{Catalog, Fault, Settings},
    name::RunId,
    run::Run,
};
use jiff::Timestamp;

use super::Coordinator;

impl Coordinator {
    /// Works on what has been sent so far; answers whether there was anything.
    pub(crate) async fn work_off(&mut self) -> bool {
        let mut worked = false;
        while let Ok(message) = self.messages().try_recv() {
            self.take(message).await;
            worked = true;
        }
        worked
    }

    pub(crate) fn configured(&self) -> (&Catalog, &Settings) {
        (&self.catalog, &self.settings)
    }

    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The first appointment.
    pub(crate) fn first_appointment(&self) -> Option<(Timestamp, String)> {
        self.agenda.peek()
    }

    /// A run as it is in memory.
    pub(crate) fn run_in_memory(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id).map(|live| &*live.run)
    }

    /// What must not grow for ever, by name.
    pub(crate) fn sizes(&self) -> BTreeMap<&'static str, usize> {
        BTreeMap::from([
            ("runs", self.runs.len()),
            ("unfinished", self.unfinished.len()),
            ("active", self.active.len()),
            ("histories", self.histories.len()),
            ("plans", self.plans.len()),
            ("agenda", self.agenda.len()),
            ("published", self.published.len()),
            ("bad", self.bad.len()),
            ("pauses", self.pauses.len()),
            ("after_active", self.after_active.len()),
            ("outside", self.outside.len()),
            ("pending", self.pending.len()),
            ("standings", self.standings.len()),
            ("wanted_conditions", self.wanted_conditions.len()),
            ("told_overridden", self.told_overridden.len()),
            ("unsaved", self.unsaved.len()),
            ("unmarked", self.unmarked.len()),
            ("unread", self.unread.len()),
        ])
    }
}
