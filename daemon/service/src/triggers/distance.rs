//! When a change starts a run: not before so much time has passed since the last one began.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A change that has not started a run yet, and when the last run began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Distance {
    changed: bool,
    /// What was started last counts from then: the coordinator tells later that it began.
    started: Option<Timestamp>,
}

impl Distance {
    /// Something has changed.
    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    /// How long the change still has to wait; `None` without one.
    pub(super) fn left(
        &self,
        began: Option<Timestamp>,
        distance: SignedDuration,
        now: Timestamp,
    ) -> Option<Duration> {
        if !self.changed {
            return None;
        }
        let Some(last) = began.max(self.started) else {
            return Some(Duration::ZERO);
        };
        // A clock that was set back keeps nobody waiting for longer than the distance.
        let left = distance.saturating_sub(now.duration_since(last)).min(distance);
        Some(Duration::try_from(left).unwrap_or_default())
    }

    /// A run is started for it.
    pub(super) fn start(&mut self, now: Timestamp) {
        *self = Self {
            changed: false,
            started: Some(now),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn runs_keep_their_distance_from_start_to_start() {
        let distance = SignedDuration::from_mins(10);
        let left = |state: &Distance, began: Option<i64>, now: i64| {
            let left = state.left(began.map(at), distance, at(now));
            left.map(|left| left.as_secs())
        };
        let mut state = Distance::default();
        assert_eq!(left(&state, None, 0), None);
        state.changed();
        assert_eq!(left(&state, None, 0), Some(0), "nothing ever ran");
        assert_eq!(left(&state, Some(-200), 0), Some(400));
        assert_eq!(left(&state, Some(-601), 0), Some(0));
        assert_eq!(
            left(&state, Some(100_000), 0),
            Some(600),
            "the clock was set back"
        );
        state.start(at(0));
        assert_eq!(left(&state, None, 10), None);
        state.changed();
        assert_eq!(
            left(&state, Some(-5000), 10),
            Some(590),
            "it begins, and is not told yet"
        );
        assert_eq!(left(&state, Some(5), 10), Some(595));
    }
}
