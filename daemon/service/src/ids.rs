//! Ids of runs: they sort by the time they were made, also within one millisecond.

use std::sync::{Arc, Mutex, PoisonError};

use backupd_core::name::RunId;

use crate::ports::Clock;

/// Makes ids.
pub(crate) struct Ids {
    clock: Arc<dyn Clock>,
    random: Random,
    last: Mutex<(u64, u128)>,
}

/// Any bits; 79 of them are taken, so that counting on from them does not overflow the 80 of an id.
type Random = Box<dyn Fn() -> u128 + Send + Sync>;

impl Ids {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self::drawn_from(clock, Box::new(random_bits))
    }

    /// With bits from elsewhere, so that a simulation can be repeated.
    pub(crate) fn drawn_from(clock: Arc<dyn Clock>, random: Random) -> Self {
        Self {
            clock,
            random,
            last: Mutex::new((0, 0)),
        }
    }

    /// From now on ids are larger than this one too: that of the newest run an earlier daemon made.
    pub(crate) fn continue_after(&self, newest: RunId) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(newest.parts());
    }

    /// The next id; larger than all before it.
    pub(crate) fn next(&self) -> RunId {
        let now = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (time, random) = *last;
        // A clock that stands or goes back must not bring an older id.
        *last = if now > time {
            (now, (self.random)() >> 49)
        } else {
            (time, random.wrapping_add(1))
        };
        RunId::from_parts(last.0, last.1)
    }
}

fn random_bits() -> u128 {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Early in the boot of an odd machine: the time alone has to tell ids apart.
        return 0;
    }
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    struct Standing;
    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn since_boot(&self) -> jiff::SignedDuration {
            jiff::SignedDuration::ZERO
        }
    }

    #[test]
    fn ids_grow_while_the_clock_stands() {
        let ids = Ids::new(Arc::new(Standing));
        let made: Vec<RunId> = (0..1000).map(|_| ids.next()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn ids_grow_after_a_clock_that_went_back() {
        let newest = RunId::from_parts(99_000, 5);
        let ids = Ids::new(Arc::new(Standing));
        ids.continue_after(newest);
        assert!(ids.next() > newest);
    }
}
