//! The shape of a run.

use backupd_dbus::{AttemptProperties, ProgressProperties, RunProperties, StatisticsProperties};
use serde::Serialize;
use serde_json::Value;

use super::{BlockedShape, Shapes, duration, seconds, text};

#[derive(Serialize)]
pub(crate) struct RunShape<'a> {
    id: Option<&'a str>,
    job: Option<&'a str>,
    operation: Option<&'a str>,
    state: Option<&'a str>,
    result: Option<&'a str>,
    attempt: u32,
    snapshot: Option<&'a str>,
    repository: Option<&'a str>,
    source: Option<&'a str>,
    trigger: Option<&'a str>,
    kind: Option<&'a str>,
    phase: Option<&'a str>,
    cancel_requested: bool,
    queued: Option<String>,
    scheduled: Option<String>,
    next_attempt: Option<String>,
    started: Option<String>,
    finished: Option<String>,
    duration: Option<f64>,
    progress: Option<ProgressShape>,
    statistics: Option<StatisticsShape>,
    failure: Option<FailureShape<'a>>,
    description: Option<&'a str>,
    metadata: Value,
    blocked_by: Vec<BlockedShape<'a>>,
    overrode: &'a [String],
    attempts: Vec<AttemptShape<'a>>,
    unit: Option<&'a str>,
    engine: Option<&'a str>,
    engine_version: Option<&'a str>,
    expires: Option<String>,
}

#[derive(Serialize)]
struct FailureShape<'a> {
    class: &'a str,
    message: Option<&'a str>,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct AttemptShape<'a> {
    number: u32,
    started: Option<String>,
    finished: Option<String>,
    duration: Option<f64>,
    result: Option<&'a str>,
    failure: Option<FailureShape<'a>>,
    pid: Option<u32>,
}

#[derive(Serialize)]
struct ProgressShape {
    files_done: u64,
    files_total: Option<u64>,
    bytes_done: u64,
    bytes_total: Option<u64>,
    bytes_added: u64,
    unreadable: u64,
    fraction: Option<f64>,
    rate: Option<f64>,
    left: Option<f64>,
}

#[derive(Serialize)]
struct StatisticsShape {
    files_new: u64,
    files_changed: u64,
    files_unmodified: u64,
    files_unreadable: u64,
    files_restored: u64,
    directories: u64,
    bytes_processed: u64,
    bytes_read: u64,
    bytes_added: u64,
    bytes_stored: u64,
    bytes_restored: u64,
    bytes_checked: u64,
    errors_found: u64,
    bytes_repository: u64,
    bytes_unused: u64,
    bytes_repacked: u64,
    bytes_freed: u64,
    snapshots_forgotten: u64,
    snapshots_kept: u64,
    snapshots_copied: u64,
    snapshots_present: u64,
    warnings: u64,
    compression_ratio: Option<f64>,
    bytes_per_second: Option<f64>,
}

fn failure<'a>(
    class: Option<&'a String>,
    message: Option<&'a String>,
    hint: Option<&'a String>,
) -> Option<FailureShape<'a>> {
    text(class).map(|class| FailureShape {
        class,
        message: text(message),
        hint: text(hint),
    })
}

