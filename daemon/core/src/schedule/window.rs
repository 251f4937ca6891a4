//! Times of day in which runs may begin.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use super::{resolve, weekdays::Weekdays};

/// Spans of local time, such as `22:00-06:00` or `Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00`.
///
/// One that ends before it begins lasts until the next day; the days of the week are those on which it opens. In the
/// night in which the clock is set it opens and closes when the clock shows so the first time, and what falls into
/// the hour that is left out lasts as long as on other days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    spans: Vec<Span>,
}

/// From one time of day to another, on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    days: Weekdays,
    opens: Time,
    /// `None` at the end of the day.
    closes: Option<Time>,
}

/// A text that is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WindowError(pub String);

/// Open from the first one until just before the second one.
type Opening = (Timestamp, Timestamp);

impl Window {
    /// Whether it is open.
    pub fn contains(&self, at: Timestamp, zone: &TimeZone) -> bool {
        self.openings(at, zone)
            .iter()
            .any(|(opens, closes)| *opens <= at && at < *closes)
    }

    /// When it opens next after this time.
    pub fn opens_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let openings = self.openings(at, zone);
        openings.iter().map(|(opens, _)| *opens).find(|opens| *opens > at)
    }

    /// When it closes next, after a time at which it is open; `None` where it never does.
    pub fn closes_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let openings = self.openings(at, zone);
        // The last one may go on beyond what was looked at; a week of it is for ever.
        let (_, closes) = openings.iter().find(|(_, closes)| *closes > at)?;
        let soon = at.checked_add((24 * (DAYS_AFTER - 1)).hours()).ok()?;
        (*closes < soon).then_some(*closes)
    }

    /// Whether all of it is the same on all days.
    pub(super) fn is_daily(&self) -> bool {
        self.spans.iter().all(|span| span.days == Weekdays::ALL)
    }

    /// When it is open in the days around a time: in order, apart from each other.
    fn openings(&self, at: Timestamp, zone: &TimeZone) -> Vec<Opening> {
        let today = zone.to_datetime(at).date();
        let days = (-DAYS_BEFORE..=DAYS_AFTER).filter_map(|days| today.checked_add(days.days()).ok());
        let mut openings: Vec<Opening> = days
            .flat_map(|day| self.spans.iter().filter_map(move |span| span.on(day, zone)))
            .collect();
        openings.sort_unstable();
        openings.dedup_by(|next, last| {
            let joined = next.0 <= last.1;
            if joined {
                last.1 = last.1.max(next.1);
            }
            joined
        });
        openings
    }
}

/// A day may be skipped altogether, and a span begins the day before.
const DAYS_BEFORE: i64 = 3;

/// All days of the week come, also when one is skipped.
const DAYS_AFTER: i64 = 16;

impl Span {
    fn on(&self, day: Date, zone: &TimeZone) -> Option<Opening> {
        if !self.days.contains(day.weekday()) {
            return None;
        }
        let opens = resolve::begin(day.to_datetime(self.opens), zone)?;
        let last = match self.closes {
            Some(closes) if closes > self.opens => day.to_datetime(closes),
            Some(closes) => day.tomorrow().ok()?.to_datetime(closes),
            None => day.tomorrow().ok()?.to_datetime(Time::midnight()),
        };
        let closes = resolve::end(last, zone)?;
        (opens < closes).then_some((opens, closes))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, span) in self.spans.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if span.days != Weekdays::ALL {
                write!(f, "{} ", span.days)?;
            }
            write!(f, "{}-", span.opens.strftime("%H:%M"))?;
            match span.closes {
                Some(closes) => write!(f, "{}", closes.strftime("%H:%M"))?,
                None => f.write_str("24:00")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        // A comma stands between spans, and between the days of one.
        let mut spans = Vec::new();
        let mut days = String::new();
        for part in text.split(',') {
            if part.contains(':') {
                spans.push(span(&days, part)?);
                days.clear();
            } else {
                days.push_str(part.trim());
                days.push(',');
            }
        }
        if spans.is_empty() || !days.is_empty() || spans.len() > MOST_SPANS {
            return Err(wrong(text));
        }
        Ok(Self { spans })
    }
}

/// As many as there are hours in a week.
const MOST_SPANS: usize = 168;

/// One span, with the days that stood before commas in front of it.
fn span(days: &str, text: &str) -> Result<Span, WindowError> {
    let whole = || wrong(&format!("{days}{}", text.trim()));
    let (opens, closes) = text.rsplit_once('-').ok_or_else(whole)?;
    let (last_day, opens) = opens.trim().rsplit_once(' ').unwrap_or(("", opens.trim()));
    let days = format!("{days}{}", last_day.trim());
    let closes = closes.trim();
    let span = Span {
        days: weekdays(&days)?,
        opens: time(opens).ok_or_else(whole)?,
        closes: match closes {
            "24:00" => None,
            closes => Some(time(closes).ok_or_else(whole)?),
        },
    };
    if span.closes == Some(span.opens) {
        return Err(WindowError(format!(
            "`{}` closes when it opens; all day is `00:00-24:00`",
            text.trim()
        )));
    }
    // The same span, written in one way.
    let closes = span.closes.filter(|closes| *closes != Time::midnight());
    Ok(Span { closes, ..span })
}

fn weekdays(text: &str) -> Result<Weekdays, WindowError> {
    match text {
        "" | "daily" => Ok(Weekdays::ALL),
        "weekdays" => Ok(Weekdays::WORKDAYS),
        "weekends" => Ok(Weekdays::WEEKEND),
        list => Weekdays::parse(list).map_err(|wrong| {
            let hint = wrong.hint.map(|hint| format!("; {hint}"));
            WindowError(format!("{}{}", wrong.message, hint.unwrap_or_default()))
        }),
    }
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

fn wrong(text: &str) -> WindowError {
    WindowError(format!(
        "`{text}` is no window; write one such as `22:00-06:00` or `Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00`"
    ))
}

impl TryFrom<String> for Window {
    type Error = WindowError;
    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

#[cfg(test)]
mod tests;
