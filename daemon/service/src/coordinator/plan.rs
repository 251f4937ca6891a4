//! When each job starts by itself next, and until when its last snapshot is young enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use backupd_core::{
    config::Job,
    name::JobName,
    schedule::{Schedule, Seed, Timetable},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    ComingElapse, Coordinator, ElapseQuery, agenda::Appointment, publish::describe, refusal::Refusal,
};
use crate::{dense::pack, journal::messages, ports::Subject};

/// What follows from a job's schedules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: Seed,
    /// Elapses up to here are seen to.
    pub(super) cursor: Timestamp,
    /// The first one that is not; it may have come.
    pub(super) next: Option<Timestamp>,
    /// How old the last good snapshot may be.
    pub(super) max_age: Option<SignedDuration>,
}

/// That the elapses of a schedule are seen to up to a time.
type Mark = (Subject, Timestamp);

impl Coordinator {
    /// The schedules of a job with all that they depend on.
    pub(super) fn timetable<'a>(&'a self, job: &'a Job, seed: Seed) -> Timetable<'a> {
        let known = self
            .histories
            .get(&job.name)
            .and_then(|history| history.known_since);
        Timetable {
            schedules: &job.schedules,
            local: &self.local,
            anchor: known.unwrap_or(Timestamp::UNIX_EPOCH),
            seed,
        }
    }

    /// Plans all jobs anew: at the start, and when the clock, a zone or the configuration is another.
    pub(super) async fn plan_all(&mut self) {
        let gone: Vec<JobName> = self
            .plans
            .keys()
            .filter(|name| !self.catalog.jobs.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.plans.remove(&name);
            self.after_active.remove(&name);
            self.outside.set(Appointment::Elapse(name.clone()), None);
            self.agenda.set(Appointment::Elapse(name.clone()), None);
            self.agenda.set(Appointment::Late(name), None);
        }
        self.plans.clear();
        self.replan(Vec::new()).await;
    }

    /// Works out anew when jobs elapse, whose schedules are what they were; keeps these marks, and those that follow.
    async fn replan(&mut self, mut marks: Vec<Mark>) {
        let names: Vec<JobName> = self.catalog.jobs.keys().cloned().collect();
        for name in names {
            let mark = self.plan(&name);
            marks.extend(mark.map(|mark| (Subject::Job(name), mark)));
        }
        marks.extend(self.plan_cares());
        pack(&mut self.plans);
        self.agenda.pack();
        self.keep_marks(marks).await;
    }

    /// Plans one job anew, from what was seen to. Answers up to where it is seen to by the clock as it is now, where that
    /// is not what is known.
    fn plan(&mut self, name: &JobName) -> Option<Timestamp> {
        let now = self.parts.clock.now();
        let job = self.catalog.jobs.get(name)?;
        let before = self.plans.get(name);
        let seed = before.map_or_else(|| Seed::new(&self.parts.machine, name), |plan| plan.seed);
        let timetable = self.timetable(job, seed);
        let history = self.histories.get(name);
        let known_since = history.and_then(|history| history.known_since).unwrap_or(now);
        let up_to = history.map(|history| history.seen).unwrap_or_default();
        let cursor = up_to.cursor(known_since, &timetable, now);
        let plan = Plan {
            seed,
            cursor,
            next: timetable.next_after(cursor).map(|elapse| elapse.at),
            // It takes many elapses to find.
            max_age: before.map_or_else(|| job.max_age_at(&timetable, now), |plan| plan.max_age),
        };
        self.plans.insert(name.clone(), plan);
        self.agree(name);
        let history = self.histories.get_mut(name)?;
        if cursor == up_to.last.unwrap_or(known_since) {
            return None;
        }
        history.seen = up_to.with(cursor);
        Some(cursor)
    }

