//! When a run that failed is tried again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{failure::FailureClass, name::RunId};

/// How a run is tried again that failed for a reason which may pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all; at least 1.
    pub attempts: u32,
    /// The longest wait after the first attempt.
    pub initial: SignedDuration,
    /// By how much it grows from attempt to attempt; at least 1.
    pub factor: f64,
    /// What it never exceeds.
    pub maximum: SignedDuration,
    /// No attempt begins later than this after the first.
    pub deadline: Option<SignedDuration>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            initial: SignedDuration::from_secs(30),
            factor: 2.0,
            maximum: SignedDuration::from_mins(30),
            deadline: None,
        }
    }
}

impl Retry {
    /// When the attempt after number `attempt` begins, which failed at `now`; `None` where there is none.
    ///
    /// The wait is anything up to the limit of that attempt ("full jitter"), so that many that failed together do
    /// not come back together. It follows from the run alone: whoever works it out again finds the same.
    pub fn next(
        &self,
        run: RunId,
        attempt: u32,
        class: FailureClass,
        began: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if !class.is_transient() || attempt >= self.attempts {
            return None;
        }
        let at = now.checked_add(self.wait(run, attempt)).ok()?;
        // A clock that was set back tells nothing of how long it took.
        (began > now || !self.is_past_deadline(began, at)).then_some(at)
    }

    /// Whether it is too late at `now` for another attempt, the first having begun at `began`. A clock that was set
    /// back since then ends nothing.
    pub fn is_past_deadline(&self, began: Timestamp, now: Timestamp) -> bool {
        self.deadline
            .is_some_and(|deadline| now.duration_since(began) > deadline)
    }

    /// The longest wait after an attempt.
    fn limit(&self, attempt: u32) -> SignedDuration {
        let steps = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let factor = self.factor.max(1.0).powi(steps);
        // Whatever is not a finite number of seconds any more is more than the maximum.
        SignedDuration::try_from_secs_f64(self.initial.as_secs_f64() * factor)
            .map_or(self.maximum, |limit| limit.min(self.maximum))
    }

    fn wait(&self, run: RunId, attempt: u32) -> SignedDuration {
        let limit = u128::try_from(self.limit(attempt).as_millis()).unwrap_or(0);
        let digest: [u8; 32] = Sha256::digest(format!("{run}/{attempt}")).into();
        let (first, _) = digest.split_at(8);
        let part = first
            .iter()
            .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        let milliseconds = (part * limit) >> 64;
        // At once is no wait at all: what failed has not even had time to pass.
        SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u128) -> RunId {
        RunId::from_parts(7, number)
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        let (retry, now) = (Retry::default(), Timestamp::UNIX_EPOCH);
        let next = |attempt, class| retry.next(run(1), attempt, class, now, now);
        assert!(next(1, FailureClass::Network).is_some());
        assert!(next(4, FailureClass::Locked).is_some());
        assert_eq!(next(5, FailureClass::Network), None);
        assert_eq!(next(1, FailureClass::Credentials), None);
    }

    #[test]
    fn waits_grow_to_the_maximum_and_lie_anywhere_below() {
        let retry = Retry::default();
        let longest = |attempt| (0..200).map(|n| retry.wait(run(n), attempt)).max().unwrap();
        let shortest = |attempt| (0..200).map(|n| retry.wait(run(n), attempt)).min().unwrap();
        for (attempt, limit) in [(1, 30), (2, 60), (3, 120), (9, 1800), (4_000_000_000, 1800)] {
            let limit = SignedDuration::from_secs(limit);
            assert!(
                longest(attempt) <= limit && longest(attempt) > limit * 9 / 10,
                "{attempt}"
            );
            assert!(shortest(attempt) < limit / 10, "{attempt}");
        }
    }

    #[test]
    fn a_deadline_ends_it() {
        let retry = Retry {
            deadline: Some(SignedDuration::from_mins(10)),
            ..Retry::default()
        };
        let began = Timestamp::UNIX_EPOCH;
        let at = |minutes| began + SignedDuration::from_mins(minutes);
        assert!(
            retry
                .next(run(1), 1, FailureClass::Network, began, at(1))
                .is_some()
        );
        assert_eq!(retry.next(run(1), 1, FailureClass::Network, began, at(10)), None);
        assert!(!retry.is_past_deadline(began, at(10)));
        assert!(retry.is_past_deadline(began, at(11)));
        assert!(!Retry::default().is_past_deadline(began, at(1_000_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_ends_nothing() {
        let retry = Retry {
            initial: SignedDuration::from_hours(1),
            maximum: SignedDuration::from_hours(1),
            deadline: Some(SignedDuration::from_secs(1)),
            ..Retry::default()
        };
        let now = Timestamp::UNIX_EPOCH;
        let began = now + SignedDuration::from_secs(1);
        assert!(!retry.is_past_deadline(began, now));
        // Even where the wait leads past what the deadline would be on a clock that was never set.
        let next = (0..9).map(|n| retry.next(run(n), 1, FailureClass::Network, began, now));
        assert!(next.into_iter().all(|at| at.is_some()));
    }
}
