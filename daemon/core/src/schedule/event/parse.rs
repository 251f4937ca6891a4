//! From texts to calendar events.

use jiff::Timestamp;

use super::{CalendarEvent, Field, Unit, Weekdays};
use crate::schedule::{ExpressionError, zone::parse_zone};

/// Beyond this nothing is meant.
const LONGEST: usize = 4096;

impl CalendarEvent {
    /// A calendar event in any of the forms of systemd.time(7).
    pub(in crate::schedule) fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > LONGEST {
            return Err(wrong(
                "a calendar event of more than 4096 letters".to_owned(),
                EXAMPLES,
            ));
        }
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let Some(last) = words.last().copied() else {
            return Err(wrong("a calendar event is missing".to_owned(), EXAMPLES));
        };
        let zone = if words.len() > 1 && last.starts_with(|letter: char| letter.is_alphabetic()) {
            no_weekday(last)?;
            words.pop();
            Some(parse_zone(last)?)
        } else {
            None
        };
        if let [word] = words.as_slice() {
            if let Some(event) = shorthand(word) {
                return Ok(event.in_zone(zone));
            }
            if let Some(seconds) = word.strip_prefix('@') {
                return match zone {
                    None => epoch(seconds),
                    Some(_) => Err(wrong(
                        format!("`{word}` is one in all zones"),
                        "leave the zone out",
                    )),
                };
            }
        }
        parts(&words).map(|event| event.in_zone(zone))
    }

    /// The number of a month that is named.
    pub(in crate::schedule) fn month_number(word: &str) -> Option<usize> {
        const MONTHS: [&str; 12] = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ];
        let word = word.to_ascii_lowercase();
        MONTHS
            .iter()
            .position(|month| word.starts_with(month))
            .map(|index| index + 1)
    }
}

const EXAMPLES: &str = "such as `02:00`, `Mon..Fri 18:30` or `*-*-01 03:00`";

fn wrong(message: String, hint: impl Into<String>) -> ExpressionError {
    ExpressionError {
        message,
        hint: Some(hint.into()),
    }
}

/// A day at the end is a list that was written with spaces, or in the wrong place.
fn no_weekday(word: &str) -> Result<(), ExpressionError> {
    if Weekdays::number(word).is_none() {
        return Ok(());
    }
    Err(wrong(
        format!("`{word}` stands where a time or a zone is expected"),
        "days of the week come first, with commas between them: `Mon,Thu 20:00`",
    ))
}

fn shorthand(word: &str) -> Option<CalendarEvent> {
    let on_first = |month: Field| CalendarEvent {
        month,
        day: Field::only(Unit::Day, &[1]),
        ..CalendarEvent::midnight(Weekdays::ALL)
    };
    let months = |months: &[u32]| on_first(Field::only(Unit::Month, months));
    Some(match word.to_ascii_lowercase().as_str() {
        "minutely" => CalendarEvent::minutely(),
        "hourly" => CalendarEvent {
            minute: Field::only(Unit::Minute, &[0]),
            ..CalendarEvent::minutely()
        },
        "daily" => CalendarEvent::midnight(Weekdays::ALL),
        "weekly" => CalendarEvent::midnight(Weekdays::only(0)),
        "monthly" => on_first(Field::any(Unit::Month)),
        "quarterly" => months(&[1, 4, 7, 10]),
        "semiannually" | "semi-annually" | "biannually" | "bi-annually" => months(&[1, 7]),
        // The last one is as systemd has it.
        "yearly" | "annually" | "anually" => months(&[1]),
        _ => return None,
    })
}

/// Seconds since 1970.
fn epoch(seconds: &str) -> Result<CalendarEvent, ExpressionError> {
    let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let found = digits.then(|| seconds.parse().ok()).flatten();
    found
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .and_then(CalendarEvent::instant)
        .ok_or_else(|| {
            wrong(
                format!("`@{seconds}` is no time between 1970 and 2199"),
                "after `@` come the seconds since 1970, as `date +%s` shows them",
            )
        })
}

