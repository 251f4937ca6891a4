//! From views to the property shapes of the contract.

use backupd_core::{
    resources::Limits,
    run::{Attempt, BlockedBy, Operation, Run, Statistics},
};
use backupd_dbus::{
    AttemptProperties, Blocked, CareProperties, CopyProperties, ElapseProperties, JobProperties,
    ManagerProperties, ProgressProperties, RepositoryProperties, RunLimits, RunProperties, SpaceProperties,
    StatisticsProperties, job_path, repository_path, run_path,
};
use jiff::{SignedDuration, Timestamp};
use zbus::OwnedObjectPath;

use super::{errors::of_faults, objects::Shows};
use crate::{
    coordinator::{
        CareView, ComingElapse, CopyView, JobView, ManagerView, ProgressView, RepositoryView, RunView,
        SpaceView,
    },
    ports::Subject,
};

/// µs since the epoch; 0 for "not yet", and for what lies before the epoch.
pub(super) fn usec(time: Option<Timestamp>) -> u64 {
    time.and_then(|time| u64::try_from(time.as_microsecond()).ok())
        .unwrap_or(0)
}

/// They are made where all that they are made of is known.
impl Shows for ManagerProperties {
    type Properties = Self;
    fn properties(&self) -> Self {
        self.clone()
    }
}

impl Shows for JobView {
    type Properties = JobProperties;
    fn properties(&self) -> JobProperties {
        of_job(self)
    }
}

impl Shows for RepositoryView {
    type Properties = RepositoryProperties;
    fn properties(&self) -> RepositoryProperties {
        of_repository(self)
    }
}

impl Shows for RunView {
    type Properties = RunProperties;
    fn properties(&self) -> RunProperties {
        of_run_view(self)
    }
}

fn duration_usec(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(0)
}

fn blocked(reasons: &[BlockedBy]) -> Vec<Blocked> {
    reasons
        .iter()
        .map(|reason| Blocked {
            what: reason.what.clone(),
            since_usec: usec(Some(reason.since)),
            clears: reason.clears.clone(),
        })
        .collect()
}

/// The part of the manager's properties that changes.
pub(super) fn of_manager(view: &ManagerView, fixed: &ManagerProperties) -> ManagerProperties {
    ManagerProperties {
        health: Some(view.health.as_str().to_owned()),
        health_reasons: Some(view.reasons.clone()),
        configuration_faults: Some(of_faults(&view.faults)),
        max_parallel_runs: Some(view.max_parallel_runs),
        active_runs: Some(view.active),
        queued_runs: Some(view.queued),
        next_usec: Some(usec(view.next)),
        paused: Some(view.pause.is_some()),
        paused_until_usec: Some(usec(view.pause.as_ref().and_then(|pause| pause.until))),
        time_zone: Some(view.time_zone.clone()),
        ..fixed.clone()
    }
}

fn of_job(view: &JobView) -> JobProperties {
    let run = |id: Option<backupd_core::name::RunId>| {
        id.map_or_else(OwnedObjectPath::default, |id| run_path(&id.to_string()))
    };
    JobProperties {
        name: Some(view.name.to_string()),
        description: Some(view.description.clone().unwrap_or_default()),
        repository_name: Some(view.repository.to_string()),
        repository: Some(repository_path(view.repository.as_str())),
        enabled: Some(view.enabled),
        health: Some(view.health.as_str().to_owned()),
        health_reason: Some(view.reason.clone()),
        schedule: Some(view.schedule.clone()),
        next_usec: Some(usec(view.next)),
        paused: Some(view.pause.is_some()),
        paused_until_usec: Some(usec(view.pause.as_ref().and_then(|pause| pause.until))),
        groups: Some(view.groups.clone()),
        after: Some(view.after.iter().map(ToString::to_string).collect()),
        priority: Some(view.priority.as_str().to_owned()),
        active_run: Some(run(view.active_run)),
        blocked_by: Some(blocked(&view.blocked_by)),
        last_run: Some(run(view.last_run)),
        last_result: Some(
            view.last_result
                .map(|result| result.to_string())
                .unwrap_or_default(),
        ),
        last_success_usec: Some(usec(view.last_good)),
        last_snapshot: Some(view.last_snapshot.clone().unwrap_or_default()),
        max_age_usec: Some(view.max_age.map_or(0, duration_usec)),
        late_usec: Some(usec(view.late_at)),
        copies: Some(view.copies.iter().map(of_copy).collect()),
    }
}

