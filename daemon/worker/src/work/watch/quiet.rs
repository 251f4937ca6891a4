//! When a change is told: once it is quiet, or at last after a while.

use std::time::{Duration, Instant};

/// Changes that were not told yet.
#[derive(Debug)]
pub(super) struct Quiet {
    after: Duration,
    longest: Duration,
    /// The first and the last of them.
    changes: Option<(Instant, Instant)>,
}

impl Quiet {
    pub(super) fn new(quiet: Duration, longest: Duration) -> Self {
        Self {
            after: quiet,
            longest: longest.max(quiet),
            changes: None,
        }
    }

    /// Something has changed.
    pub(super) fn changed(&mut self, now: Instant) {
        let first = self.changes.map_or(now, |(first, _)| first);
        self.changes = Some((first, now));
    }

    /// When it is to be told, if nothing else happens.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.changes?;
        Some((last + self.after).min(first + self.longest))
    }

    /// Whether it is to be told now; then it counts as told.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_due = self.due().is_some_and(|due| due <= now);
        if is_due {
            self.changes = None;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_it_is_quiet_and_at_last_in_any_case() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut quiet = Quiet::new(Duration::from_secs(30), Duration::from_secs(100));
        assert_eq!(quiet.due(), None);
        assert!(!quiet.take(at(0)));
        quiet.changed(at(0));
        quiet.changed(at(20));
        assert!(!quiet.take(at(49)));
        assert!(quiet.take(at(50)));
        assert!(!quiet.take(at(90)), "it is told once");
        // A file that is written all the time.
        for second in 100..200 {
            quiet.changed(at(second));
            assert!(!quiet.take(at(second)));
        }
        assert_eq!(quiet.due(), Some(at(200)));
        assert!(quiet.take(at(200)));
    }

    #[test]
    fn a_distance_below_the_quiet_period_does_not_shorten_it() {
        let start = Instant::now();
        let mut quiet = Quiet::new(Duration::from_secs(30), Duration::ZERO);
        quiet.changed(start);
        assert_eq!(quiet.due(), Some(start + Duration::from_secs(30)));
    }
}
