//! One field of a calendar event: a list of values, ranges and repetitions.

use std::fmt::{self, Write as _};

use crate::schedule::ExpressionError;

/// Seconds are counted in these, so that they may have fractions.
pub(super) const SECOND: u32 = 1_000_000;

/// As many as systemd takes.
const MOST_ITEMS: usize = 240;

/// What a field counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Year,
    Month,
    Day,
    /// Counted back from the end of the month, whose last day is 1.
    LastDay,
    Hour,
    Minute,
    Second,
}

impl Unit {
    /// The least and the greatest value.
    pub(super) const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Year => (1970, 2199),
            Self::Month => (1, 12),
            Self::Day => (1, 31),
            Self::LastDay => (1, 28),
            Self::Hour => (0, 23),
            Self::Minute => (0, 59),
            Self::Second => (0, 60 * SECOND - 1),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::LastDay => "day before the end of a month",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }

    /// How it is said what values there are.
    fn range(self) -> String {
        match (self, self.bounds()) {
            (Self::LastDay, _) => {
                "the last day is `~01`, and `~28` is the first that every month has".to_owned()
            }
            (Self::Second, _) => "seconds go from 0 to 59".to_owned(),
            (_, (least, most)) => format!("{}s go from {least} to {most}", self.name()),
        }
    }

    const fn width(self) -> usize {
        if matches!(self, Self::Year) { 4 } else { 2 }
    }
}

/// A value, a range of them, or one repeated up to a last or for as long as there are values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    first: u32,
    /// Taken into account with a step only.
    last: Option<u32>,
    step: Option<u32>,
}

impl Item {
    /// The first value from `value` on.
    pub(super) fn from(self, value: u32) -> Option<u32> {
        if value <= self.first {
            return Some(self.first);
        }
        let step = self.step?;
        let found = self
            .first
            .checked_add((value - self.first).div_ceil(step).checked_mul(step)?)?;
        (self.last.is_none_or(|last| found <= last)).then_some(found)
    }

    /// The days of a month of this length that it stands for when its values are counted back from the end.
    fn counted_back(self, length: u32) -> Self {
        let day = |back: u32| (length + 1).saturating_sub(back);
        match self.last {
            Some(last) => Self {
                first: day(last),
                last: Some(day(self.first)),
                step: self.step,
            },
            None => Self {
                first: day(self.first),
                ..self
            },
        }
    }
}

/// What a field allows; empty where it is `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    unit: Unit,
    items: Vec<Item>,
}

impl Field {
    pub(super) fn any(unit: Unit) -> Self {
        Self {
            unit,
            items: Vec::new(),
        }
    }

    pub(super) fn only(unit: Unit, values: &[u32]) -> Self {
        let item = |first: &u32| Item {
            first: *first,
            last: None,
            step: None,
        };
        Self {
            unit,
            items: values.iter().map(item).collect(),
        }
    }

