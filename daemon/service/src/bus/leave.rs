//! Leave to make a call: the way to the coordinator, held by whoever may go it until the call is answered.
//!
//! What waits for the coordinator has bounded room. A user who fills it would keep everybody out, so each has a part
//! of it; root has what is left, and workers too.

use std::{ops::Deref, sync::Arc};

use backupd_dbus::Error;
use zbus::message::Header;

use super::turns::{Turn, Turns};
use crate::{coordinator::Handle, ports::Caller};

/// Calls of one connection that are not answered yet: so many may be looked at, whoever it is.
const OF_CONNECTION: usize = 64;
/// Calls of one user that are not answered yet.
const OF_USER: usize = 32;
/// Those of all users but root; the coordinator takes twice as many.
const OF_USERS: usize = 128;

/// The coordinator, on behalf of a caller who may do what it asks for.
pub(super) struct Leave {
    handle: Handle,
    _turns: (Turn<String>, Option<Turn<u32>>),
}

impl Deref for Leave {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// Counts the calls that are not answered yet.
#[derive(Clone)]
pub(super) struct Open {
    connections: Arc<Turns<String>>,
    pub(super) users: Arc<Turns<u32>>,
}

impl Open {
    pub(super) fn new() -> Self {
        Self {
            connections: Turns::new(OF_CONNECTION, usize::MAX),
            users: Turns::new(OF_USER, OF_USERS),
        }
    }

    /// Room to look at a call, before anybody knows whose it is.
    pub(super) fn arrive(&self, header: &Header<'_>) -> Result<Turn<String>, Error> {
        let connection = header.sender().map(ToString::to_string).unwrap_or_default();
        self.connections.take(connection).ok_or_else(crowded)
    }

    /// Leave for a call that is allowed.
    pub(super) fn enter(
        &self,
        arrived: Turn<String>,
        caller: &Caller,
        handle: &Handle,
    ) -> Result<Leave, Error> {
        let turn = match caller.uid {
            0 => None,
            uid => Some(self.users.take(uid).ok_or_else(crowded)?),
        };
        Ok(Leave {
            handle: handle.by(caller),
            _turns: (arrived, turn),
        })
    }
}

fn crowded() -> Error {
    Error::LimitsExceeded(
        "too many calls of yours wait\nhint: wait for the answers of earlier calls".to_owned(),
    )
}