fn of_copy(view: &CopyView) -> CopyProperties {
    let run = |id: Option<backupd_core::name::RunId>| id.map(|id| run_path(&id.to_string()));
    let time = |time: Option<Timestamp>| time.map(|time| usec(Some(time)));
    CopyProperties {
        repository_name: Some(view.to.to_string()),
        schedule: view.schedule.clone(),
        next_usec: time(view.next),
        active_run: run(view.active_run),
        last_run: run(view.last_run),
        last_result: view.last_result.map(|result| result.to_string()),
        last_success_usec: time(view.last_good),
        late_usec: time(view.late_at),
    }
}

pub(super) fn of_elapse(elapse: &ComingElapse) -> ElapseProperties {
    let (job, operation, repository) = match &elapse.subject {
        Subject::Job(job) => (job.to_string(), Operation::Backup, String::new()),
        Subject::Care(key) => {
            let job = key.job.as_ref().map(ToString::to_string);
            (job.unwrap_or_default(), key.operation, key.repository.to_string())
        }
    };
    ElapseProperties {
        job_name: Some(job),
        operation: Some(operation.to_string()),
        repository_name: Some(repository),
        at_usec: Some(usec(Some(elapse.at))),
        schedule: Some(elapse.schedule.clone()),
        time_zone: Some(elapse.time_zone.clone()),
    }
}

fn of_repository(view: &RepositoryView) -> RepositoryProperties {
    RepositoryProperties {
        name: Some(view.name.to_string()),
        description: Some(view.description.clone().unwrap_or_default()),
        url: Some(view.url.clone()),
        moved_from: Some(view.moved_from.clone().unwrap_or_default()),
        engine: Some(view.engine.to_owned()),
        jobs: Some(view.jobs.iter().map(ToString::to_string).collect()),
        health: Some(view.health.as_str().to_owned()),
        health_reason: Some(view.reason.clone()),
        check_care: Some(of_care(&view.check)),
        prune_care: Some(of_care(&view.prune)),
        space: Some(of_space(&view.space)),
    }
}

fn of_space(view: &SpaceView) -> SpaceProperties {
    SpaceProperties {
        measured_usec: view.measured.map(|time| usec(Some(time))),
        bytes_stored: view.stored,
        bytes_free: view.free,
        bytes_place: view.place,
        bytes_reserve: Some(view.reserve),
        bytes_quota: view.quota,
        days_until_full: view.days_until_full,
    }
}

fn of_care(view: &CareView) -> CareProperties {
    let run = |id: Option<backupd_core::name::RunId>| id.map(|id| run_path(&id.to_string()));
    let time = |time: Option<Timestamp>| time.map(|time| usec(Some(time)));
    CareProperties {
        schedule: view.schedule.clone(),
        next_usec: time(view.next),
        active_run: run(view.active_run),
        last_run: run(view.last_run),
        last_result: view.last_result.map(|result| result.to_string()),
        last_success_usec: time(view.last_good),
        late_usec: time(view.late_at),
        bytes_repository: view.sums.as_ref().map(|sums| sums.bytes_repository),
        bytes_unused: view.sums.as_ref().map(|sums| sums.bytes_unused),
    }
}

fn of_run_view(view: &RunView) -> RunProperties {
    RunProperties {
        progress: Some(view.progress.as_ref().map(of_progress).unwrap_or_default()),
        ..of_run(&view.run)
    }
}

