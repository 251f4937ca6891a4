//! A clock that people and servers set: what was seen to stays seen to, and what is doubtful is said.

use jiff::{SignedDuration, Timestamp};

use crate::schedule::Timetable;

/// Two readings that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What the clock on the wall shows.
    pub now: Timestamp,
    /// The time since the machine started, sleep counted; nobody sets it.
    pub since_boot: SignedDuration,
    /// The same without sleep.
    pub awake: SignedDuration,
}

/// A difference that slewing and reading one after the other cannot explain.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// Clocks that are read one after the other differ by less.
const NAP: SignedDuration = SignedDuration::from_secs(1);

/// A clock that jumped by more is not believed at once.
const DOUBTFUL: SignedDuration = SignedDuration::from_hours(24);

/// Tells a clock that was set from time that has passed.
#[derive(Debug, Clone)]
pub struct ClockWatch {
    /// What the clock would have shown when the machine started.
    origin: i128,
    /// Until then, since the start of the machine, a jump is not believed.
    doubted: Option<SignedDuration>,
    /// How long the machine had slept.
    asleep: SignedDuration,
}

impl ClockWatch {
    /// Begins with a clock that is believed.
    pub fn new(reading: Reading) -> Self {
        Self {
            origin: origin(reading),
            doubted: None,
            asleep: asleep(reading),
        }
    }

    /// By how much the clock was set since the last look, if it was.
    pub fn look(&mut self, reading: Reading) -> Option<SignedDuration> {
        let (before, after) = (self.origin, origin(reading));
        self.origin = after;
        let moved = SignedDuration::try_from_nanos_i128(after.saturating_sub(before))?;
        if moved.abs() < STEP {
            return None;
        }
        if moved.abs() > DOUBTFUL {
            self.doubted = Some(reading.since_boot.saturating_add(DOUBTFUL));
        }
        Some(moved)
    }

    /// Whether the machine has slept since the last look.
    pub fn slept(&mut self, reading: Reading) -> bool {
        let before = std::mem::replace(&mut self.asleep, asleep(reading));
        self.asleep.saturating_sub(before) > NAP
    }

    /// Why nothing should be deleted by this clock; `newest` is when the newest snapshot was stored.
    pub fn doubt(&self, reading: Reading, newest: Option<Timestamp>) -> Option<String> {
        if let Some(newest) = newest.filter(|newest| newest.duration_since(reading.now) > STEP) {
            return Some(format!(
                "the clock shows {}, and the newest snapshot is of {newest}",
                reading.now
            ));
        }
        let doubted = self.doubted.is_some_and(|until| reading.since_boot < until);
        doubted.then(|| "the clock was set by more than a day within the last day".to_owned())
    }
}

fn asleep(reading: Reading) -> SignedDuration {
    reading.since_boot.saturating_sub(reading.awake)
}

fn origin(reading: Reading) -> i128 {
    reading
        .now
        .as_nanosecond()
        .saturating_sub(reading.since_boot.as_nanos())
}

/// Up to where a job's elapses were seen to.
///
/// A clock that lies must neither lose elapses nor double them when it is set right, so two times are kept: the last
/// one that was seen to by the clock as it was then, and the newest of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last one.
    pub last: Option<Timestamp>,
    /// The newest one.
    pub newest: Option<Timestamp>,
}

impl Seen {
    /// With one more elapse seen to.
    #[must_use]
    pub fn with(self, elapse: Timestamp) -> Self {
        Self {
            last: Some(elapse),
            newest: self.newest.max(Some(elapse)),
        }
    }

    /// From where on elapses are still to come, for a job that is known since then.
    ///
    /// Where that is not what was seen to last, it is to be kept as if it were: asked again after a while, the answer
    /// would leave out what has come since.
    pub fn cursor(&self, known_since: Timestamp, timetable: &Timetable<'_>, now: Timestamp) -> Timestamp {
        let Some(last) = self.last else {
            // Known since a time that has not come: the clock was ahead then.
            return known_since.min(now);
        };
        // Whatever the clock has shown before: time that passes comes to each elapse.
        if last <= now {
            return last;
        }
        // The clock is behind all that was seen to. If that is one elapse, it is not done twice; if it is more, the
        // clock was wrong then or is now, and waiting for that time to come again would be waiting for too long.
        let first = timetable.next_after(now);
        let second = first.and_then(|first| timetable.next_after(first.at));
        match (first, second) {
            (Some(first), Some(second)) if first.at <= last && last < second.at => last,
            (Some(first), None) if first.at <= last => last,
            _ => now,
        }
    }

