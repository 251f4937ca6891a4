//! What goes into the store, and what the coordinator knows from there.

use std::sync::Arc;

use backupd_core::{audit::Entry, name::JobName, run::Run};

use super::{Coordinator, agenda::Appointment, attend::TRY_AGAIN, start::title};
use crate::{
    dense::pack,
    journal::{messages, of_run},
    ports::StoreError,
};

impl Coordinator {
    /// Keeps the run as it is together with its records, for a step that is not taken where it cannot be kept.
    pub(super) async fn try_save(
        &mut self,
        run: &Run,
        new: impl IntoIterator<Item = Entry> + Send,
    ) -> Result<(), StoreError> {
        let mut entries = self.unsaved.get(&run.id).cloned().unwrap_or_default();
        entries.extend(new);
        let outcome = self.parts.store.save_audited(run, entries).await;
        match &outcome {
            Ok(()) => drop(self.unsaved.remove(&run.id)),
            Err(error) => {
                of_run!(
                    error,
                    messages::STORE_TROUBLE,
                    run,
                    "{} cannot be kept in the store: {error}",
                    title(run)
                );
                self.trouble_with_store(error.to_string());
            }
        }
        outcome
    }

    /// Keeps the run as it is together with its record; where that fails, it is tried again until it works.
    pub(super) async fn save(&mut self, run: &Run, entry: Option<Entry>) {
        match self.try_save(run, entry.clone()).await {
            Ok(()) if !self.is_behind() => self.store_works(),
            Ok(()) => {}
            Err(_) => self.unsaved.entry(run.id).or_default().extend(entry),
        }
    }

    /// The store refused something: it is tried again after a while.
    pub(super) fn trouble_with_store(&mut self, reason: String) {
        self.store_trouble = Some(reason);
        let again = self.parts.clock.now().checked_add(TRY_AGAIN).ok();
        self.agenda.set(Appointment::Store, again);
    }

    /// Whether there is something that the store refused and has not done since.
    fn is_behind(&self) -> bool {
        !self.unsaved.is_empty()
            || !self.ended_pauses().is_empty()
            || !self.unmarked.is_empty()
            || !self.unread.is_empty()
    }

    fn store_works(&mut self) {
        self.store_trouble = None;
        self.agenda.set(Appointment::Store, None);
    }

    /// Does what the store refused before.
    pub(super) async fn catch_up_with_store(&mut self) {
        if self.store_trouble.is_none() {
            return;
        }
        self.save_unsaved().await;
        for job in self.ended_pauses() {
            self.pause_ended(job).await;
        }
        self.keep_refused_marks().await;
        let mut unread: Vec<JobName> = std::mem::take(&mut self.unread).into_iter().collect();
        unread.retain(|job| self.catalog.jobs.contains_key(job));
        if !unread.is_empty() {
            self.read_histories(unread).await;
            self.plan_all().await;
        }
        if self.is_behind() {
            self.trouble_with_store(self.store_trouble.clone().unwrap_or_default());
        } else {
            self.store_works();
            self.rouse_pending();
        }
    }

    /// Keeps the runs that could not be kept before; what is new comes after that, or the store would have two runs of a
    /// job that are not over.
    pub(super) async fn save_unsaved(&mut self) {
        let unsaved: Vec<Arc<Run>> = self
            .unsaved
            .keys()
            .filter_map(|id| self.runs.get(id))
            .map(|live| Arc::clone(&live.run))
            .collect();
        for run in unsaved {
            self.save(&run, None).await;
        }
    }

    /// Reads what the store knows of jobs that are new.
    pub(super) async fn refresh_histories(&mut self) {
        self.histories
            .retain(|name, _| self.catalog.jobs.contains_key(name));
        let unknown = self
            .catalog
            .jobs
            .keys()
            .filter(|name| !self.histories.contains_key(*name));
        let unknown: Vec<JobName> = unknown.cloned().collect();
        if !unknown.is_empty() {
            self.read_histories(unknown).await;
        }
    }

    async fn read_histories(&mut self, jobs: Vec<JobName>) {
        match self
            .parts
            .store
            .job_facts(jobs.clone(), self.parts.clock.now())
            .await
        {
            Ok(histories) => {
                for (job, history) in jobs.into_iter().zip(histories) {
                    self.unread.remove(&job);
                    self.touch_job(&job);
                    self.histories.insert(job, history);
                }
                pack(&mut self.histories);
            }
            Err(error) => {
                tracing::error!(
                    MESSAGE_ID = messages::STORE_TROUBLE,
                    "the history of {} jobs cannot be read: {error}",
                    jobs.len()
                );
                self.unread.extend(jobs);
                self.trouble_with_store(error.to_string());
            }
        }
    }
}