/// A run of history, which has no progress.
pub(super) fn of_run(run: &Run) -> RunProperties {
    let job = run.job.as_ref().map(ToString::to_string).unwrap_or_default();
    let failure = run.failure.as_ref();
    let engine = run.engine.as_ref();
    RunProperties {
        id: Some(run.id.to_string()),
        job: Some(if job.is_empty() {
            OwnedObjectPath::default()
        } else {
            job_path(&job)
        }),
        job_name: Some(job),
        repository_name: Some(run.repository.to_string()),
        source_name: Some(run.source.as_ref().map(ToString::to_string).unwrap_or_default()),
        operation: Some(run.operation.to_string()),
        trigger: Some(run.trigger.to_string()),
        kind: Some(run.trigger.kind().to_owned()),
        state: Some(run.state.to_string()),
        result: Some(run.result.map(|result| result.to_string()).unwrap_or_default()),
        phase: Some(run.phase.map(|phase| phase.to_string()).unwrap_or_default()),
        cancel_requested: Some(run.cancel_requested),
        blocked_by: Some(blocked(&run.blocked_by)),
        attempt: Some(run.attempts.last().map_or(0, |attempt| attempt.number)),
        attempts: Some(run.attempts.iter().map(of_attempt).collect()),
        unit: Some(
            run.attempts
                .last()
                .and_then(|attempt| attempt.unit.clone())
                .unwrap_or_default(),
        ),
        queued_usec: Some(usec(Some(run.queued))),
        scheduled_usec: Some(usec(run.scheduled)),
        next_attempt_usec: Some(usec(run.next_attempt)),
        overrode: Some(run.overrode.clone()),
        started_usec: Some(usec(run.started)),
        finished_usec: Some(usec(run.finished)),
        expires_usec: Some(usec(run.expires)),
        progress: Some(ProgressProperties::default()),
        statistics: Some(of_statistics(run, &run.statistics)),
        snapshot: Some(run.snapshot.clone().unwrap_or_default()),
        engine: Some(engine.map(|engine| engine.name.clone()).unwrap_or_default()),
        engine_version: Some(engine.map(|engine| engine.version.clone()).unwrap_or_default()),
        failure_class: Some(failure.map(|f| f.class.to_string()).unwrap_or_default()),
        failure_message: Some(failure.map(|f| f.message.clone()).unwrap_or_default()),
        failure_hint: Some(failure.and_then(|f| f.hint.clone()).unwrap_or_default()),
        description: Some(run.description.clone().unwrap_or_default()),
        metadata: Some(serde_json::to_string(&run.metadata).unwrap_or_else(|_| "{}".to_owned())),
    }
}

pub(super) fn of_limits(limits: &Limits) -> RunLimits {
    RunLimits {
        cpu_weight: limits.cpu_weight,
        io_weight: limits.io_weight,
        memory_high: limits.memory_high,
        memory_max: limits.memory_max,
    }
}

fn of_attempt(attempt: &Attempt) -> AttemptProperties {
    let failure = attempt.failure.as_ref();
    AttemptProperties {
        number: Some(attempt.number),
        started_usec: Some(usec(Some(attempt.started))),
        finished_usec: Some(usec(attempt.finished)),
        result: Some(
            attempt
                .result
                .map(|result| result.to_string())
                .unwrap_or_default(),
        ),
        failure_class: Some(failure.map(|f| f.class.to_string()).unwrap_or_default()),
        failure_message: Some(failure.map(|f| f.message.clone()).unwrap_or_default()),
        pid: Some(attempt.pid.unwrap_or(0)),
    }
}

fn of_progress(view: &ProgressView) -> ProgressProperties {
    let progress = &view.progress;
    ProgressProperties {
        files_done: Some(progress.files_done),
        files_total: Some(progress.files_total),
        bytes_done: Some(progress.bytes_done),
        bytes_total: Some(progress.bytes_total),
        bytes_added: Some(progress.bytes_added),
        unreadable: Some(progress.unreadable),
        fraction: view.fraction,
        rate: view.rate,
        left_usec: view.left.map(duration_usec),
    }
}

fn of_statistics(run: &Run, statistics: &Statistics) -> StatisticsProperties {
    StatisticsProperties {
        files_new: Some(statistics.files_new),
        files_changed: Some(statistics.files_changed),
        files_unmodified: Some(statistics.files_unmodified),
        files_unreadable: Some(statistics.files_unreadable),
        files_restored: Some(statistics.files_restored),
        directories: Some(statistics.directories),
        bytes_processed: Some(statistics.bytes_processed),
        bytes_read: Some(statistics.bytes_read),
        bytes_added: Some(statistics.bytes_added),
        bytes_stored: Some(statistics.bytes_stored),
        bytes_restored: Some(statistics.bytes_restored),
        bytes_checked: Some(statistics.bytes_checked),
        errors_found: Some(statistics.errors_found),
        bytes_repository: Some(statistics.bytes_repository),
        bytes_unused: Some(statistics.bytes_unused),
        bytes_repacked: Some(statistics.bytes_repacked),
        bytes_freed: Some(statistics.bytes_freed),
        snapshots_forgotten: Some(statistics.snapshots_forgotten),
        snapshots_kept: Some(statistics.snapshots_kept),
        snapshots_copied: Some(statistics.snapshots_copied),
        snapshots_present: Some(statistics.snapshots_present),
        warnings: Some(statistics.warnings),
        compression_ratio: statistics.compression_ratio(),
        bytes_per_second: run.finished.and_then(|finished| run.speed(finished)),
    }
}
