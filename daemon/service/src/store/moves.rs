//! Where repositories were before they were moved.

use std::collections::BTreeMap;

use backupd_core::name::RepositoryName;
use jiff::Timestamp;
use rusqlite::{Connection, Result};

use crate::ports::MovedFrom;

/// One that this version cannot read is passed over.
pub(super) fn all(connection: &Connection) -> Result<BTreeMap<RepositoryName, MovedFrom>> {
    let mut statement = connection.prepare_cached("SELECT repository, place, contents, moved FROM moves")?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get(0)?;
        let moved: i64 = row.get(3)?;
        Ok((name, row.get(1)?, row.get(2)?, moved))
    })?;
    let mut moves = BTreeMap::new();
    for row in rows {
        let (name, place, contents, second) = row?;
        let known = name.parse().ok().zip(Timestamp::from_second(second).ok());
        moves.extend(known.map(|(name, moved)| {
            let from = MovedFrom {
                place,
                contents,
                moved,
            };
            (name, from)
        }));
    }
    Ok(moves)
}

/// Keeps where a repository was, or that nothing is there any more.
pub(super) fn keep(
    connection: &Connection,
    repository: &RepositoryName,
    from: Option<&MovedFrom>,
) -> Result<()> {
    match from {
        Some(from) => connection
            .prepare_cached("INSERT OR REPLACE INTO moves VALUES (?1, ?2, ?3, ?4)")?
            .execute((
                repository.as_str(),
                &from.place,
                &from.contents,
                from.moved.as_second(),
            )),
        None => connection
            .prepare_cached("DELETE FROM moves WHERE repository = ?1")?
            .execute([repository.as_str()]),
    }
    .map(drop)
}
