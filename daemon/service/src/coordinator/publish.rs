//! Making views of what changed, and putting them into the outbox.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use backupd_core::{
    health::{Health, JobFacts, overall},
    name::{JobName, RepositoryName, RunId},
    run::{BlockedBy, PowerUse, Run, RunResult},
    schedule::Schedule,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    dense::pack,
    ports::{JobHistory, PowerLocks},
};

use super::{
    Coordinator, JobView, Live, ManagerView, ObjectKey, RunView, View, agenda::Appointment,
    attend::MOST_READY, start::title,
};

/// Reasons that are told one by one; of more their number is.
const MOST_REASONS: usize = 20;

/// What is to be looked at when it is published next.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    all: bool,
    jobs: BTreeSet<JobName>,
    runs: BTreeSet<RunId>,
    repositories: BTreeSet<RepositoryName>,
}

impl Coordinator {
    /// A job is another than before.
    pub(super) fn touch_job(&mut self, job: &JobName) {
        self.dirty.jobs.insert(job.clone());
    }

    /// A repository is another than before.
    pub(super) fn touch_repository(&mut self, repository: &RepositoryName) {
        self.dirty.repositories.insert(repository.clone());
    }

    /// A run is another than before, and with it what its job or repository says of itself.
    pub(super) fn touch_run(&mut self, run: &Run) {
        self.dirty.runs.insert(run.id);
        self.dirty.jobs.extend(run.job.clone());
        if run.care.is_some() {
            self.touch_repository(&run.repository);
        }
    }

    /// Anything may be another than before.
    pub(super) fn touch_all(&mut self) {
        self.dirty.all = true;
    }

    /// Publishes what changed, says when to be woken next, and tells systemd what goes on.
    pub(super) fn publish(&mut self) {
        let now = self.parts.clock.now();
        let mut dirty = std::mem::take(&mut self.dirty);
        if dirty.all {
            dirty.jobs.extend(self.catalog.jobs.keys().cloned());
            dirty
                .repositories
                .extend(self.catalog.repositories.keys().cloned());
            dirty.runs.extend(self.runs.keys().copied());
            for key in self.published.keys() {
                match key {
                    ObjectKey::Job(name) => drop(dirty.jobs.insert(name.clone())),
                    ObjectKey::Repository(name) => drop(dirty.repositories.insert(name.clone())),
                    ObjectKey::Run(id) => drop(dirty.runs.insert(*id)),
                    ObjectKey::Manager => {}
                }
            }
        }
        for id in dirty.runs {
            let view = self.runs.get(&id).map(run_view);
            self.show(ObjectKey::Run(id), view);
        }
        let mut jobs = BTreeMap::new();
        if !dirty.repositories.is_empty() {
            jobs = self.jobs_by_repository();
        }
        for name in dirty.repositories {
            let view = self.repository_view(&name, jobs.remove(&name).unwrap_or_default(), now);
            match view
                .as_ref()
                .map(|view| view.health)
                .filter(|health| *health > Health::NeverRan)
            {
                Some(health) => drop(self.bad_repositories.insert(name.clone(), health)),
                None => drop(self.bad_repositories.remove(&name)),
            }
            self.agree_on_lateness(&name);
            let view = view.map(|view| View::Repository(Arc::new(view)));
            self.show(ObjectKey::Repository(name), view);
        }
        for name in dirty.jobs {
            let view = self.job_view(&name, now);
            let (health, late_at) = view.as_ref().map(|view| (view.health, view.late_at)).unzip();
            match health.filter(|health| *health > Health::NeverRan) {
                Some(health) => drop(self.bad.insert(name.clone(), health)),
                None => drop(self.bad.remove(&name)),
            }
            let late_at = late_at.flatten().filter(|at| *at > now);
            self.agenda.set(Appointment::Late(name.clone()), late_at);
            self.show(ObjectKey::Job(name), view.map(|view| View::Job(Arc::new(view))));
        }
        if dirty.all {
            pack(&mut self.published);
        }
        let manager = self.manager_view(now);
        self.tell_status(&manager);
        self.show(ObjectKey::Manager, Some(View::Manager(Arc::new(manager))));
        let wake = self.agenda.first();
        self.parts
            .alarm
            .send_if_modified(|at| std::mem::replace(at, wake) != wake);
    }

    /// Says what is wanted of the machine.
    pub(super) fn want(&mut self) {
        self.want_triggers();
        self.want_conditions();
        self.parts.power.want(self.power_locks());
    }

    /// Puts a view into the outbox where it is another than the one before.
    fn show(&mut self, key: ObjectKey, view: Option<View>) {
        if self.published.get(&key) == view.as_ref() {
            return;
        }
        self.outbox.put(key.clone(), view.clone());
        match view {
            Some(view) => drop(self.published.insert(key, view)),
            None => drop(self.published.remove(&key)),
        }
    }

    /// Publishes one run alone: progress comes often, and changes nothing else.
    pub(super) fn publish_run(&mut self, id: RunId) {
        let view = self.runs.get(&id).map(run_view);
        self.show(ObjectKey::Run(id), view);
    }

