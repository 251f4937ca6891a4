//! What is known of how repositories are cared for.

use backupd_core::{
    clock::Seen,
    failure::Failure,
    name::{JobName, RunId},
    protocol::ReadUpTo,
    run::{Operation, Run, RunResult, RunState, Statistics},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, named_params};
use serde::{Deserialize, de::DeserializeOwned};

use super::queries::timestamp;
use crate::ports::{CareHistory, CareKey, DataVerdict};

/// Followed until enough is known.
pub(super) const NEWEST: &str = "SELECT id, result, finished, record FROM runs
    WHERE job IS NULL AND repository = ?1 AND operation = ?2 AND state = 'finished' ORDER BY id DESC";

pub(super) const NEWEST_GOOD: &str = "SELECT id, result, finished, record FROM runs
    WHERE job IS NULL AND repository = ?1 AND operation = ?2 AND result IN ('success', 'partial')
    ORDER BY id DESC LIMIT 1";

/// The same of copies.
pub(super) const NEWEST_COPY: &str = "SELECT id, result, finished, record FROM runs
    WHERE job = ?3 AND repository = ?1 AND operation = 'copy' AND ?2 = 'copy' AND state = 'finished' ORDER BY id DESC";

pub(super) const NEWEST_GOOD_COPY: &str = "SELECT id, result, finished, record FROM runs
    WHERE job = ?3 AND repository = ?1 AND operation = 'copy' AND ?2 = 'copy' AND result IN ('success', 'partial')
    ORDER BY id DESC LIMIT 1";

/// What is known, in the order of the keys; notes of what has a schedule that it is known since `now` where it was not.
pub(super) fn histories(
    connection: &Connection,
    keys: &[(CareKey, bool)],
    now: Timestamp,
) -> Result<Vec<CareHistory>> {
    keys.iter()
        .map(|(key, scheduled)| history(connection, key, *scheduled, now))
        .collect()
}

fn history(connection: &Connection, key: &CareKey, scheduled: bool, now: Timestamp) -> Result<CareHistory> {
    let (repository, operation) = (key.repository.as_str(), key.operation.as_str());
    let job = name_of_job(key);
    let times = |row: &Row<'_>| {
        let time = |column| -> Result<_> { Ok(row.get::<_, Option<i64>>(column)?.and_then(timestamp)) };
        let (last, newest) = (time(1)?, time(2)?);
        Ok((time(0)?, Seen { last, newest }))
    };
    let known = connection
        .prepare_cached(
            "SELECT known_since, seen_last, seen_newest FROM care
             WHERE repository = ?1 AND operation = ?2 AND job = ?3",
        )?
        .query_row((repository, operation, job), times)
        .optional()?;
    if known.is_none() && scheduled {
        connection
            .prepare_cached(
                "INSERT INTO care (repository, operation, job, known_since) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((repository, operation, job, now.as_microsecond()))?;
    }
    let (known_since, seen) = known.unwrap_or((Some(now), Seen::default()));
    let mut history = CareHistory {
        known_since,
        seen,
        ..CareHistory::default()
    };
    let (newest, newest_good) = match key.job {
        Some(_) => (NEWEST_COPY, NEWEST_GOOD_COPY),
        None => (NEWEST, NEWEST_GOOD),
    };
    let mut statement = connection.prepare_cached(newest)?;
    let mut rows = match key.job {
        Some(_) => statement.query((repository, operation, job))?,
        None => statement.query((repository, operation))?,
    };
    while let Some(row) = rows.next()? {
        let end = End::of(row)?;
        if history.last_run.is_none() {
            history.last_run = end.run;
        }
        if matches!(end.result, Some(RunResult::Cancelled | RunResult::Skipped)) {
            continue;
        }
        (history.last_result, history.last_failure) = (end.result, end.record.failure);
        if end.result.is_some_and(RunResult::is_good) {
            (history.last_good, history.sums) = (end.finished, end.record.statistics);
        }
        break;
    }
    drop(rows);
    if history.last_run.is_some() && history.last_good.is_none() {
        let mut statement = connection.prepare_cached(newest_good)?;
        let good = match key.job {
            Some(_) => statement.query_row((repository, operation, job), End::of),
            None => statement.query_row((repository, operation), End::of),
        };
        let good = good.optional()?;
        if let Some(good) = good {
            (history.last_good, history.sums) = (good.finished, good.record.statistics);
        }
    }
    if key.operation == Operation::Check {
        (history.read, history.damage) = left_by_checks(connection, repository)?;
    }
    Ok(history)
}

/// Up to where they have read, and the damage that they found in what they read.
fn left_by_checks(connection: &Connection, repository: &str) -> Result<(Option<ReadUpTo>, Option<Failure>)> {
    let left = connection
        .prepare_cached("SELECT read_up_to, damage FROM checks WHERE repository = ?1")?
        .query_row([repository], |row| Ok((json(row, 0)?, json(row, 1)?)))
        .optional()?;
    Ok(left.unwrap_or_default())
}

/// What cannot be understood is as if it were not there: the next check begins anew.
fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// A check that has ended leaves something to those after it.
pub(super) fn ended(connection: &Connection, run: &Run) -> Result<()> {
    let is_over = run.operation == Operation::Check && run.state == RunState::Finished;
    let verdict = DataVerdict::of(run);
    if !is_over || (run.read.is_none() && verdict == DataVerdict::Silent) {
        return Ok(());
    }
    let json = |value: serde_json::Result<String>| {
        value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    };
    let read = run.read.as_ref().map(|read| json(serde_json::to_string(read)));
    let damage = match &verdict {
        DataVerdict::Damaged(failure) => Some(json(serde_json::to_string(failure))?),
        DataVerdict::Well | DataVerdict::Silent => None,
    };
    connection
        .prepare_cached(
            "INSERT INTO checks VALUES (:repository, :read, :damage)
             ON CONFLICT (repository) DO UPDATE SET
                 read_up_to = ifnull(:read, read_up_to),
                 damage = CASE WHEN :silent THEN damage ELSE :damage END",
        )?
        .execute(named_params! {
            ":repository": run.repository.as_str(),
            ":read": read.transpose()?,
            ":damage": damage,
            ":silent": verdict == DataVerdict::Silent,
        })
        .map(drop)
}

/// Notes that what is done to a repository is seen to up to an elapse.
pub(super) fn see_to(connection: &Connection, key: &CareKey, elapse: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO care (repository, operation, job, known_since, seen_last, seen_newest)
             VALUES (:repository, :operation, :job, :elapse, :elapse, :elapse)
             ON CONFLICT (repository, operation, job) DO UPDATE SET
                 seen_last = :elapse, seen_newest = max(ifnull(seen_newest, :elapse), :elapse)",
        )?
        .execute(named_params! {
            ":repository": key.repository.as_str(),
            ":operation": key.operation.as_str(),
            ":job": name_of_job(key),
            ":elapse": elapse.as_microsecond(),
        })
        .map(drop)
}

/// As the table has it.
fn name_of_job(key: &CareKey) -> &str {
    key.job.as_ref().map_or("", JobName::as_str)
}

/// How a run ended.
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
    failure: Option<Failure>,
    statistics: Option<Statistics>,
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
}
