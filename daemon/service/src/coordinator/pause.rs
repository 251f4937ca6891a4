//! Pauses of a job, and of all.

use backupd_core::{
    audit::{Action, Who},
    name::JobName,
    pause::Pause,
};
use jiff::Timestamp;

use super::{
    Coordinator,
    agenda::Appointment,
    refusal::{Refusal, RefusalKind},
};
use crate::{audit::daemon, journal::messages};

impl Coordinator {
    /// The pause under which a job is: its own, or that of all.
    pub(super) fn pause_of(&self, job: &JobName) -> Option<&Pause> {
        let now = self.parts.clock.now();
        let own = self.pauses.get(&Some(job.clone()));
        let all = self.pauses.get(&None);
        let ends = |pause: &&Pause| pause.until.unwrap_or(Timestamp::MAX);
        own.into_iter()
            .chain(all)
            .filter(|pause| !pause.is_over(now))
            .max_by_key(ends)
    }

    /// What keeps everything from starting by itself.
    pub(super) fn pause_of_all(&self) -> Option<&Pause> {
        let now = self.parts.clock.now();
        self.pauses.get(&None).filter(|pause| !pause.is_over(now))
    }

    /// Lets a job, or all, not start by themselves for a while.
    pub(super) async fn pause(
        &mut self,
        job: Option<JobName>,
        until: Option<Timestamp>,
        reason: Option<String>,
        who: &Who,
    ) -> Result<(), Refusal> {
        self.require_job(job.as_ref())?;
        let now = self.parts.clock.now();
        if let Some(until) = until.filter(|until| *until <= now) {
            return Err(Refusal::new(
                RefusalKind::InvalidArgument,
                format!("a pause until {until} would be over already"),
            )
            .hint("name a time that is still to come"));
        }
        let pause = Pause {
            since: now,
            until,
            reason,
        };
        self.set_pause(job, Some(pause), who).await
    }

    /// Ends a pause.
    pub(super) async fn resume(&mut self, job: Option<JobName>, who: &Who) -> Result<(), Refusal> {
        self.require_job(job.as_ref())?;
        if !self.pauses.contains_key(&job) {
            return Ok(());
        }
        self.set_pause(job, None, who).await
    }

    fn require_job(&self, job: Option<&JobName>) -> Result<(), Refusal> {
        match job {
            Some(job) if !self.catalog.jobs.contains_key(job) => Err(self.unknown_job(job.as_str())),
            _ => Ok(()),
        }
    }

    async fn set_pause(
        &mut self,
        job: Option<JobName>,
        pause: Option<Pause>,
        who: &Who,
    ) -> Result<(), Refusal> {
        let action = if pause.is_some() {
            Action::Pause
        } else {
            Action::Resume
        };
        let old = self.pauses.get(&job).map(words).unwrap_or_default();
        let new = pause.as_ref().map(words).unwrap_or_default();
        let entry = self.entry(action, who).job(job.as_ref()).values(&old, &new);
        self.parts
            .store
            .pause(job.clone(), pause.clone(), vec![entry])
            .await?;
        let what = job
            .as_ref()
            .map_or_else(|| "all jobs".to_owned(), |job| format!("the job `{job}`"));
        if let Some(pause) = &pause {
            tracing::info!(
                MESSAGE_ID = messages::PAUSED,
                BACKUPD_JOB = job.as_ref().map(JobName::as_str),
                "{what} will not start by schedule: {}",
                words(pause)
            );
        } else {
            tracing::info!(
                MESSAGE_ID = messages::RESUMED,
                BACKUPD_JOB = job.as_ref().map(JobName::as_str),
                "{what} will start by schedule again"
            );
        }
        self.take_pause(job, pause);
        self.pump().await;
        Ok(())
    }

    /// Takes a pause over that is kept, or its end.
    pub(super) fn take_pause(&mut self, job: Option<JobName>, pause: Option<Pause>) {
        let until = pause.as_ref().and_then(|pause| pause.until);
        self.agenda.set(Appointment::PauseEnds(job.clone()), until);
        let concerned = job.clone();
        match pause {
            Some(pause) => drop(self.pauses.insert(job, pause)),
            None => drop(self.pauses.remove(&job)),
        }
        self.rouse_after_pause(concerned.as_ref());
    }

    /// What a pause held may start, or must not any more.
    fn rouse_after_pause(&mut self, job: Option<&JobName>) {
        self.agree_again(job);
        self.rouse_pending();
        self.rewatch = true;
    }

    /// Ends a pause whose time has come, or whose job is gone.
    pub(super) async fn pause_ended(&mut self, job: Option<JobName>) {
        let pause = self.pauses.get(&job);
        if !pause.is_some_and(|pause| self.has_ended(job.as_ref(), pause)) {
            return;
        }
        if let Err(refusal) = self.set_pause(job.clone(), None, &daemon()).await {
            // It is over whatever the store says. It stays known until the store knows that as well: where the clock is
            // set back meanwhile, this daemon and the next agree on what is paused.
            tracing::warn!(%refusal, "the store does not know that a pause is over");
            self.trouble_with_store(refusal.message);
            self.rouse_after_pause(job.as_ref());
        }
    }

    fn has_ended(&self, job: Option<&JobName>, pause: &Pause) -> bool {
        let is_known =
            |job: &JobName| self.catalog.jobs.contains_key(job) || self.catalog.faulty.contains(job);
        pause.is_over(self.parts.clock.now()) || !job.is_none_or(is_known)
    }

    /// Pauses whose time has come or whose job is gone, and that the store does not know to have ended.
    pub(super) fn ended_pauses(&self) -> Vec<Option<JobName>> {
        let pauses = self.pauses.iter();
        let ended = pauses.filter(|(job, pause)| self.has_ended(job.as_ref(), pause));
        ended.map(|(job, _)| job.clone()).collect()
    }

    /// Makes the appointments for the ends of all pauses: the clock shows another time.
    pub(super) fn appoint_pause_ends(&mut self) {
        for (job, pause) in &self.pauses {
            self.agenda.set(Appointment::PauseEnds(job.clone()), pause.until);
        }
    }
}

/// `until 2026-11-21T08:00:00Z: on holiday`.
fn words(pause: &Pause) -> String {
    let until = pause
        .until
        .map_or_else(|| "until resumed".to_owned(), |until| format!("until {until}"));
    match &pause.reason {
        Some(reason) => format!("{until}: {reason}"),
        None => until,
    }
}
