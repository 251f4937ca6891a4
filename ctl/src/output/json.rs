//! The shapes of `--json`: times are RFC 3339 with the local offset, sizes bytes, durations seconds, and what is
//! not there is null.

mod record;
mod run;
mod space;

use backupd_dbus::{
    Blocked, CareProperties, CopyProperties, ElapseProperties, JobProperties, ManagerProperties,
    RepositoryProperties, RunProperties,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

pub(crate) use self::run::RunShape;
use self::space::SpaceShape;
use super::{Output, human};
use crate::{fault::Fault, objects::run_of};

/// Version of all documents.
pub(crate) const VERSION: u32 = 1;

/// A document with one list, `{"version":1,"NAME":[…]}`.
pub(crate) fn list<T: Serialize>(name: &'static str, items: &[T]) -> impl Serialize {
    // `serde_json` would sort the members; the version stands first.
    struct List<'a, T>(&'static str, &'a [T]);
    impl<T: Serialize> Serialize for List<'_, T> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct as _;
            let mut document = serializer.serialize_struct("List", 2)?;
            document.serialize_field("version", &VERSION)?;
            document.serialize_field(self.0, self.1)?;
            document.end()
        }
    }
    List(name, items)
}

/// An object as a document of its own.
#[derive(Serialize)]
pub(crate) struct Document<T> {
    pub(crate) version: u32,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(flatten)]
    pub(crate) object: T,
}

impl<T> Document<T> {
    pub(crate) fn new(kind: &'static str, object: T) -> Self {
        Self {
            version: VERSION,
            kind,
            object,
        }
    }
}

/// Reads times as the zone shows them.
pub(crate) struct Shapes<'a> {
    zone: &'a TimeZone,
    now: Timestamp,
}

impl Output {
    /// The shapes for this output's zone.
    pub(crate) fn shapes(&self) -> Shapes<'_> {
        Shapes {
            zone: &self.zone,
            now: self.now,
        }
    }
}

#[derive(Serialize)]
struct BlockedShape<'a> {
    what: &'a str,
    since: Option<String>,
    clears: &'a str,
}

#[derive(Serialize)]
pub(crate) struct JobShape<'a> {
    name: Option<&'a str>,
    description: Option<&'a str>,
    repository: Option<&'a str>,
    enabled: bool,
    health: Option<&'a str>,
    health_reason: Option<&'a str>,
    last_success: Option<String>,
    last_result: Option<&'a str>,
    last_run: Option<String>,
    last_snapshot: Option<&'a str>,
    schedule: &'a [String],
    next: Option<String>,
    paused: bool,
    paused_until: Option<String>,
    groups: &'a [String],
    after: &'a [String],
    priority: Option<&'a str>,
    active_run: Option<String>,
    blocked_by: Vec<BlockedShape<'a>>,
    max_age: Option<f64>,
    late: Option<String>,
    copies: Vec<CopyShape<'a>>,
}

/// A time at which a job starts by itself.
#[derive(Serialize)]
pub(crate) struct ElapseShape<'a> {
    job: Option<&'a str>,
    operation: Option<&'a str>,
    repository: Option<&'a str>,
    at: Option<String>,
    zone: Option<&'a str>,
    schedule: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct RepositoryShape<'a> {
    name: Option<&'a str>,
    description: Option<&'a str>,
    url: Option<&'a str>,
    /// Where it was before it was moved, and still lies.
    moved_from: Option<&'a str>,
    engine: Option<&'a str>,
    jobs: &'a [String],
    health: Option<&'a str>,
    health_reason: Option<&'a str>,
    check: Option<CareShape<'a>>,
    prune: Option<CareShape<'a>>,
    space: Option<SpaceShape>,
}

/// A copy of a job's snapshots.
#[derive(Serialize)]
struct CopyShape<'a> {
    repository: Option<&'a str>,
    /// Missing where it follows backups.
    schedule: Option<&'a str>,
    next: Option<String>,
    active_run: Option<String>,
    last_run: Option<String>,
    last_result: Option<&'a str>,
    last_success: Option<String>,
    late: Option<String>,
}

