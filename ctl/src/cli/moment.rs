//! Moments as people write them.

use std::str::FromStr;

use jiff::{Span, Timestamp, ToSpan as _, Zoned, civil};

/// A moment of the past: `yesterday`, `2d`, `2026-11-01 14:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Timestamp);

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        moment(text, &Zoned::now(), Toward::Past).map(Self)
    }
}

/// A moment to come: `tomorrow 08:00`, `monday`, `18:00`, `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ahead(pub(crate) Timestamp);

impl FromStr for Ahead {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        moment(text, &Zoned::now(), Toward::Future).map(Self)
    }
}

impl When {
    /// As on the bus.
    pub(crate) fn usec(self) -> u64 {
        usec(self.0)
    }
}

impl Ahead {
    /// As on the bus.
    pub(crate) fn usec(self) -> u64 {
        usec(self.0)
    }
}

/// As on the bus; a time before the epoch is before everything there is.
pub(crate) fn usec(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}

/// Where a text points that could mean either, such as `18:00`, `monday` and `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toward {
    Past,
    Future,
}

/// Reads a moment, on the clock that `now` is on.
pub(crate) fn moment(text: &str, now: &Zoned, toward: Toward) -> Result<Timestamp, String> {
    let wrong = || {
        let such = match toward {
            Toward::Past => "`2026-11-01 14:00`, `yesterday` or `2d`",
            Toward::Future => "`tomorrow 08:00`, `monday`, `18:00` or `2h`",
        };
        format!("`{text}` is no time; write one such as {such}")
    };
    read(text.trim(), now, toward).ok_or_else(wrong)
}

