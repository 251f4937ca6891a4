//! One migration step a file; `user_version` counts those that were done.

use rusqlite::{Connection, Result};

const STEPS: &[&str] = &[
    include_str!("migrations/0001_runs.sql"),
    include_str!("migrations/0002_jobs.sql"),
    include_str!("migrations/0003_audit.sql"),
    include_str!("migrations/0004_schedule.sql"),
    include_str!("migrations/0005_good.sql"),
    include_str!("migrations/0006_pending.sql"),
    include_str!("migrations/0007_care.sql"),
    include_str!("migrations/0008_snapshots.sql"),
    include_str!("migrations/0009_sizes.sql"),
    include_str!("migrations/0010_copies.sql"),
    include_str!("migrations/0011_moves.sql"),
];

/// The version that this program writes.
pub(super) fn newest() -> usize {
    STEPS.len()
}

/// The version that the file has.
pub(super) fn version(connection: &Connection) -> Result<usize> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .map(|version| {
            // A negative one was never written by us; it counts as newer than all.
            usize::try_from(version).unwrap_or(usize::MAX)
        })
}

/// Does the steps that are missing, each in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    for (number, step) in (1_i64..).zip(STEPS).skip(version(connection)?) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
