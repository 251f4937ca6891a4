//! The fixed data: two repositories, three jobs, and some runs.

use backupd_dbus::{
    AttemptProperties, Blocked, CareProperties, CopyProperties, JobProperties, ManagerProperties,
    ProgressProperties, RepositoryProperties, RunProperties, SpaceProperties, StatisticsProperties, job_path,
    repository_path, run_path,
};
use jiff::Timestamp;

use crate::fake::State;

/// A run that succeeded.
pub(crate) const GOOD_RUN: &str = "01JD3V0000000000000000GOOD";
/// A run that failed, after a retry.
pub(crate) const BAD_RUN: &str = "01JD3W00000000000000000BAD";
/// A run at work.
pub(crate) const BUSY_RUN: &str = "01JD3X0000000000000000BUSY";
/// What a start answers.
pub(crate) const NEW_RUN: &str = "01JD3Y00000000000000000NEW";
/// A snapshot.
pub(crate) const SNAPSHOT: &str = "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

const SECOND: u64 = 1_000_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const MIB: u64 = 1024 * 1024;

/// So long ago, and some more: the largest unit does not change while a test runs.
pub(crate) fn ago(usec: u64) -> u64 {
    let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap();
    now - usec - usec / 100
}

/// The same to come.
pub(crate) fn ahead(usec: u64) -> u64 {
    ago(0) + usec + usec / 100
}

#[allow(clippy::unnecessary_wraps, reason = "properties are optional")]
pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(crate) fn state() -> State {
    let runs = [good_run(), bad_run(), busy_run()];
    State {
        manager: manager(),
        jobs: vec![home(), mail(), old()],
        repositories: vec![
            repository("nas", "/srv/backup", &["home", "mail"]),
            repository("usb", "/media/usb", &["old"]),
        ],
        runs: runs
            .into_iter()
            .map(|run| (run.id.clone().unwrap(), run))
            .collect(),
        ..State::default()
    }
}

fn manager() -> ManagerProperties {
    ManagerProperties {
        version: text("0.1.0"),
        scope: text("user"),
        health: text("failed"),
        health_reasons: Some(vec!["the last run of `mail` failed".to_owned()]),
        configuration_faults: Some(Vec::new()),
        max_parallel_runs: Some(2),
        active_runs: Some(1),
        queued_runs: Some(0),
        next_usec: Some(ahead(7 * HOUR)),
        paused: Some(false),
        paused_until_usec: Some(0),
        time_zone: text("Europe/Berlin"),
        launcher: text("child"),
        launcher_reason: text(""),
        started_usec: Some(ago(3 * HOUR)),
        configuration_directory: text("/home/me/.config/backupd"),
        state_directory: text("/home/me/.local/state/backupd"),
    }
}

fn home() -> JobProperties {
    JobProperties {
        name: text("home"),
        description: text("all of /home"),
        repository_name: text("nas"),
        repository: Some(repository_path("nas")),
        enabled: Some(true),
        schedule: Some(vec!["02:00 Europe/Berlin, up to 10m later".to_owned()]),
        next_usec: Some(ahead(7 * HOUR)),
        paused: Some(false),
        paused_until_usec: Some(0),
        groups: Some(vec!["nightly".to_owned()]),
        after: Some(vec!["mail".to_owned()]),
        priority: text("normal"),
        health: text("ok"),
        health_reason: text(""),
        active_run: Some(run_path(BUSY_RUN)),
        blocked_by: Some(Vec::new()),
        last_run: Some(run_path(GOOD_RUN)),
        last_result: text("success"),
        last_success_usec: Some(ago(2 * HOUR)),
        last_snapshot: text(SNAPSHOT),
        max_age_usec: Some(26 * HOUR),
        late_usec: Some(ago(0) + 24 * HOUR + 30 * MINUTE),
        copies: Some(vec![CopyProperties {
            repository_name: text("cloud"),
            last_result: text("success"),
            last_success_usec: Some(ago(HOUR)),
            ..CopyProperties::default()
        }]),
    }
}

fn mail() -> JobProperties {
    JobProperties {
        name: text("mail"),
        repository_name: text("nas"),
        enabled: Some(true),
        health: text("failed"),
        health_reason: text("the last run failed: the password is wrong"),
        active_run: Some(zbus::OwnedObjectPath::default()),
        last_run: Some(run_path(BAD_RUN)),
        last_result: text("failed"),
        last_success_usec: Some(ago(50 * HOUR)),
        ..JobProperties::default()
    }
}

fn old() -> JobProperties {
    JobProperties {
        name: text("old"),
        repository_name: text("usb"),
        repository: Some(repository_path("usb")),
        enabled: Some(false),
        health: text("disabled"),
        last_success_usec: Some(0),
        ..JobProperties::default()
    }
}

fn repository(name: &str, url: &str, jobs: &[&str]) -> RepositoryProperties {
    RepositoryProperties {
        name: text(name),
        description: text(""),
        url: text(url),
        moved_from: text(""),
        engine: text("embedded"),
        jobs: Some(jobs.iter().map(|job| (*job).to_owned()).collect()),
        health: text("ok"),
        health_reason: text(""),
        check_care: Some(CareProperties::default()),
        prune_care: Some(CareProperties::default()),
        space: Some(SpaceProperties {
            bytes_reserve: Some(256 * MIB),
            ..SpaceProperties::default()
        }),
    }
}

