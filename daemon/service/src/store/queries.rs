//! The statements.

use std::collections::{BTreeMap, BinaryHeap};

use backupd_core::{
    name::{JobName, RunId},
    pause::Pause,
    run::{Run, RunResult},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, ToSql, named_params};

use super::{care, snapshots};
use crate::ports::RunQuery;

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
        })?;
    snapshots::arrive(connection, run)?;
    care::ended(connection, run)
}

pub(super) fn unfinished(connection: &Connection) -> Result<Vec<Run>> {
    select(
        connection,
        "SELECT record FROM runs WHERE state <> 'finished' ORDER BY id",
        &[],
    )
}

/// The newest finished runs, `each` of a job at most and `all` altogether, oldest first.
pub(super) fn recent(connection: &Connection, each: u32, all: u32) -> Result<Vec<Run>> {
    let all = usize::try_from(all).unwrap_or(usize::MAX);
    // The newest one of each job, to be followed by that job's next: what is left out is not looked at, however long
    // the history is.
    let mut first = connection.prepare_cached("SELECT max(id) FROM runs WHERE job IS ?1")?;
    let mut next = connection.prepare_cached("SELECT max(id) FROM runs WHERE job IS ?1 AND id < ?2")?;
    let mut read =
        connection.prepare_cached("SELECT record FROM runs WHERE id = ?1 AND state = 'finished'")?;
    let mut heads: BinaryHeap<(String, Option<String>, u32)> = BinaryHeap::new();
    for job in jobs_with_runs(connection)? {
        let newest: Option<String> = first.query_row([&job], |row| row.get(0))?;
        heads.extend(newest.map(|id| (id, job, 1)));
    }
    let mut runs = Vec::new();
    while runs.len() < all
        && let Some((id, job, position)) = heads.pop()
    {
        runs.extend(read.query_row([&id], record).optional()?.flatten());
        if position < each {
            let older: Option<String> = next.query_row((&job, &id), |row| row.get(0))?;
            heads.extend(older.map(|id| (id, job, position + 1)));
        }
    }
    runs.reverse();
    Ok(runs)
}

/// The names of jobs that history knows of, and nothing for runs of no job.
fn jobs_with_runs(connection: &Connection) -> Result<Vec<Option<String>>> {
    let mut next = connection.prepare_cached("SELECT min(job) FROM runs WHERE job > ?1")?;
    let mut jobs = vec![None];
    let mut last = String::new();
    while let Some(job) = next.query_row([&last], |row| row.get::<_, Option<String>>(0))? {
        jobs.push(Some(job.clone()));
        last = job;
    }
    Ok(jobs)
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

pub(super) fn timestamp(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok()
}

/// Which finished runs history lets go of, once they have expired: one of which there are `?2` newer ones of its job,
/// unless health is derived from it: the newest good backup of a job, and the newest that was neither cancelled nor
/// skipped; and so of what is done to each repository.
pub(super) const EXPIRED: &str = "expires <= ?1 AND state = 'finished'
    AND (SELECT count(*) FROM (
        SELECT 1 FROM runs AS newer WHERE newer.job IS runs.job AND newer.id > runs.id LIMIT ?2)) >= ?2
    AND NOT (operation = 'backup' AND result IN ('success', 'partial') AND NOT EXISTS (
        SELECT 1 FROM runs AS newer WHERE newer.job = runs.job AND newer.id > runs.id
            AND newer.operation = 'backup' AND newer.result IN ('success', 'partial')))
    AND NOT (operation = 'backup' AND result NOT IN ('cancelled', 'skipped') AND NOT EXISTS (
        SELECT 1 FROM runs AS newer WHERE newer.job = runs.job AND newer.id > runs.id
            AND newer.operation = 'backup' AND newer.state = 'finished'
            AND newer.result NOT IN ('cancelled', 'skipped')))
    AND NOT (operation = 'forget' AND result NOT IN ('cancelled', 'skipped') AND NOT EXISTS (
        SELECT 1 FROM runs AS newer WHERE newer.job = runs.job AND newer.id > runs.id
            AND newer.operation = 'forget' AND newer.state = 'finished'
            AND newer.result NOT IN ('cancelled', 'skipped')))
    AND NOT (operation = 'copy' AND result IN ('success', 'partial') AND NOT EXISTS (
        SELECT 1 FROM runs AS newer WHERE newer.job = runs.job AND newer.repository = runs.repository
            AND newer.id > runs.id AND newer.operation = 'copy' AND newer.result IN ('success', 'partial')))
    AND NOT (operation = 'copy' AND result NOT IN ('cancelled', 'skipped') AND NOT EXISTS (
        SELECT 1 FROM runs AS newer WHERE newer.job = runs.job AND newer.repository = runs.repository
            AND newer.id > runs.id AND newer.operation = 'copy' AND newer.state = 'finished'
            AND newer.result NOT IN ('cancelled', 'skipped')))
    AND NOT (job IS NULL AND operation IN ('check', 'prune') AND result IN ('success', 'partial') AND NOT EXISTS (
        SELECT 1 FROM runs AS newer WHERE newer.job IS NULL AND newer.repository = runs.repository
            AND newer.operation = runs.operation AND newer.id > runs.id
            AND newer.result IN ('success', 'partial')))
    AND NOT (job IS NULL AND operation IN ('check', 'prune') AND result NOT IN ('cancelled', 'skipped')
        AND NOT EXISTS (
        SELECT 1 FROM runs AS newer WHERE newer.job IS NULL AND newer.repository = runs.repository
            AND newer.operation = runs.operation AND newer.id > runs.id AND newer.state = 'finished'
            AND newer.result NOT IN ('cancelled', 'skipped')))
    RETURNING id";

/// Those of one job, or else of all.
pub(super) fn expire(
    connection: &Connection,
    job: Option<&JobName>,
    now: Timestamp,
    keep: u32,
) -> Result<Vec<RunId>> {
    let of_job = job.map_or("", |_| "job = ?3 AND ");
    let mut statement = connection.prepare_cached(&format!("DELETE FROM runs WHERE {of_job}{EXPIRED}"))?;
    let now = now.as_microsecond();
    let id = |row: &Row<'_>| row.get::<_, String>(0);
    let ids = match job {
        Some(job) => statement
            .query_map((now, keep, job.as_str()), id)?
            .collect::<Result<Vec<_>>>()?,
        None => statement
            .query_map((now, keep), id)?
            .collect::<Result<Vec<_>>>()?,
    };
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
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
