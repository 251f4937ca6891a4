//! What jobs are to start for, which could not when it came.

use std::collections::BTreeMap;

use backupd_core::name::JobName;
use rusqlite::{Connection, Result};

use crate::ports::Pending;

/// One that this version cannot read is passed over.
pub(super) fn all(connection: &Connection) -> Result<BTreeMap<JobName, Pending>> {
    let mut statement = connection.prepare_cached("SELECT job, trigger, metadata FROM pending")?;
    let text =
        |row: &rusqlite::Row<'_>| -> Result<[String; 3]> { Ok([row.get(0)?, row.get(1)?, row.get(2)?]) };
    let mut pending = BTreeMap::new();
    for row in statement.query_map([], text)? {
        let [job, trigger, metadata] = row?;
        let asked = trigger.parse().ok().zip(serde_json::from_str(&metadata).ok());
        pending.extend(job.parse().ok().zip(asked));
    }
    Ok(pending)
}

/// Keeps what a job is to start for, or that there is nothing.
pub(super) fn keep(connection: &Connection, job: &JobName, asked: Option<&Pending>) -> Result<()> {
    match asked {
        Some((trigger, metadata)) => {
            let metadata = serde_json::to_string(metadata)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            connection
                .prepare_cached("INSERT OR REPLACE INTO pending VALUES (?1, ?2, ?3)")?
                .execute((job.as_str(), trigger.as_str(), metadata))
        }
        None => connection
            .prepare_cached("DELETE FROM pending WHERE job = ?1")?
            .execute([job.as_str()]),
    }
    .map(drop)
}
