//! The locks of logind, and what it tells.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use zbus::{
    Connection, OwnedFd, Proxy,
    proxy::{Builder, CacheProperties},
};

use crate::{coordinator::Inbox, ports::PowerLocks};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const INTERFACE: &str = "org.freedesktop.login1.Manager";

/// A logind that has not answered by then is stopped: neither wakes nor the end of work wait for it.
const ANSWER: Duration = Duration::from_secs(5);

/// Locks that logind gave; it takes them back when their descriptors are closed.
#[derive(Default)]
struct Held {
    delay: Option<OwnedFd>,
    block: Option<OwnedFd>,
    departure: Option<OwnedFd>,
}

/// Holds what is wanted, and wakes the coordinator when the machine is awake again. Ends when nobody wants anything
/// any more, or the bus is gone.
pub(super) async fn follow(
    connection: &Connection,
    mut wanted: watch::Receiver<PowerLocks>,
    inbox: &Inbox,
) -> zbus::Result<()> {
    let logind: Proxy<'_> = Builder::new(connection)
        .destination(NAME)
        .path(PATH)
        .interface(INTERFACE)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let mut owners = logind.receive_owner_changed().await?;
    let mut sleeps = logind.receive_signal("PrepareForSleep").await?;
    let mut departures = logind.receive_signal("PrepareForShutdown").await?;
    let mut held = Held::default();
    loop {
        let locks = *wanted.borrow_and_update();
        held.adjust(&logind, locks).await;
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            owner = owners.next() => match owner {
                // The new one may know nothing of the locks that the old one gave, nor of a shutdown that it began.
                Some(Some(_)) => {
                    held = Held::default();
                    inbox.going_down(false).await;
                }
                Some(None) => {}
                None => return Ok(()),
            },
            told = sleeps.next() => match told {
                Some(message) => match message.body().deserialize::<bool>() {
                    Ok(true) => tracing::debug!("the machine goes to sleep"),
                    // Timers stood still, and much may be due.
                    Ok(false) => inbox.resumed().await,
                    Err(error) => tracing::debug!(%error, "logind speaks otherwise than we know"),
                },
                None => return Ok(()),
            },
            told = departures.next() => match told {
                Some(message) => match message.body().deserialize::<bool>() {
                    Ok(down) => {
                        tracing::debug!(down, "the machine goes down");
                        inbox.going_down(down).await;
                    }
                    Err(error) => tracing::debug!(%error, "logind speaks otherwise than we know"),
                },
                None => return Ok(()),
            },
        }
    }
}

impl Held {
    /// Takes and gives back until what is held is what is wanted. What is refused is asked for at the next change.
    async fn adjust(&mut self, logind: &Proxy<'_>, wanted: PowerLocks) {
        let both = "sleep:shutdown";
        change(
            &mut self.delay,
            wanted.delay,
            logind,
            (both, "delay", "Backups are at work"),
        )
        .await;
        change(
            &mut self.block,
            wanted.block,
            logind,
            (both, "block", "Files are being restored"),
        )
        .await;
        // One of its own: it is held all the time, and sleep must not wait for it.
        let before = ("shutdown", "delay", "Backups run before the machine goes down");
        change(&mut self.departure, wanted.departure, logind, before).await;
    }
}

async fn change(
    held: &mut Option<OwnedFd>,
    wanted: bool,
    logind: &Proxy<'_>,
    (what, mode, why): (&str, &str, &str),
) {
    match (wanted, held.is_some()) {
        (true, false) => {
            let arguments = (what, "backupd", why, mode);
            let lock = logind.call::<_, _, OwnedFd>("Inhibit", &arguments);
            match tokio::time::timeout(ANSWER, lock).await {
                Ok(Ok(lock)) => *held = Some(lock),
                // A user who is not at the machine may delay, but not block.
                Ok(Err(error)) => tracing::debug!(%error, mode, "logind gives no lock"),
                // A lock that comes later is closed at once.
                Err(_) => tracing::debug!(mode, "logind does not answer"),
            }
        }
        (false, true) => *held = None,
        _ => {}
    }
}
