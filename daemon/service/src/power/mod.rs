//! Sleep and shutdown of the machine: logind is asked to wait while workers are at work, and tells when the machine
//! is awake again.
//!
//! What must not be lost is in the store before anybody is answered, so nothing has to be written in the moment that
//! a delay gives; it is for workers that are nearly done. Without logind nothing happens.

mod logind;

use tokio::sync::watch;
use zbus::Connection;

use crate::{
    coordinator::Inbox,
    ports::{Power, PowerLocks},
    scope::Scope,
};

/// Passes on what the coordinator wants.
pub(crate) struct Logind(watch::Sender<PowerLocks>);

impl Logind {
    /// The port, and what [`serve`] follows.
    pub(crate) fn new() -> (Self, watch::Receiver<PowerLocks>) {
        let (wanted, follow) = watch::channel(PowerLocks::default());
        (Self(wanted), follow)
    }
}

impl Power for Logind {
    fn want(&self, locks: PowerLocks) {
        self.0
            .send_if_modified(|wanted| std::mem::replace(wanted, locks) != locks);
    }
}

/// Holds the locks that are wanted, for as long as the daemon lives. logind is on the system's bus in both scopes.
pub(crate) async fn serve(
    scope: Scope,
    connection: Connection,
    wanted: watch::Receiver<PowerLocks>,
    inbox: Inbox,
) {
    let outcome = match scope {
        Scope::System => logind::follow(&connection, wanted, &inbox).await,
        Scope::User => match Connection::system().await {
            Ok(connection) => logind::follow(&connection, wanted, &inbox).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "nobody can be asked to keep the machine awake");
    }
}
