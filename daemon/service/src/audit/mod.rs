//! What the daemon has to do with its audit log besides keeping it: say who it is itself, copy records to the
//! journal, and count refused calls.

mod refusals;

use backupd_core::audit::{Record, Sealed, Who};

pub(crate) use self::refusals::{Refusals, Refused};
use crate::journal::messages;

/// Copies of records go to the journal whatever the level of the log, and nowhere else.
pub(crate) const TARGET: &str = "backupd::audit";

/// The daemon itself.
pub(crate) fn daemon() -> Who {
    Who {
        uid: Some(nix::unistd::geteuid().as_raw()),
        pid: Some(std::process::id()),
        bus_name: String::new(),
    }
}

/// Copies a record to the journal, where who can write to the store cannot change it.
pub(crate) fn mirror(sealed: &Sealed) {
    let what = serde_json::from_str::<Record>(&sealed.record).map_or_else(
        |_| String::new(),
        |Record { entry, .. }| {
            let names = [&entry.job, &entry.repository, &entry.run];
            let object = names.into_iter().find(|name| !name.is_empty());
            let object = object.map(|name| format!(" of `{name}`")).unwrap_or_default();
            format!("{}{object} by user {}: {}", entry.action, entry.uid, entry.result)
        },
    );
    tracing::info!(
        target: TARGET,
        MESSAGE_ID = messages::AUDIT_RECORD,
        BACKUPD_AUDIT_SEQ = sealed.seq,
        BACKUPD_AUDIT_HASH = sealed.hash,
        BACKUPD_AUDIT_RECORD = sealed.record,
        "audit record {}: {what}",
        sealed.seq
    );
}