/// Days of the week, a date and a time, each of which may be missing.
fn parts(words: &[&str]) -> Result<CalendarEvent, ExpressionError> {
    let days = words
        .iter()
        .take_while(|word| word.starts_with(|letter: char| letter.is_alphabetic()))
        .count();
    let (days, rest) = words.split_at_checked(days).unwrap_or((&[], words));
    if let Some((month, number)) = days
        .first()
        .and_then(|day| Some((day, CalendarEvent::month_number(day)?)))
    {
        return Err(wrong(
            format!("`{month}` is no day of the week, and months are numbers"),
            format!("`*-{number:02}-01` is the first day of that month, `*-{number:02}~01` its last"),
        ));
    }
    let weekdays = match days {
        [] => Weekdays::ALL,
        // `Mon, Tue` is what `Mon,Tue` is.
        [before @ .., _] if before.iter().all(|word| word.ends_with(',')) => Weekdays::parse(&days.concat())?,
        [first, second, ..] => {
            Weekdays::parse(first)?;
            return Err(wrong(
                format!("`{second}` stands where a date or a time is expected"),
                format!("days of the week have commas between them, months are numbers: {EXAMPLES}"),
            ));
        }
        [day] => Weekdays::parse(day)?,
    };
    let (date, time) = match rest {
        [] => (None, None),
        [time] if time.contains(':') => (None, Some(*time)),
        [date] => (Some(*date), None),
        [date, time] => (Some(*date), Some(*time)),
        [_, _, more, ..] => {
            return Err(wrong(
                format!("`{more}` is more than a date and a time"),
                format!("days of the week, date, time and zone follow each other: {EXAMPLES}"),
            ));
        }
    };
    let mut event = CalendarEvent::midnight(weekdays);
    if let Some(date) = date {
        (event.year, event.month, event.day) = parse_date(date)?;
    }
    if let Some(time) = time {
        (event.hour, event.minute, event.second) = parse_time(time)?;
    }
    Ok(event)
}

/// `YEAR-MONTH-DAY` or `MONTH-DAY`, the last `-` being a `~` where days are counted back.
fn parse_date(text: &str) -> Result<(Field, Field, Field), ExpressionError> {
    let unit = |back: bool| if back { Unit::LastDay } else { Unit::Day };
    let back = text.contains('~');
    let fields: Vec<&str> = text.split(['-', '~']).collect();
    let last = text.rsplit(['-', '~']).next().map_or(0, str::len);
    let separators = text.get(..text.len() - last).unwrap_or_default();
    let in_front = separators.strip_suffix('~').unwrap_or(separators).contains('~');
    match fields.as_slice() {
        _ if in_front => Err(wrong(
            format!("`~` in `{text}` does not stand before a day"),
            "the last day of February is `*-02~01`",
        )),
        [month, day] => Ok((
            Field::any(Unit::Year),
            Field::parse(Unit::Month, month)?,
            Field::parse(unit(back), day)?,
        )),
        [year, month, day] => Ok((
            Field::parse(Unit::Year, year)?,
            Field::parse(Unit::Month, month)?,
            Field::parse(unit(back), day)?,
        )),
        _ => Err(wrong(
            format!("`{text}` is no date"),
            "a date is `YEAR-MONTH-DAY` or `MONTH-DAY`, with `*` for any: `*-*-01`; a time is `02:00`",
        )),
    }
}

/// `HOUR:MINUTE` or `HOUR:MINUTE:SECOND`.
fn parse_time(text: &str) -> Result<(Field, Field, Field), ExpressionError> {
    let fields: Vec<&str> = text.split(':').collect();
    let (hour, minute, second) = match fields.as_slice() {
        [hour, minute] => (hour, minute, None),
        [hour, minute, second] => (hour, minute, Some(*second)),
        _ => {
            return Err(wrong(
                format!("`{text}` is no time of day"),
                "a time is `HOUR:MINUTE`, with `:SECOND` where it matters: `02:00`",
            ));
        }
    };
    let second = match second {
        Some(second) => Field::parse(Unit::Second, second)?,
        None => Field::only(Unit::Second, &[0]),
    };
    Ok((
        Field::parse(Unit::Hour, hour)?,
        Field::parse(Unit::Minute, minute)?,
        second,
    ))
}
