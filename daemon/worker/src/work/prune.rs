//! A prune, and what it would do.

use std::io::Write;

use backupd_core::{
    protocol::{MaxUnused, PruneRecord, PruneWork},
    run::Statistics,
};
use backupd_engine::{PruneReport, PruneRequest, Unused};

use super::query::{ended, tell};
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// Removes what no snapshot needs.
pub(crate) fn prune(context: &Context<'_>, work: &PruneWork) -> Ended {
    let request = request(work);
    match context
        .engine
        .prune(context.access, &request, context.witness, context.cancellation)
    {
        Ok(report) => Ended::success(Some(statistics(&report))),
        Err(error) => failure::explain(&error, context.spec, context.cancellation).into(),
    }
}

/// Says what that would do.
pub(crate) fn prune_plan(context: &Context<'_>, work: &PruneWork, answer: &mut dyn Write) -> Ended {
    let request = request(work);
    match context
        .engine
        .prune_plan(context.access, &request, context.witness, context.cancellation)
    {
        Ok(report) => ended(
            context,
            tell(answer, &record(&report)).and_then(|()| answer.flush()),
        ),
        Err(error) => failure::explain(&error, context.spec, context.cancellation).into(),
    }
}

fn request(work: &PruneWork) -> PruneRequest {
    PruneRequest {
        max_unused: match work.max_unused {
            MaxUnused::Percent(percent) => Unused::Percent(u32::from(percent)),
            MaxUnused::Bytes(bytes) => Unused::Bytes(bytes),
            MaxUnused::Unlimited => Unused::Any,
        },
        max_repack: work.max_repack,
        keep_delete: work.keep_delete.unsigned_abs(),
        repack_uncompressed: false,
    }
}

fn record(report: &PruneReport) -> PruneRecord {
    PruneRecord {
        snapshots: report.snapshots,
        bytes_repository: report.bytes_total,
        bytes_unused: report.bytes_unused,
        packs_repacked: report.packs_repacked,
        bytes_repacked: report.bytes_repacked,
        packs_marked: report.packs_marked,
        packs_removed: report.packs_removed,
        bytes_freed: report.bytes_freed,
        bytes_unused_after: report.bytes_still_unused,
    }
}

fn statistics(report: &PruneReport) -> Statistics {
    Statistics {
        bytes_repository: (report.bytes_total + report.bytes_written).saturating_sub(report.bytes_freed),
        // What is marked is of no use to a snapshot either, for as long as it stays.
        bytes_unused: report.bytes_still_unused + report.bytes_marked + report.bytes_waiting,
        bytes_repacked: report.bytes_written,
        bytes_freed: report.bytes_freed,
        ..Statistics::default()
    }
}

#[cfg(test)]
mod tests {
    use backupd_core::{failure::FailureClass, protocol::Work, run::RunResult};
    use backupd_engine::ErrorKind;
    use jiff::SignedDuration;

    use super::*;
    use crate::testing::{Scripted, attempt};

    fn work() -> PruneWork {
        PruneWork {
            max_unused: MaxUnused::Bytes(7),
            max_repack: Some(8),
            keep_delete: SignedDuration::from_hours(2),
        }
    }

    fn pruned() -> Scripted {
        Scripted {
            pruned: PruneReport {
                snapshots: 3,
                bytes_total: 100,
                bytes_written: 5,
                bytes_freed: 40,
                bytes_marked: 2,
                bytes_waiting: 1,
                bytes_still_unused: 10,
                ..PruneReport::default()
            },
            ..Scripted::default()
        }
    }

    #[test]
    fn what_was_freed_and_what_is_left_stands_in_the_sums() {
        let engine = pruned();
        let (ended, recorder, _) = attempt(&engine, Work::Prune(work()));
        assert_eq!(ended.result, RunResult::Success);
        let sums = ended.statistics.unwrap();
        assert_eq!(
            (
                sums.bytes_repository,
                sums.bytes_unused,
                sums.bytes_repacked,
                sums.bytes_freed
            ),
            (65, 13, 5, 40)
        );
        assert_eq!(recorder.kinds(), ["phase", "phase"]);
        let request = engine.prune_asked.lock().unwrap().take().unwrap();
        assert_eq!(
            (request.max_unused, request.max_repack),
            (Unused::Bytes(7), Some(8))
        );
        assert_eq!(request.keep_delete.as_secs(), 7200);
    }

    #[test]
    fn a_plan_is_one_line() {
        let (ended, _, answer) = attempt(&pruned(), Work::PrunePlan(work()));
        assert_eq!(ended.result, RunResult::Success);
        let record: PruneRecord = serde_json::from_str(&answer).unwrap();
        assert_eq!((record.snapshots, record.bytes_freed), (3, 40));
        assert_eq!(answer.lines().count(), 1);
    }

    #[test]
    fn who_is_kept_out_says_so() {
        for work in [Work::Prune(work()), Work::PrunePlan(work())] {
            let engine = Scripted {
                maintain: Some(ErrorKind::Locked),
                ..Scripted::default()
            };
            let (ended, _, _) = attempt(&engine, work);
            assert_eq!(ended.failure.unwrap().class, FailureClass::Locked);
        }
    }
}
