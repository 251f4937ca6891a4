//! What systemd is told: readiness, reloads, the end, and a line of status. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Tells the service manager.
pub(crate) trait Notifier: Send + Sync {
    /// Everything is served, or a reload is over.
    fn ready(&self);
    /// A reload has begun.
    fn reloading(&self);
    /// The end has begun.
    fn stopping(&self);
    /// One line for people.
    fn status(&self, text: &str);
    /// How long systemd goes without [`Notifier::alive`] before it takes the daemon for stuck; `None` where it
    /// does not watch.
    fn watchdog(&self) -> Option<Duration>;
    /// The daemon is not stuck.
    fn alive(&self);
    /// What goes on takes longer: at least so long from now on.
    fn longer(&self, by: Duration);
}

/// `$NOTIFY_SOCKET`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Systemd;

impl Notifier for Systemd {
    fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    fn reloading(&self) {
        // systemd wants both in one datagram.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    fn status(&self, text: &str) {
        tell(&[NotifyState::Status(text)]);
    }

    fn watchdog(&self) -> Option<Duration> {
        // Half of it is a period, and a period of nothing is none.
        sd_notify::watchdog_enabled().filter(|period| !(*period / 2).is_zero())
    }

    fn alive(&self) {
        tell(&[NotifyState::Watchdog]);
    }

    fn longer(&self, by: Duration) {
        let by = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
        tell(&[NotifyState::ExtendTimeoutUsec(by)]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// Work that takes so long is told of, and by so much more than that the start may take longer each time.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGER: Duration = Duration::from_secs(30);

/// Waits for work that may take long, such as a migration of a large store, and keeps telling systemd so.
pub(crate) async fn patiently<T>(notifier: &dyn Notifier, what: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let mut told = false;
    loop {
        match tokio::time::timeout(PATIENCE, &mut work).await {
            Ok(outcome) => return outcome,
            Err(_) if told => notifier.longer(LONGER),
            Err(_) => {
                notifier.longer(LONGER);
                notifier.status(what);
                told = true;
            }
        }
    }
}
