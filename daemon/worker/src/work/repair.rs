//! A repair, and what it would do.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
};

use backupd_core::{
    failure::{Failure, FailureClass},
    protocol::{FORGOTTEN_DIRECTORY, RepairRecord, RepairWork},
    run::Statistics,
};
use backupd_engine::{
    EngineError, ErrorKind, HurtSnapshot, Observer, Phase, Progress, RepairIndexReport, RepairIndexRequest,
    RepairSnapshotsReport, RepairSnapshotsRequest, Warning,
};

use super::{
    counted,
    query::{ended, tell},
};
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// Mends the index or the snapshots.
pub(crate) fn repair(context: &Context<'_>, work: RepairWork) -> Ended {
    let (engine, access) = (context.engine, context.access);
    match work {
        RepairWork::Index { read_data } => {
            let request = RepairIndexRequest {
                read_data,
                dry_run: false,
            };
            let done = engine.repair_index(access, request, context.witness, context.cancellation);
            done.map_or_else(
                |error| explained(context, work, &error),
                |report| index_mended(context, &report),
            )
        }
        RepairWork::Snapshots => {
            let request = snapshots_request(context, false);
            let done = engine.repair_snapshots(access, &request, context.witness, context.cancellation);
            done.map_or_else(
                |error| explained(context, work, &error),
                |report| Ended::success(Some(sums_of_snapshots(&report))),
            )
        }
    }
}

/// Says what that would do.
pub(crate) fn repair_plan(context: &Context<'_>, work: RepairWork, answer: &mut dyn Write) -> Ended {
    let (engine, access) = (context.engine, context.access);
    let found = Found::default();
    let planned = match work {
        RepairWork::Index { read_data } => {
            let request = RepairIndexRequest {
                read_data,
                dry_run: true,
            };
            engine
                .repair_index(access, request, &found, context.cancellation)
                .map(|report| vec![of_index(&report)])
        }
        RepairWork::Snapshots => {
            let request = snapshots_request(context, true);
            engine
                .repair_snapshots(access, &request, &found, context.cancellation)
                .map(|report| report.hurt.iter().map(of_snapshot).collect())
        }
    };
    match planned {
        Ok(records) => {
            let damage = found.0.into_inner().unwrap_or_else(PoisonError::into_inner);
            let told = damage
                .iter()
                .chain(&records)
                .try_for_each(|record| tell(answer, record));
            ended(context, told.and_then(|()| answer.flush()))
        }
        Err(error) => explained(context, work, &error),
    }
}

fn snapshots_request(context: &Context<'_>, dry_run: bool) -> RepairSnapshotsRequest {
    RepairSnapshotsRequest {
        keep: context.directory.join(FORGOTTEN_DIRECTORY),
        dry_run,
    }
}

fn explained(context: &Context<'_>, work: RepairWork, error: &EngineError) -> Ended {
    let failure = failure::explain(error, context.spec, context.cancellation);
    if work == RepairWork::Snapshots && error.kind() == ErrorKind::Corrupt {
        let name = &context.spec.repository.name;
        return failure
            .hint(format!(
                "`backupctl repair index {name}` comes first, and `--dry-run` shows what it would do"
            ))
            .into();
    }
    failure.into()
}

fn index_mended(context: &Context<'_>, report: &RepairIndexReport) -> Ended {
    let wrong = report.index_damaged
        + report.packs_found
        + report.packs_missing
        + report.packs_corrected
        + report.packs_damaged
        + report.packs_unreadable;
    let sums = Statistics {
        errors_found: wrong,
        bytes_repacked: report.bytes_written,
        ..Statistics::default()
    };
    let gone = report.packs_missing + report.packs_damaged + report.packs_unreadable;
    if gone == 0 {
        return Ended::success(Some(sums));
    }
    let lost = match report.blobs_lost {
        0 => String::new(),
        lost => format!(", and {}", counted(lost, "piece of data", "pieces of data")),
    };
    let name = &context.spec.repository.name;
    let message = failure::about(
        context.spec,
        &format!(
            "the index says again what is there; {} lost or damaged{lost}",
            counted(gone, "pack is", "packs are")
        ),
    );
    let failure = Failure::new(FailureClass::Corrupt, message).hint(format!(
        "start a backup of each job, which stores again what the sources still have; then `backupctl repair snapshots \
         {name}` takes out of the snapshots what is lost, and `backupctl check {name} --read-data all` looks at all of it"
    ));
    Ended::partial(sums, failure)
}

fn sums_of_snapshots(report: &RepairSnapshotsReport) -> Statistics {
    let hurt = report.hurt.len() as u64;
    Statistics {
        errors_found: report
            .hurt
            .iter()
            .map(|hurt| (hurt.files + hurt.directories).max(1))
            .sum(),
        snapshots_forgotten: hurt,
        snapshots_kept: report.snapshots.saturating_sub(hurt),
        ..Statistics::default()
    }
}

fn of_index(report: &RepairIndexReport) -> RepairRecord {
    RepairRecord::Index {
        index_files: report.index_files,
        index_damaged: report.index_damaged,
        packs: report.packs,
        packs_found: report.packs_found,
        packs_missing: report.packs_missing,
        packs_corrected: report.packs_corrected,
        packs_damaged: report.packs_damaged,
        packs_unreadable: report.packs_unreadable,
        blobs_lost: report.blobs_lost,
    }
}

fn of_snapshot(hurt: &HurtSnapshot) -> RepairRecord {
    RepairRecord::Snapshot {
        id: hurt.id.clone(),
        lost: hurt.is_lost,
        files: hurt.files,
        directories: hurt.directories,
    }
}

/// What is wrong goes into the answer, and into no log of a run that there is not.
#[derive(Default)]
struct Found(Mutex<Vec<RepairRecord>>);

impl Observer for Found {
    fn phase(&self, _: Phase) {}
    fn progress(&self, _: Progress) {}
    fn warning(&self, warning: Warning) {
        let damage = RepairRecord::Damage {
            path: warning.path.to_string_lossy().into_owned(),
            reason: warning.reason,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(damage);
    }
}
