//! Which queued run starts next, and what holds the others.
//!
//! At most `limit` runs at once; on each repository readers beside readers, or one writer alone; the more urgent
//! first, backups before maintenance, and each after the jobs that it comes after. A writer that waits holds back the
//! readers behind it, and whoever waits grows more urgent, so that nobody is starved.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    name::{JobName, RepositoryName, RunId},
    run::{BlockedBy, RepositoryUse},
};

/// Which of two runs that could start does so first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// After all others.
    Low,
    /// As most.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// All of them, with the words that stand for them in files.
    pub const WORDS: [(&'static str, Self); 3] =
        [("high", Self::High), ("normal", Self::Normal), ("low", Self::Low)];

    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// A run as the queue sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which run.
    pub id: RunId,
    /// Its name for people, such as `backup of home`.
    pub title: String,
    /// Its job.
    pub job: Option<JobName>,
    /// Jobs whose runs it waits for.
    pub after: Vec<JobName>,
    /// What it uses.
    pub repository: RepositoryName,
    /// Another that it uses in the same way.
    pub beside: Option<RepositoryName>,
    /// How it uses it.
    pub repository_use: RepositoryUse,
    /// Which of two goes first.
    pub priority: Priority,
    /// It cares for a repository, and makes way for backups.
    pub maintenance: bool,
    /// When it was accepted.
    pub queued: Timestamp,
    /// What keeps it from starting whatever the others do. While there is anything, it holds back nobody.
    pub held: Vec<BlockedBy>,
}

/// What becomes of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its turn has come.
    Start(RunId),
    /// Its turn has not come, for these reasons.
    Wait(RunId, Vec<BlockedBy>),
    /// It is at work, and is to stop for now, for this reason.
    MakeWay(RunId, String),
}

/// Who waits this long goes before who is one step above: nothing starves.
const STEP: SignedDuration = SignedDuration::from_hours(2);

/// More than so many are not told by name what they wait for, since that changes with each start.
const TOLD_BY_NAME: usize = 50;

impl Entry {
    fn repositories(&self) -> impl Iterator<Item = &RepositoryName> {
        std::iter::once(&self.repository).chain(&self.beside)
    }

    /// How urgent it is: by its priority, and by how long it has waited.
    fn urgency(&self, now: Timestamp) -> i64 {
        let kind = match (self.maintenance, self.priority) {
            (false, Priority::High) => 2,
            (false, Priority::Normal) => 1,
            (false, Priority::Low) => 0,
            // A due backup goes before it for the better part of a day.
            (true, Priority::High) => -2,
            (true, Priority::Normal) => -3,
            (true, Priority::Low) => -4,
        };
        kind + now.duration_since(self.queued).as_secs().max(0) / STEP.as_secs()
    }
}

/// What a repository is used for so far.
#[derive(Default)]
struct Usage<'a> {
    active: Vec<&'a Entry>,
    /// One that wants it alone, and those behind must not pass.
    writer: Option<&'a Entry>,
}

/// Decides for each run that could start, the most urgent first.
pub fn decide(queued: &[Entry], running: &[Entry], limit: usize, now: Timestamp) -> Vec<Decision> {
    let mut order: Vec<&Entry> = queued.iter().collect();
    order.sort_by_key(|entry| (std::cmp::Reverse(entry.urgency(now)), entry.queued, entry.id));
    let told_by_name = order.len() <= TOLD_BY_NAME;
    let mut repositories: BTreeMap<&RepositoryName, Usage<'_>> = BTreeMap::new();
    for entry in running {
        for repository in entry.repositories() {
            repositories.entry(repository).or_default().active.push(entry);
        }
    }
    let mut active: Vec<&Entry> = running.iter().collect();
    // A run waits for those that are at work, or will be without its doing.
    let mut ahead: BTreeMap<&JobName, Vec<&Entry>> = BTreeMap::new();
    for entry in running
        .iter()
        .chain(order.iter().copied().filter(|entry| entry.held.is_empty()))
    {
        if let Some(job) = &entry.job {
            ahead.entry(job).or_default().push(entry);
        }
    }
    let mut yielding: BTreeSet<RunId> = BTreeSet::new();
    let mut decisions = Vec::with_capacity(order.len());
    for entry in order {
        if !entry.held.is_empty() {
            decisions.push(Decision::Wait(entry.id, entry.held.clone()));
            continue;
        }
        let mut reasons = Vec::new();
        let since = now;
        let before: Vec<&Entry> = entry
            .after
            .iter()
            .filter_map(|job| ahead.get(job))
            .flatten()
            .copied()
            .filter(|other| other.id != entry.id)
            .collect();
        if !before.is_empty() {
            reasons.push(BlockedBy {
                what: "`after` lets other jobs go first".to_owned(),
                since,
                clears: format!("the end of {}", titles(&before)),
            });
        }
        let full = active.len() >= limit;
        if full {
            let clears = if told_by_name {
                format!("the end of one of them: {}", titles(&active))
            } else {
                "the end of one of them".to_owned()
            };
            reasons.push(BlockedBy {
                what: format!("`max_parallel_runs` is {limit}, and as many runs are at work"),
                since,
                clears,
            });
        }
        let mut conflicts = Vec::new();
        for repository in entry.repositories() {
            let found = repositories.entry(repository).or_default().conflicts(entry);
            if !found.is_empty() {
                reasons.push(BlockedBy {
                    what: format!("repository `{repository}` is in use"),
                    since,
                    clears: format!("the end of {}", titles(&found)),
                });
            }
            conflicts.extend(found);
        }
        if reasons.is_empty() {
            for repository in entry.repositories() {
                repositories.entry(repository).or_default().active.push(entry);
            }
            active.push(entry);
            decisions.push(Decision::Start(entry.id));
            continue;
        }
        if before.is_empty() && !entry.maintenance {
            let in_the_way: &[&Entry] = if conflicts.is_empty() { &active } else { &conflicts };
            let makes_way = in_the_way.iter().find(|other| {
                other.maintenance
                    && running.iter().any(|at_work| at_work.id == other.id)
                    && other.urgency(now) < entry.urgency(now)
                    && !yielding.contains(&other.id)
            });
            if let Some(other) = makes_way {
                yielding.insert(other.id);
                decisions.push(Decision::MakeWay(other.id, format!("{} is due", entry.title)));
            }
        }
        if entry.repository_use == RepositoryUse::Exclusive && before.is_empty() {
            for repository in entry.repositories() {
                let usage = repositories.entry(repository).or_default();
                usage.writer.get_or_insert(entry);
            }
        }
        decisions.push(Decision::Wait(entry.id, reasons));
    }
    decisions
}

impl<'a> Usage<'a> {
    fn conflicts(&self, entry: &Entry) -> Vec<&'a Entry> {
        let alone = |other: &Entry| other.repository_use == RepositoryUse::Exclusive;
        let at_work = self.active.iter().filter(|other| alone(entry) || alone(other));
        at_work.chain(&self.writer).copied().collect()
    }
}

fn titles(entries: &[&Entry]) -> String {
    entries
        .iter()
        .map(|entry| entry.title.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