    /// Keeps up to where schedules are seen to, beside any run.
    pub(super) async fn keep_marks(&mut self, marks: Vec<Mark>) {
        if marks.is_empty() {
            return;
        }
        let subjects: Vec<Subject> = marks.iter().map(|(subject, _)| subject.clone()).collect();
        if let Err(error) = self.parts.store.schedule(Vec::new(), marks, Vec::new()).await {
            // A daemon that begins before it does works it out from what was known before: one run too many or too few.
            tracing::warn!(%error, "the store does not know that schedules count from another time");
            self.unmarked.extend(subjects);
            self.trouble_with_store(error.to_string());
        }
    }

    /// Tells the store up to where schedules are seen to of which it refused that.
    pub(super) async fn keep_refused_marks(&mut self) {
        let mut marks = Vec::new();
        for subject in std::mem::take(&mut self.unmarked) {
            let seen = match &subject {
                Subject::Job(name) => self.histories.get(name).map(|history| history.seen),
                Subject::Care(key) => self.cares.get(key).map(|care| care.history.seen),
            };
            // The last one is what counts, and so it comes last.
            let times = seen.into_iter().flat_map(|seen| [seen.newest, seen.last]);
            marks.extend(times.flatten().map(|at| (subject.clone(), at)));
        }
        self.keep_marks(marks).await;
    }

    /// Elapses of schedules that are others than before count from now on: nobody who edits a file wants a backup at
    /// once because the new time of day has passed already.
    pub(super) async fn reschedule(&mut self, before: &BTreeMap<JobName, Arc<Job>>) {
        let now = self.parts.clock.now();
        let changed = |job: &&Arc<Job>| before.get(&job.name).is_none_or(|old| !same_times(old, job));
        let names: Vec<JobName> = self
            .catalog
            .jobs
            .values()
            .filter(changed)
            .map(|job| job.name.clone())
            .collect();
        let marks: Vec<_> = names
            .iter()
            .map(|name| (Subject::Job(name.clone()), now))
            .collect();
        for name in &names {
            self.after_active.remove(name);
            if let Some(history) = self.histories.get_mut(name) {
                history.seen = history.seen.with(now);
            }
        }
        self.keep_marks(marks).await;
    }

    /// The schedule of a job is seen to up to an elapse.
    pub(super) fn seen_to(&mut self, name: &JobName, elapse: Timestamp) {
        self.after_active.remove(name);
        if let Some(history) = self.histories.get_mut(name) {
            history.seen = history.seen.with(elapse);
        }
        let Some((job, plan)) = self.catalog.jobs.get(name).zip(self.plans.get(name)) else {
            return;
        };
        let next = self.timetable(job, plan.seed).next_after(elapse);
        if let Some(plan) = self.plans.get_mut(name) {
            plan.cursor = elapse;
            plan.next = next.map(|elapse| elapse.at);
        }
        self.agree(name);
    }

    /// Makes the appointment for a job's next elapse.
    pub(super) fn agree(&mut self, name: &JobName) {
        let enabled = self.catalog.jobs.get(name).is_some_and(|job| job.enabled);
        let next = self.plans.get(name).and_then(|plan| plan.next);
        // A pause that ends looks at it again, and so does the queue when it has room.
        let elapse = Appointment::Elapse(name.clone());
        let is_due = next.is_some_and(|at| at <= self.parts.clock.now());
        let waits = is_due && enabled && self.outside.at(&elapse).is_some();
        if !waits {
            self.outside.set(elapse, None);
        }
        let at = next.filter(|_| enabled && !waits && self.pause_of(name).is_none());
        self.agenda.set(Appointment::Elapse(name.clone()), at);
        self.touch_job(name);
    }

