//! Bandwidth limits: a token bucket for each direction, asked before every few kilobytes.

use std::{
    fmt::Debug,
    num::NonZeroU64,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the place.
    Upload,
    /// From the place.
    Download,
}

/// How fast bytes may go now.
///
/// Asked many times a second, so that a limit that changes with the time of day is in force at once.
pub trait Pace: Debug + Send + Sync {
    /// Bytes a second; nothing for no limit.
    fn limit(&self, direction: Direction) -> Option<NonZeroU64>;
}

/// What may be sent at once after a time in which nothing was.
const BURST: Duration = Duration::from_millis(250);
/// Bytes that go at once, at most and at least; between them an eighth of a second's worth.
const LARGEST_PIECE: u64 = 64 << 10;
const SMALLEST_PIECE: u64 = 1 << 10;

/// Keeps all requests to a place together within its limits.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    pace: Option<Arc<dyn Pace>>,
    upload: Mutex<Bucket>,
    download: Mutex<Bucket>,
}

impl Throttle {
    pub(crate) fn new(pace: Option<Arc<dyn Pace>>) -> Self {
        Self {
            pace,
            ..Self::default()
        }
    }

    /// How many bytes are to be moved at once.
    pub(crate) fn piece(&self, direction: Direction) -> usize {
        let piece = self.limit(direction).map_or(LARGEST_PIECE, |rate| {
            (rate.get() / 8).clamp(SMALLEST_PIECE, LARGEST_PIECE)
        });
        usize::try_from(piece).unwrap_or(usize::MAX)
    }

    /// When these bytes may go, if not at once.
    pub(crate) fn reserve(&self, direction: Direction, bytes: usize) -> Option<Instant> {
        let rate = self.limit(direction)?;
        let now = Instant::now();
        let bucket = match direction {
            Direction::Upload => &self.upload,
            Direction::Download => &self.download,
        };
        let wait = bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reserve(now, rate, bytes as u64);
        (!wait.is_zero()).then(|| now + wait)
    }

    /// Waits until these bytes may go.
    pub(crate) async fn wait(&self, direction: Direction, bytes: usize) {
        if let Some(time) = self.reserve(direction, bytes) {
            tokio::time::sleep_until(time).await;
        }
    }

    fn limit(&self, direction: Direction) -> Option<NonZeroU64> {
        self.pace.as_ref()?.limit(direction)
    }
}

/// A token bucket, kept as the time at which the line is free again.
#[derive(Debug, Default)]
struct Bucket {
    free: Option<Instant>,
}

impl Bucket {
    /// How long these bytes have to wait; all that come later wait behind them.
    fn reserve(&mut self, now: Instant, rate: NonZeroU64, bytes: u64) -> Duration {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let start = self.free.map_or(earliest, |free| free.max(earliest));
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.get());
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free = Some(start + takes);
        // Bytes are paid for once they went: the line is free when its last bytes are through.
        (start + takes).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Set(AtomicU64);

    impl Pace for Set {
        fn limit(&self, direction: Direction) -> Option<NonZeroU64> {
            match direction {
                Direction::Upload => NonZeroU64::new(self.0.load(Ordering::SeqCst)),
                Direction::Download => None,
            }
        }
    }

    fn set(rate: u64) -> (Arc<Set>, Throttle) {
        let pace = Arc::new(Set(AtomicU64::new(rate)));
        let throttle = Throttle::new(Some(Arc::clone(&pace) as Arc<dyn Pace>));
        (pace, throttle)
    }

    /// Sends so many bytes; the time on a clock that goes when everybody waits.
    async fn send(throttle: &Throttle, direction: Direction, bytes: usize) -> Duration {
        let start = Instant::now();
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(throttle.piece(direction));
            throttle.wait(direction, piece).await;
            left -= piece;
        }
        start.elapsed()
    }

    fn within(time: Duration, from: u64, to: u64) {
        assert!(
            (u128::from(from)..=u128::from(to)).contains(&time.as_millis()),
            "{time:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_take_the_time_that_the_limit_gives_them() {
        let (_, throttle) = set(100_000);
        within(send(&throttle, Direction::Upload, 1_000_000).await, 9_500, 10_100);
        // The other direction knows no limit.
        assert_eq!(
            send(&throttle, Direction::Download, 1 << 30).await,
            Duration::ZERO
        );
        // Nothing is saved up for long.
        tokio::time::sleep(Duration::from_hours(1)).await;
        within(send(&throttle, Direction::Upload, 1_000_000).await, 9_500, 10_100);
    }

    #[tokio::test(start_paused = true)]
    async fn all_requests_share_one_limit() {
        let (_, throttle) = set(100_000);
        let one = || send(&throttle, Direction::Upload, 250_000);
        let start = Instant::now();
        tokio::join!(one(), one(), one(), one());
        within(start.elapsed(), 9_500, 10_100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_changes_is_in_force_at_once() {
        let (pace, throttle) = set(1_000_000);
        within(send(&throttle, Direction::Upload, 1_000_000).await, 700, 1_100);
        pace.0.store(10_000, Ordering::SeqCst);
        within(send(&throttle, Direction::Upload, 100_000).await, 9_500, 10_500);
        pace.0.store(0, Ordering::SeqCst);
        assert_eq!(send(&throttle, Direction::Upload, 1 << 30).await, Duration::ZERO);
    }
}
