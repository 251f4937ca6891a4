//! Frees what no snapshot needs, on the library's plan: with a lock that excludes all others, a look at what the
//! library takes for granted, and nothing left behind where it comes to nothing.

mod survey;
#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::Ordering};

use jiff::{Span, Timestamp};
use rustic_core::{
    FileType, LimitOption, PruneOptions, PrunePlan,
    repofile::{IndexFile, IndexPack},
};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, Observer, Phase, PruneReport, PruneRequest, Result, Unused,
};

use super::{
    bars::PruneBars,
    failure::Cause,
    feed::Feed,
    session::{Opened, Opening, Session, version},
};

use survey::Survey;

/// No mark is older.
const LONGEST: u64 = 100 * 366 * 24 * 3600;

pub(super) fn run(
    access: &Access,
    request: &PruneRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<PruneReport> {
    let feed = Arc::new(Feed::default());
    let (session, repository) = open(access, observer, cancellation, &feed)?;
    run_in(session, &repository, request, observer, &feed)
}

fn run_in(
    mut session: Session,
    repository: &Opened,
    request: &PruneRequest,
    observer: &dyn Observer,
    feed: &Arc<Feed>,
) -> Result<PruneReport> {
    session.check_removable(repository)?;
    let options = options(request, version(repository))?;
    session.lock_exclusively(version(repository), observer)?;
    let (survey, plan) = prepare(&session, repository, &options, observer, feed)?;
    let mut report = report(&survey, &plan, options.instant_delete);
    session.check_cancelled()?;
    for counter in [&feed.files_done, &feed.bytes_done, &feed.bytes_total] {
        counter.store(0, Ordering::Relaxed);
    }
    feed.files_total.store(report.packs_removed, Ordering::Relaxed);
    session.guard.count_for(Arc::clone(feed));
    observer.phase(Phase::Prune);
    let pruned = feed.follow(observer, || {
        work(&session, repository, &options, plan, &survey)?;
        // The library goes on after some failures.
        match session.guard.failure() {
            Some(cause) => Err(session.failed_because("prune", cause)),
            None => Ok(()),
        }
    });
    if let Err(error) = pruned {
        session.guard.end();
        session.guard.take_back();
        return Err(error);
    }
    let removed = session.guard.removed();
    let abandoned = session.guard.remove_abandoned().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot remove what earlier writes have left");
        0
    });
    report.packs_removed = removed.packs;
    report.bytes_freed = removed.bytes + abandoned;
    report.bytes_written = feed.bytes_added.load(Ordering::Relaxed);
    observer.progress(feed.progress());
    Ok(report)
}

pub(super) fn plan(
    access: &Access,
    request: &PruneRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<PruneReport> {
    let feed = Arc::new(Feed::default());
    let (mut session, repository) = open(access, observer, cancellation, &feed)?;
    let options = options(request, version(&repository))?;
    session.lock_for_reading(version(&repository), observer)?;
    // Of a snapshot that comes meanwhile the index that was read may not know all.
    session
        .guard
        .freeze_snapshots()
        .map_err(|error| session.failed_because("list the snapshots of", Cause::of(&error)))?;
    let (survey, plan) = prepare(&session, &repository, &options, observer, &feed)?;
    Ok(report(&survey, &plan, options.instant_delete))
}

fn open(
    access: &Access,
    observer: &dyn Observer,
    cancellation: &Cancellation,
    feed: &Arc<Feed>,
) -> Result<(Session, Opened)> {
    observer.phase(Phase::Open);
    Session::open(
        access,
        Opening {
            cancellation,
            compression: None,
            bars: PruneBars(Arc::clone(feed)),
        },
    )
}

fn options(request: &PruneRequest, version: u32) -> Result<PruneOptions> {
    if request.repack_uncompressed && version < 2 {
        return Err(EngineError::new(
            ErrorKind::InvalidRequest,
            "a repository of format 1 cannot hold compressed data",
        ));
    }
    // The library takes plain numbers for bytes.
    let bytes = |number: u64| number.to_string().parse().unwrap_or(LimitOption::Unlimited);
    let seconds = request.keep_delete.as_secs().min(LONGEST).cast_signed();
    Ok(PruneOptions::default()
        .max_unused(match request.max_unused {
            // It divides by what is left of a hundred.
            Unused::Percent(percent) if percent < 100 => LimitOption::Percentage(percent.into()),
            Unused::Percent(_) | Unused::Any => LimitOption::Unlimited,
            Unused::Bytes(number) => bytes(number),
        })
        .max_repack(request.max_repack.map_or(LimitOption::Unlimited, bytes))
        .keep_delete(Span::new().seconds(seconds))
        .instant_delete(request.keep_delete.is_zero())
        .repack_uncompressed(request.repack_uncompressed))
}

/// Looks at the repository, and plans. Fails unless all that snapshots need is there.
fn prepare(
    session: &Session,
    repository: &Opened,
    options: &PruneOptions,
    observer: &dyn Observer,
    feed: &Feed,
) -> Result<(Survey, PrunePlan)> {
    observer.phase(Phase::Index);
    feed.follow(observer, || {
        let survey = Survey::make(session)?;
        let plan = repository
            .prune_plan(options)
            .map_err(|error| session.failed("plan the pruning of", &error))?;
        Ok((survey, plan))
    })
}

fn work(
    session: &Session,
    repository: &Opened,
    options: &PruneOptions,
    plan: PrunePlan,
    survey: &Survey,
) -> Result<()> {
    // Packs that no index names are marked by the library only if it rewrites an index file anyway.
    if plan.stats.index_files_rebuild == 0 && plan.stats.packs_unref > 0 && !options.instant_delete {
        return mark(session, version(repository), survey);
    }
    repository
        .prune(options, plan)
        .map_err(|error| session.failed("prune", &error))
}

/// Marks packs that no index names.
fn mark(session: &Session, version: u32, survey: &Survey) -> Result<()> {
    let packs_to_delete = survey
        .unreferenced
        .iter()
        .map(|(id, size)| IndexPack {
            id: (*id).into(),
            size: u32::try_from(*size).ok(),
            time: Some(Timestamp::now()),
            blobs: Vec::new(),
        })
        .collect();
    let file = IndexFile {
        packs_to_delete,
        ..IndexFile::default()
    };
    session.store(version, FileType::Index, &file).map(|_| ())
}

fn report(survey: &Survey, plan: &PrunePlan, at_once: bool) -> PruneReport {
    let stats = &plan.stats;
    let size = stats.size_sum();
    // Not needed, or not any more once the needed part is written anew.
    let packs = stats.packs.unused + stats.packs.repack + stats.packs_unref;
    let bytes = size.remove + size.repack + stats.size_unref;
    let (old, old_size) = (&stats.packs_to_delete, &stats.size_to_delete);
    let mut report = PruneReport {
        snapshots: survey.snapshots,
        bytes_total: survey.bytes,
        bytes_used: size.used,
        bytes_unused: size.unused + stats.size_unref,
        packs_repacked: stats.packs.repack,
        bytes_repacked: size.repack,
        packs_recovered: old.recover,
        packs_removed: old.remove,
        bytes_freed: old_size.remove,
        bytes_still_unused: size
            .unused
            .saturating_sub(size.remove + size.repackrm + survey.marked_bytes),
        ..PruneReport::default()
    };
    if at_once {
        report.packs_removed += packs + old.keep;
        report.bytes_freed += bytes + old_size.keep;
    } else {
        (report.packs_marked, report.bytes_marked) = (packs, bytes);
        (report.packs_waiting, report.bytes_waiting) = (old.keep, old_size.keep);
    }
    report
}
