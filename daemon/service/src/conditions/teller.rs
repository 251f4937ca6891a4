//! Tells the coordinator how conditions stand: each when it is newly wanted, and when it stands otherwise.

use std::{collections::BTreeMap, future::pending};

use backupd_core::condition::{Condition, Standing};
use tokio::sync::watch;

use super::Wanted;
use crate::coordinator::Inbox;

/// The conditions of one kind.
pub(super) struct Teller {
    wanted: watch::Receiver<Wanted>,
    /// What was told, and for which wish.
    told: BTreeMap<Condition, (u64, Standing)>,
    inbox: Inbox,
}

impl Teller {
    pub(super) fn new(wanted: watch::Receiver<Wanted>, inbox: Inbox) -> Self {
        Self {
            wanted,
            told: BTreeMap::new(),
            inbox,
        }
    }

    /// What is wanted now.
    pub(super) fn wanted(&mut self) -> Vec<Condition> {
        self.wanted
            .borrow_and_update()
            .conditions
            .keys()
            .cloned()
            .collect()
    }

    /// Waits until something else is wanted than [`Self::wanted`] answered.
    pub(super) async fn changed(&mut self) {
        if self.wanted.changed().await.is_err() {
            // The daemon ends, and this task with it.
            pending::<()>().await;
        }
    }

    /// Tells of each that was not told so.
    pub(super) async fn tell(&mut self, judge: impl Fn(&Condition) -> Standing) {
        let wanted = self.wanted.borrow().conditions.clone();
        self.told.retain(|condition, _| wanted.contains_key(condition));
        let mut news = BTreeMap::new();
        for (condition, wish) in wanted {
            let standing = judge(&condition);
            let told = (wish, standing.clone());
            if self.told.get(&condition) != Some(&told) {
                self.told.insert(condition.clone(), told);
                news.insert(condition, standing);
            }
        }
        if !news.is_empty() {
            self.inbox.standings(news).await;
        }
    }
}

/// It does not hold; the condition itself says what would clear that.
pub(super) fn fails(condition: &Condition, what: impl Into<String>) -> Standing {
    Standing::Fails {
        what: what.into(),
        clears: condition.to_string(),
    }
}

/// `what` says what is instead, where the condition does not hold.
pub(super) fn standing(condition: &Condition, what: Option<String>) -> Standing {
    what.map_or(Standing::Holds, |what| fails(condition, what))
}