    /// The newest elapse that was seen to, where the clock was set forward over it, from `before` to `now`: it shows
    /// again what it showed then, and all up to there is seen to.
    pub fn set_over(&self, known_since: Timestamp, before: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let newest = self.newest.map_or(known_since, |newest| newest.max(known_since));
        let was_behind = self.last.is_some_and(|last| last < newest) && before < newest;
        (was_behind && newest <= now).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::schedule::{Schedule, Seed, When};

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn cursor(seen: Seen, now: Timestamp, period: i64) -> Timestamp {
        let schedules = [Schedule::new(
            When::Every(SignedDuration::from_hours(period)),
            "every",
        )];
        let timetable = Timetable {
            schedules: &schedules,
            local: &TimeZone::UTC,
            anchor: at(-2400),
            seed: Seed::new("machine", &"home".parse().unwrap()),
        };
        seen.cursor(at(-1000), &timetable, now)
    }

    #[test]
    fn a_clock_that_is_right_goes_on_where_it_was() {
        let seen = Seen::default().with(at(0));
        assert_eq!(cursor(seen, at(5), 24), at(0));
        assert_eq!(cursor(Seen::default(), at(5), 24), at(-1000));
    }

    #[test]
    fn an_elapse_is_not_done_twice_when_the_clock_goes_back_over_it() {
        let seen = Seen::default().with(at(0));
        assert_eq!(cursor(seen, at(-5), 24), at(0));
    }

    #[test]
    fn a_clock_that_was_far_ahead_does_not_stop_the_schedule_when_it_is_set_right() {
        let ahead = Seen::default().with(at(0)).with(at(30_000));
        assert_eq!(cursor(ahead, at(10), 24), at(10));
        let right_again = ahead.with(at(24));
        assert_eq!(cursor(right_again, at(30), 24), at(24));
    }

    #[test]
    fn what_was_seen_to_when_the_clock_was_ahead_is_not_lost_when_its_time_comes() {
        let ahead = Seen::default().with(at(0)).with(at(240));
        let right_again = ahead.with(at(216));
        assert_eq!(right_again.newest, Some(at(240)));
        // Nobody was there when it was 240.
        assert_eq!(cursor(right_again, at(250), 24), at(216));
        let known_ahead = Seen::default().with(at(-1024));
        assert_eq!(cursor(known_ahead, at(-990), 24), at(-1024));
    }

    #[test]
    fn a_clock_that_starts_in_the_past_doubles_nothing_when_it_is_set_right() {
        let seen = Seen::default().with(at(0));
        let past = Timestamp::from_second(60).unwrap();
        assert_eq!(cursor(seen, past, 24), past);
        let begun = seen.with(past);
        let meanwhile = begun.with(Timestamp::from_second(90_000).unwrap());
        let known_since = at(-1000);
        for behind in [begun, meanwhile] {
            assert_eq!(behind.set_over(known_since, past, at(-7)), None);
            assert_eq!(behind.set_over(known_since, past, at(7)), Some(at(0)));
        }
        // It was not the setting that went over it.
        assert_eq!(meanwhile.set_over(known_since, at(1), at(7)), None);
        assert_eq!(seen.set_over(known_since, at(-1), at(7)), None);
        let young = Seen::default().with(past);
        assert_eq!(young.set_over(known_since, past, at(7)), Some(known_since));
    }

    #[test]
    fn setting_is_told_from_time_that_passes() {
        let reading = |now, boot| Reading {
            now,
            since_boot: SignedDuration::from_hours(boot),
            awake: SignedDuration::ZERO,
        };
        let mut watch = ClockWatch::new(reading(at(0), 0));
        assert_eq!(watch.look(reading(at(100), 100)), None, "sleep counts");
        assert!(watch.slept(reading(at(100), 100)));
        assert!(!watch.slept(reading(at(100), 100)));
        assert_eq!(watch.doubt(reading(at(100), 100), Some(at(99))), None);
        assert!(watch.doubt(reading(at(100), 100), Some(at(101))).is_some());
        assert_eq!(
            watch.look(reading(at(101), 100)),
            Some(SignedDuration::from_hours(1))
        );
        assert_eq!(watch.doubt(reading(at(101), 100), None), None);
        let some = SignedDuration::from_millis(2500);
        assert_eq!(watch.look(reading(at(101) + some, 100)), Some(some));
        assert_eq!(watch.look(reading(at(101), 100)), Some(-some));
        assert_eq!(
            watch.look(reading(at(-101), 100)),
            Some(SignedDuration::from_hours(-202))
        );
        assert!(watch.doubt(reading(at(-101), 100), None).is_some());
        assert_eq!(watch.look(reading(at(-77), 124)), None);
        assert_eq!(watch.doubt(reading(at(-77), 124), None), None);
    }
}