    /// What comes, in order.
    pub(super) fn elapses(&self, query: &ElapseQuery) -> Result<Vec<ComingElapse>, Refusal> {
        if let Some(job) = query
            .job
            .as_ref()
            .filter(|job| !self.catalog.jobs.contains_key(*job))
        {
            return Err(self.unknown_job(job.as_str()));
        }
        let from = query.from.unwrap_or_else(|| self.parts.clock.now());
        let timetable = |subject: &Subject| match subject {
            Subject::Job(name) => {
                let job = self.catalog.jobs.get(name).filter(|job| job.enabled)?;
                Some(self.timetable(job, self.plans.get(name)?.seed))
            }
            Subject::Care(key) => self.care_timetable(key, self.cares.get(key)?.plan?.seed),
        };
        let jobs = self.catalog.jobs.keys().cloned().map(Subject::Job);
        let cares = self.cares.keys().cloned().map(Subject::Care);
        let wanted = |subject: &Subject| match (&query.job, subject) {
            (None, _) => true,
            (Some(job), Subject::Job(name)) => job == name,
            (Some(job), Subject::Care(key)) => key.job.as_ref() == Some(job),
        };
        // The next one of each; the first is taken, and the next of the same put in its place.
        let mut heads: BTreeSet<(Timestamp, Subject, usize)> = BTreeSet::new();
        for subject in jobs.chain(cares).filter(wanted) {
            let next = timetable(&subject).and_then(|timetable| timetable.next_after(from));
            heads.extend(next.map(|next| (next.at, subject, next.schedule)));
        }
        let mut coming = Vec::new();
        while coming.len() < query.limit
            && let Some((at, subject, index)) = heads.pop_first()
            && query.until.is_none_or(|until| at < until)
        {
            let Some(timetable) = timetable(&subject) else {
                continue;
            };
            let next = timetable.next_after(at);
            heads.extend(next.map(|next| (next.at, subject.clone(), next.schedule)));
            let schedule = timetable.schedules.get(index);
            let zone = schedule.map_or(&self.local, |schedule| schedule.zone_or(&self.local));
            coming.push(ComingElapse {
                subject,
                at,
                schedule: schedule.map(describe).unwrap_or_default(),
                time_zone: zone.iana_name().unwrap_or_default().to_owned(),
            });
        }
        Ok(coming)
    }

    /// Looks whether the clock was set, and answers that: all times are looked at anew then.
    pub(super) async fn look_at_clock(&mut self) -> bool {
        let reading = self.parts.clock.reading();
        if self.clock.slept(reading) {
            self.awake_since = reading.now;
        }
        let Some(moved) = self.clock.look(reading) else {
            return false;
        };
        tracing::warn!(
            MESSAGE_ID = messages::CLOCK_SET,
            "the clock was set by {:#}; all schedules are worked out anew",
            SignedDuration::from_secs(moved.as_secs())
        );
        self.awake_since = reading.now;
        let before = reading.now.checked_sub(moved).unwrap_or(reading.now);
        let mut marks = Vec::new();
        for (name, history) in &mut self.histories {
            let known_since = history.known_since.unwrap_or(reading.now);
            if let Some(newest) = history.seen.set_over(known_since, before, reading.now) {
                history.seen = history.seen.with(newest);
                marks.push((Subject::Job(name.clone()), newest));
            }
        }
        marks.extend(self.set_cares_over(before, reading.now));
        self.replan(marks).await;
        self.appoint_pause_ends();
        self.move_attempts(moved).await;
        if let Some(trouble) = self.store_trouble.clone() {
            self.trouble_with_store(trouble);
        }
        self.touch_all();
        true
    }
}

/// Whether two states of a job start it at the same times, whatever the rules of their zones are by now.
fn same_times(old: &Job, new: &Job) -> bool {
    let wording = |schedule: &Schedule| {
        let zone = schedule
            .zone
            .as_ref()
            .and_then(TimeZone::iana_name)
            .map(str::to_owned);
        (schedule.text.clone(), zone, schedule.jitter)
    };
    let wordings = |job: &Job| -> Vec<_> { job.schedules.iter().map(wording).collect() };
    old.enabled == new.enabled && wordings(old) == wordings(new)
}

#[cfg(test)]
mod tests;
