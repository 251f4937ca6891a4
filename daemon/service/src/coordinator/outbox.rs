//! What the coordinator publishes: the newest view of each object, until the bus takes it.
//!
//! The coordinator never waits for the bus. A view that was not taken yet is replaced by a newer one, so that
//! the outbox holds at most one view an object.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use backupd_core::name::{JobName, RepositoryName, RunId};
use tokio::sync::{Notify, watch};

use super::views::View;

/// An object on the bus. The order is the one in which they are published: runs before the jobs that name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ObjectKey {
    Repository(RepositoryName),
    Run(RunId),
    Job(JobName),
    Manager,
}

/// What changed, by object; `None` for one that is gone.
pub(crate) type Changes = BTreeMap<ObjectKey, Option<View>>;

#[derive(Default)]
struct Waiting {
    changes: Changes,
    number: u64,
}

/// See the module.
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    taken: watch::Sender<u64>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Notify::new(),
            taken: watch::Sender::new(0),
        }
    }

    /// Puts a view, or says that the object is gone.
    pub(super) fn put(&self, key: ObjectKey, view: Option<View>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.changes.insert(key, view);
        waiting.number += 1;
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits until something changed; answers all of it, and a number for [`Outbox::published`].
    pub(crate) async fn take(&self) -> (Changes, u64) {
        loop {
            let filled = self.filled.notified();
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if !waiting.changes.is_empty() {
                    return (std::mem::take(&mut waiting.changes), waiting.number);
                }
            }
            filled.await;
        }
    }

    /// Says that everything up to `number` is on the bus.
    pub(crate) fn published(&self, number: u64) {
        self.taken.send_replace(number);
    }

    /// Waits until everything that was put before this call is on the bus.
    pub(crate) async fn flushed(&self) {
        let number = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).number;
        // Fails only when the outbox is gone, and it is `self`.
        let _ = self.taken.subscribe().wait_for(|taken| *taken >= number).await;
    }
}