    /// These values, sorted and each once; `*` where it is all that there are.
    pub(super) fn these(unit: Unit, values: &[u32]) -> Self {
        let (least, most) = unit.bounds();
        if values.iter().copied().eq(least..=most) {
            Self::any(unit)
        } else {
            Self::only(unit, values)
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn is_last_day(&self) -> bool {
        self.unit == Unit::LastDay
    }

    /// The first value from `value` on; the caller holds it against the greatest that there is.
    pub(super) fn from(&self, value: u32) -> Option<u32> {
        let (least, most) = self.unit.bounds();
        if self.items.is_empty() {
            return Some(value.max(least)).filter(|value| *value <= most);
        }
        let found = self.items.iter().filter_map(|item| item.from(value)).min();
        found.filter(|value| *value <= most)
    }

    /// The first day from `day` on in a month of this length.
    pub(super) fn day_from(&self, day: u32, length: u32) -> Option<u32> {
        let found = if self.is_last_day() {
            let days = self.items.iter().map(|item| item.counted_back(length));
            days.filter_map(|item| item.from(day)).min()
        } else {
            self.from(day)
        };
        found.filter(|day| *day <= length)
    }

    /// `*`, or items with commas between them.
    pub(super) fn parse(unit: Unit, text: &str) -> Result<Self, ExpressionError> {
        if text == "*" {
            // In seconds it says that each whole one is meant, not each moment.
            return Ok(match unit {
                Unit::Second => Self {
                    unit,
                    items: vec![Item {
                        first: 0,
                        last: None,
                        step: Some(SECOND),
                    }],
                },
                // Each day counted back is each day.
                Unit::LastDay => Self::any(Unit::Day),
                _ => Self::any(unit),
            });
        }
        let items: Vec<&str> = text.split(',').take(MOST_ITEMS + 1).collect();
        if items.len() > MOST_ITEMS {
            return Err(wrong(
                format!("more than {MOST_ITEMS} values for one {}", unit.name()),
                "ranges and steps are shorter: `0/2`",
            ));
        }
        let mut items = items
            .into_iter()
            .map(|item| parse_item(unit, item))
            .collect::<Result<Vec<_>, _>>()?;
        items.sort_unstable();
        items.dedup();
        Ok(Self { unit, items })
    }
}

fn wrong(message: String, hint: impl Into<String>) -> ExpressionError {
    ExpressionError {
        message,
        hint: Some(hint.into()),
    }
}

fn parse_item(unit: Unit, text: &str) -> Result<Item, ExpressionError> {
    let (values, step) = match text.split_once('/') {
        Some((values, step)) => (values, Some(step)),
        None => (text, None),
    };
    if let ("*", Some(step)) = (values, step) {
        let least = unit.bounds().0 / if unit == Unit::Second { SECOND } else { 1 };
        return Err(wrong(
            format!("`{text}` does not say where to begin counting"),
            format!("`{least}/{step}` does"),
        ));
    }
    let (first, last) = match values.split_once("..") {
        Some((first, last)) => (value(unit, first)?, Some(value(unit, last)?)),
        None => (value(unit, values)?, None),
    };
    if let Some(last) = last.filter(|last| *last < first) {
        return Err(wrong(
            format!("`{values}` runs backwards"),
            match unit {
                Unit::Hour => format!("over midnight it takes two ranges: `{first}..23,0..{last}`"),
                _ => "the smaller value comes first".to_owned(),
            },
        ));
    }
    let step = match (step, last) {
        (Some(step), _) => Some(number(unit, step).filter(|step| *step > 0).ok_or_else(|| {
            wrong(
                format!("`{step}` in `{text}` is no step"),
                "`0/15` is every 15 from 0 on",
            )
        })?),
        (None, Some(_)) => Some(if unit == Unit::Second { SECOND } else { 1 }),
        (None, None) => None,
    };
    reaches(unit, text, first, last, step)?;
    Ok(normal(first, last, step))
}

/// A repetition that has no second value is a slip: `*:0/60`.
fn reaches(
    unit: Unit,
    text: &str,
    first: u32,
    last: Option<u32>,
    step: Option<u32>,
) -> Result<(), ExpressionError> {
    let (low, high) = unit.bounds();
    let Some(step) = step.filter(|_| last.is_none()) else {
        return Ok(());
    };
    let second = match unit {
        Unit::LastDay => first.checked_sub(step).filter(|day| *day >= low),
        _ => first.checked_add(step).filter(|value| *value <= high),
    };
    if second.is_some() {
        return Ok(());
    }
    let hint = match unit {
        Unit::Minute => "minutes begin anew with each hour: `*:00` is each hour, `0/2:00` every second one",
        Unit::Hour => {
            "hours begin anew with each day: `*-*-* 00:00` is each day, `*-*-1/2 00:00` every second one"
        }
        Unit::LastDay => "days are counted towards the end: `~07/1` is each of the last seven",
        _ => "leave the step out, or write a smaller one",
    };
    Err(wrong(
        format!("the step of `{text}` leads past the last {}", unit.name()),
        hint,
    ))
}

/// The last value is one that is met, and a single one is no range.
fn normal(first: u32, last: Option<u32>, step: Option<u32>) -> Item {
    let last = match (last, step) {
        (Some(last), Some(step)) => Some(last - (last - first) % step),
        _ => None,
    };
    if last == Some(first) {
        return Item {
            first,
            last: None,
            step: None,
        };
    }
    Item { first, last, step }
}

fn value(unit: Unit, text: &str) -> Result<u32, ExpressionError> {
    let Some(number) = number(unit, text) else {
        let what = match text {
            "" => format!("a {} is missing", unit.name()),
            text => format!("`{text}` is no {}", unit.name()),
        };
        return Err(wrong(
            what,
            match text {
                "*" => "`*` stands alone, without commas, ranges or steps".to_owned(),
                _ => unit.range(),
            },
        ));
    };
    let number = match unit {
        Unit::Year => century(number),
        _ => number,
    };
    let (least, most) = unit.bounds();
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(wrong(
        format!("there is no {} `{text}`", unit.name()),
        match (unit, number) {
            (Unit::Hour, 24) => "midnight is `00:00`, of the day that begins".to_owned(),
            _ => unit.range(),
        },
    ))
}

/// Years of two digits are those from 1970 to 2069.
fn century(year: u32) -> u32 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    }
}

/// Digits; seconds may have a fraction, which is rounded to microseconds.
fn number(unit: Unit, text: &str) -> Option<u32> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if unit != Unit::Second {
        return digits(text).then(|| text.parse().ok()).flatten();
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let six: u32 = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let up = fraction.as_bytes().get(6).is_some_and(|digit| *digit >= b'5');
    let whole: u32 = whole.parse().ok()?;
    whole.checked_mul(SECOND)?.checked_add(six + u32::from(up))
}

/// As systemd writes it, so that it reads back.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        let each_second = unit == Unit::Second
            && matches!(self.items.as_slice(), [item] if item.first == 0
            && item.step == Some(SECOND) && item.last.is_none());
        if self.items.is_empty() || each_second {
            return f.write_char('*');
        }
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            write_value(f, unit, item.first, unit.width())?;
            if let Some(last) = item.last {
                f.write_str("..")?;
                write_value(f, unit, last, unit.width())?;
            }
            let single = if unit == Unit::Second { SECOND } else { 1 };
            if let Some(step) = item.step.filter(|step| item.last.is_none() || *step != single) {
                f.write_char('/')?;
                write_value(f, unit, step, 1)?;
            }
        }
        Ok(())
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, unit: Unit, value: u32, width: usize) -> fmt::Result {
    if unit != Unit::Second {
        return write!(f, "{value:0width$}");
    }
    write!(f, "{:0width$}", value / SECOND)?;
    match value % SECOND {
        0 => Ok(()),
        fraction => write!(f, ".{fraction:06}"),
    }
}
