//! What is known of jobs, from their newest runs.

use backupd_core::{
    clock::Seen,
    name::{JobName, RunId},
    run::RunResult,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row};
use serde::Deserialize;

use super::queries::timestamp;
use crate::ports::JobHistory;

/// Followed until enough is known.
pub(super) const NEWEST: &str = "SELECT id, result, finished, record FROM runs
    WHERE job = ?1 AND operation = 'backup' AND state = 'finished' ORDER BY id DESC";

pub(super) const NEWEST_GOOD: &str = "SELECT id, result, finished, record FROM runs
    WHERE job = ?1 AND operation = 'backup' AND result IN ('success', 'partial') ORDER BY id DESC LIMIT 1";

/// The newest that says something.
pub(super) const NEWEST_FORGET: &str = "SELECT id, result, finished, record FROM runs
    WHERE job = ?1 AND operation = 'forget' AND state = 'finished' AND result NOT IN ('cancelled', 'skipped')
    ORDER BY id DESC LIMIT 1";

/// What is known of jobs, in their order; notes of each that it is known since `now` where it was not.
pub(super) fn job_histories(
    connection: &Connection,
    jobs: &[JobName],
    now: Timestamp,
) -> Result<Vec<JobHistory>> {
    let mut note = connection.prepare_cached(
        "INSERT INTO jobs (name, known_since) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
    )?;
    let mut known =
        connection.prepare_cached("SELECT known_since, seen_last, seen_newest FROM jobs WHERE name = ?1")?;
    let mut newest = connection.prepare_cached(NEWEST)?;
    let mut newest_good = connection.prepare_cached(NEWEST_GOOD)?;
    let mut newest_forget = connection.prepare_cached(NEWEST_FORGET)?;
    let mut history_of = |job: &JobName| -> Result<JobHistory> {
        let times = |row: &Row<'_>| {
            let time = |column| -> Result<_> { Ok(row.get::<_, Option<i64>>(column)?.and_then(timestamp)) };
            Ok((
                time(0)?,
                Seen {
                    last: time(1)?,
                    newest: time(2)?,
                },
            ))
        };
        let known = known.query_row([job.as_str()], times).optional()?;
        if known.is_none() {
            note.execute((job.as_str(), now.as_microsecond()))?;
        }
        let (known_since, seen) = known.unwrap_or((Some(now), Seen::default()));
        let mut history = JobHistory {
            known_since,
            seen,
            ..JobHistory::default()
        };
        let mut rows = newest.query([job.as_str()])?;
        while let Some(row) = rows.next()? {
            let end = End::of(row)?;
            if history.last_run.is_none() {
                (history.last_run, history.last_began) = (end.run, end.record.started);
            }
            if matches!(end.result, Some(RunResult::Cancelled | RunResult::Skipped)) {
                continue;
            }
            history.last_result = end.result;
            history.last_failure = end.record.failure.as_ref().map(|failure| failure.message.clone());
            if end.result.is_some_and(RunResult::is_good) {
                end.be_the_good_one_of(&mut history);
            }
            break;
        }
        if history.last_run.is_some() && history.last_good.is_none() {
            let good = newest_good.query_row([job.as_str()], End::of).optional()?;
            if let Some(good) = good {
                good.be_the_good_one_of(&mut history);
            }
        }
        if history.last_run.is_some() {
            let forget = newest_forget.query_row([job.as_str()], End::of).optional()?;
            let failed = forget.filter(|end| !end.result.is_some_and(RunResult::is_good));
            history.forget_failure = failed.and_then(|end| end.record.failure.map(|failure| failure.message));
        }
        Ok(history)
    };
    jobs.iter().map(&mut history_of).collect()
}

/// How a run ended, as far as its job is concerned.
struct End {
    run: Option<RunId>,
    result: Option<RunResult>,
    finished: Option<Timestamp>,
    record: EndRecord,
}

/// The part of a run's record that its columns lack.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EndRecord {
    started: Option<Timestamp>,
    snapshot: Option<String>,
    failure: Option<EndFailure>,
    attempts: Vec<EndAttempt>,
}

#[derive(Deserialize)]
struct EndAttempt {
    started: Timestamp,
}

#[derive(Deserialize)]
struct EndFailure {
    message: String,
}

impl End {
    fn of(row: &Row<'_>) -> Result<Self> {
        let text = |column| row.get::<_, Option<String>>(column);
        let record = row.get_ref(3)?.as_str()?;
        Ok(Self {
            run: text(0)?.and_then(|id| id.parse().ok()),
            result: text(1)?.and_then(|result| result.parse().ok()),
            finished: row.get::<_, Option<i64>>(2)?.and_then(timestamp),
            record: serde_json::from_str(record).unwrap_or_default(),
        })
    }

    fn be_the_good_one_of(self, history: &mut JobHistory) {
        history.last_good = self.finished;
        history.last_snapshot = self.record.snapshot;
        // What changed since then may not be in it.
        history.good_began = self.record.attempts.last().map(|attempt| attempt.started);
    }
}
