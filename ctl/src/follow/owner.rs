//! Who owns the daemon's bus name, and when that changes.

use std::time::Duration;

use backupd_dbus::BUS_NAME;
use futures_util::{Stream, StreamExt as _};
use zbus::{MatchRule, MessageStream, message::Type};

use crate::{connect::Daemon, errors::Failure};

/// How long a daemon that went away is waited for: long enough for a restart and a slow store.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Changes of the owner.
pub(super) struct Owners(MessageStream);

impl Owners {
    pub(super) async fn subscribe(daemon: &Daemon) -> Result<Self, Failure> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, BUS_NAME)
            .build();
        let stream = match rule {
            Ok(rule) => MessageStream::for_match_rule(rule, &daemon.connection, None).await,
            Err(error) => Err(error),
        };
        stream.map(Self).map_err(|error| daemon.failure(error.into()))
    }

    /// The next owner; empty for none. Nothing is the end of the connection.
    pub(super) async fn next(&mut self) -> Option<String> {
        owner(&self.0.next().await?.ok()?)
    }

    /// Waits until somebody owns the name.
    pub(super) async fn wait_for_return(&mut self, patience: Duration) -> Result<(), ()> {
        let owners = (&mut self.0).filter_map(async |message| message.ok().as_ref().and_then(owner));
        wait(std::pin::pin!(owners), patience).await
    }
}

fn owner(message: &zbus::Message) -> Option<String> {
    let (_, _, new): (String, String, String) = message.body().deserialize().ok()?;
    Some(new)
}

async fn wait(mut owners: impl Stream<Item = String> + Unpin, patience: Duration) -> Result<(), ()> {
    let returned = async {
        loop {
            match owners.next().await {
                Some(owner) if owner.is_empty() => {}
                Some(_) => return Ok(()),
                None => return Err(()),
            }
        }
    };
    tokio::time::timeout(patience, returned).await.unwrap_or(Err(()))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_new_owner_ends_the_wait() {
        let owners = stream::iter([String::new(), ":1.5".to_owned()]).chain(stream::pending());
        assert_eq!(wait(std::pin::pin!(owners), PATIENCE).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_has_an_end() {
        assert_eq!(wait(stream::pending(), PATIENCE).await, Err(()));
        assert_eq!(wait(stream::empty(), PATIENCE).await, Err(()));
    }
}
