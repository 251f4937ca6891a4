//! What stands in a lock file, and whether who wrote it is still there.

use jiff::Timestamp;
use nix::{
    errno::Errno,
    sys::signal::kill,
    unistd::{Pid, User, getgid, getpid, getuid},
};
use serde::{Deserialize, Serialize};

use crate::{LockInfo, LockStanding};

use super::{
    Claim, REFRESH, STALE,
    origin::{self, Origin},
};

/// What a lock file says: restic's fields, and beside them ours, which restic passes over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::embedded) struct Lock {
    /// When it was written; each refresh writes another one.
    time: String,
    pub(super) exclusive: bool,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    pid: i32,
    #[serde(default, skip_serializing_if = "is_zero")]
    uid: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    gid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backupd: Option<Mark>,
}

/// What tells our locks from those of others, and one process from all others.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    #[serde(flatten)]
    origin: Origin,
    /// When the lock was taken.
    since: Timestamp,
    /// What it was taken for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Lock {
    /// A lock of this process, written now.
    pub(super) fn ours(claim: Claim, run: Option<&str>, since: Timestamp) -> Self {
        Self {
            time: Timestamp::now().to_string(),
            exclusive: claim == Claim::Exclusive,
            hostname: origin::host(),
            username: User::from_uid(getuid())
                .ok()
                .flatten()
                .map(|user| user.name)
                .unwrap_or_default(),
            pid: getpid().as_raw(),
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            backupd: Origin::ours().map(|origin| Mark {
                origin,
                since,
                run: run.map(str::to_owned),
            }),
        }
    }

    /// What is known of whoever wrote it.
    pub(super) fn standing(&self) -> LockStanding {
        let age = self.age();
        if self.is_orphaned(age) {
            LockStanding::Gone
        } else if age.is_some_and(|age| age > STALE.as_secs()) || self.is_deserted(age) {
            LockStanding::Stale
        } else if self.is_certainly_alive() {
            LockStanding::Alive
        } else {
            LockStanding::Unknown
        }
    }

    /// Whether it is one of ours, and its process is certainly gone.
    fn is_orphaned(&self, age: Option<u64>) -> bool {
        let (Some(mark), Some(ours)) = (&self.backupd, Origin::ours()) else {
            return false;
        };
        if self.hostname != origin::host() || mark.origin.machine != ours.machine {
            return false;
        }
        if mark.origin.boot == ours.boot {
            return mark.origin.pids == ours.pids && self.has_no_process(mark);
        }
        // Of before this machine's last start, or of a copy of it that has its name too: that one would refresh it.
        age.is_some_and(|age| age > 2 * REFRESH.as_secs())
    }

    fn has_no_process(&self, mark: &Mark) -> bool {
        is_no_process(self.pid)
            || origin::started(self.pid).is_some_and(|started| started != mark.origin.started)
    }

    /// Whether it is of this host, no process has its number, and nobody has refreshed it. The number may be one of another
    /// container with the same host name, so that alone says nothing.
    fn is_deserted(&self, age: Option<u64>) -> bool {
        self.hostname == origin::host()
            && is_no_process(self.pid)
            && age.is_some_and(|age| age > 2 * REFRESH.as_secs())
    }

    fn is_certainly_alive(&self) -> bool {
        let (Some(mark), Some(ours)) = (&self.backupd, Origin::ours()) else {
            return false;
        };
        mark.origin.machine == ours.machine
            && mark.origin.boot == ours.boot
            && mark.origin.pids == ours.pids
            && origin::started(self.pid) == Some(mark.origin.started)
    }

    /// Seconds since it was written; `None` where that is no time, 0 where it is in the future.
    fn age(&self) -> Option<u64> {
        let time: Timestamp = self.time.parse().ok()?;
        Some(u64::try_from(Timestamp::now().duration_since(time).as_secs()).unwrap_or(0))
    }

    /// "root on `nas` (pid 12, run 01J…) since 2026-…".
    pub(super) fn holder(&self) -> String {
        let mark = self.backupd.as_ref();
        let run = mark.and_then(|mark| mark.run.as_ref());
        let run = run.map(|run| format!(", run {run}")).unwrap_or_default();
        let since = mark.map_or_else(|| self.time.clone(), |mark| mark.since.to_string());
        format!(
            "{} on `{}` (pid {}{run}) since {since}",
            self.username, self.hostname, self.pid
        )
    }

    pub(super) fn info(&self, id: String) -> LockInfo {
        let mark = self.backupd.as_ref();
        LockInfo {
            id,
            exclusive: self.exclusive,
            host: self.hostname.clone(),
            user: self.username.clone(),
            pid: u32::try_from(self.pid).unwrap_or(0),
            run: mark.and_then(|mark| mark.run.clone()),
            since: mark.map(|mark| mark.since),
            refreshed: self.time.parse().ok(),
            standing: self.standing(),
        }
    }
}