/// What is done to a repository to keep it sound.
#[derive(Serialize)]
struct CareShape<'a> {
    schedule: Option<&'a str>,
    next: Option<String>,
    active_run: Option<String>,
    last_run: Option<String>,
    last_result: Option<&'a str>,
    last_success: Option<String>,
    late: Option<String>,
    bytes_repository: Option<u64>,
    bytes_unused: Option<u64>,
}

#[derive(Serialize)]
pub(crate) struct StatusShape<'a> {
    version: u32,
    health: Option<&'a str>,
    health_reasons: &'a [String],
    next: Option<String>,
    paused: bool,
    paused_until: Option<String>,
    daemon: DaemonShape<'a>,
    configuration_faults: Vec<Fault>,
    jobs: Vec<JobShape<'a>>,
    runs: Vec<RunShape<'a>>,
}

#[derive(Serialize)]
struct DaemonShape<'a> {
    version: Option<&'a str>,
    scope: Option<&'a str>,
    time_zone: Option<&'a str>,
    launcher: Option<&'a str>,
    launcher_reason: Option<&'a str>,
    started: Option<String>,
    active_runs: u32,
    queued_runs: u32,
    max_parallel_runs: Option<u32>,
    configuration_directory: Option<&'a str>,
    state_directory: Option<&'a str>,
}

