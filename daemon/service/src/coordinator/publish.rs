//! Making views, and putting those that changed into the outbox.

use std::{collections::BTreeMap, sync::Arc};

use backupd_core::{
    health::{Health, JobFacts, overall},
    name::{JobName, RunId},
    run::{PowerUse, RunState},
};
use jiff::{SignedDuration, Timestamp};

use crate::ports::PowerLocks;

use super::{
    Coordinator, JobView, ManagerView, ObjectKey, RepositoryView, RunView, View, start::title, state::Live,
};

/// How long to wait for a store that refused something.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(10);

impl Coordinator {
    /// Publishes what changed, says when to be woken next, and tells systemd what goes on.
    pub(super) fn publish(&mut self) {
        let now = self.parts.clock.now();
        let mut views: BTreeMap<ObjectKey, View> = BTreeMap::new();
        for (id, live) in &self.runs {
            views.insert(ObjectKey::Run(*id), run_view(live));
        }
        for repository in self.catalog.repositories.values() {
            let jobs = self
                .catalog
                .jobs
                .values()
                .filter(|job| job.repository == repository.name);
            let view = RepositoryView {
                name: repository.name.clone(),
                description: repository.description.clone(),
                url: without_userinfo(&repository.url),
                engine: repository.engine.as_str(),
                jobs: jobs.map(|job| job.name.clone()).collect(),
            };
            views.insert(
                ObjectKey::Repository(repository.name.clone()),
                View::Repository(Box::new(view)),
            );
        }
        let mut wake: Option<Timestamp> = None;
        let mut parts = Vec::new();
        for name in self.catalog.jobs.keys() {
            let Some((view, late_at)) = self.job_view(name, now) else {
                continue;
            };
            parts.push((name.clone(), view.health));
            wake = [wake, late_at.filter(|at| *at > now)].into_iter().flatten().min();
            views.insert(ObjectKey::Job(name.clone()), View::Job(Box::new(view)));
        }
        if self.store_trouble.is_some() {
            // Until the store works again, it is tried now and then.
            wake = [wake, now.checked_add(TRY_AGAIN).ok()]
                .into_iter()
                .flatten()
                .min();
        }
        let manager = self.manager_view(&parts);
        self.tell_status(&manager);
        views.insert(ObjectKey::Manager, View::Manager(Box::new(manager)));
        for (key, view) in &views {
            if self.published.get(key) != Some(view) {
                self.outbox.put(key.clone(), Some(view.clone()));
            }
        }
        for key in self.published.keys().filter(|key| !views.contains_key(key)) {
            self.outbox.put(key.clone(), None);
        }
        self.published = views;
        self.parts.power.want(self.power_locks());
        self.parts
            .alarm
            .send_if_modified(|at| std::mem::replace(at, wake) != wake);
    }

    /// Publishes one run alone: progress comes often, and changes nothing else.
    pub(super) fn publish_run(&mut self, id: RunId) {
        let Some(live) = self.runs.get(&id) else { return };
        let (key, view) = (ObjectKey::Run(id), run_view(live));
        if self.published.get(&key) != Some(&view) {
            self.outbox.put(key.clone(), Some(view.clone()));
            self.published.insert(key, view);
        }
    }

    fn job_view(&self, name: &JobName, now: Timestamp) -> Option<(JobView, Option<Timestamp>)> {
        let job = self.catalog.jobs.get(name)?;
        let history = self.histories.get(name).cloned().unwrap_or_default();
        let facts = JobFacts {
            disabled: !job.enabled,
            refused: self.refused.contains(name),
            last_result: history.last_result,
            last_good: history.last_good,
            known_since: history.known_since,
            max_age: job.max_age,
        };
        let mut health = facts.health(now);
        if self.unread.contains(name) {
            health = health.max(Health::Unknown);
        }
        let late_at = facts.late_at();
        let active = self.active_run(name);
        let last_run = history
            .last_run
            .and_then(|id| self.runs.get(&id))
            .map(|live| &live.run);
        let view = JobView {
            name: name.clone(),
            description: job.description.clone(),
            repository: job.repository.clone(),
            enabled: job.enabled,
            health,
            reason: reason(health, &facts, history.last_failure.as_deref()),
            active_run: active.map(|run| run.id),
            blocked_by: active.map(|run| run.blocked_by.clone()).unwrap_or_default(),
            last_run: last_run.map(|run| run.id),
            last_result: last_run.and_then(|run| run.result),
            last_good: history.last_good,
            last_snapshot: history.last_snapshot,
            max_age: job.max_age,
            late_at,
        };
        Some((view, late_at))
    }

    /// What follows from the runs at work.
    fn power_locks(&self) -> PowerLocks {
        let mut locks = PowerLocks::default();
        let at_work = self.runs.values().map(|live| &live.run);
        for run in at_work.filter(|run| run.state.has_worker()) {
            match run.operation.power_use() {
                PowerUse::Delay => locks.delay = true,
                PowerUse::Block => locks.block = true,
            }
        }
        locks
    }

    fn manager_view(&self, jobs: &[(JobName, Health)]) -> ManagerView {
        let mut reasons: Vec<String> = jobs
            .iter()
            .filter(|(_, health)| *health > Health::NeverRan)
            .map(|(name, health)| format!("job `{name}` is {}", health.as_str()))
            .collect();
        let mut health = overall(jobs.iter().map(|(_, health)| *health));
        if !self.faults.is_empty() {
            health = health.max(Health::Degraded);
            let faults = if self.faults.len() == 1 {
                "1 fault".to_owned()
            } else {
                format!("{} faults", self.faults.len())
            };
            reasons.push(format!("the configuration has {faults}"));
        }
        for trouble in &self.parts.troubles {
            health = health.max(Health::Degraded);
            reasons.push(trouble.clone());
        }
        if let Some(trouble) = &self.store_trouble {
            health = health.max(Health::Unknown);
            reasons.push(format!("the store cannot be used: {trouble}"));
        }
        let count = |at_work: bool| {
            let runs = self.runs.values().map(|live| live.run.state);
            let matching = runs.filter(|s| *s != RunState::Finished && s.has_worker() == at_work);
            u32::try_from(matching.count()).unwrap_or(u32::MAX)
        };
        ManagerView {
            health,
            reasons,
            faults: self.faults.clone(),
            max_parallel_runs: self.settings.max_parallel_runs,
            active: count(true),
            queued: count(false),
        }
    }

    /// What `systemctl status` shows.
    fn tell_status(&mut self, manager: &ManagerView) {
        let jobs = match self.catalog.jobs.len() {
            1 => "1 job".to_owned(),
            number => format!("{number} jobs"),
        };
        let at_work = self
            .runs
            .values()
            .find(|live| live.run.state.has_worker())
            .map(|live| title(&live.run));
        let doing = match (at_work, manager.active.saturating_sub(1)) {
            (None, _) => "nothing at work".to_owned(),
            (Some(title), 0) => format!("{title} at work"),
            (Some(title), others) => format!("{title} and {others} more at work"),
        };
        let status = format!(
            "{jobs}, {}; {doing}, {} queued",
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
    View::Run(Box::new(RunView {
        run: Arc::clone(&live.run),
        progress,
    }))
}

fn reason(health: Health, facts: &JobFacts, failure: Option<&str>) -> String {
    match health {
        Health::Ok => String::new(),
        Health::Disabled => "its file says `enabled = false`".to_owned(),
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

/// A URL's user name and password are nobody's business.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}