fn is_no_process(pid: i32) -> bool {
    pid > 0 && kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// A lock of this process as it would be after a change.
    fn changed(age: SignedDuration, change: impl FnOnce(&mut Lock, &mut Origin)) -> LockStanding {
        let mut lock = Lock::ours(Claim::Exclusive, Some("01J"), Timestamp::now());
        lock.time = (Timestamp::now() - age).to_string();
        let mut mark = lock.backupd.take().unwrap();
        change(&mut lock, &mut mark.origin);
        lock.backupd = Some(mark);
        lock.standing()
    }

    const NOW: SignedDuration = SignedDuration::ZERO;
    const MISSED: SignedDuration = SignedDuration::from_mins(11);

    #[test]
    fn our_own_process_is_alive() {
        assert_eq!(changed(NOW, |_, _| {}), LockStanding::Alive);
    }

    #[test]
    fn a_process_with_the_number_of_ours_is_not_ours() {
        let other = changed(NOW, |_, origin| origin.started += 1);
        assert_eq!(other, LockStanding::Gone);
    }

    #[test]
    fn what_other_containers_and_machines_do_is_unknown() {
        let change: [fn(&mut Lock, &mut Origin); 3] = [
            |lock, _| lock.hostname = "elsewhere".into(),
            |_, origin| origin.machine = "another".into(),
            |_, origin| origin.pids = "pid:[1]".into(),
        ];
        for change in change {
            let standing = changed(NOW, |lock, origin| {
                lock.pid = i32::MAX;
                change(lock, origin);
            });
            assert_eq!(standing, LockStanding::Unknown);
        }
    }

    #[test]
    fn what_was_before_the_last_start_is_gone_once_a_copy_would_have_refreshed_it() {
        let boot = |age| changed(age, |_, origin| origin.boot = "before".into());
        assert_eq!(boot(NOW), LockStanding::Unknown);
        assert_eq!(boot(MISSED), LockStanding::Gone);
    }

    #[test]
    fn a_lock_of_another_program_is_never_gone_but_stale_once_nobody_can_be_there() {
        let mut lock = Lock::ours(Claim::Shared, None, Timestamp::now());
        lock.backupd = None;
        assert_eq!(lock.standing(), LockStanding::Unknown);
        lock.pid = i32::MAX;
        assert_eq!(lock.standing(), LockStanding::Unknown);
        lock.time = (Timestamp::now() - MISSED).to_string();
        assert_eq!(lock.standing(), LockStanding::Stale);
        lock.hostname = "elsewhere".into();
        assert_eq!(lock.standing(), LockStanding::Unknown);
        lock.time = (Timestamp::now() - MISSED * 3).to_string();
        assert_eq!(lock.standing(), LockStanding::Stale);
        lock.time = "yesterday".into();
        assert_eq!(lock.standing(), LockStanding::Unknown);
    }
}
