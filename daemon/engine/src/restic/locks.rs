//! Locks that the program leaves when it is killed.
//!
//! Its lock files say a host and a process number, which proves nothing where containers share names and numbers. So it
//! is noted, outside of the repository, which processes were ours; and of those that are gone a lock is removed only once
//! whoever else had the same host and number would have refreshed it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Access, Cancellation, Engine, LockInfo, LockStanding, Observer, Result,
    embedded::{
        Embedded,
        beside::{self, Claim, Origin},
    },
};

use super::{
    child::{self, Ended, Listener},
    failure,
};

/// A process of ours that works on a repository.
#[derive(Debug, Serialize, Deserialize)]
struct Process {
    pid: i32,
    /// Which repository, as configured.
    url: String,
    since: Timestamp,
    #[serde(flatten)]
    origin: Origin,
}

/// The note that a process is ours. Of one that did not end well it stays until no lock of it is left.
pub(super) struct Note(Option<PathBuf>);

impl Note {
    /// Without a directory to keep it in there is none, and a lock that is left then is left to people.
    pub(super) fn take(access: &Access, pid: u32) -> Self {
        Self(directory(access).and_then(|directory| {
            let pid = i32::try_from(pid).ok()?;
            let process = Process {
                pid,
                url: access.url.clone(),
                since: Timestamp::now(),
                origin: Origin::of(pid)?,
            };
            let path = directory.join(format!("{pid}-{}", process.origin.started));
            match write(&directory, &path, &process) {
                Ok(()) => Some(path),
                Err(error) => {
                    tracing::warn!(%error, "cannot note which process works on the repository");
                    None
                }
            }
        }))
    }

    /// The process has ended well: it has removed its lock.
    pub(super) fn tear(self) {
        if let Some(path) = self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// Runs a call that takes a lock, once nobody is in its way.
pub(super) fn run(
    mut command: Command,
    access: &Access,
    claim: Claim,
    listener: &mut dyn Listener,
    (observer, cancellation): (&dyn Observer, &Cancellation),
) -> Result<Ended> {
    let mut races = 0;
    loop {
        beside::wait_for_lock(access, claim, observer, cancellation)?;
        let ended = child::run(&mut command, access, cancellation, listener)?;
        let has_waited = !access.options.lock_wait.is_zero();
        if !has_waited || races == MOST_RACES || !failure::is_locked(ended.status, &ended.said) {
            return Ok(ended);
        }
        // Somebody came between.
        races += 1;
    }
}

/// So often somebody may come between.
const MOST_RACES: u32 = 5;

/// Removes the locks of processes of ours that are gone, of this program and of others; answers how many.
pub(super) fn tidy(access: &Access) -> Result<u64> {
    let mut removed = Embedded::new().remove_dead_locks(access)?;
    let gone = gone(access);
    if gone.is_empty() {
        return Ok(removed);
    }
    let locks = Embedded::new().locks(access)?;
    for (path, process) in gone {
        let left: Vec<&LockInfo> = locks.iter().filter(|lock| process.left(lock)).collect();
        // One that is too young to go is looked at again.
        let (old, young): (Vec<&LockInfo>, Vec<&LockInfo>) = left
            .into_iter()
            .partition(|lock| lock.standing == LockStanding::Stale);
        let ids: Vec<String> = old.iter().map(|lock| lock.id.clone()).collect();
        if !ids.is_empty() {
            tracing::info!(pid = process.pid, "removing the lock of a restic that is gone");
            removed += Embedded::new().unlock(access, &ids, false)?.len() as u64;
        }
        if young.is_empty() {
            let _ = fs::remove_file(path);
        }
    }
    Ok(removed)
}

impl Process {
    /// Whether it may have left this lock.
    fn left(&self, lock: &LockInfo) -> bool {
        lock.run.is_none()
            && lock.host == crate::embedded::host()
            && i64::from(lock.pid) == i64::from(self.pid)
            && lock.refreshed.is_some_and(|time| time >= self.since - SLACK)
    }
}

/// Its lock may bear a moment before the one at which we noted it.
const SLACK: Duration = Duration::from_secs(1);

fn gone(access: &Access) -> Vec<(PathBuf, Process)> {
    let Some(entries) = directory(access).and_then(|directory| fs::read_dir(directory).ok()) else {
        return Vec::new();
    };
    let read = |path: &Path| -> Option<Process> { serde_json::from_slice(&fs::read(path).ok()?).ok() };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter_map(|path| read(&path).map(|process| (path, process)))
        .filter(|(_, process)| process.url == access.url)
        .filter(|(_, process)| process.origin.is_over(process.pid) == Some(true))
        .collect()
}

fn directory(access: &Access) -> Option<PathBuf> {
    Some(access.cache.as_ref()?.join("restic/processes"))
}

fn write(directory: &Path, path: &Path, process: &Process) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(path, serde_json::to_vec(process)?)
}
