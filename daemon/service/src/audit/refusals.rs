//! Recording refused calls, which anybody can make as often as he likes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backupd_core::audit::{Action, Admission, Entry, Gate, Outcome, Skipped, Who};
use tokio::sync::Notify;

use crate::ports::{Clock, Store};

/// A user, where the bus told, and what was asked for.
type Key = (Option<u32>, &'static str);

/// See the module.
pub(crate) struct Refusals {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    gate: Mutex<Gate<Key>>,
    taken: Notify,
}

/// A call that was refused.
pub(crate) struct Refused {
    /// Whose.
    pub(crate) who: Who,
    /// The kind of call, of which only so many are recorded.
    pub(crate) kind: &'static str,
    /// The method, such as `Manager.StartJob`.
    pub(crate) call: String,
    /// The job that it is about, the repository, and the run; empty where there is none.
    pub(crate) about: [String; 3],
    /// What it was told.
    pub(crate) reason: String,
}

impl Refusals {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            gate: Mutex::default(),
            taken: Notify::new(),
        }
    }

    /// Records a refused call, or counts it where there were many like it.
    pub(crate) async fn take(&self, call: Refused) {
        let now = self.clock.now();
        let (due, admission) = {
            let mut gate = self.gate();
            (gate.due(now), gate.take((call.who.uid, call.kind), now))
        };
        self.taken.notify_one();
        self.tell(due).await;
        if admission == Admission::Record {
            let mut entry = Entry::new(Action::Call, &call.who, now).result(Outcome::Refused, &call.reason);
            entry.call = call.call;
            [entry.job, entry.repository, entry.run] = call.about;
            self.append(entry).await;
        }
    }

    /// Records what was counted when its time has come, for as long as it is let.
    pub(crate) async fn serve(self: Arc<Self>) {
        loop {
            let next = self.gate().next();
            let wait = next.map(|next| next.duration_since(self.clock.now()).unsigned_abs());
            tokio::select! {
                () = self.taken.notified() => {}
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    let due = self.gate().due(self.clock.now());
                    self.tell(due).await;
                }
            }
        }
    }

    /// Records what was counted so far.
    pub(crate) async fn finish(&self) {
        let left = self.gate().finish();
        self.tell(left).await;
    }

    async fn tell(&self, all: Vec<Skipped<Key>>) {
        for Skipped { key, count } in all {
            let (uid, kind) = key.unwrap_or((None, "calls of many users"));
            let who = Who {
                uid,
                pid: None,
                bus_name: String::new(),
            };
            let reason = format!("{count} more calls were refused and not recorded one by one");
            let mut entry =
                Entry::new(Action::Call, &who, self.clock.now()).result(Outcome::Refused, &reason);
            kind.clone_into(&mut entry.call);
            entry.count = count;
            self.append(entry).await;
        }
    }

    async fn append(&self, entry: Entry) {
        // The call is refused all the same.
        if let Err(error) = self.store.append(entry).await {
            tracing::error!(%error, "a refused call cannot be recorded");
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate<Key>> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
