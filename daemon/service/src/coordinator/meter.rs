//! Rate and time left, from the progress of the last seconds.

use std::collections::VecDeque;

use backupd_core::protocol::Progress;
use jiff::{SignedDuration, Timestamp};

use super::views::ProgressView;

/// Rates are taken over so long: a shorter time jumps, a longer one lags.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);
/// A shorter time says nothing about a rate.
const SHORTEST: SignedDuration = SignedDuration::from_millis(500);

/// Progress of one run.
#[derive(Debug, Default)]
pub(super) struct Meter {
    samples: VecDeque<(Timestamp, u64)>,
    last: Option<Progress>,
}

impl Meter {
    /// Takes a datagram.
    pub(super) fn take(&mut self, progress: Progress, now: Timestamp) {
        let went_back = |last: &Progress| {
            last.phase != progress.phase
                || last.attempt != progress.attempt
                || progress.bytes_done < last.bytes_done
        };
        if self.last.as_ref().is_some_and(went_back) {
            self.samples.clear();
        }
        while self
            .samples
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        self.samples.push_back((now, progress.bytes_done));
        self.last = Some(progress);
    }

    /// The view of it.
    #[allow(clippy::cast_precision_loss, reason = "fractions and rates for people")]
    pub(super) fn view(&self) -> Option<ProgressView> {
        let progress = self.last.clone()?;
        let part = |done: u64, total: u64| (total > 0).then(|| (done as f64 / total as f64).min(1.0));
        let fraction = part(progress.bytes_done, progress.bytes_total)
            .or_else(|| part(progress.files_done, progress.files_total));
        let rate = self.rate();
        let left = rate
            .filter(|rate| *rate > 0.0 && progress.bytes_total > 0)
            .and_then(|rate| {
                let bytes = progress.bytes_total.saturating_sub(progress.bytes_done);
                SignedDuration::try_from_secs_f64(bytes as f64 / rate).ok()
            });
        Some(ProgressView {
            progress,
            fraction,
            rate,
            left,
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    fn rate(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (self.samples.front()?, self.samples.back()?);
        let time = to.duration_since(*from);
        (time >= SHORTEST).then(|| after.saturating_sub(*before) as f64 / time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use backupd_core::{name::RunId, run::Phase};

    use super::*;

    fn progress(phase: Phase, done: u64) -> Progress {
        Progress {
            run: RunId::from_parts(0, 0),
            attempt: 1,
            phase,
            files_done: 0,
            files_total: 0,
            bytes_done: done,
            bytes_total: 1000,
            bytes_added: 0,
            unreadable: 0,
        }
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn rate_and_time_left_follow_the_last_seconds() {
        let mut meter = Meter::default();
        meter.take(progress(Phase::Backup, 0), at(0));
        assert_eq!(meter.view().unwrap().rate, None);
        meter.take(progress(Phase::Backup, 200), at(1000));
        let view = meter.view().unwrap();
        assert_eq!((view.fraction, view.rate), (Some(0.2), Some(200.0)));
        assert_eq!(view.left, Some(SignedDuration::from_secs(4)));
        // Twenty seconds of nothing: the old rate is forgotten.
        meter.take(progress(Phase::Backup, 200), at(21_000));
        meter.take(progress(Phase::Backup, 200), at(22_000));
        let view = meter.view().unwrap();
        assert_eq!((view.rate, view.left), (Some(0.0), None));
    }

    #[test]
    fn a_new_phase_begins_anew() {
        let mut meter = Meter::default();
        meter.take(progress(Phase::Scan, 900), at(0));
        meter.take(progress(Phase::Backup, 100), at(1000));
        assert_eq!(meter.view().unwrap().rate, None);
    }
}