    fn jobs_by_repository(&self) -> BTreeMap<RepositoryName, Vec<JobName>> {
        let mut jobs: BTreeMap<RepositoryName, Vec<JobName>> = BTreeMap::new();
        for job in self.catalog.jobs.values() {
            jobs.entry(job.repository.clone())
                .or_default()
                .push(job.name.clone());
        }
        jobs
    }

    fn job_view(&self, name: &JobName, now: Timestamp) -> Option<JobView> {
        let job = self.catalog.jobs.get(name)?;
        let unknown = JobHistory::default();
        let history = self.histories.get(name).unwrap_or(&unknown);
        let plan = self.plans.get(name);
        let pause = self.pause_of(name);
        let facts = JobFacts {
            disabled: !job.enabled,
            paused: pause.is_some(),
            refused: self.refused.contains(name),
            last_result: history.last_result,
            last_good: history.last_good,
            known_since: history.known_since,
            max_age: plan.map_or(job.max_age, |plan| plan.max_age),
            keeps_too_much: job.retention.is_some() && history.forget_failure.is_some(),
            copies: self.copy_facts(job),
        };
        let mut health = facts.health(now);
        if self.unread.contains(name) {
            health = health.max(Health::Unknown);
        }
        let active = self.active_run(name);
        let last_run = history
            .last_run
            .and_then(|id| self.runs.get(&id))
            .map(|live| &live.run);
        let mut reason = reason(health, &facts, history.last_failure.as_deref());
        if let Some(pause) = pause.filter(|_| health == Health::Paused) {
            if let Some(until) = pause.until {
                reason = format!("it does not start by itself until {}", self.local_time(until));
            }
            if let Some(why) = &pause.reason {
                reason = format!("{reason}: {why}");
            }
        }
        // What is worse has a reason of its own.
        let else_well = facts.last_result != Some(RunResult::Partial) && !facts.refused;
        if let Some(why) = history.forget_failure.as_ref()
            && facts.keeps_too_much
            && else_well
            && health == Health::Degraded
        {
            reason = format!("its retention was not applied: {why}");
        }
        let own_is_late = facts.own_late_at().is_some_and(|late| late <= now);
        if let Some(why) = self.copies_reason(job, &facts.copies, now)
            && (health == Health::Late && !own_is_late || else_well && health == Health::Degraded)
        {
            reason = why;
        }
        if let Some(why) = self.unwatched.get(name).filter(|_| health < Health::Degraded) {
            health = Health::Degraded;
            reason.clone_from(why);
        }
        Some(JobView {
            name: name.clone(),
            description: job.description.clone(),
            repository: job.repository.clone(),
            enabled: job.enabled,
            schedule: job.schedules.iter().map(describe).collect(),
            next: plan.and_then(|plan| plan.next).filter(|_| job.enabled),
            pause: pause.cloned(),
            groups: job.groups.clone(),
            after: job.after.clone(),
            priority: job.priority,
            health,
            reason,
            active_run: active.map(|run| run.id),
            blocked_by: active.map_or_else(|| self.outside_because(name), |run| run.blocked_by.clone()),
            last_run: last_run.map(|run| run.id),
            last_result: last_run.and_then(|run| run.result),
            last_good: history.last_good,
            last_snapshot: history.last_snapshot.clone(),
            max_age: facts.max_age,
            late_at: facts.late_at(),
            copies: self.copy_views(job, &facts.copies),
        })
    }

    /// Why a job that is due has no run.
    fn outside_because(&self, name: &JobName) -> Vec<BlockedBy> {
        let since = self.outside.at(&Appointment::Elapse(name.clone()));
        let reason = since.map(|since| BlockedBy {
            what: format!("{MOST_READY} runs and more wait before it"),
            since,
            clears: "the end of one of them".to_owned(),
        });
        reason.into_iter().collect()
    }

    /// What follows from the runs at work.
    fn power_locks(&self) -> PowerLocks {
        let mut locks = PowerLocks {
            departure: self.waits_for_departure(),
            ..PowerLocks::default()
        };
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        for run in unfinished
            .map(|live| &live.run)
            .filter(|run| run.state.has_worker())
        {
            match run.operation.power_use() {
                PowerUse::Delay => locks.delay = true,
                PowerUse::Block => locks.block = true,
            }
        }
        locks
    }

