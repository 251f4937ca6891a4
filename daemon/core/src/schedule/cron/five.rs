//! The five fields of crontab(5).

use super::{super::weekdays::Weekdays, ExpressionError, wrong};
use crate::schedule::CalendarEvent;

/// What a field counts.
struct Unit {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names that stand for values, from the least on.
    names: &'static [&'static str],
}

const MINUTE: Unit = Unit::plain("minute", 0, 59);
const HOUR: Unit = Unit::plain("hour", 0, 23);
const DAY: Unit = Unit::plain("day of the month", 1, 31);
const MONTH: Unit = Unit {
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
    ..Unit::plain("month", 1, 12)
};
/// Sunday is 0 and 7.
const WEEKDAY: Unit = Unit {
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ..Unit::plain("day of the week", 0, 7)
};

impl Unit {
    const fn plain(name: &'static str, least: u32, most: u32) -> Self {
        Self {
            name,
            least,
            most,
            names: &[],
        }
    }

    fn value(&self, text: &str) -> Result<u32, ExpressionError> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(value) = named.and_then(|index| u32::try_from(index).ok()) {
            return Ok(value + self.least);
        }
        let (least, most) = (self.least, self.most);
        number(text)
            .filter(|value| (least..=most).contains(value))
            .ok_or_else(|| {
                let hint = match (text, self.names) {
                    ("?", _) => "`*` stands for any".to_owned(),
                    (_, []) => format!("it goes from {least} to {most}"),
                    (_, all) => format!(
                        "it goes from {least} to {most}, or by name: `{}`",
                        all.join("`, `")
                    ),
                };
                let what = if text.is_empty() {
                    format!("a {} is missing", self.name)
                } else {
                    format!("`{text}` is no {}", self.name)
                };
                wrong(what, &last_or(text, hint))
            })
    }
}

/// What other crontabs know and crontab(5) does not, calendar events say.
fn last_or(text: &str, hint: String) -> String {
    if text.bytes().any(|byte| matches!(byte, b'L' | b'#' | b'W')) {
        return "the calendar event `*-*~01` is the last day of a month, `Sun *-*-01..07` its first Sunday"
            .to_owned();
    }
    hint
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The words that stand for five fields.
pub(super) fn shorthand(word: &str) -> Result<&'static str, ExpressionError> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        "@reboot" => {
            return Err(wrong(
                "`@reboot` is no time".to_owned(),
                "what was missed while the machine was off is caught up with by itself",
            ));
        }
        _ => {
            return Err(wrong(
                format!("`{word}` is no time"),
                "there are `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`",
            ));
        }
    })
}

/// The events that say the same together: two of them where both days are restricted, for either of them will do.
pub(super) fn parse(fields: [&str; 5]) -> Result<Vec<CalendarEvent>, ExpressionError> {
    let [minute, hour, day, month, weekday] = fields;
    let times = [values(&MINUTE, minute)?, values(&HOUR, hour)?];
    let days = values(&DAY, day)?;
    let months = values(&MONTH, month)?;
    let weekdays = values(&WEEKDAY, weekday)?
        .into_iter()
        // Monday is the first of ours.
        .map(|day| Weekdays::only(u8::try_from((day + 6) % 7).unwrap_or(0)))
        .fold(Weekdays::NONE, Weekdays::and);
    let event = |days: &[u32], weekdays| CalendarEvent::on(weekdays, &months, days, &times);
    // A field that begins with a star restricts nothing, whatever its step, as crontab(5) has it.
    if day.starts_with('*') || weekday.starts_with('*') {
        return Ok(vec![event(&days, weekdays)]);
    }
    let all: Vec<u32> = (DAY.least..=DAY.most).collect();
    Ok(vec![event(&days, Weekdays::ALL), event(&all, weekdays)])
}

fn values(unit: &Unit, field: &str) -> Result<Vec<u32>, ExpressionError> {
    let mut values = Vec::new();
    for item in field.split(',') {
        values.extend(item_values(unit, item)?);
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// A star, a value or a range, with a step or without.
fn item_values(unit: &Unit, item: &str) -> Result<impl Iterator<Item = u32> + use<>, ExpressionError> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let (start, end) = match range.split_once('-') {
        _ if range == "*" => (unit.least, unit.most),
        Some((start, end)) => (unit.value(start)?, unit.value(end)?),
        None => {
            let start = unit.value(range)?;
            (start, if step.is_some() { unit.most } else { start })
        }
    };
    // `Fri-Sun`: at the end of a range Sunday is 7.
    let end = if end == 0 && start > 0 && unit.most == WEEKDAY.most {
        7
    } else {
        end
    };
    if end < start {
        return Err(wrong(
            format!("`{range}` runs backwards"),
            &format!("two ranges do: `{start}-{},{}-{end}`", unit.most, unit.least),
        ));
    }
    let step = match step {
        None => 1,
        Some(step) => number(step)
            .and_then(|step| usize::try_from(step).ok())
            .filter(|step| (1..=60).contains(step))
            .ok_or_else(|| wrong(format!("`{step}` in `{item}` is no step"), "`*/15` is every 15th"))?,
    };
    Ok((start..=end).step_by(step))
}
