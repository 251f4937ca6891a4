//! Root and the user whom the daemon runs as may do everything; others may look, in the system scope.

use backupd_dbus::Error;

use super::{Action, Authority, Call, caller::caller};
use crate::{
    ports::{Caller, Reply},
    scope::Scope,
};

/// See the module.
pub(crate) struct OwnerOnly {
    scope: Scope,
    owner: u32,
}

impl OwnerOnly {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            owner: nix::unistd::geteuid().as_raw(),
        }
    }

    async fn decide(&self, call: Call<'_>) -> Result<Caller, Error> {
        let caller = caller(&call).await?;
        let looks = call.action == Action::Read && self.scope == Scope::System;
        if looks || caller.uid == 0 || caller.uid == self.owner {
            return Ok(caller);
        }
        tracing::info!(
            uid = caller.uid,
            pid = caller.pid,
            bus_name = caller.bus_name,
            "user {} may not {}{}",
            caller.uid,
            call.action.as_str(),
            call.about
        );
        Err(Error::NotAuthorized(format!(
            "you may not {}{}: that is for root{}\nhint: call `backupctl` with `sudo`",
            call.action.as_str(),
            call.about,
            if self.owner == 0 {
                ""
            } else {
                " and the daemon's own user"
            }
        )))
    }
}

impl Authority for OwnerOnly {
    fn check<'a>(&'a self, call: Call<'a>) -> Reply<'a, Result<Caller, Error>> {
        Box::pin(self.decide(call))
    }
}
