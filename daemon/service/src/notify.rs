//! What systemd is told: readiness, reloads, the end, and a line of status. Without systemd nothing happens.

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
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}
