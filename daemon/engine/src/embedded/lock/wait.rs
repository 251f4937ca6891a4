//! Waiting for the locks of others.

use std::{
    hash::{BuildHasher, RandomState},
    thread,
    time::{Duration, Instant},
};

use crate::{Cancellation, LockInfo, Observer, Result};

use super::{Claim, Refused, refuse_if_excluded};
use crate::embedded::{lock_file::LockDirectory, session::cancelled};

/// After so long it is looked again, at first and at most.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);
/// Between two looks whether somebody has cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// How long locks of others are waited for, and who is told of it.
pub(in crate::embedded) struct Wait<'a> {
    observer: &'a dyn Observer,
    cancellation: &'a Cancellation,
    until: Instant,
    next: Duration,
    /// Who was in the way last.
    told: Option<LockInfo>,
}

impl<'a> Wait<'a> {
    pub(in crate::embedded) fn begin(
        longest: Duration,
        observer: &'a dyn Observer,
        cancellation: &'a Cancellation,
    ) -> Self {
        let now = Instant::now();
        Self {
            observer,
            cancellation,
            until: now.checked_add(longest).unwrap_or(now),
            next: FIRST,
            told: None,
        }
    }

    /// Tries until it works, until it fails for another reason than a lock, or until the time is over.
    pub(in crate::embedded) fn until_taken<T>(
        mut self,
        mut attempt: impl FnMut() -> Result<T, Refused>,
    ) -> Result<T> {
        let ended = loop {
            match attempt() {
                Ok(taken) => break Ok(taken),
                Err(refused) => {
                    if let Err(error) = self.pass(refused) {
                        break Err(error);
                    }
                }
            }
        };
        if self.told.is_some() {
            self.observer.locked(None);
        }
        ended
    }

    /// Passes the time to the next attempt; fails once none is made.
    fn pass(&mut self, refused: Refused) -> Result<()> {
        let Refused { error, holder } = refused;
        let left = self.until.saturating_duration_since(Instant::now());
        let Some(holder) = holder.filter(|_| !left.is_zero()) else {
            return Err(error);
        };
        // A refresh gives the same lock another name.
        if !self.told.as_ref().is_some_and(|told| is_same(told, &holder)) {
            tracing::info!(
                lock = holder.id,
                host = holder.host,
                pid = holder.pid,
                "waiting for a lock: {error}"
            );
            self.observer.locked(Some(&holder));
            self.told = Some(*holder);
        }
        let wake = Instant::now() + scattered(self.next).min(left);
        self.next = (self.next * 2).min(LONGEST);
        loop {
            if self.cancellation.is_cancelled() {
                return Err(cancelled());
            }
            match wake.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => thread::sleep(left.min(LOOK)),
            }
        }
    }
}

fn is_same(a: &LockInfo, b: &LockInfo) -> bool {
    (&a.host, a.pid, a.exclusive) == (&b.host, b.pid, b.exclusive)
}

/// Two that are in each other's way must not come again at the same moment: between a half and the whole of it.
fn scattered(time: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().hash_one(0) % 1000).unwrap_or_default();
    time / 2 + time * random / 2000
}

/// Waits until nobody is there whom the claim excludes; takes no lock.
pub(in crate::embedded) fn until_free(
    name: &str,
    directory: &LockDirectory,
    claim: Claim,
    wait: Wait<'_>,
) -> Result<()> {
    wait.until_taken(|| refuse_if_excluded(name, directory, claim, None))
}
