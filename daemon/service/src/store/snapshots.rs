//! What is known of snapshots beside what they say themselves.

use backupd_core::{
    name::{JobName, RepositoryName, RunId},
    protocol::{KnownSnapshot, OwnedSnapshot},
    run::{Operation, Run, RunResult},
};
use rusqlite::{Connection, Result, named_params};

use crate::ports::SnapshotNews;

/// Of those that somebody else removed, these newest are remembered, as they arrived.
const GONE_REMEMBERED: i64 = 1000;

/// Those of a job that are not forgotten.
pub(super) fn known(
    connection: &Connection,
    repository: &RepositoryName,
    job: &JobName,
) -> Result<Vec<KnownSnapshot>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, arrival, date_accepted, verified FROM snapshots
         WHERE repository = ?1 AND job = ?2 AND forgotten IS NULL ORDER BY arrival, id",
    )?;
    let rows = statement.query_map((repository.as_str(), job.as_str()), |row| {
        Ok(KnownSnapshot {
            id: row.get(0)?,
            arrival: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
            date_accepted: row.get(2)?,
            verified: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// Those that no run of ours has forgotten, of all jobs; also those that are known to be gone.
pub(super) fn owned(connection: &Connection, repository: &RepositoryName) -> Result<Vec<OwnedSnapshot>> {
    let mut statement = connection.prepare_cached(
        "SELECT job, id FROM snapshots
         WHERE repository = ?1 AND ifnull(forgotten, '') = '' ORDER BY job, arrival, id",
    )?;
    let rows = statement.query_map([repository.as_str()], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?))
    })?;
    let mut owned = Vec::new();
    for row in rows {
        let (job, id) = row?;
        // No other names are ever written.
        owned.extend(job.parse().ok().map(|job| OwnedSnapshot { job, id }));
    }
    Ok(owned)
}

/// A backup has stored one.
pub(super) fn arrive(connection: &Connection, run: &Run) -> Result<()> {
    let (Some(job), Some(snapshot), Operation::Backup) = (&run.job, &run.snapshot, run.operation) else {
        return Ok(());
    };
    if !run.result.is_some_and(RunResult::is_good) {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO snapshots (repository, id, job, arrival, verified) VALUES (:repository, :id, :job,
                 (SELECT ifnull(max(arrival), 0) + 1 FROM snapshots WHERE repository = :repository AND job = :job),
                 :verified)
             ON CONFLICT (repository, id) DO UPDATE SET verified = max(verified, excluded.verified)",
        )?
        .execute(named_params! {
            ":repository": run.repository.as_str(),
            ":id": snapshot,
            ":job": job.as_str(),
            ":verified": run.verified,
        })
        .map(drop)
}

/// What a look at all snapshots of a job has shown.
pub(super) fn learn(connection: &Connection, news: &SnapshotNews) -> Result<()> {
    let (repository, job, run) = (news.repository.as_str(), news.job.as_str(), news.run.to_string());
    let next: i64 = connection.query_row(
        "SELECT ifnull(max(arrival), 0) + 1 FROM snapshots WHERE repository = ?1 AND job = ?2",
        (repository, job),
        |row| row.get(0),
    )?;
    // What is neither kept nor forgotten now has been removed by somebody else.
    connection
        .prepare_cached(
            "UPDATE snapshots SET forgotten = '' WHERE repository = ?1 AND job = ?2 AND forgotten IS NULL",
        )?
        .execute((repository, job))?;
    let mut see = connection.prepare_cached(
        "INSERT INTO snapshots (repository, id, job, arrival, forgotten) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (repository, id) DO UPDATE SET forgotten = excluded.forgotten",
    )?;
    // One that comes back must not look as if it had come last.
    let arrival = |id| if news.early.contains(id) { 0 } else { next };
    for id in &news.kept {
        see.execute((repository, id, job, arrival(id), None::<&str>))?;
    }
    for id in &news.forgotten {
        see.execute((repository, id, job, arrival(id), Some(&run)))?;
    }
    let mut accept = connection
        .prepare_cached("UPDATE snapshots SET date_accepted = 1 WHERE repository = ?1 AND id = ?2")?;
    for id in &news.accepted {
        accept.execute((repository, id))?;
    }
    connection
        .prepare_cached(
            "DELETE FROM snapshots WHERE repository = ?1 AND job = ?2 AND (
                 (forgotten <> '' AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = forgotten))
                 OR (forgotten = '' AND arrival + ?3 < ?4))",
        )?
        .execute((repository, job, GONE_REMEMBERED, next))
        .map(drop)
}

/// These are there again.
pub(super) fn bring_back(
    connection: &Connection,
    repository: &RepositoryName,
    run: RunId,
    ids: &[String],
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE snapshots SET forgotten = NULL WHERE repository = ?1 AND id = ?2 AND forgotten = ?3",
    )?;
    for id in ids {
        statement.execute((repository.as_str(), id, run.to_string()))?;
    }
    Ok(())
}