/// A run of `home` that has just been queued.
pub(crate) fn run(id: &str) -> RunProperties {
    RunProperties {
        id: text(id),
        job_name: text("home"),
        job: Some(job_path("home")),
        repository_name: text("nas"),
        operation: text("backup"),
        trigger: text("manual"),
        kind: text("manual"),
        state: text("queued"),
        result: text(""),
        phase: text(""),
        cancel_requested: Some(false),
        blocked_by: Some(Vec::new()),
        attempt: Some(0),
        attempts: Some(Vec::new()),
        queued_usec: Some(ago(HOUR)),
        started_usec: Some(0),
        finished_usec: Some(0),
        unit: text(""),
        expires_usec: Some(0),
        progress: Some(ProgressProperties::default()),
        statistics: Some(StatisticsProperties::default()),
        snapshot: text(""),
        description: text(""),
        metadata: text("{}"),
        ..RunProperties::default()
    }
}

/// The run at work, in a phase.
pub(crate) fn working(run: RunProperties, phase: &str) -> RunProperties {
    RunProperties {
        state: text("running"),
        phase: text(phase),
        attempt: Some(1),
        started_usec: Some(ago(5 * HOUR)),
        ..run
    }
}

/// The run after a full success.
pub(crate) fn succeeded(run: RunProperties) -> RunProperties {
    let started = ago(2 * HOUR);
    RunProperties {
        state: text("finished"),
        result: text("success"),
        phase: text(""),
        attempt: Some(1),
        attempts: Some(vec![AttemptProperties {
            number: Some(1),
            started_usec: Some(started),
            finished_usec: Some(started + 83 * SECOND),
            result: text("success"),
            pid: Some(4711),
            ..AttemptProperties::default()
        }]),
        started_usec: Some(started),
        finished_usec: Some(started + 83 * SECOND),
        statistics: Some(StatisticsProperties {
            files_new: Some(12),
            files_changed: Some(3),
            files_unmodified: Some(123_456),
            files_unreadable: Some(0),
            directories: Some(999),
            bytes_processed: Some(3000 * MIB),
            bytes_read: Some(1536 * MIB),
            bytes_added: Some(1024 * MIB),
            bytes_stored: Some(512 * MIB),
            warnings: Some(0),
            compression_ratio: Some(2.0),
            bytes_per_second: Some(12.0 * 1024.0 * 1024.0),
            ..StatisticsProperties::default()
        }),
        snapshot: text(SNAPSHOT),
        engine: text("embedded"),
        engine_version: text("0.13.0"),
        ..run
    }
}

/// The run after a failure.
pub(crate) fn failed(run: RunProperties) -> RunProperties {
    RunProperties {
        state: text("finished"),
        result: text("failed"),
        attempt: Some(1),
        started_usec: Some(ago(HOUR)),
        finished_usec: Some(ago(HOUR) + 2 * SECOND),
        failure_class: text("credentials"),
        failure_message: text("the password is wrong"),
        failure_hint: text("look at `password_file` of the repository `nas`"),
        ..run
    }
}

/// Something that holds a run.
pub(crate) fn blocked() -> Blocked {
    Blocked {
        what: "repository `nas` is in use".to_owned(),
        since_usec: ago(5 * MINUTE),
        clears: "the end of run 7 (`mail`, prune)".to_owned(),
    }
}

fn good_run() -> RunProperties {
    RunProperties {
        queued_usec: Some(ago(2 * HOUR)),
        description: text("before the upgrade"),
        metadata: text(r#"{"ticket":7}"#),
        ..succeeded(run(GOOD_RUN))
    }
}

fn bad_run() -> RunProperties {
    let attempt = |number, result: &str, message: &str| AttemptProperties {
        number: Some(number),
        started_usec: Some(ago(HOUR)),
        finished_usec: Some(ago(HOUR) + SECOND),
        result: text(result),
        failure_class: text("credentials"),
        failure_message: text(message),
        ..AttemptProperties::default()
    };
    RunProperties {
        job_name: text("mail"),
        attempt: Some(2),
        attempts: Some(vec![
            attempt(1, "interrupted", "the worker ended without saying how"),
            attempt(2, "failed", "the password is wrong"),
        ]),
        ..failed(run(BAD_RUN))
    }
}

fn busy_run() -> RunProperties {
    RunProperties {
        trigger: text("schedule"),
        kind: text("automatic"),
        queued_usec: Some(ago(6 * HOUR)),
        scheduled_usec: Some(ago(6 * HOUR)),
        progress: Some(progress()),
        ..working(run(BUSY_RUN), "backup")
    }
}

pub(crate) fn progress() -> ProgressProperties {
    ProgressProperties {
        files_done: Some(120),
        files_total: Some(300),
        bytes_done: Some(1024 * MIB),
        bytes_total: Some(2048 * MIB),
        bytes_added: Some(100 * MIB),
        unreadable: Some(1),
        fraction: Some(0.5),
        rate: Some(12.0 * 1024.0 * 1024.0),
        left_usec: Some(85 * SECOND),
    }
}
