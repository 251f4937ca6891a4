//! Looks at paths of the user's choice.

use std::time::Duration;

/// A file system that has not answered by then, such as that of a server that is gone, will not.
const ANSWER: Duration = Duration::from_secs(5);

/// On a thread that may hang: the daemon's own must not. Nothing where it does not answer.
pub(super) async fn look<T: Send + 'static>(at: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::time::timeout(ANSWER, tokio::task::spawn_blocking(at))
        .await
        .ok()?
        .ok()
}
