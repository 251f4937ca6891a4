//! The times between elapses: how many of them have to be looked at.

use jiff::{SignedDuration, Timestamp};

/// Enough for a year of days, for two weeks of hours, and for hours of minutes, whose gaps are all the same.
pub(super) const MOST_COMPARED: usize = 400;

/// Those elapses between which all gaps lie that there are: where they come again after a while, that while and the one
/// elapse after it; else as many as can be looked at.
pub(super) fn compared(
    elapses: impl Iterator<Item = Timestamp>,
    period: Option<SignedDuration>,
) -> Vec<Timestamp> {
    let mut compared = Vec::new();
    let mut end = None;
    for elapse in elapses.take(MOST_COMPARED) {
        let first = *compared.first().unwrap_or(&elapse);
        end = end.or_else(|| first.checked_add(period?).ok());
        compared.push(elapse);
        if end.is_some_and(|end| elapse >= end) {
            break;
        }
    }
    compared
}

/// From each one to the next.
pub(super) fn gaps(elapses: &[Timestamp]) -> impl Iterator<Item = SignedDuration> {
    let pairs = elapses.iter().zip(elapses.iter().skip(1));
    pairs.map(|(one, next)| next.duration_since(*one))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::schedule::{Schedule, parse_plain};

    #[test]
    fn what_comes_again_each_day_is_compared_for_a_day() {
        let count = |text: &str| {
            let schedule = Schedule::new(parse_plain(text).unwrap(), text);
            let from: Timestamp = "2026-03-24T12:00:00Z".parse().unwrap();
            let next = |after: Timestamp| schedule.next_after(after, &TimeZone::UTC, from);
            let elapses = std::iter::successors(next(from), |last| next(*last));
            compared(elapses, schedule.period()).len()
        };
        assert_eq!(count("02:00"), 2);
        assert_eq!(count("hourly"), 25);
        assert_eq!(count("weekly"), 2);
        assert_eq!(count("monthly"), MOST_COMPARED);
    }
}
