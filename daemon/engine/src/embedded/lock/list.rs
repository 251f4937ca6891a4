//! Looking at locks, and removing those that nobody holds any more.

use crate::{Access, Cancellation, EngineError, ErrorKind, LockInfo, LockStanding, Result};

use super::{LockDirectory, STALE};
use crate::embedded::{
    bars::NoBars,
    failure,
    session::{self, Opening, Session},
};

/// All locks of a repository, the oldest first.
pub(in crate::embedded) fn list(access: &Access) -> Result<Vec<LockInfo>> {
    read(access, &directory(access)?)
}

/// Removes locks by their ids, and answers those that were there.
///
/// Unless forced, one that may be somebody's is refused, and then none is removed.
pub(in crate::embedded) fn remove(access: &Access, ids: &[String], force: bool) -> Result<Vec<LockInfo>> {
    let directory = directory(access)?;
    let mut locks = read(access, &directory)?;
    locks.retain(|lock| ids.contains(&lock.id));
    if let Some(held) = locks.iter().find(|lock| !force && !lock.standing.is_over()) {
        return Err(EngineError::new(
            ErrorKind::Locked,
            format!(
                "the lock {} of repository `{}` may be held: {} on `{}` (pid {})",
                held.id.get(..8).unwrap_or(&held.id),
                access.name,
                held.user,
                held.host,
                held.pid
            ),
        ));
    }
    for lock in &locks {
        directory.remove(&lock.id);
    }
    Ok(locks)
}

/// Removes what dead processes of ours left; answers how many.
pub(in crate::embedded) fn tidy(access: &Access) -> Result<u64> {
    let directory = directory(access)?;
    let locks = read(access, &directory)?;
    let orphaned = locks.iter().filter(|lock| lock.standing == LockStanding::Gone);
    let mut removed = 0;
    for lock in orphaned {
        directory.remove(&lock.id);
        removed += 1;
    }
    Ok(removed)
}

fn directory(access: &Access) -> Result<LockDirectory> {
    let opening = Opening {
        cancellation: &Cancellation::default(),
        compression: None,
        bars: NoBars,
    };
    let (session, repository) = Session::open(access, opening)?;
    Ok(session.locks(session::version(&repository)))
}

fn read(access: &Access, directory: &LockDirectory) -> Result<Vec<LockInfo>> {
    let locks = directory.read_all(STALE).map_err(|error| {
        failure::system(
            format!("cannot read the locks of repository `{}`", access.name),
            &error,
        )
    })?;
    let mut locks: Vec<LockInfo> = locks.into_iter().map(|(id, lock)| lock.info(id)).collect();
    locks.sort_by(|a, b| (a.since.or(a.refreshed), &a.id).cmp(&(b.since.or(b.refreshed), &b.id)));
    Ok(locks)
}