impl<'a> Shapes<'_> {
    pub(crate) fn run(&self, run: &'a RunProperties) -> RunShape<'a> {
        RunShape {
            id: text(run.id.as_ref()),
            job: text(run.job_name.as_ref()),
            operation: text(run.operation.as_ref()),
            state: text(run.state.as_ref()),
            result: text(run.result.as_ref()),
            attempt: run.attempt.unwrap_or_default(),
            snapshot: text(run.snapshot.as_ref()),
            repository: text(run.repository_name.as_ref()),
            source: text(run.source_name.as_ref()),
            trigger: text(run.trigger.as_ref()),
            kind: text(run.kind.as_ref()),
            phase: text(run.phase.as_ref()),
            cancel_requested: run.cancel_requested.unwrap_or_default(),
            queued: self.time(run.queued_usec),
            scheduled: self.time(run.scheduled_usec),
            next_attempt: self.time(run.next_attempt_usec),
            started: self.time(run.started_usec),
            finished: self.time(run.finished_usec),
            duration: duration(run.started_usec, run.finished_usec, self.now),
            progress: run.progress.as_ref().map(progress),
            statistics: run.statistics.as_ref().map(statistics),
            failure: failure(
                run.failure_class.as_ref(),
                run.failure_message.as_ref(),
                run.failure_hint.as_ref(),
            ),
            description: text(run.description.as_ref()),
            metadata: metadata(run.metadata.as_deref()),
            blocked_by: self.blocked(run.blocked_by.as_ref()),
            overrode: run.overrode.as_deref().unwrap_or_default(),
            attempts: run
                .attempts
                .iter()
                .flatten()
                .map(|attempt| self.attempt(attempt))
                .collect(),
            unit: text(run.unit.as_ref()),
            engine: text(run.engine.as_ref()),
            engine_version: text(run.engine_version.as_ref()),
            expires: self.time(run.expires_usec),
        }
    }

    fn attempt(&self, attempt: &'a AttemptProperties) -> AttemptShape<'a> {
        AttemptShape {
            number: attempt.number.unwrap_or_default(),
            started: self.time(attempt.started_usec),
            finished: self.time(attempt.finished_usec),
            duration: duration(attempt.started_usec, attempt.finished_usec, self.now),
            result: text(attempt.result.as_ref()),
            failure: failure(
                attempt.failure_class.as_ref(),
                attempt.failure_message.as_ref(),
                None,
            ),
            pid: attempt.pid.filter(|pid| *pid > 0),
        }
    }
}

/// The user's own data; what is no JSON goes as text.
fn metadata(metadata: Option<&str>) -> Value {
    match metadata.filter(|metadata| !metadata.is_empty()) {
        None => Value::Object(serde_json::Map::new()),
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

fn progress(progress: &ProgressProperties) -> ProgressShape {
    let total = |total: Option<u64>| total.filter(|total| *total > 0);
    ProgressShape {
        files_done: progress.files_done.unwrap_or_default(),
        files_total: total(progress.files_total),
        bytes_done: progress.bytes_done.unwrap_or_default(),
        bytes_total: total(progress.bytes_total),
        bytes_added: progress.bytes_added.unwrap_or_default(),
        unreadable: progress.unreadable.unwrap_or_default(),
        fraction: progress.fraction,
        rate: progress.rate,
        left: progress.left_usec.map(seconds),
    }
}

fn statistics(statistics: &StatisticsProperties) -> StatisticsShape {
    StatisticsShape {
        files_new: statistics.files_new.unwrap_or_default(),
        files_changed: statistics.files_changed.unwrap_or_default(),
        files_unmodified: statistics.files_unmodified.unwrap_or_default(),
        files_unreadable: statistics.files_unreadable.unwrap_or_default(),
        files_restored: statistics.files_restored.unwrap_or_default(),
        directories: statistics.directories.unwrap_or_default(),
        bytes_processed: statistics.bytes_processed.unwrap_or_default(),
        bytes_read: statistics.bytes_read.unwrap_or_default(),
        bytes_added: statistics.bytes_added.unwrap_or_default(),
        bytes_stored: statistics.bytes_stored.unwrap_or_default(),
        bytes_restored: statistics.bytes_restored.unwrap_or_default(),
        bytes_checked: statistics.bytes_checked.unwrap_or_default(),
        errors_found: statistics.errors_found.unwrap_or_default(),
        bytes_repository: statistics.bytes_repository.unwrap_or_default(),
        bytes_unused: statistics.bytes_unused.unwrap_or_default(),
        bytes_repacked: statistics.bytes_repacked.unwrap_or_default(),
        bytes_freed: statistics.bytes_freed.unwrap_or_default(),
        snapshots_forgotten: statistics.snapshots_forgotten.unwrap_or_default(),
        snapshots_kept: statistics.snapshots_kept.unwrap_or_default(),
        snapshots_copied: statistics.snapshots_copied.unwrap_or_default(),
        snapshots_present: statistics.snapshots_present.unwrap_or_default(),
        warnings: statistics.warnings.unwrap_or_default(),
        compression_ratio: statistics.compression_ratio,
        bytes_per_second: statistics.bytes_per_second,
    }
}
