//! restic's lock files: written, refreshed and honoured beside the library, which knows none.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{EngineError, ErrorKind, LockInfo, LockStanding};

use super::{failure, lock_file::LockDirectory};

mod list;
mod origin;
mod record;
mod wait;

pub(super) use list::{list, remove, tidy};
pub(crate) use origin::{Origin, host};
pub(super) use record::Lock;
pub(super) use wait::{Wait, until_free};

/// How often a lock is written anew, and when one that was not is nobody's any more; as restic has it.
const REFRESH: Duration = Duration::from_mins(5);
const STALE: Duration = Duration::from_mins(30);

/// How long a lock that was seen at a remote place is taken to be there.
const SEEN_FOR: Duration = Duration::from_secs(10);

/// Whom a lock lets be there beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// All who hold shared locks: nobody removes anything.
    Shared,
    /// Nobody.
    Exclusive,
}

/// Why a lock was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    error: EngineError,
    /// Whose lock is in the way, if that is why.
    holder: Option<Box<LockInfo>>,
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        Self { error, holder: None }
    }
}

/// A lock that is held and kept fresh until dropped; then its file is removed.
#[derive(Debug)]
pub(super) struct Held {
    shared: Arc<Shared>,
    refresher: Option<JoinHandle<()>>,
    /// When the file was seen last.
    seen: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Shared {
    directory: LockDirectory,
    claim: Claim,
    run: Option<String>,
    since: Timestamp,
    file: Mutex<String>,
    /// Seconds since the epoch when the file was last written.
    written: AtomicI64,
    released: Mutex<bool>,
    wake: Condvar,
}

impl Held {
    /// Takes a lock. Fails with `Locked` while another that excludes it is alive.
    ///
    /// `run` says in the lock what it was taken for.
    pub(super) fn take(
        name: &str,
        directory: LockDirectory,
        claim: Claim,
        run: Option<&str>,
    ) -> Result<Self, Refused> {
        refuse_if_excluded(name, &directory, claim, None)?;
        let since = Timestamp::now();
        let failed = |error: &io::Error| failure::system(format!("cannot lock repository `{name}`"), error);
        let file = directory
            .write(&Lock::ours(claim, run, since))
            .map_err(|error| failed(&error))?;
        let shared = Arc::new(Shared {
            directory,
            claim,
            run: run.map(str::to_owned),
            since,
            file: Mutex::new(file),
            written: AtomicI64::new(Timestamp::now().as_second()),
            released: Mutex::new(false),
            wake: Condvar::new(),
        });
        let mut held = Self {
            shared: Arc::clone(&shared),
            refresher: None,
            seen: Mutex::default(),
        };
        // Whoever writes first and looks second is seen by at least one of two that come at once.
        refuse_if_excluded(name, &shared.directory, claim, Some(&shared.file()))?;
        held.refresher = thread::Builder::new()
            .name("lock".to_owned())
            .spawn(move || shared.keep_fresh())
            .map(Some)
            .map_err(|error| failed(&error))?;
        Ok(held)
    }

    /// Whether nobody else may be there.
    pub(super) fn is_exclusive(&self) -> bool {
        self.shared.claim == Claim::Exclusive
    }

    /// Whether others still have to honour it: it was refreshed in time and nobody removed it.
    pub(super) fn is_alive(&self) -> io::Result<bool> {
        let age = Timestamp::now()
            .as_second()
            .saturating_sub(self.shared.written.load(Ordering::SeqCst));
        if age >= STALE.as_secs().cast_signed() {
            return Ok(false);
        }
        // A prune removes thousands of files, and each look is a request where the place is remote.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.directory.is_remote() && seen.is_some_and(|seen| seen.elapsed() < SEEN_FOR) {
            return Ok(true);
        }
        // A refresh may have put another in its place while we asked.
        let file = self.shared.file();
        let is_there = self.shared.directory.holds(&file)? || self.shared.file() != file;
        *seen = is_there.then(Instant::now);
        Ok(is_there)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self
            .shared
            .released
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_all();
        if let Some(refresher) = self.refresher.take() {
            let _ = refresher.join();
        }
        self.shared.directory.remove(&self.shared.file());
    }
}