/// Text that is there.
fn text(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

#[expect(clippy::cast_precision_loss, reason = "µs of centuries fit")]
fn seconds(usec: u64) -> f64 {
    usec as f64 / 1e6
}

/// How long from the first to the second moment, or until now; nothing before the first.
fn duration(from: Option<u64>, to: Option<u64>, now: Timestamp) -> Option<f64> {
    let from = from.filter(|usec| *usec > 0)?;
    let now = u64::try_from(now.as_microsecond()).unwrap_or(0);
    let to = to.filter(|usec| *usec > 0).unwrap_or(now);
    Some(seconds(to.saturating_sub(from)))
}

impl<'a> Shapes<'_> {
    fn time(&self, usec: Option<u64>) -> Option<String> {
        human::moment(usec).map(|time| self.timestamp(time))
    }

    pub(crate) fn repository(&self, repository: &'a RepositoryProperties) -> RepositoryShape<'a> {
        RepositoryShape {
            name: text(repository.name.as_ref()),
            description: text(repository.description.as_ref()),
            url: text(repository.url.as_ref()),
            moved_from: text(repository.moved_from.as_ref()),
            engine: text(repository.engine.as_ref()),
            jobs: repository.jobs.as_deref().unwrap_or_default(),
            health: text(repository.health.as_ref()),
            health_reason: text(repository.health_reason.as_ref()),
            check: repository.check_care.as_ref().map(|care| self.care(care)),
            prune: repository.prune_care.as_ref().map(|care| self.care(care)),
            space: repository.space.as_ref().map(|space| self.space(space)),
        }
    }

    fn care(&self, care: &'a CareProperties) -> CareShape<'a> {
        CareShape {
            schedule: text(care.schedule.as_ref()),
            next: self.time(care.next_usec),
            active_run: run_of(care.active_run.as_ref()),
            last_run: run_of(care.last_run.as_ref()),
            last_result: text(care.last_result.as_ref()),
            last_success: self.time(care.last_success_usec),
            late: self.time(care.late_usec),
            bytes_repository: care.bytes_repository,
            bytes_unused: care.bytes_unused,
        }
    }

    pub(crate) fn timestamp(&self, time: Timestamp) -> String {
        // Always with six digits: texts of one length sort and compare as times do.
        time.to_zoned(self.zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")
            .to_string()
    }

    fn blocked(&self, blocked: Option<&'a Vec<Blocked>>) -> Vec<BlockedShape<'a>> {
        blocked
            .into_iter()
            .flatten()
            .map(|blocked| BlockedShape {
                what: &blocked.what,
                since: self.time(Some(blocked.since_usec)),
                clears: &blocked.clears,
            })
            .collect()
    }

    pub(crate) fn job(&self, job: &'a JobProperties) -> JobShape<'a> {
        JobShape {
            name: text(job.name.as_ref()),
            description: text(job.description.as_ref()),
            repository: text(job.repository_name.as_ref()),
            enabled: job.enabled.unwrap_or_default(),
            health: text(job.health.as_ref()),
            health_reason: text(job.health_reason.as_ref()),
            last_success: self.time(job.last_success_usec),
            last_result: text(job.last_result.as_ref()),
            last_run: run_of(job.last_run.as_ref()),
            last_snapshot: text(job.last_snapshot.as_ref()),
            schedule: job.schedule.as_deref().unwrap_or_default(),
            next: self.time(job.next_usec),
            paused: job.paused.unwrap_or_default(),
            paused_until: self.time(job.paused_until_usec),
            groups: job.groups.as_deref().unwrap_or_default(),
            after: job.after.as_deref().unwrap_or_default(),
            priority: text(job.priority.as_ref()),
            active_run: run_of(job.active_run.as_ref()),
            blocked_by: self.blocked(job.blocked_by.as_ref()),
            max_age: job.max_age_usec.filter(|usec| *usec > 0).map(seconds),
            late: self.time(job.late_usec),
            copies: job.copies.iter().flatten().map(|copy| self.copy(copy)).collect(),
        }
    }

    fn copy(&self, copy: &'a CopyProperties) -> CopyShape<'a> {
        CopyShape {
            repository: text(copy.repository_name.as_ref()),
            schedule: text(copy.schedule.as_ref()),
            next: self.time(copy.next_usec),
            active_run: run_of(copy.active_run.as_ref()),
            last_run: run_of(copy.last_run.as_ref()),
            last_result: text(copy.last_result.as_ref()),
            last_success: self.time(copy.last_success_usec),
            late: self.time(copy.late_usec),
        }
    }

    pub(crate) fn elapse(&self, elapse: &'a ElapseProperties) -> ElapseShape<'a> {
        ElapseShape {
            job: text(elapse.job_name.as_ref()),
            operation: text(elapse.operation.as_ref()),
            repository: text(elapse.repository_name.as_ref()),
            at: self.time(elapse.at_usec),
            zone: text(elapse.time_zone.as_ref()),
            schedule: text(elapse.schedule.as_ref()),
        }
    }

    pub(crate) fn status(
        &self,
        manager: &'a ManagerProperties,
        jobs: impl Iterator<Item = &'a JobProperties>,
        runs: impl Iterator<Item = &'a RunProperties>,
    ) -> StatusShape<'a> {
        StatusShape {
            version: VERSION,
            health: text(manager.health.as_ref()),
            health_reasons: manager.health_reasons.as_deref().unwrap_or_default(),
            next: self.time(manager.next_usec),
            paused: manager.paused.unwrap_or_default(),
            paused_until: self.time(manager.paused_until_usec),
            daemon: DaemonShape {
                version: text(manager.version.as_ref()),
                scope: text(manager.scope.as_ref()),
                time_zone: text(manager.time_zone.as_ref()),
                launcher: text(manager.launcher.as_ref()),
                launcher_reason: text(manager.launcher_reason.as_ref()),
                started: self.time(manager.started_usec),
                active_runs: manager.active_runs.unwrap_or_default(),
                queued_runs: manager.queued_runs.unwrap_or_default(),
                max_parallel_runs: manager.max_parallel_runs,
                configuration_directory: text(manager.configuration_directory.as_ref()),
                state_directory: text(manager.state_directory.as_ref()),
            },
            configuration_faults: manager
                .configuration_faults
                .iter()
                .flatten()
                .map(Fault::from)
                .collect(),
            jobs: jobs.map(|job| self.job(job)).collect(),
            runs: runs.map(|run| self.run(run)).collect(),
        }
    }
}
