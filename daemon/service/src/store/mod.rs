//! The store: SQLite in WAL mode, on a thread of its own.
//!
//! It is a cache of the truth plus history. A file that is no store, or a damaged one, is set aside and a new
//! one begun: backups go on.

mod audit;
mod care;
mod facts;
mod migrate;
mod moves;
mod open;
mod pending;
mod queries;
mod sizes;
mod snapshots;
mod thread;

pub(crate) use open::OpenError;
pub(crate) use thread::SqliteStore;

#[cfg(test)]
mod tests;
