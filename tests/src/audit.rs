//! The audit log as somebody reads and writes it who goes around the daemon.

use std::path::Path;

use backupd_core::audit::{Head, Record, Sealed};
use rusqlite::Connection;

/// The store, as somebody opens it who does not care for triggers.
pub fn outside(store: &Path) -> Connection {
    let connection = Connection::open(store).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER IF EXISTS audit_refuses_update; DROP TRIGGER IF EXISTS audit_refuses_delete;
             DROP TRIGGER IF EXISTS audit_refuses_replace;",
        )
        .unwrap();
    connection
}

/// The log as it stands in the file.
pub fn sealed(store: &Path) -> Vec<Sealed> {
    let connection = Connection::open(store).unwrap();
    let mut all = connection
        .prepare("SELECT seq, record, hash FROM audit ORDER BY seq")
        .unwrap();
    let rows = all.query_map([], |row| {
        Ok(Sealed {
            seq: u64::try_from(row.get::<_, i64>(0)?).unwrap(),
            record: row.get(1)?,
            hash: row.get(2)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Computes all hashes anew, as somebody does who knows how.
pub fn recompute(store: &Path) {
    let connection = outside(store);
    let mut head: Option<Head> = None;
    for old in sealed(store) {
        let record: Record = serde_json::from_str(&old.record).unwrap();
        let before = head.unwrap_or_else(|| Head::before_first(record.log.clone()));
        let new = before.seal(record.entry, old.seq).unwrap();
        connection
            .execute(
                "UPDATE audit SET record = ?1, hash = ?2 WHERE seq = ?3",
                (&new.record, &new.hash, i64::try_from(new.seq).unwrap()),
            )
            .unwrap();
        head = Some(before.after(&new));
    }
}
