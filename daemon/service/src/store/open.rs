//! Opening the store, and what is done about one that cannot be read.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, config::DbConfig};

use super::{audit, migrate, queries};
use crate::ports::{STAY, STAY_IN_ALL};

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A later version of the program wrote it.
    #[error(
        "the store `{path}` was written by a newer backupd (version {found}, this one knows {known})\n\
         hint: install that version again; the older one would lose what the newer one wrote",
        path = .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: usize,
        /// What we know.
        known: usize,
    },
    /// It cannot be opened, written or set aside.
    #[error(
        "the store `{path}` cannot be opened: {reason}\n\
         hint: backupd needs to write there; see the owner, the mode and the free space of that directory",
        path = .path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// An opened store.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// Where a damaged store was put.
    pub(super) set_aside: Option<PathBuf>,
}

pub(super) fn open(path: &Path, now: Timestamp) -> Result<Opened, OpenError> {
    match try_open(path, now, None) {
        Ok(connection) => Ok(Opened {
            connection,
            set_aside: None,
        }),
        Err(Fault::Newer(found)) => Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: migrate::newest(),
        }),
        Err(Fault::Sqlite(error)) if is_damage(&error) => {
            let before = audit::last_words(path);
            let aside = set_aside(path, now).map_err(|error| OpenError::Unusable {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
            match try_open(path, now, Some((&aside, &before))) {
                Ok(connection) => Ok(Opened {
                    connection,
                    set_aside: Some(aside),
                }),
                Err(fault) => Err(OpenError::Unusable {
                    path: path.to_owned(),
                    reason: fault.to_string(),
                }),
            }
        }
        Err(fault) => Err(OpenError::Unusable {
            path: path.to_owned(),
            reason: fault.to_string(),
        }),
    }
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("version {0}")]
    Newer(usize),
}

/// `before` is the damaged store and what is known of its audit log.
fn try_open(path: &Path, now: Timestamp, before: Option<(&Path, &str)>) -> Result<Connection, Fault> {
    let mut connection = Connection::open(path)?;
    // A second reader, such as a backup of the store itself, may hold it for a moment.
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let found = migrate::version(&connection)?;
    if found > migrate::newest() {
        return Err(Fault::Newer(found));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A run that was answered for must survive a power loss.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The daemon stays small: half a MiB of pages is plenty for its queries.
    connection.pragma_update(None, "cache_size", -512)?;
    // Plans do not hang on what is bound, or statements would be prepared anew for each of thousands of jobs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    migrate::migrate(&mut connection)?;
    // What the daemon needs at its start is read here, so that damage in it is found while something can be
    // done about it; a full check would take too long on a long history.
    queries::unfinished(&connection)?;
    queries::recent(&connection, STAY, STAY_IN_ALL)?;
    connection.query_row("SELECT count(*) FROM jobs", [], |_| Ok(()))?;
    let why = before.map(|(aside, _)| format!("a damaged store was set aside as `{}`", aside.display()));
    let before = before.map_or("", |(_, before)| before);
    audit::begin(&mut connection, now, before, &why.unwrap_or_default())?;
    Ok(connection)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, text) => {
            matches!(failure.code, ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
                // A store of ours lacks a table, or has one that no step made: somebody's other database.
                || text.as_deref().is_some_and(|t| t.contains("no such table") || t.contains("already exists"))
        }
        _ => false,
    }
}

/// Renames the store and its journals out of the way.
fn set_aside(path: &Path, now: Timestamp) -> std::io::Result<PathBuf> {
    let suffix = format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let with = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let aside = with(&suffix);
    std::fs::rename(path, &aside)?;
    for journal in ["-wal", "-shm"] {
        match std::fs::rename(with(journal), with(&format!("{suffix}{journal}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}
