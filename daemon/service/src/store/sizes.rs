//! How large repositories were.

use std::collections::BTreeMap;

use backupd_core::{
    name::RepositoryName,
    space::{KEPT_DAYS, Sample},
};
use rusqlite::{Connection, Result, Row, named_params};

use super::queries::timestamp;

/// All that is known, of each repository oldest first.
pub(super) fn all(connection: &Connection) -> Result<BTreeMap<RepositoryName, Vec<Sample>>> {
    let mut sizes: BTreeMap<RepositoryName, Vec<Sample>> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT repository, time, stored, free, total FROM sizes ORDER BY repository, time",
    )?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str()?.parse();
        if let (Ok(name), Some(sample)) = (name, sample(row)?) {
            sizes.entry(name).or_default().push(sample);
        }
    }
    Ok(sizes)
}

fn sample(row: &Row<'_>) -> Result<Option<Sample>> {
    let bytes = |column| -> Result<_> {
        let bytes: Option<i64> = row.get(column)?;
        Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
    };
    let time = timestamp(row.get(1)?);
    let (stored, free, total) = (bytes(2)?, bytes(3)?, bytes(4)?);
    Ok(time.zip(stored).map(|(time, stored)| Sample {
        time,
        stored,
        free,
        total,
    }))
}

/// Keeps one, in the place of that of the same day, and lets go of those that are too old.
pub(super) fn keep(connection: &Connection, repository: &RepositoryName, sample: &Sample) -> Result<()> {
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO sizes VALUES (:repository, :day, :time, :stored, :free, :total)",
        )?
        .execute(named_params! {
            ":repository": repository.as_str(),
            ":day": sample.day(),
            ":time": sample.time.as_microsecond(),
            ":stored": bytes(sample.stored),
            ":free": sample.free.map(bytes),
            ":total": sample.total.map(bytes),
        })?;
    connection
        .prepare_cached("DELETE FROM sizes WHERE repository = ?1 AND day < ?2")?
        .execute((repository.as_str(), sample.day() - KEPT_DAYS))
        .map(drop)
}
