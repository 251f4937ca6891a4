//! Who is at work on the repository, and what others left there.

use std::io::Write;

use backupd_core::protocol::{LockRecord, LockState, UnlockWork};
use backupd_engine::{EngineError, LockInfo, LockStanding};

use super::query::{ended, tell};
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// Lists locks.
pub(crate) fn locks(context: &Context<'_>, answer: &mut dyn Write) -> Ended {
    told(context, context.engine.locks(context.access), answer)
}

/// Removes locks, and lists those that are removed.
pub(crate) fn unlock(context: &Context<'_>, work: &UnlockWork, answer: &mut dyn Write) -> Ended {
    let removed = context.engine.unlock(context.access, &work.locks, work.force);
    told(context, removed, answer)
}

/// Removes the locks of workers that were killed.
pub(crate) fn remove_dead_locks(context: &Context<'_>) -> Ended {
    match context.engine.remove_dead_locks(context.access) {
        Ok(removed) => {
            tracing::info!(removed, "locks of dead processes are removed");
            Ended::success(None)
        }
        Err(error) => failure::explain(&error, context.spec, context.cancellation).into(),
    }
}

fn told(context: &Context<'_>, locks: Result<Vec<LockInfo>, EngineError>, answer: &mut dyn Write) -> Ended {
    match locks {
        Ok(locks) => {
            let told = locks.into_iter().try_for_each(|lock| tell(answer, &record(lock)));
            ended(context, told.and_then(|()| answer.flush()))
        }
        Err(error) => failure::explain(&error, context.spec, context.cancellation).into(),
    }
}

fn record(lock: LockInfo) -> LockRecord {
    LockRecord {
        id: lock.id,
        exclusive: lock.exclusive,
        host: lock.host,
        user: lock.user,
        pid: lock.pid,
        run: lock.run,
        since: lock.since,
        refreshed: lock.refreshed,
        state: match lock.standing {
            LockStanding::Alive => LockState::Alive,
            LockStanding::Gone => LockState::Gone,
            LockStanding::Stale => LockState::Stale,
            LockStanding::Unknown => LockState::Unknown,
        },
    }
}