impl Shared {
    fn file(&self) -> String {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep_fresh(&self) {
        let mut released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        while !*released {
            let (next, wait) = self
                .wake
                .wait_timeout(released, REFRESH)
                .unwrap_or_else(PoisonError::into_inner);
            released = next;
            if !*released && wait.timed_out() {
                self.refresh();
            }
        }
    }

    /// A new file first, then the old one goes: there is no moment without a lock.
    fn refresh(&self) {
        let lock = Lock::ours(self.claim, self.run.as_deref(), self.since);
        match self.directory.write(&lock) {
            Ok(file) => {
                let mut current = self.file.lock().unwrap_or_else(PoisonError::into_inner);
                let old = std::mem::replace(&mut *current, file);
                drop(current);
                // Once it was stale or gone, others may have acted: a fresh file does not undo that.
                let now = Timestamp::now().as_second();
                let last = self.written.load(Ordering::SeqCst);
                let was_alive = now.saturating_sub(last) < STALE.as_secs().cast_signed()
                    && self.directory.holds(&old).unwrap_or(false);
                self.written
                    .store(if was_alive { now } else { i64::MIN }, Ordering::SeqCst);
                self.directory.remove(&old);
            }
            Err(error) => tracing::warn!(%error, "cannot refresh the repository's lock"),
        }
    }
}

/// Fails if a lock is alive that excludes the claim. The first look, when none of `ours` is there yet, removes the
/// files of dead processes of ours, since restic's own prune stops at them.
fn refuse_if_excluded(
    name: &str,
    directory: &LockDirectory,
    claim: Claim,
    ours: Option<&str>,
) -> Result<(), Refused> {
    let unreadable =
        |error: &io::Error| failure::system(format!("cannot read the locks of repository `{name}`"), error);
    for (file, lock) in directory.read_all(STALE).map_err(|error| unreadable(&error))? {
        if ours == Some(&*file) {
            continue;
        }
        let standing = lock.standing();
        if ours.is_none() && standing == LockStanding::Gone {
            tracing::info!(
                lock = file,
                holder = lock.holder(),
                "removing the lock of a dead process"
            );
            directory.remove(&file);
        } else if (lock.exclusive || claim == Claim::Exclusive) && !standing.is_over() {
            let how = if lock.exclusive {
                "locked exclusively"
            } else {
                "in use"
            };
            let error = EngineError::new(
                ErrorKind::Locked,
                format!("repository `{name}` is {how} by {}", lock.holder()),
            );
            return Err(Refused {
                error,
                holder: Some(Box::new(lock.info(file))),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustic_core::repofile::MasterKey;
    use tempfile::TempDir;

    use super::*;
    use crate::{embedded::crypto::Seal, store::Local};

    fn directory(root: &TempDir) -> LockDirectory {
        with(root, Seal::new(&MasterKey::new()).unwrap())
    }

    fn with(root: &TempDir, seal: Seal) -> LockDirectory {
        fs::create_dir_all(root.path().join("locks")).unwrap();
        LockDirectory::new(Arc::new(Local::new(root.path().to_owned())), seal, 2)
    }

    #[test]
    fn a_refreshed_lock_is_one_new_file() {
        let root = TempDir::new().unwrap();
        let held = Held::take("test", directory(&root), Claim::Shared, None).unwrap();
        let first = held.shared.file();
        held.shared.refresh();
        assert_ne!(held.shared.file(), first);
        assert!(held.is_alive().unwrap());
        assert_eq!(fs::read_dir(root.path().join("locks")).unwrap().count(), 1);
        drop(held);
        assert_eq!(fs::read_dir(root.path().join("locks")).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_that_was_removed_or_slept_through_stays_lost() {
        let root = TempDir::new().unwrap();
        let held = Held::take("test", directory(&root), Claim::Shared, None).unwrap();
        held.shared.directory.remove(&held.shared.file());
        assert!(!held.is_alive().unwrap());
        held.shared.refresh();
        assert!(!held.is_alive().unwrap(), "others may have acted in between");
        let root = TempDir::new().unwrap();
        let held = Held::take("test", directory(&root), Claim::Shared, None).unwrap();
        held.shared
            .written
            .fetch_sub(STALE.as_secs().cast_signed(), Ordering::SeqCst);
        held.shared.refresh();
        assert!(!held.is_alive().unwrap());
    }

    #[test]
    fn an_exclusive_lock_bears_nobody_beside_it_and_stays_exclusive() {
        let root = TempDir::new().unwrap();
        let seal = Seal::new(&MasterKey::new()).unwrap();
        let take = |claim| {
            let directory = with(&root, seal.clone());
            Held::take("test", directory, claim, None)
        };
        let refused = |claim| take(claim).unwrap_err().error;
        let shared = take(Claim::Shared).unwrap();
        let error = refused(Claim::Exclusive);
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains("`test` is in use by"), "{error}");
        drop(shared);
        let exclusive = take(Claim::Exclusive).unwrap();
        exclusive.shared.refresh();
        assert!(exclusive.is_alive().unwrap() && exclusive.is_exclusive());
        for claim in [Claim::Shared, Claim::Exclusive] {
            let error = refused(claim);
            assert!(error.to_string().contains("locked exclusively by"), "{error}");
        }
        drop(exclusive);
        take(Claim::Exclusive).unwrap();
        assert_eq!(fs::read_dir(root.path().join("locks")).unwrap().count(), 0);
    }

    #[test]
    fn of_two_that_come_at_once_never_both_exclude_each_other() {
        let root = TempDir::new().unwrap();
        let seal = Seal::new(&MasterKey::new()).unwrap();
        for round in 0..200 {
            // One of the two, in turn, would be content to share.
            let claims = [
                Claim::Exclusive,
                if round % 2 == 0 {
                    Claim::Exclusive
                } else {
                    Claim::Shared
                },
            ];
            let start = std::sync::Barrier::new(claims.len());
            let end = std::sync::Barrier::new(claims.len());
            let taken = thread::scope(|scope| {
                let comers = claims.map(|claim| {
                    let directory = with(&root, seal.clone());
                    let (start, end) = (&start, &end);
                    scope.spawn(move || {
                        start.wait();
                        let held = Held::take("test", directory, claim, None);
                        end.wait();
                        held.is_ok()
                    })
                });
                comers
                    .into_iter()
                    .map(|comer| comer.join().unwrap())
                    .filter(|taken| *taken)
                    .count()
            });
            assert!(taken <= 1, "round {round}");
        }
    }
}
