//! Days of the week, alone, in lists and in ranges.

use std::fmt;

use jiff::civil::Weekday;

use super::ExpressionError;
use crate::config::nearest;

/// Some of the seven days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weekdays(u8);

const NAMES: [(&str, &str); 7] = [
    ("Mon", "monday"),
    ("Tue", "tuesday"),
    ("Wed", "wednesday"),
    ("Thu", "thursday"),
    ("Fri", "friday"),
    ("Sat", "saturday"),
    ("Sun", "sunday"),
];

impl Weekdays {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(0b111_1111);
    pub(super) const WORKDAYS: Self = Self(0b001_1111);
    pub(super) const WEEKEND: Self = Self(0b110_0000);

    /// The day with this number, Monday being 0.
    pub(super) const fn only(number: u8) -> Self {
        Self(1 << (number % 7))
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn contains(self, day: Weekday) -> bool {
        self.has(day.to_monday_zero_offset().unsigned_abs())
    }

    fn has(self, number: u8) -> bool {
        self.0 & Self::only(number).0 != 0
    }

    /// `Mon`, `Monday`, and what people make of it: `mondays`, `tues`.
    pub(super) fn number(word: &str) -> Option<u8> {
        let word = word.to_ascii_lowercase();
        let word = word
            .strip_suffix('s')
            .filter(|word| word.len() > 2)
            .unwrap_or(&word);
        let begun = |name: &str| name == word || word.len() >= 3 && name.starts_with(word);
        let position = NAMES.iter().position(|(_, name)| begun(name))?;
        u8::try_from(position).ok()
    }

    /// From one day to another, also over the end of the week.
    pub(super) fn range(from: u8, to: u8) -> Self {
        (0..7)
            .map(|step| (from + step) % 7)
            .take_while(|day| *day != to)
            .fold(Self::only(to), |days, day| days.and(Self::only(day)))
    }

    /// A list as in systemd.time(7): `Mon,Wed..Fri`, also `Mon-Fri`; a comma at the end does no harm.
    pub(super) fn parse(text: &str) -> Result<Self, ExpressionError> {
        let list = text.strip_suffix(',').unwrap_or(text);
        list.split(',').try_fold(Self::NONE, |days, item| {
            let ends = item.split_once("..").or_else(|| item.split_once('-'));
            let more = match ends {
                Some((from, to)) => Self::range(day(from)?, day(to)?),
                None => Self::only(day(item)?),
            };
            Ok(days.and(more))
        })
    }
}

fn day(word: &str) -> Result<u8, ExpressionError> {
    Weekdays::number(word).ok_or_else(|| {
        let near = nearest(word, NAMES.iter().flat_map(|(short, long)| [*short, *long]));
        ExpressionError {
            message: format!("`{word}` is no day of the week"),
            hint: Some(match near.and_then(Weekdays::number) {
                Some(number) => format!("did you mean `{}`?", Weekdays::only(number)),
                None => "they are `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat`, `Sun`".to_owned(),
            }),
        }
    })
}

/// Three days in a row and more are a range, as systemd writes them.
impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: u8| NAMES.get(usize::from(day)).map_or("", |(short, _)| short);
        let mut comma = "";
        let mut day = 0;
        while day < 7 {
            if !self.has(day) {
                day += 1;
                continue;
            }
            let end = (day..7).take_while(|day| self.has(*day)).last().unwrap_or(day);
            write!(f, "{comma}{}", name(day))?;
            if end > day {
                let join = if end > day + 1 { ".." } else { "," };
                write!(f, "{join}{}", name(end))?;
            }
            comma = ",";
            day = end + 1;
        }
        Ok(())
    }
}
