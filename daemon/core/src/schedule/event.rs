//! Calendar events as in systemd.time(7).

use std::fmt;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::weekdays::Weekdays;

mod field;
mod parse;

use field::{Field, SECOND, Unit};

/// A calendar event, such as `Mon..Fri *-*-* 02:00:00`.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarEvent {
    weekdays: Weekdays,
    year: Field,
    month: Field,
    day: Field,
    hour: Field,
    minute: Field,
    second: Field,
    zone: Option<TimeZone>,
}

/// A time of day: hour, minute, and microseconds of the minute.
type Clock = (u32, u32, u32);

impl CalendarEvent {
    /// Each minute of each day.
    fn minutely() -> Self {
        Self {
            weekdays: Weekdays::ALL,
            year: Field::any(Unit::Year),
            month: Field::any(Unit::Month),
            day: Field::any(Unit::Day),
            hour: Field::any(Unit::Hour),
            minute: Field::any(Unit::Minute),
            second: Field::only(Unit::Second, &[0]),
            zone: None,
        }
    }

    /// At midnight of each of these days.
    fn midnight(weekdays: Weekdays) -> Self {
        Self {
            weekdays,
            hour: Field::only(Unit::Hour, &[0]),
            minute: Field::only(Unit::Minute, &[0]),
            ..Self::minutely()
        }
    }

    /// At these minutes and hours, on these days of these months if they are such days of the week.
    pub(super) fn on(weekdays: Weekdays, months: &[u32], days: &[u32], times: &[Vec<u32>; 2]) -> Self {
        let [minutes, hours] = times;
        Self {
            weekdays,
            month: Field::these(Unit::Month, months),
            day: Field::these(Unit::Day, days),
            hour: Field::these(Unit::Hour, hours),
            minute: Field::these(Unit::Minute, minutes),
            ..Self::minutely()
        }
    }

    /// The same in a zone of its own.
    fn in_zone(self, zone: Option<TimeZone>) -> Self {
        Self { zone, ..self }
    }

    /// One instant, in UTC.
    fn instant(at: Timestamp) -> Option<Self> {
        let time = TimeZone::UTC.to_datetime(at);
        let only = |unit, value: i16| Some(Field::only(unit, &[u32::try_from(value).ok()?]));
        let event = Self {
            weekdays: Weekdays::ALL,
            year: only(Unit::Year, time.year())?,
            month: only(Unit::Month, time.month().into())?,
            day: only(Unit::Day, time.day().into())?,
            hour: only(Unit::Hour, time.hour().into())?,
            minute: only(Unit::Minute, time.minute().into())?,
            second: Field::only(Unit::Second, &[u32::try_from(time.second()).ok()? * SECOND]),
            zone: Some(TimeZone::UTC),
        };
        event.year.from(0).map(|_| event)
    }

    /// The time after which its local times come again, a day or a week; `None` where it is longer.
    pub(super) fn period(&self) -> Option<SignedDuration> {
        let each_day = [&self.year, &self.month, &self.day]
            .iter()
            .all(|field| field.is_any());
        let days = if self.weekdays == Weekdays::ALL { 1 } else { 7 };
        each_day.then(|| SignedDuration::from_hours(24 * days))
    }

    /// The zone that the expression itself names.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// The first local time after `after`; there is none from the year 2200 on.
    pub fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let after = after.max(Date::constant(1970, 1, 1).at(0, 0, 0, 0));
        let date = self.date_from(after.date())?;
        if date == after.date()
            && let Some(clock) = self.clock_from(clock_after(after)?)
        {
            return at(date, clock);
        }
        let date = if date == after.date() {
            self.date_from(date.tomorrow().ok()?)?
        } else {
            date
        };
        at(date, self.clock_from((0, 0, 0))?)
    }

    /// The first day from this one on.
    fn date_from(&self, date: Date) -> Option<Date> {
        let (mut year, mut month, mut day) =
            (number(date.year())?, number(date.month())?, number(date.day())?);
        loop {
            let found = self.year.from(year)?;
            if found != year {
                (year, month, day) = (found, 1, 1);
            }
            let Some(found) = self.month.from(month) else {
                (year, month, day) = (year + 1, 1, 1);
                continue;
            };
            if found != month {
                (month, day) = (found, 1);
            }
            let first = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()?;
            if let Some(date) = self.day_from(first, day) {
                return Some(date);
            }
            (month, day) = (month + 1, 1);
        }
    }

    /// The first day of a month from this one on.
    fn day_from(&self, first: Date, mut day: u32) -> Option<Date> {
        let length = number(first.days_in_month())?;
        loop {
            day = self.day.day_from(day, length)?;
            let date = first.with().day(i8::try_from(day).ok()?).build().ok()?;
            if self.weekdays.contains(date.weekday()) {
                return Some(date);
            }
            day += 1;
        }
    }

    /// The first time of a day from this one on.
    fn clock_from(&self, (hour, minute, second): Clock) -> Option<Clock> {
        let found = self.hour.from(hour)?;
        if found == hour {
            if let Some(clock) = self.minute_from(hour, minute, second) {
                return Some(clock);
            }
            return self.minute_from(self.hour.from(hour + 1)?, 0, 0);
        }
        self.minute_from(found, 0, 0)
    }

    /// The first time of an hour from this one on.
    fn minute_from(&self, hour: u32, minute: u32, second: u32) -> Option<Clock> {
        let found = self.minute.from(minute)?;
        if found == minute {
            if let Some(second) = self.second.from(second) {
                return Some((hour, minute, second));
            }
            return Some((hour, self.minute.from(minute + 1)?, self.second.from(0)?));
        }
        Some((hour, found, self.second.from(0)?))
    }
}

/// One microsecond later; past the last one of a minute no second is found, which leads on to the next minute.
fn clock_after(time: DateTime) -> Option<Clock> {
    let micro = number(time.subsec_nanosecond() / 1000)?;
    Some((
        number(time.hour())?,
        number(time.minute())?,
        number(time.second())? * SECOND + micro + 1,
    ))
}

fn at(date: Date, (hour, minute, second): Clock) -> Option<DateTime> {
    let narrow = |value: u32| i8::try_from(value).ok();
    let nanosecond = i32::try_from(second % SECOND * 1000).ok()?;
    Some(date.at(
        narrow(hour)?,
        narrow(minute)?,
        narrow(second / SECOND)?,
        nanosecond,
    ))
}

fn number(value: impl Into<i32>) -> Option<u32> {
    u32::try_from(value.into()).ok()
}

/// The whole of it, as `systemd-analyze calendar` shows it.
impl fmt::Display for CalendarEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.weekdays != Weekdays::ALL {
            write!(f, "{} ", self.weekdays)?;
        }
        let before_day = if self.day.is_last_day() { '~' } else { '-' };
        write!(f, "{}-{}{before_day}{} ", self.year, self.month, self.day)?;
        write!(f, "{}:{}:{}", self.hour, self.minute, self.second)?;
        match self.zone.as_ref().and_then(TimeZone::iana_name) {
            Some(zone) => write!(f, " {zone}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
