//! What the engine tells, turned into events and progress.

use std::sync::{Mutex, PoisonError};

use backupd_core::{
    protocol::{EventKind, Holder, ReadUpTo},
    run::Phase,
};
use backupd_engine::{LockInfo, Observer, Warning};
use jiff::{SignedDuration, Timestamp};
use tracing::{debug, info};

use crate::{events::EventLog, progress::Progress};

/// Follows one attempt.
pub(crate) struct Witness<'a> {
    events: &'a EventLog,
    progress: &'a Progress,
    current: Mutex<Option<Phase>>,
    /// How long the locks of others are waited for, and until when, once one is.
    lock_wait: SignedDuration,
    until: Mutex<Option<Timestamp>>,
}

impl<'a> Witness<'a> {
    /// Nothing has happened.
    pub(crate) fn new(events: &'a EventLog, progress: &'a Progress, lock_wait: SignedDuration) -> Self {
        Self {
            events,
            progress,
            current: Mutex::default(),
            lock_wait,
            until: Mutex::default(),
        }
    }

    /// Says that a new part of the work began, if it did.
    pub(crate) fn enter(&self, phase: Phase) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.replace(phase) == Some(phase) {
            return;
        }
        info!(%phase, "phase");
        self.events.record(EventKind::Phase { phase });
        self.progress.phase(phase);
    }

    /// An observer for work that is one phase to people, whatever the engine goes through.
    pub(crate) fn within(&self, phase: Phase) -> Within<'_> {
        self.enter(phase);
        Within(self)
    }
}

impl Observer for Witness<'_> {
    fn phase(&self, phase: backupd_engine::Phase) {
        self.enter(match phase {
            backupd_engine::Phase::Open => Phase::Open,
            backupd_engine::Phase::Index => Phase::Index,
            backupd_engine::Phase::Scan => Phase::Scan,
            backupd_engine::Phase::Backup => Phase::Backup,
            backupd_engine::Phase::Verify => Phase::Verify,
            backupd_engine::Phase::Restore => Phase::Restore,
            backupd_engine::Phase::Check => Phase::Check,
            backupd_engine::Phase::Prune => Phase::Prune,
            backupd_engine::Phase::Forget => Phase::Forget,
            backupd_engine::Phase::Repair => Phase::Repair,
            backupd_engine::Phase::Copy => Phase::Copy,
        });
    }

    fn progress(&self, progress: backupd_engine::Progress) {
        self.progress.sums(&progress);
    }

    fn warning(&self, warning: Warning) {
        // Names of files are for the event file, which its owner alone reads; the log may go further.
        debug!(reason = warning.reason, "warning");
        self.events.warning(Some(&warning.path), &warning.reason);
    }

    fn locked(&self, by: Option<&LockInfo>) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(by) = by else {
            *until = None;
            info!("nobody else's lock is in the way any more");
            self.events.record(EventKind::Locked { by: None });
            return;
        };
        let now = Timestamp::now();
        let until = *until.get_or_insert_with(|| now.checked_add(self.lock_wait).unwrap_or(now));
        info!(host = by.host, pid = by.pid, %until, "waiting for somebody else's lock");
        self.events.record(EventKind::Locked {
            by: Some(Holder {
                user: by.user.clone(),
                host: by.host.clone(),
                pid: by.pid,
                run: by.run.clone(),
                exclusive: by.exclusive,
                since: by.since.or(by.refreshed),
                until,
            }),
        });
    }

    fn read_up_to(&self, pack: &str) {
        self.events.record(EventKind::Read {
            up_to: ReadUpTo::Pack(pack.to_owned()),
        });
    }
}

/// See [`Witness::within`].
pub(crate) struct Within<'a>(&'a Witness<'a>);

impl Observer for Within<'_> {
    fn phase(&self, _: backupd_engine::Phase) {}

    fn progress(&self, progress: backupd_engine::Progress) {
        self.0.progress(progress);
    }

    fn warning(&self, warning: Warning) {
        self.0.warning(warning);
    }

    fn locked(&self, by: Option<&LockInfo>) {
        self.0.locked(by);
    }
}
