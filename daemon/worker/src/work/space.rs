//! Room: what a backup may use of it, what is left afterwards, and what takes it.

use std::io::Write;

use backupd_core::{
    failure::{Failure, FailureClass},
    protocol::{
        EstimateRecord, EstimateWork, Foreseen, GrowthRecord, JobSizeRecord, ScanRecord, StatisticsRecord,
        StatisticsWork, Work,
    },
    run::RunResult,
    space::{self, MOST_RESERVED, PERCENT_RESERVED, Sample},
};
use backupd_engine::{Allowance, Room, ScanReport, StatisticsReport, StatisticsRequest};
use jiff::Timestamp;

use super::{
    OF_JOB, backup,
    query::{ended, tell},
};
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// What a backup may use.
pub(super) fn allowance(context: &Context<'_>, foreseen: &Foreseen) -> Allowance {
    let room = &context.spec.repository.room;
    Allowance {
        keep_free: room.reserve.unwrap_or(MOST_RESERVED),
        keep_percent: room
            .reserve
            .is_none()
            .then(|| u8::try_from(PERCENT_RESERVED).unwrap_or(u8::MAX)),
        quota: room.quota,
        stored: foreseen.stored,
        expected: foreseen.added.and_then(|added| added.expected()),
    }
}

/// Adds to the sums of a run what there is at its end: who follows how a repository grows learns it from there.
pub(crate) fn with_room(context: &Context<'_>, ended: Ended) -> Ended {
    let says_something = match &ended.failure {
        Some(failure) => failure.class == FailureClass::NoSpace || ended.result == RunResult::Partial,
        None => true,
    };
    if !says_something || context.cancellation.is_cancelled() {
        return ended;
    }
    let room = room(context, is_size_unknown(context));
    if room == Room::default() {
        return ended;
    }
    let mut statistics = ended.statistics.unwrap_or_default();
    if let Some(space) = room.space {
        (statistics.bytes_free, statistics.bytes_place) = (space.free, space.total.unwrap_or_default());
    }
    if let Some(stored) = room.stored {
        statistics.bytes_repository = stored;
    }
    Ended {
        statistics: Some(statistics),
        ..ended
    }
}

/// Whether nobody has looked yet how large a repository is into which backups go: once it is worth a list.
fn is_size_unknown(context: &Context<'_>) -> bool {
    match &context.spec.work {
        Work::Backup(work) => work.foreseen.stored.is_none(),
        Work::Copy(work) => work.foreseen.stored.is_none(),
        _ => false,
    }
}

/// Nothing is known of a place that does not answer.
fn room(context: &Context<'_>, count: bool) -> Room {
    context
        .engine
        .room(context.access, count)
        .unwrap_or_else(|error| {
            tracing::info!(error = error.chain(), "nobody knows how much room there is");
            Room::default()
        })
}

/// Counts what the repository stores.
pub(crate) fn statistics(context: &Context<'_>, work: &StatisticsWork, answer: &mut dyn Write) -> Ended {
    let request = StatisticsRequest {
        group_by: OF_JOB.to_owned(),
    };
    let counted = context
        .engine
        .statistics(context.access, &request, context.witness, context.cancellation);
    let report = match counted {
        Ok(report) => report,
        Err(error) => return failure::explain(&error, context.spec, context.cancellation).into(),
    };
    let record = statistics_record(
        context,
        &work.sizes,
        report,
        room(context, false),
        Timestamp::now(),
    );
    ended(context, tell(answer, &record).and_then(|()| answer.flush()))
}

