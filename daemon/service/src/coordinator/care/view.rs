//! What others see of a repository and of how it is cared for.

use backupd_core::{
    health::{CareFacts, Health},
    name::{JobName, RepositoryName},
    run::{Operation, RunResult},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    super::{CareView, Coordinator, RepositoryView, agenda::Appointment, publish},
    CARES, Care,
};
use crate::ports::CareKey;

impl Coordinator {
    pub(in crate::coordinator) fn repository_view(
        &self,
        name: &RepositoryName,
        jobs: Vec<JobName>,
        now: Timestamp,
    ) -> Option<RepositoryView> {
        let repository = self.catalog.repositories.get(name)?;
        let mut worst = (Health::Ok, String::new());
        for operation in CARES {
            let key = CareKey {
                repository: name.clone(),
                operation,
                job: None,
            };
            let Some(care) = self.cares.get(&key) else {
                continue;
            };
            let health = facts(operation, care).health(now);
            if health > worst.0 {
                worst = (health, reason(operation, health, care));
            }
        }
        let space = self.space_view(repository, now);
        if space.health() > worst.0 {
            worst = (space.health(), space.reason());
        }
        let (health, reason) = worst;
        Some(RepositoryView {
            name: name.clone(),
            description: repository.description.clone(),
            url: publish::without_userinfo(&repository.url),
            moved_from: self
                .moved_from(repository)
                .map(|url| publish::without_userinfo(&url)),
            engine: repository.engine.as_str(),
            jobs,
            health,
            reason,
            check: self.care_view(name, Operation::Check),
            prune: self.care_view(name, Operation::Prune),
            space,
        })
    }

    fn care_view(&self, name: &RepositoryName, operation: Operation) -> CareView {
        let key = CareKey {
            repository: name.clone(),
            operation,
            job: None,
        };
        let Some(care) = self.cares.get(&key) else {
            return CareView::default();
        };
        let last_run = care
            .history
            .last_run
            .and_then(|id| self.runs.get(&id))
            .map(|live| &live.run);
        CareView {
            schedule: self.care_schedule(&key).map(publish::describe),
            next: care.plan.and_then(|plan| plan.next),
            active_run: self.active_care(&key).map(|(run, _)| run),
            last_run: last_run.map(|run| run.id),
            last_result: care.history.last_result,
            last_good: care.history.last_good,
            late_at: late_at(care),
            sums: care.history.sums.clone(),
        }
    }

    /// Makes the appointments for when what was done to a repository becomes too old.
    pub(in crate::coordinator) fn agree_on_lateness(&mut self, name: &RepositoryName) {
        let now = self.parts.clock.now();
        for operation in CARES {
            let key = CareKey {
                repository: name.clone(),
                operation,
                job: None,
            };
            let late = self.cares.get(&key).and_then(late_at).filter(|at| *at > now);
            self.agenda.set(Appointment::CareLate(key), late);
        }
    }
}

/// When what was done last is too old, where anybody can say.
fn late_at(care: &Care) -> Option<Timestamp> {
    let max_age: SignedDuration = care.plan?.max_age?;
    let since = care.history.last_good.max(care.history.known_since)?;
    since.checked_add(max_age).ok()
}

fn facts(operation: Operation, care: &Care) -> CareFacts {
    let history = &care.history;
    let (last_result, failure) = match &history.damage {
        Some(damage) => (Some(RunResult::Failed), Some(damage)),
        None => (history.last_result, history.last_failure.as_ref()),
    };
    CareFacts {
        operation,
        last_result,
        last_class: failure.map(|failure| failure.class),
        late_at: late_at(care),
    }
}

/// Why it is not well.
fn reason(operation: Operation, health: Health, care: &Care) -> String {
    let failure = care
        .history
        .last_failure
        .as_ref()
        .filter(|_| !care.history.last_result.is_some_and(RunResult::is_good));
    match (health, failure.or(care.history.damage.as_ref())) {
        (Health::Failed, Some(damage)) if failure.is_none() => format!(
            "no check that reads the stored data went well since one failed: {}",
            damage.message
        ),
        (Health::Late, _) => format!("the last good {operation} is older than its schedule lets expect"),
        (_, Some(failure)) => format!("the last {operation} failed: {}", failure.message),
        _ => format!("the last {operation} did not end well"),
    }
}
