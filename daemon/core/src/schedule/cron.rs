//! Lines of crontab(5), and those of the `cron` crate, which begin with seconds and may end with years.

use std::str::FromStr as _;

use chrono::{Datelike as _, NaiveDate, Timelike as _};
use jiff::{
    SignedDuration,
    civil::{Date, DateTime},
};

use super::{CalendarEvent, ExpressionError};

mod five;

/// The times of a crontab.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// Five fields, as the calendar events that say the same.
    Events(Vec<CalendarEvent>),
    /// Six or seven, with the meaning that the crate gives them.
    Crate(Box<cron::Schedule>),
}

/// Beyond this nothing is meant.
const LONGEST: usize = 4096;

/// The fields of the crate: name, and what stands in them.
const FIELDS: [(&str, &str); 7] = [
    ("second", "seconds go from 0 to 59"),
    ("minute", "minutes go from 0 to 59"),
    ("hour", "hours go from 0 to 23"),
    ("day of the month", "days go from 1 to 31"),
    ("month", "months go from 1 to 12, or by name: `Jan`"),
    (
        "day of the week",
        "with seconds in front, days of the week go from 1, Sunday, to 7, or by name: `Mon-Fri`",
    ),
    ("year", "years go from 1970 to 2100"),
];

const HINT: &str = "five fields are minute, hour, day, month, day of the week: `30 2 * * 1-5`; six begin with \
     seconds, seven end with years";

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > LONGEST {
            return Err(wrong("a line of more than 4096 letters".to_owned(), HINT));
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        match fields.as_slice() {
            [word] if word.starts_with('@') => five::shorthand(word).and_then(Self::parse),
            [minute, hour, day, month, weekday] => {
                five::parse([minute, hour, day, month, weekday]).map(|events| Self(Kind::Events(events)))
            }
            fields @ ([_, _, _, _, _, _] | [_, _, _, _, _, _, _]) => seconds_first(fields),
            [] => Err(wrong("a crontab line is missing".to_owned(), HINT)),
            fields => Err(wrong(
                format!(
                    "a crontab line has five, six or seven fields, and `{}` has {}",
                    fields.join(" "),
                    fields.len()
                ),
                HINT,
            )),
        }
    }

    /// The time after which its local times come again, a day or a week; `None` where it is longer.
    pub(super) fn period(&self) -> Option<SignedDuration> {
        match &self.0 {
            Kind::Events(events) => events
                .iter()
                .map(CalendarEvent::period)
                .try_fold(SignedDuration::ZERO, |longest, period| Some(longest.max(period?))),
            Kind::Crate(_) => None,
        }
    }

    /// The first local time after `after`.
    pub fn next_after(&self, after: DateTime) -> Option<DateTime> {
        match &self.0 {
            Kind::Events(events) => events.iter().filter_map(|event| event.next_after(after)).min(),
            Kind::Crate(schedule) => next_of_crate(schedule, after),
        }
    }
}

fn wrong(message: String, hint: &str) -> ExpressionError {
    ExpressionError {
        message,
        hint: Some(hint.to_owned()),
    }
}

fn seconds_first(fields: &[&str]) -> Result<Cron, ExpressionError> {
    if let Ok(schedule) = cron::Schedule::from_str(&fields.join(" ")) {
        return Ok(Cron(Kind::Crate(Box::new(schedule))));
    }
    // The crate shows a place in a picture; alone among stars each field says by itself whether it is at fault.
    let at_fault = |index: usize, field: &str| {
        let alone: Vec<&str> = (0..7).map(|at| if at == index { field } else { "*" }).collect();
        cron::Schedule::from_str(&alone.join(" ")).is_err()
    };
    let mut named = fields.iter().zip(FIELDS).enumerate();
    Err(match named.find(|(index, (field, _))| at_fault(*index, field)) {
        Some((_, (field, (name, hint)))) => wrong(format!("`{field}` is no {name}"), hint),
        None => wrong(format!("`{}` is no crontab line", fields.join(" ")), HINT),
    })
}

/// The crate knows instants only; UTC stands in for the clock on the wall.
fn next_of_crate(schedule: &cron::Schedule, after: DateTime) -> Option<DateTime> {
    let after = after.max(Date::constant(1970, 1, 1).at(0, 0, 0, 0));
    let wide = |value: i8| u32::try_from(value).ok();
    let time = NaiveDate::from_ymd_opt(after.year().into(), wide(after.month())?, wide(after.day())?)?
        .and_hms_opt(wide(after.hour())?, wide(after.minute())?, wide(after.second())?)?
        .and_utc();
    let next = schedule.after(&time).next()?.naive_utc();
    let narrow = |value: u32| i8::try_from(value).ok();
    DateTime::new(
        i16::try_from(next.year()).ok()?,
        narrow(next.month())?,
        narrow(next.day())?,
        narrow(next.hour())?,
        narrow(next.minute())?,
        narrow(next.second())?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests;