fn statistics_record(
    context: &Context<'_>,
    sizes: &[Sample],
    report: StatisticsReport,
    room: Room,
    now: Timestamp,
) -> StatisticsRecord {
    let limits = &context.spec.repository.room;
    let sample = sample(&room, report.bytes_stored, now);
    let mut sizes = sizes.to_vec();
    sample.keep_in(&mut sizes);
    StatisticsRecord {
        repository: context.spec.repository.name.to_string(),
        time: now,
        snapshots: report.snapshots,
        packs: report.packs,
        blobs: report.blobs,
        bytes_stored: report.bytes_stored,
        bytes_restored: report.bytes_restored,
        bytes_unique: report.bytes_unique,
        bytes_needed: report.bytes_needed,
        deduplication: ratio(report.bytes_restored, report.bytes_unique),
        compression: ratio(report.bytes_unique, report.bytes_needed),
        bytes_unused: report.bytes_unused,
        bytes_marked: report.bytes_marked,
        jobs: report
            .groups
            .into_iter()
            .map(|group| JobSizeRecord {
                job: group.group,
                snapshots: group.snapshots,
                bytes_restored: group.bytes_restored,
                bytes_needed: group.bytes_needed,
                bytes_alone: group.bytes_alone,
            })
            .collect(),
        #[allow(clippy::cast_possible_truncation, reason = "bytes a day")]
        bytes_per_day: space::growth_per_day(&sizes, now).map(|bytes| bytes.round() as i64),
        days_until_full: space::days_until_full(&sizes, limits, now),
        growth: sizes
            .iter()
            .map(|sample| GrowthRecord {
                time: sample.time,
                bytes_stored: sample.stored,
            })
            .collect(),
        bytes_free: sample.free,
        bytes_place: sample.total,
        bytes_reserve: limits.reserve(sample.total),
        bytes_quota: limits.quota,
    }
}

fn sample(room: &Room, stored: u64, time: Timestamp) -> Sample {
    Sample {
        time,
        stored,
        free: room.space.map(|space| space.free),
        total: room.space.and_then(|space| space.total),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(before: u64, after: u64) -> Option<f64> {
    (after > 0).then(|| before as f64 / after as f64)
}

/// Says what a backup would add.
pub(crate) fn estimate(context: &Context<'_>, work: &EstimateWork, answer: &mut dyn Write) -> Ended {
    let scan = if work.scan {
        match scan(context, work) {
            Ok(report) => Some(scan_record(report)),
            Err(failure) => return failure.into(),
        }
    } else {
        None
    };
    let (spec, now) = (context.spec, Timestamp::now());
    let limits = &spec.repository.room;
    let room = room(context, false);
    let newest = work.sizes.iter().max_by_key(|sample| sample.time);
    let stored = room.stored.or(newest.map(|sample| sample.stored));
    let mut sizes = work.sizes.clone();
    // What the place says now is newer than what is remembered.
    if let Some(stored) = stored.filter(|_| room != Room::default()) {
        sample(&room, stored, now).keep_in(&mut sizes);
    }
    let last = sizes.last();
    let (free, total) = (
        last.and_then(|sample| sample.free),
        last.and_then(|sample| sample.total),
    );
    let added = work.backup.foreseen.added;
    let record = EstimateRecord {
        job: spec.job.as_ref().map(ToString::to_string).unwrap_or_default(),
        repository: spec.repository.name.to_string(),
        runs: added.map_or(0, |added| added.runs),
        bytes_median: added.map(|added| added.median),
        bytes_largest: added.map(|added| added.largest),
        scan,
        bytes_stored: stored,
        bytes_free: room.space.map(|space| space.free).or(free),
        bytes_place: room.space.and_then(|space| space.total).or(total),
        bytes_reserve: limits.reserve(room.space.and_then(|space| space.total).or(total)),
        bytes_quota: limits.quota,
        days_until_full: space::days_until_full(&sizes, limits, now),
    };
    ended(context, tell(answer, &record).and_then(|()| answer.flush()))
}

fn scan(context: &Context<'_>, work: &EstimateWork) -> Result<ScanReport, Failure> {
    let request = backup::request(context, &work.backup)?;
    context
        .engine
        .scan(context.access, &request, context.witness, context.cancellation)
        .map_err(|error| failure::explain(&error, context.spec, context.cancellation))
}

fn scan_record(report: ScanReport) -> ScanRecord {
    ScanRecord {
        files: report.files,
        bytes: report.bytes,
        files_new: report.files_new,
        bytes_new: report.bytes_new,
        files_changed: report.files_changed,
        bytes_changed: report.bytes_changed,
        files_unreadable: report.files_unreadable,
        snapshot: report.parent,
    }
}

#[cfg(test)]
mod tests;
