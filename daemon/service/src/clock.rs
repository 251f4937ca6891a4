//! The machine's clock and zone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nix::time::{ClockId, clock_gettime};

use crate::ports::Clock;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn since_boot(&self) -> SignedDuration {
        // It fails only for a clock that the kernel does not have, and this one is older than any that runs us.
        clock_gettime(ClockId::CLOCK_BOOTTIME)
            .ok()
            .and_then(|time| SignedDuration::try_from(Duration::from(time)).ok())
            .unwrap_or_default()
    }
}
