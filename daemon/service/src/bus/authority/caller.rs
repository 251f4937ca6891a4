//! Who calls, by the word of the bus.

use backupd_dbus::Error;
use zbus::{fdo::DBusProxy, names::BusName};

use super::Call;
use crate::ports::Caller;

/// Asks the bus; what a caller says of itself counts for nothing.
pub(super) async fn caller(call: &Call<'_>) -> Result<Caller, Error> {
    let refused = |why: &dyn std::fmt::Display| {
        Error::NotAuthorized(format!("you may not {}{}: {why}", call.action.verb(), call.about))
    };
    let Some(sender) = call.header.sender() else {
        return Err(refused(&"the bus does not say who you are"));
    };
    let credentials = async {
        let bus = DBusProxy::new(call.connection).await?;
        bus.get_connection_credentials(BusName::Unique(sender.to_owned()))
            .await
    };
    let credentials = credentials.await.map_err(|error| refused(&error))?;
    let Some(uid) = credentials.unix_user_id() else {
        return Err(refused(&"the bus does not know which user you are"));
    };
    Ok(Caller {
        uid,
        pid: credentials.process_id(),
        bus_name: sender.to_string(),
    })
}
