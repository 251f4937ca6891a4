//! Which queued run starts next, and what holds the others.
//!
//! Two rules: at most `limit` runs at once, and on each repository readers beside readers, or one writer
//! alone. A writer that waits holds back the readers behind it, so that it is not starved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    name::{RepositoryName, RunId},
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
    /// What it uses.
    pub repository: RepositoryName,
    /// How it uses it.
    pub repository_use: RepositoryUse,
}

/// What becomes of one queued run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its turn has come.
    Start(RunId),
    /// Its turn has not come, for these reasons.
    Wait(RunId, Vec<BlockedBy>),
}

/// Decides for each queued run, in the order given (oldest first).
pub fn decide(queued: &[Entry], running: &[Entry], limit: usize, now: Timestamp) -> Vec<Decision> {
    let mut active: Vec<&Entry> = running.iter().collect();
    let mut waiting: Vec<&Entry> = Vec::new();
    let mut decisions = Vec::with_capacity(queued.len());
    for entry in queued {
        let mut reasons = Vec::new();
        if active.len() >= limit {
            reasons.push(BlockedBy {
                what: format!("`max_parallel_runs` is {limit}, and as many runs are at work"),
                since: now,
                clears: format!("the end of one of them: {}", titles(&active)),
            });
        }
        let conflicts: Vec<&Entry> = active
            .iter()
            .chain(&waiting)
            .copied()
            .filter(|other| conflict(entry, other))
            .collect();
        if !conflicts.is_empty() {
            reasons.push(BlockedBy {
                what: format!("repository `{}` is in use", entry.repository),
                since: now,
                clears: format!("the end of {}", titles(&conflicts)),
            });
        }
        if reasons.is_empty() {
            active.push(entry);
            decisions.push(Decision::Start(entry.id));
        } else {
            waiting.push(entry);
            decisions.push(Decision::Wait(entry.id, reasons));
        }
    }
    decisions
}

fn conflict(a: &Entry, b: &Entry) -> bool {
    a.repository == b.repository
        && (a.repository_use == RepositoryUse::Exclusive || b.repository_use == RepositoryUse::Exclusive)
}

fn titles(entries: &[&Entry]) -> String {
    entries
        .iter()
        .map(|entry| entry.title.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use RepositoryUse::{Exclusive, Shared};
    use proptest::prelude::*;

    use super::*;

    fn entry(number: u128, repository: &str, repository_use: RepositoryUse) -> Entry {
        Entry {
            id: RunId::from_parts(0, number),
            title: format!("run {number}"),
            repository: repository.parse().unwrap(),
            repository_use,
        }
    }

    fn started(decisions: &[Decision]) -> Vec<RunId> {
        decisions
            .iter()
            .filter_map(|decision| match decision {
                Decision::Start(id) => Some(*id),
                Decision::Wait(..) => None,
            })
            .collect()
    }

    #[test]
    fn no_more_start_than_the_limit_and_the_oldest_first() {
        let queued = [
            entry(1, "a", Shared),
            entry(2, "a", Shared),
            entry(3, "b", Shared),
        ];
        let decisions = decide(&queued, &[], 2, Timestamp::UNIX_EPOCH);
        assert_eq!(started(&decisions), [queued[0].id, queued[1].id]);
        let Decision::Wait(_, reasons) = &decisions[2] else {
            panic!("started")
        };
        assert!(reasons[0].clears.contains("run 1, run 2"), "{reasons:?}");
    }

    #[test]
    fn a_writer_waits_for_readers_and_holds_back_those_behind_it() {
        let running = [entry(1, "a", Shared)];
        let queued = [
            entry(2, "a", Exclusive),
            entry(3, "a", Shared),
            entry(4, "b", Shared),
        ];
        let decisions = decide(&queued, &running, 9, Timestamp::UNIX_EPOCH);
        assert_eq!(started(&decisions), [queued[2].id]);
    }

    proptest! {
        #[test]
        fn the_rules_hold_for_every_queue(
            choice in proptest::collection::vec((0_u8..3, any::<bool>()), 0..12),
            limit in 1_usize..5,
        ) {
            let queued: Vec<Entry> = (0..)
                .zip(choice)
                .map(|(n, (repo, write))| entry(n, ["a", "b", "c"][usize::from(repo)], if write { Exclusive } else { Shared }))
                .collect();
            let decisions = decide(&queued, &[], limit, Timestamp::UNIX_EPOCH);
            prop_assert_eq!(decisions.len(), queued.len());
            let ids = started(&decisions);
            prop_assert!(ids.len() <= limit);
            prop_assert!(queued.is_empty() || ids.first() == Some(&queued[0].id));
            let active: Vec<&Entry> = queued.iter().filter(|e| ids.contains(&e.id)).collect();
            for (i, a) in active.iter().enumerate() {
                for b in &active[i + 1..] {
                    prop_assert!(!conflict(a, b));
                }
            }
        }
    }
}
