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
        read(ClockId::CLOCK_BOOTTIME)
    }

    fn awake(&self) -> SignedDuration {
        read(ClockId::CLOCK_MONOTONIC)
    }
}

/// It fails only for a clock that the kernel does not have, and these are older than any that runs us.
fn read(clock: ClockId) -> SignedDuration {
    clock_gettime(clock)
        .ok()
        .and_then(|time| SignedDuration::try_from(Duration::from(time)).ok())
        .unwrap_or_default()
}