fn read(text: &str, now: &Zoned, toward: Toward) -> Option<Timestamp> {
    if text == "now" {
        return Some(now.timestamp());
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    // Local times that a change of the clocks skips or repeats are the nearest there is, the first there is.
    let on_clock = |time: civil::DateTime| Some(time.to_zoned(now.time_zone().clone()).ok()?.timestamp());
    if let Ok(local) = text.parse::<civil::DateTime>() {
        return on_clock(local);
    }
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("at ").unwrap_or(rest);
    let time = if rest.is_empty() {
        Some(civil::Time::midnight())
    } else {
        clock(rest)
    };
    if let (Some(day), Some(time)) = (Day::of(first), time) {
        return on_clock(day.nearest(time, now, toward)?);
    }
    if let Some(time) = clock(text) {
        return on_clock(Day::Any.nearest(time, now, toward)?);
    }
    let (span, toward) = match (text.strip_prefix("in "), text.strip_suffix(" ago")) {
        (Some(span), None) => (span, Toward::Future),
        (None, Some(span)) => (span, Toward::Past),
        (None, None) => (text, toward),
        (Some(_), Some(_)) => return None,
    };
    let span = span.parse::<Span>().ok()?.abs();
    let there = match toward {
        Toward::Past => now.checked_sub(span),
        Toward::Future => now.checked_add(span),
    };
    Some(there.ok()?.timestamp())
}

/// `08:00`, also without the zero, and with seconds.
fn clock(text: &str) -> Option<civil::Time> {
    let (hours, _) = text.split_once(':')?;
    let padded = "0".repeat(2_usize.saturating_sub(hours.len())) + text;
    padded.parse().ok()
}

/// A day as it is called from today.
#[derive(Debug, Clone, Copy)]
enum Day {
    /// So many days from today.
    From(i64),
    /// The nearest of its name.
    Named(civil::Weekday),
    /// Today, or the one beside it.
    Any,
}

impl Day {
    fn of(word: &str) -> Option<Self> {
        const NAMES: [&str; 7] = [
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ];
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "yesterday" => return Some(Self::From(-1)),
            "today" => return Some(Self::From(0)),
            "tomorrow" => return Some(Self::From(1)),
            _ => {}
        }
        let index = NAMES
            .iter()
            .position(|name| word == *name || name.get(..3) == Some(&word))?;
        civil::Weekday::from_monday_zero_offset(i8::try_from(index).ok()?)
            .ok()
            .map(Self::Named)
    }

    /// The local time on the nearest such day: today, unless that lies on the other side of now.
    fn nearest(self, time: civil::Time, now: &Zoned, toward: Toward) -> Option<civil::DateTime> {
        let (today, this) = (now.date(), now.datetime());
        let days = match self {
            Self::From(days) => return Some(today.checked_add(days.days()).ok()?.to_datetime(time)),
            Self::Any => 1,
            Self::Named(_) => 7,
        };
        let fits = |date: &civil::Date| match self {
            Self::Named(weekday) => date.weekday() == weekday,
            _ => true,
        };
        (0..=days).find_map(|number: i64| {
            let date = match toward {
                Toward::Past => today.checked_sub(number.days()).ok()?,
                Toward::Future => today.checked_add(number.days()).ok()?,
            };
            let local = date.to_datetime(time);
            let right_side = match toward {
                Toward::Past => local <= this,
                Toward::Future => local > this,
            };
            (fits(&date) && right_side).then_some(local)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Friday.
    fn read(text: &str, toward: Toward) -> Result<String, String> {
        let now: Zoned = "2026-11-20T18:40:00+01:00[Europe/Berlin]".parse().unwrap();
        moment(text, &now, toward).map(|time| time.to_string())
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        for (text, expected) in [
            ("now", "2026-11-20T17:40:00Z"),
            ("today", "2026-11-19T23:00:00Z"),
            ("yesterday", "2026-11-18T23:00:00Z"),
            ("yesterday at 14:00", "2026-11-19T13:00:00Z"),
            ("friday", "2026-11-19T23:00:00Z"),
            ("sat", "2026-11-13T23:00:00Z"),
            ("19:00", "2026-11-19T18:00:00Z"),
            ("2026-11-01T14:00:00+01:00", "2026-11-01T13:00:00Z"),
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-11-01 14:00", "2026-11-01T13:00:00Z"),
            ("2d", "2026-11-18T17:40:00Z"),
            ("2 days ago", "2026-11-18T17:40:00Z"),
            ("in 2 days", "2026-11-22T17:40:00Z"),
            ("1h 30m", "2026-11-20T16:10:00Z"),
            ("1 month", "2026-10-20T16:40:00Z"),
        ] {
            assert_eq!(read(text, Toward::Past), Ok(expected.to_owned()), "{text}");
        }
        assert_eq!(
            read("soon", Toward::Past).unwrap_err(),
            "`soon` is no time; write one such as `2026-11-01 14:00`, `yesterday` or `2d`"
        );
    }

    #[test]
    fn what_could_mean_either_is_to_come_where_that_is_wanted() {
        for (text, expected) in [
            ("now", "2026-11-20T17:40:00Z"),
            ("18:00", "2026-11-21T17:00:00Z"),
            ("19:00", "2026-11-20T18:00:00Z"),
            ("8:00", "2026-11-21T07:00:00Z"),
            ("today 23:30", "2026-11-20T22:30:00Z"),
            ("tomorrow", "2026-11-20T23:00:00Z"),
            ("tomorrow 08:00", "2026-11-21T07:00:00Z"),
            ("tomorrow at 8:00", "2026-11-21T07:00:00Z"),
            ("Monday", "2026-11-22T23:00:00Z"),
            ("friday", "2026-11-26T23:00:00Z"),
            ("friday 19:00", "2026-11-20T18:00:00Z"),
            ("fri 18:00", "2026-11-27T17:00:00Z"),
            ("2026-12-24", "2026-12-23T23:00:00Z"),
            ("2h", "2026-11-20T19:40:00Z"),
            ("in 2h", "2026-11-20T19:40:00Z"),
            ("3 days", "2026-11-23T17:40:00Z"),
            ("2d ago", "2026-11-18T17:40:00Z"),
        ] {
            assert_eq!(read(text, Toward::Future), Ok(expected.to_owned()), "{text}");
        }
        for text in ["soon", "", "tomorrow morning", "25:00", "in 2h ago", "8", "m:00"] {
            assert_eq!(
                read(text, Toward::Future).unwrap_err(),
                format!("`{text}` is no time; write one such as `tomorrow 08:00`, `monday`, `18:00` or `2h`")
            );
        }
    }
}
