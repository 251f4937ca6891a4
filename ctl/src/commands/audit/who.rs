//! Names of users: the log has numbers, which stay when a name goes to somebody else.

use std::collections::BTreeMap;

use backupd_core::audit::{Action, Entry};
use nix::unistd::{Uid, User};

/// Names that were asked for already.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeMap<i64, Option<String>>);

impl Users {
    /// The name that a user has now.
    pub(super) fn name(&mut self, uid: i64) -> Option<String> {
        let ask = || {
            let uid = u32::try_from(uid).ok()?;
            Some(User::from_uid(Uid::from_raw(uid)).ok()??.name)
        };
        self.0.entry(uid).or_insert_with(ask).clone()
    }

    /// Who it was, for people.
    pub(super) fn of(&mut self, entry: &Entry) -> String {
        if entry.bus_name.is_empty() && entry.action != Action::Call {
            return "backupd".to_owned();
        }
        match self.name(entry.uid) {
            Some(name) => name,
            None if entry.uid < 0 => "unknown".to_owned(),
            None => entry.uid.to_string(),
        }
    }
}