    fn manager_view(&self, now: Timestamp) -> ManagerView {
        let bad = self.bad.iter().take(MOST_REASONS);
        let mut reasons: Vec<String> = bad
            .map(|(name, health)| format!("job `{name}` is {}", health.as_str()))
            .collect();
        if let Some(more) = self.bad.len().checked_sub(MOST_REASONS).filter(|more| *more > 0) {
            reasons.push(format!("{more} more jobs are not well"));
        }
        let repositories = self.bad_repositories.iter().take(MOST_REASONS);
        reasons
            .extend(repositories.map(|(name, health)| format!("repository `{name}` is {}", health.as_str())));
        let mut health = overall(self.bad.values().chain(self.bad_repositories.values()).copied());
        if !self.faults.is_empty() {
            health = health.max(Health::Degraded);
            let faults = if self.faults.len() == 1 {
                "1 fault".to_owned()
            } else {
                format!("{} faults", self.faults.len())
            };
            reasons.push(format!("the configuration has {faults}"));
        }
        for trouble in self.parts.troubles.iter().chain(&self.zone_trouble) {
            health = health.max(Health::Degraded);
            reasons.push(trouble.clone());
        }
        if let Some(trouble) = &self.store_trouble {
            health = health.max(Health::Unknown);
            reasons.push(format!("the store cannot be used: {trouble}"));
        }
        let pause = self.pauses.get(&None).filter(|pause| !pause.is_over(now));
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        let (active, queued): (Vec<_>, Vec<_>) = unfinished.partition(|live| live.run.state.has_worker());
        let count = |runs: Vec<&Live>| u32::try_from(runs.len()).unwrap_or(u32::MAX);
        ManagerView {
            health,
            reasons,
            faults: self.faults.clone(),
            max_parallel_runs: self.settings.max_parallel_runs,
            active: count(active),
            queued: count(queued),
            next: self.agenda.first_elapse().map(|(at, _)| at),
            pause: pause.cloned(),
            time_zone: self.local.iana_name().unwrap_or_default().to_owned(),
        }
    }

    /// What `systemctl status` shows.
    fn tell_status(&mut self, manager: &ManagerView) {
        let jobs = match self.catalog.jobs.len() {
            1 => "1 job".to_owned(),
            number => format!("{number} jobs"),
        };
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        let mut at_work = unfinished
            .map(|live| &live.run)
            .filter(|run| run.state.has_worker());
        let at_work = at_work.next().map(|run| title(run));
        let doing = match (at_work, manager.active.saturating_sub(1)) {
            (None, _) => "nothing at work".to_owned(),
            (Some(title), 0) => format!("{title} at work"),
            (Some(title), others) => format!("{title} and {others} more at work"),
        };
        let next = match (&manager.pause, self.agenda.first_elapse()) {
            (Some(_), _) => "; all paused".to_owned(),
            (None, Some((at, job))) => format!("; next `{job}` at {}", self.local_time(at)),
            (None, None) => String::new(),
        };
        let status = format!(
            "{jobs}, {}; {doing}, {} queued{next}",
            manager.health.as_str(),
            manager.queued
        );
        if status != self.status {
            self.parts.notifier.status(&status);
            self.status = status;
        }
    }
}

fn run_view(live: &Live) -> View {
    let progress = live.meter.view().filter(|_| live.run.result.is_none());
    View::Run(Arc::new(RunView {
        run: Arc::clone(&live.run),
        progress,
    }))
}

fn reason(health: Health, facts: &JobFacts, failure: Option<&str>) -> String {
    match health {
        Health::Ok => String::new(),
        Health::Disabled => "its file says `enabled = false`".to_owned(),
        Health::Paused => "it does not start by itself for now".to_owned(),
        Health::NeverRan => "it has not stored a snapshot yet".to_owned(),
        Health::Unknown if facts.known_since.is_none() => "its history cannot be read".to_owned(),
        Health::Unknown => "its last good snapshot lies in the future: the clock was set back".to_owned(),
        Health::Degraded if facts.refused => {
            "its file has faults, and what it said before is in force".to_owned()
        }
        Health::Degraded => failure.unwrap_or("its last snapshot lacks some files").to_owned(),
        Health::Late => match facts.last_good {
            Some(_) => "its last good snapshot is older than `max_age`".to_owned(),
            None => "it has not stored a snapshot within `max_age`".to_owned(),
        },
        Health::Failed => failure.unwrap_or("its last run failed").to_owned(),
    }
}

/// A schedule in one line, as its file says it.
pub(super) fn describe(schedule: &Schedule) -> String {
    let mut text = schedule.text.clone();
    if let Some(zone) = schedule
        .zone
        .as_ref()
        .and_then(TimeZone::iana_name)
        .filter(|zone| !text.ends_with(zone))
    {
        text += " ";
        text += zone;
    }
    if let Some(window) = &schedule.window {
        text += ", from ";
        text += &window.to_string();
    }
    if !schedule.jitter.is_zero() {
        text += ", up to ";
        text += &backupd_core::config::format_duration(schedule.jitter);
        text += " later";
    }
    text
}

/// A URL's user name and password are nobody's business.
pub(super) fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        let login = url.strip_prefix("sftp:").and_then(|rest| rest.split_once('@'));
        return match login {
            Some((user, host)) if !user.contains(['/', ':']) => format!("sftp:{host}"),
            _ => url.to_owned(),
        };
    };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in_is_not_told_to_everybody() {
        for (url, shown) in [
            ("sftp:me@nas:/srv/a@b", "sftp:nas:/srv/a@b"),
            ("sftp://me@nas:22//srv", "sftp://nas:22//srv"),
            ("rest:https://me:hush@nas/x", "rest:https://nas/x"),
            ("rclone:cloud:a@b", "rclone:cloud:a@b"),
            ("/srv/a@b", "/srv/a@b"),
        ] {
            assert_eq!(without_userinfo(url), shown);
        }
    }
}
