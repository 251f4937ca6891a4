//! Removes snapshots, once their files are kept elsewhere.

use std::collections::HashSet;

use rustic_core::{FileType, Id, ReadBackend};

use crate::{
    Access, Cancellation, EngineError, ForgetReport, ForgetRequest, Observer, Phase, Progress, Result,
};

use super::{
    bars::NoBars,
    catalog,
    failure::Cause,
    kept::{self, Kept},
    session::{Opened, Opening, Session, version},
};

pub(super) fn run(
    access: &Access,
    request: &ForgetRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<ForgetReport> {
    kept::parse(&request.snapshots)?;
    observer.phase(Phase::Open);
    let (session, repository) = Session::open(
        access,
        Opening {
            cancellation,
            compression: None,
            bars: NoBars,
        },
    )?;
    run_in(session, &repository, request, observer)
}

pub(super) fn run_in(
    mut session: Session,
    repository: &Opened,
    request: &ForgetRequest,
    observer: &dyn Observer,
) -> Result<ForgetReport> {
    let wanted = kept::parse(&request.snapshots)?;
    session.check_removable(repository)?;
    session.lock_exclusively(version(repository), observer)?;
    let (wanted, missing) = split(&session, wanted)?;
    observer.phase(Phase::Forget);
    keep(&session, &wanted, &Kept(&request.keep))?;
    session.check_cancelled()?;
    remove(&session, &wanted)?;
    let count = wanted.len() as u64;
    observer.progress(Progress {
        files_done: count,
        files_total: count,
        ..Progress::default()
    });
    Ok(ForgetReport {
        forgotten: names(&wanted),
        missing: names(&missing),
    })
}

/// Those that are there, and those that are not.
pub(super) fn split(session: &Session, wanted: Vec<Id>) -> Result<(Vec<Id>, Vec<Id>)> {
    let there: HashSet<Id> = catalog::list(session, FileType::Snapshot)?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    Ok(wanted.into_iter().partition(|id| there.contains(id)))
}

/// All of them, or an error.
pub(super) fn keep(session: &Session, wanted: &[Id], kept: &Kept<'_>) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    kept.prepare()?;
    for id in wanted {
        session.check_cancelled()?;
        let raw = session
            .guard
            .read_full(FileType::Snapshot, id)
            .map_err(|error| session.failed("read a snapshot of", &error))?;
        kept.write(id, &raw)?;
    }
    kept.sync()
}

/// From here on nobody is asked whether to go on.
pub(super) fn remove(session: &Session, wanted: &[Id]) -> Result<()> {
    let failed = |done: usize, cause: Cause| -> EngineError {
        let what = if done == 0 {
            "remove a snapshot from".to_owned()
        } else {
            format!("remove more than {done} of {} snapshots from", wanted.len())
        };
        session.failed_because(&what, cause)
    };
    for (done, id) in wanted.iter().enumerate() {
        session
            .guard
            .remove_snapshot(id)
            .map_err(|error| failed(done, Cause::of(&*error)))?;
    }
    if wanted.is_empty() {
        return Ok(());
    }
    session
        .guard
        .write_snapshot_directory()
        .map_err(|error| failed(wanted.len(), Cause::of(&error)))
}

/// Full ids, for people and programs.
pub(super) fn names(ids: &[Id]) -> Vec<String> {
    ids.iter().map(|id| id.to_hex().as_str().to_owned()).collect()
}
