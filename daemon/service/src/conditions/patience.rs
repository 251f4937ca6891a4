//! Looks at paths of the user's choice.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A file system that has not answered by then, such as that of a server that is gone, will not.
const ANSWER: Duration = Duration::from_secs(5);

/// On a thread that may hang: the daemon's own must not. Nothing where it does not answer.
pub(super) async fn look<T: Send + 'static>(at: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::time::timeout(ANSWER, tokio::task::spawn_blocking(at))
        .await
        .ok()?
        .ok()
}

/// From one look to the next, where something happens all the time: the next sees all of it.
const PACE: Duration = Duration::from_millis(200);

/// One look and the time that belongs to it.
pub(super) struct Pace(Instant);

impl Pace {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Waits until it is time for another look; it is at once where nothing has happened for long.
    pub(super) async fn over(&self) {
        sleep_until(self.0 + PACE).await;
    }
}
