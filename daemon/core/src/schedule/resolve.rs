//! From local times to instants.

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// The first instant after `after` of the local times that `next` gives, each the first one after the time it is
/// asked with.
pub(super) fn next_after(
    after: Timestamp,
    zone: &TimeZone,
    next: impl Fn(DateTime) -> Option<DateTime>,
) -> Option<Timestamp> {
    let mut time = zone.to_datetime(after);
    loop {
        // Times that were seen to before the clock was set back come once more, and are passed over.
        time = next(time)?;
        if let Some(instant) = instant(time, zone)
            && instant > after
        {
            return Some(instant);
        }
    }
}

/// The instant of a local time: the first one where there are two, the end of the gap where there is none.
///
/// A gap that reaches over midnight does not move a time to another day: what belongs to the day before it is at
/// that day's last second, and nothing is left of a day that is skipped altogether.
fn instant(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(time).ok()
        }
        AmbiguousOffset::Gap { before, after } => {
            let end = gap_end(time, zone, before, after)?;
            let last = end.checked_sub(SignedDuration::from_secs(1)).ok()?;
            [(end, after), (last, before)]
                .into_iter()
                .find(|(instant, offset)| offset.to_datetime(*instant).date() == time.date())
                .map(|(instant, _)| instant)
        }
    }
}

/// When the gap that a time falls into is over.
fn gap_end(time: DateTime, zone: &TimeZone, before: Offset, after: Offset) -> Option<Timestamp> {
    // With the later offset the time is in front of the transition, by less than the gap is long.
    let transitions = zone.following(after.to_timestamp(time).ok()?).take(MOST_NEAR);
    transitions
        .map(|transition| transition.timestamp())
        .find(|end| before.to_datetime(*end) <= time && time < after.to_datetime(*end))
}

/// Transitions that only rename a zone may stand beside the one that is looked for.
const MOST_NEAR: usize = 8;

/// The instant at which something that begins at a local time does: never later than what falls into it.
pub(super) fn begin(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    instant(time, zone).or_else(|| skipped(time, zone))
}

/// The instant at which something that lasts until a local time is over: as long after the beginning of a gap as
/// the clock would have gone without it, unless its day is left out.
///
/// What lasts until the end of a gap lasts through it, as what ends in it does: the times of the gap are at its end.
pub(super) fn end(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let last = time.checked_sub(SignedDuration::from_nanos(1)).ok()?;
    match zone.to_ambiguous_timestamp(last).offset() {
        AmbiguousOffset::Gap { before, .. } if instant(last, zone).is_some() => {
            before.to_timestamp(time).ok()
        }
        _ if instant(time, zone).is_some() => zone.to_ambiguous_timestamp(time).compatible().ok(),
        _ => skipped(time, zone),
    }
}

/// When the days are over that a zone leaves out.
fn skipped(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Gap { before, after } => gap_end(time, zone, before, after),
        _ => None,
    }
}

/// The first instant after `after` that is whole periods away from `anchor`, before it or after: an anchor of a clock that
/// was ahead may be years away.
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
    let periods = passed.div_euclid(period).checked_add(1)?;
    let nanoseconds = anchor.as_nanosecond().checked_add(periods.checked_mul(period)?)?;
    Timestamp::from_nanosecond(nanoseconds).ok()
}

#[cfg(test)]
mod tests;
