//! From local times to instants.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

/// The first instant after `after` of the local times that `next` gives, each the first one after the time it is
/// asked with.
pub(super) fn next_after(
    after: Timestamp,
    zone: &TimeZone,
    next: impl Fn(DateTime) -> Option<DateTime>,
) -> Option<Timestamp> {
    let mut time = zone.to_datetime(after);
    loop {
        time = next(time)?;
        if let Some(instant) = instant(time, zone)
            && instant > after
        {
            return Some(instant);
        }
    }
}

/// The instant of a local time: the first one where there are two, the end of the gap where there is none.
fn instant(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    use jiff::tz::AmbiguousOffset::{Fold, Gap, Unambiguous};
    match zone.to_ambiguous_timestamp(time).offset() {
        Unambiguous { offset } | Fold { before: offset, .. } => offset.to_timestamp(time).ok(),
        Gap { after, .. } => {
            let inside = after.to_timestamp(time).ok()?;
            zone.following(inside)
                .next()
                .map(|transition| transition.timestamp())
        }
    }
}

/// The first instant after `after` that is whole periods away from `anchor`, and not before it.
pub(super) fn next_multiple(
    after: Timestamp,
    anchor: Timestamp,
    period: SignedDuration,
) -> Option<Timestamp> {
    let period = period.as_nanos();
    if period <= 0 {
        return None;
    }
    let passed = after.duration_since(anchor).as_nanos();
    let periods = passed.div_euclid(period).checked_add(1)?.max(1);
    let nanoseconds = anchor.as_nanosecond().checked_add(periods.checked_mul(period)?)?;
    Timestamp::from_nanosecond(nanoseconds).ok()
}
