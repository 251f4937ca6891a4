//! The statements.

use std::collections::BTreeMap;

use backupd_core::{
    clock::Seen,
    name::{JobName, RunId},
    pause::Pause,
    run::{Operation, Run, RunResult},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, ToSql, named_params};

use crate::ports::{JobHistory, RunQuery};

pub(super) fn save(connection: &Connection, run: &Run) -> Result<()> {
    let record =
        serde_json::to_string(run).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached(
            "INSERT INTO runs VALUES (:id, :job, :repository, :operation, :trigger, :state, :result, :queued,
                 :finished, :expires, :record)
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, result = excluded.result,
                 finished = excluded.finished, expires = excluded.expires, record = excluded.record",
        )?
        .execute(named_params! {
            ":id": run.id.to_string(),
            ":job": run.job.as_ref().map(JobName::as_str),
            ":repository": run.repository.as_str(),
            ":operation": run.operation.as_str(),
            ":trigger": run.trigger.as_str(),
            ":state": run.state.as_str(),
            ":result": run.result.map(RunResult::as_str),
            ":queued": run.queued.as_microsecond(),
            ":finished": run.finished.map(Timestamp::as_microsecond),
            ":expires": run.expires.map(Timestamp::as_microsecond),
            ":record": record,
        })
        .map(drop)
}

pub(super) fn unfinished(connection: &Connection) -> Result<Vec<Run>> {
    select(
        connection,
        "SELECT record FROM runs WHERE state <> 'finished' ORDER BY id",
        &[],
    )
}

pub(super) fn recent(connection: &Connection, count: u32) -> Result<Vec<Run>> {
    select(
        connection,
        "SELECT record FROM (
             SELECT id, record, row_number() OVER (PARTITION BY job ORDER BY id DESC) AS position
             FROM runs WHERE state = 'finished')
         WHERE position <= ?1 ORDER BY id",
        &[&count],
    )
}

pub(super) fn list(connection: &Connection, query: &RunQuery) -> Result<Vec<Run>> {
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut add = |condition: &'static str, value: Box<dyn ToSql>| {
        conditions.push(condition);
        values.push(value);
    };
    if let Some(id) = &query.id {
        add("substr(id, 1, length(?)) = ?", Box::new(id.to_ascii_uppercase()));
    }
    if let Some(job) = &query.job {
        add("job = ?", Box::new(job.to_string()));
    }
    if let Some(repository) = &query.repository {
        add("repository = ?", Box::new(repository.to_string()));
    }
    if let Some(operation) = query.operation {
        add("operation = ?", Box::new(operation.as_str()));
    }
    if let Some(trigger) = query.trigger {
        add("trigger = ?", Box::new(trigger.as_str()));
    }
    if let Some(manual) = query.manual {
        add("(trigger = 'manual') = ?", Box::new(manual));
    }
    if let Some(state) = query.state {
        add("state = ?", Box::new(state.as_str()));
    }
    if let Some(result) = query.result {
        add("result = ?", Box::new(result.as_str()));
    }
    if let Some(since) = query.since {
        add("queued >= ?", Box::new(since.as_microsecond()));
    }
    if let Some(until) = query.until {
        add("queued < ?", Box::new(until.as_microsecond()));
    }
    if let Some(before) = query.before {
        add("id < ?", Box::new(before.to_string()));
    }
    // Each `?` takes the next value; a beginning of ids is needed twice.
    let mut text = String::from("SELECT record FROM runs");
    for (index, condition) in conditions.iter().enumerate() {
        text.push_str(if index == 0 { " WHERE " } else { " AND " });
        text.push_str(&condition.replace('?', &format!("?{}", index + 1)));
    }
    text += " ORDER BY id DESC LIMIT ";
    text += &query.limit.to_string();
    let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
    select(connection, &text, &values)
}

