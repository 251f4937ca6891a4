//! The audit log in the store: records go in together with what they tell of, and come out as a file.

use std::{
    fs::File,
    io::{BufWriter, Seek as _, Write as _},
    os::fd::AsRawFd as _,
    path::Path,
};

use backupd_core::audit::{Action, Entry, Head, Record, Sealed};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Result, Transaction, TransactionBehavior};

use super::thread::Database;
use crate::{
    audit::{daemon, mirror},
    ports::AuditQuery,
};

/// Puts a change and what is to be recorded of it into one transaction.
pub(super) fn save(
    database: &mut Database,
    change: impl FnOnce(&Connection) -> Result<()>,
    entries: Vec<Entry>,
) -> Result<()> {
    // When anything goes wrong, the next one asks the file alone: nobody knows how far this one came.
    let known = database.head.take();
    let transaction = database
        .connection
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    change(&transaction)?;
    let (head, sealed) = append(&transaction, known, entries)?;
    transaction.commit()?;
    database.head = Some(head);
    sealed.iter().for_each(mirror);
    Ok(())
}

/// Begins a log where there is none; `before` is what is known of the one before it, and `why` it is not here.
pub(super) fn begin(connection: &mut Connection, now: Timestamp, before: &str, why: &str) -> Result<()> {
    connection.execute_batch(include_str!("guard.sql"))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if newest(&transaction)?.is_some() {
        return Ok(());
    }
    let mut entry = Entry::new(Action::LogBegin, &daemon(), now).values(before, "");
    why.clone_into(&mut entry.reason);
    let (_, sealed) = append(&transaction, None, vec![entry])?;
    transaction.commit()?;
    sealed.iter().for_each(mirror);
    Ok(())
}

/// What can be said of the log in a store that is set aside.
pub(super) fn last_words(path: &Path) -> String {
    let newest = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| newest(&connection));
    match newest {
        Ok(Some(head)) => format!("log {}, record {}, hash {}", head.log, head.seq, head.hash),
        Ok(None) => "no record".to_owned(),
        Err(_) => "unreadable".to_owned(),
    }
}

fn append(
    transaction: &Transaction<'_>,
    known: Option<Head>,
    entries: Vec<Entry>,
) -> Result<(Head, Vec<Sealed>)> {
    let found = newest(transaction)?;
    let in_file = found.as_ref().map_or(0, |head| head.seq);
    let mut head = match (known, found) {
        (Some(known), found) => {
            if found.as_ref() != Some(&known) {
                tracing::error!(
                    "the audit log was changed by somebody else: its last record was {}, and now is {in_file}; \
                     `backupctl audit verify` tells more",
                    known.seq
                );
            }
            known
        }
        (None, Some(found)) => found,
        (None, None) => Head::before_first(new_log()),
    };
    // What somebody else put behind our last record stays, and does not fit.
    let mut seq = in_file.max(head.seq);
    let mut statement = transaction.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3)")?;
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        seq += 1;
        let sealed = head
            .seal(entry, seq)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let number = i64::try_from(seq).unwrap_or(i64::MAX);
        statement.execute((number, &sealed.record, &sealed.hash))?;
        head = head.after(&sealed);
        all.push(sealed);
    }
    Ok((head, all))
}

fn newest(connection: &Connection) -> Result<Option<Head>> {
    let sealed = connection
        .prepare_cached("SELECT seq, record, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], sealed)
        .optional()?;
    Ok(sealed.map(|sealed| Head {
        // A record that somebody made unreadable is found by whoever verifies.
        log: serde_json::from_str::<Record>(&sealed.record).map_or_else(|_| new_log(), |record| record.log),
        seq: sealed.seq,
        hash: sealed.hash,
    }))
}

/// Bytes that are no text are handed out as well as they can be: to be found wrong.
fn sealed(row: &rusqlite::Row<'_>) -> Result<Sealed> {
    let text = |index| -> Result<String> {
        let bytes = row.get_ref(index)?.as_bytes().map_err(rusqlite::Error::from)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    Ok(Sealed {
        seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        record: text(1)?,
        hash: text(2)?,
    })
}

fn new_log() -> String {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Early in the boot of an odd machine: the time has to tell logs apart.
        bytes = Timestamp::now().as_microsecond().to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// An export failed: the database, or the file that it is written to.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Writes records to a file without a name, one JSON object a line, oldest first; answers it open for reading.
///
/// Reads by a connection of its own, so that it sees what stands in the file now, and keeps nobody waiting.
pub(super) fn export(path: &Path, query: &AuditQuery) -> std::result::Result<File, ExportError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let transaction = connection.unchecked_transaction()?;
    let mut first = i64::MIN;
    if let Some(limit) = query.limit {
        let mut newest = transaction.prepare("SELECT seq, record, hash FROM audit ORDER BY seq DESC")?;
        let mut left = limit;
        for row in newest.query_map([], sealed)? {
            let row = row?;
            if query.matches(&row) {
                let Some(fewer) = left.checked_sub(1) else { break };
                left = fewer;
                first = i64::try_from(row.seq).unwrap_or(i64::MAX);
            }
        }
        if limit == 0 {
            first = i64::MAX;
        }
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut writer = BufWriter::new(tempfile::tempfile_in(directory)?);
    let mut all = transaction.prepare("SELECT seq, record, hash FROM audit WHERE seq >= ?1 ORDER BY seq")?;
    for row in all.query_map([first], sealed)? {
        let row = row?;
        if query.matches(&row) {
            serde_json::to_writer(&mut writer, &row).map_err(std::io::Error::from)?;
            writer.write_all(b"\n")?;
        }
    }
    let mut file = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    // Who reads it must not be able to write there.
    Ok(File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?)
}

#[cfg(test)]
mod tests;
