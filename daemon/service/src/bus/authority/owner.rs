//! Root and the user whom the daemon runs as may do everything, and nobody else anything: the user scope.

use backupd_dbus::Error;

use super::{
    Authority, Call,
    caller::caller,
    refusal::{Refused, refused},
};
use crate::ports::{Caller, Reply};

/// See the module.
pub(crate) struct OwnerOnly {
    owner: u32,
}

impl OwnerOnly {
    pub(crate) fn new() -> Self {
        Self {
            owner: nix::unistd::geteuid().as_raw(),
        }
    }

    async fn decide(&self, call: Call<'_>) -> Result<Caller, Error> {
        let caller = caller(&call).await?;
        if caller.uid == 0 || caller.uid == self.owner {
            return Ok(caller);
        }
        Err(refused(&call, &caller, &Refused::Foreign(self.owner)))
    }
}

impl Authority for OwnerOnly {
    fn check<'a>(&'a self, call: Call<'a>) -> Reply<'a, Result<Caller, Error>> {
        Box::pin(self.decide(call))
    }
}