pub(super) fn job_history(connection: &Connection, job: &JobName, now: Timestamp) -> Result<JobHistory> {
    connection
        .prepare_cached("INSERT INTO jobs (name, known_since) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
        .execute((job.as_str(), now.as_microsecond()))?;
    let (known_since, last_seen, newest_seen) = connection
        .prepare_cached("SELECT known_since, seen_last, seen_newest FROM jobs WHERE name = ?1")?
        .query_row([job.as_str()], |row| {
            let time = |column| row.get::<_, Option<i64>>(column);
            Ok((time(0)?, time(1)?, time(2)?))
        })?;
    let newest = |condition: &str| -> Result<Option<Run>> {
        connection
            .prepare_cached(&format!(
                "SELECT record FROM runs
                 WHERE job = ?1 AND operation = ?2 AND state = 'finished' AND {condition}
                 ORDER BY id DESC LIMIT 1"
            ))?
            .query_row((job.as_str(), Operation::Backup.as_str()), record)
            .optional()
            .map(Option::flatten)
    };
    let last = newest("true")?;
    let telling = newest("result NOT IN ('cancelled', 'skipped')")?;
    let good = newest("result IN ('success', 'partial')")?;
    Ok(JobHistory {
        known_since: known_since.and_then(timestamp),
        seen: Seen {
            last: last_seen.and_then(timestamp),
            newest: newest_seen.and_then(timestamp),
        },
        last_run: last.as_ref().map(|run| run.id),
        last_began: last.and_then(|run| run.started),
        last_result: telling.as_ref().and_then(|run| run.result),
        last_failure: telling.and_then(|run| run.failure).map(|failure| failure.message),
        last_good: good.as_ref().and_then(|run| run.finished),
        good_began: good.as_ref().and_then(began),
        last_snapshot: good.and_then(|run| run.snapshot),
    })
}

/// What changed since then may not be in its snapshot.
fn began(run: &Run) -> Option<Timestamp> {
    run.attempts.last().map(|attempt| attempt.started)
}

/// Notes that the schedule of a job is seen to up to an elapse.
pub(super) fn see_to(connection: &Connection, job: &JobName, elapse: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO jobs VALUES (:job, :elapse, :elapse, :elapse) ON CONFLICT (name) DO UPDATE SET
                 seen_last = :elapse, seen_newest = max(ifnull(seen_newest, :elapse), :elapse)",
        )?
        .execute(named_params! { ":job": job.as_str(), ":elapse": elapse.as_microsecond() })
        .map(drop)
}

pub(super) fn pauses(connection: &Connection) -> Result<BTreeMap<Option<JobName>, Pause>> {
    let mut statement = connection.prepare_cached("SELECT job, since, until, reason FROM pauses")?;
    let rows = statement.query_map([], |row| {
        let job: String = row.get(0)?;
        let (since, until) = (row.get(1)?, row.get::<_, Option<i64>>(2)?);
        let pause = Pause {
            since: timestamp(since).unwrap_or(Timestamp::UNIX_EPOCH),
            until: until.and_then(timestamp),
            reason: row.get(3)?,
        };
        Ok((job, pause))
    })?;
    let mut pauses = BTreeMap::new();
    for row in rows {
        let (job, pause) = row?;
        match job.as_str() {
            "" => drop(pauses.insert(None, pause)),
            name => {
                if let Ok(job) = name.parse() {
                    pauses.insert(Some(job), pause);
                }
            }
        }
    }
    Ok(pauses)
}

/// Keeps the pause of a job, or of all; or that there is none.
pub(super) fn pause(connection: &Connection, job: Option<&JobName>, pause: Option<&Pause>) -> Result<()> {
    let name = job.map_or("", JobName::as_str);
    match pause {
        Some(pause) => connection
            .prepare_cached("INSERT OR REPLACE INTO pauses VALUES (?1, ?2, ?3, ?4)")?
            .execute((
                name,
                pause.since.as_microsecond(),
                pause.until.map(Timestamp::as_microsecond),
                pause.reason.as_deref(),
            )),
        None => connection
            .prepare_cached("DELETE FROM pauses WHERE job = ?1")?
            .execute([name]),
    }
    .map(drop)
}

fn timestamp(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok()
}

pub(super) fn expire(connection: &Connection, now: Timestamp, keep: u32) -> Result<Vec<RunId>> {
    // The newest good backup of a job stays whatever its age: health is derived from it.
    let mut statement = connection.prepare_cached(
        "DELETE FROM runs WHERE expires <= ?1 AND state = 'finished' AND id NOT IN (
             SELECT id FROM (
                 SELECT id, row_number() OVER (PARTITION BY job ORDER BY id DESC) AS position FROM runs)
             WHERE position <= ?2)
         AND id NOT IN (
             SELECT max(id) FROM runs WHERE operation = 'backup' AND result IN ('success', 'partial') GROUP BY job)
         RETURNING id",
    )?;
    let ids = statement.query_map((now.as_microsecond(), keep), |row| row.get::<_, String>(0))?;
    ids.filter_map(|id| id.map(|id| id.parse().ok()).transpose())
        .collect()
}

/// A record that this version cannot read is passed over, and named: one must not hide all others.
fn select(connection: &Connection, text: &str, values: &[&dyn ToSql]) -> Result<Vec<Run>> {
    let mut statement = connection.prepare_cached(text)?;
    let records = statement.query_map(values, record)?;
    records.filter_map(Result::transpose).collect()
}

fn record(row: &Row<'_>) -> Result<Option<Run>> {
    let text: String = row.get(0)?;
    match serde_json::from_str(&text) {
        Ok(run) => Ok(Some(run)),
        Err(error) => {
            tracing::error!(%error, "a run in the store cannot be read by this version and is passed over");
            Ok(None)
        }
    }
}
