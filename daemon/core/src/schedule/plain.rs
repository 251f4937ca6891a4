//! What people say, turned into what systemd.time(7) says.

use super::{CalendarEvent, ExpressionError, When, parse_calendar, parse_cron, weekdays::Weekdays};
use crate::config::parse_duration;

/// Words that may be left out.
const FILLERS: [&str; 8] = ["on", "the", "of", "and", "every", "each", "a", "in"];

/// Shows what to write to who wrote what nothing can be made of.
const EXAMPLES: &str = "such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`";

pub(super) fn parse(text: &str) -> Result<When, ExpressionError> {
    let wrong = match parse_calendar(text) {
        Ok(when) => return Ok(when),
        Err(wrong) => wrong,
    };
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split_whitespace()
        .map(|word| word.strip_suffix(',').unwrap_or(word))
        .collect();
    if let ["every" | "each", first, ..] = words.as_slice()
        && first.starts_with(|letter: char| letter.is_ascii_digit())
        && let Some((_, length)) = text.trim().split_once(char::is_whitespace)
    {
        return every(length);
    }
    let zone = text
        .split_whitespace()
        .next_back()
        .filter(|word| word.contains('/') || word.eq_ignore_ascii_case("UTC"))
        .filter(|word| word.starts_with(|letter: char| letter.is_alphabetic()));
    let words = words
        .get(..words.len() - usize::from(zone.is_some()))
        .unwrap_or_default();
    if let Some(event) = translate(words)? {
        let event = format!("{event} {}", zone.unwrap_or_default());
        return parse_calendar(&event);
    }
    if parse_cron(text).is_ok() {
        return Err(ExpressionError {
            message: format!("`{text}` is a crontab line"),
            hint: Some(format!(
                "say so: `schedule = {{ cron = \"{text}\" }}`, or `--cron` on the command line"
            )),
        });
    }
    // Digits and signs alone are meant to be a calendar event, and what is wrong with it is known.
    let month = words
        .first()
        .is_some_and(|word| CalendarEvent::month_number(word).is_some());
    let event = month
        || text.contains([':', '*', '~', '@'])
        || text.contains("..")
        || !text.contains(char::is_alphabetic);
    Err(if event && !text.trim().is_empty() {
        wrong
    } else {
        ExpressionError {
            message: format!("`{text}` is no time"),
            hint: Some(EXAMPLES.to_owned()),
        }
    })
}

fn every(length: &str) -> Result<When, ExpressionError> {
    match parse_duration(length) {
        Ok(period) if !period.is_zero() => Ok(When::Every(period)),
        Ok(_) => Err(ExpressionError {
            message: "every moment is too often".to_owned(),
            hint: Some("such as `every 4h` or `every 30min`".to_owned()),
        }),
        Err(message) => Err(ExpressionError {
            message,
            hint: Some("such as `every 4h`, or at set times: `00/4:00` is 00:00, 04:00 and so on".to_owned()),
        }),
    }
}

/// The calendar event that some lower-case words stand for; `None` where they stand for none.
fn translate(words: &[&str]) -> Result<Option<String>, ExpressionError> {
    let (days, time) = match words.iter().position(|word| *word == "at") {
        Some(at) => words.split_at_checked(at).unwrap_or((words, &[])),
        None => words
            .split_at_checked(words.len() - time_length(words))
            .unwrap_or((words, &[])),
    };
    let time = match time {
        ["at"] => return Ok(None),
        ["at", time @ ..] | time => time,
    };
    let days: Vec<&str> = days
        .iter()
        .copied()
        .filter(|word| !FILLERS.contains(word))
        .collect();
    if let (["hour" | "hourly"], []) = (days.as_slice(), time) {
        return Ok(Some("hourly".to_owned()));
    }
    let Some(date) = date(&days, !time.is_empty()) else {
        return Ok(None);
    };
    let time = match time {
        [] => Some("00:00".to_owned()),
        time => clock(time),
    };
    match time {
        Some(time) => Ok(Some(format!("{date} {time}"))),
        None if words.contains(&"and") || words.iter().filter(|word| word.contains(':')).count() > 1 => {
            Err(ExpressionError {
                message: "several times of day are several schedules".to_owned(),
                hint: Some("write a list: `schedule = [\"02:00\", \"14:30\"]`".to_owned()),
            })
        }
        None => Ok(None),
    }
}

/// How many words at the end are a time of day that goes without `at`.
fn time_length(words: &[&str]) -> usize {
    match words {
        [.., hour, "am" | "pm"] if hour.starts_with(|letter: char| letter.is_ascii_digit()) => 2,
        [.., last] if last.contains(':') || clock(&[last]).is_some_and(|_| last.parse::<u32>().is_err()) => 1,
        _ => 0,
    }
}

/// `02:00`, `2`, `2am`, `6:30 pm`, `noon` as systemd has it; what has a colon is left for it to judge.
fn clock(words: &[&str]) -> Option<String> {
    let (time, half) = match words {
        ["noon"] => return Some("12:00".to_owned()),
        ["midnight"] => return Some("00:00".to_owned()),
        [time, half @ ("am" | "pm")] => (*time, *half),
        [time] => match time.strip_suffix("am") {
            Some(time) => (time, "am"),
            None => time.strip_suffix("pm").map_or((*time, ""), |time| (time, "pm")),
        },
        _ => return None,
    };
    let (hour, minute) = time.split_once(':').unwrap_or((time, "00"));
    if half.is_empty() && time.contains(':') {
        return Some(time.to_owned());
    }
    let hour: u32 = hour.parse().ok()?;
    let hour = match half {
        "" => hour,
        half if (1..=12).contains(&hour) => hour % 12 + if half == "pm" { 12 } else { 0 },
        _ => return None,
    };
    Some(format!("{hour}:{minute}"))
}

/// Days, as systemd has them.
fn date(days: &[&str], has_time: bool) -> Option<String> {
    let without_rhythm = match days {
        [rhythm @ ("weekly" | "week" | "monthly" | "month"), days @ ..] if !days.is_empty() => {
            Some((*rhythm, days))
        }
        [days @ .., rhythm @ ("monthly" | "month")] if !days.is_empty() => Some((*rhythm, days)),
        _ => None,
    };
    match (days, without_rhythm) {
        (_, Some(("monthly" | "month", days))) => days_of_month(days),
        (_, Some((_, days))) => weekdays(days).map(|days| days.to_string()),
        ([], _) if has_time => Some("*-*-*".to_owned()),
        (["daily" | "day" | "nightly" | "night"], _) if has_time || days != ["nightly"] => {
            Some("*-*-*".to_owned())
        }
        (["weekly" | "week"], _) => Some("Mon".to_owned()),
        (["monthly" | "month"], _) => Some("*-*-01".to_owned()),
        (["quarterly" | "quarter"], _) => Some("*-01,04,07,10-01".to_owned()),
        (["yearly" | "annually" | "year"], _) => Some("*-01-01".to_owned()),
        (days, None) => weekdays(days).map(|days| days.to_string()),
    }
}

/// One day of the week or several, in words.
fn weekdays(words: &[&str]) -> Option<Weekdays> {
    match words {
        [] => return None,
        [from, "to" | "through" | "till" | "until", to] => {
            return Some(Weekdays::range(Weekdays::number(from)?, Weekdays::number(to)?));
        }
        _ => {}
    }
    words.iter().try_fold(Weekdays::NONE, |days, word| {
        let more = match *word {
            "weekday" | "weekdays" | "workday" | "workdays" => Weekdays::WORKDAYS,
            "weekend" | "weekends" => Weekdays::WEEKEND,
            word => match Weekdays::number(word) {
                Some(day) => Weekdays::only(day),
                None => Weekdays::parse(word).ok()?,
            },
        };
        Some(days.and(more))
    })
}

/// Days of each month: `1st 15th`, `last day`, `first sunday`.
fn days_of_month(words: &[&str]) -> Option<String> {
    match words {
        ["last", "day"] => return Some("*-*~01".to_owned()),
        ["last", day] => return Some(format!("{} *-*~07/1", Weekdays::only(Weekdays::number(day)?))),
        _ => {}
    }
    if let [which, day] = words
        && let (Some(week), Some(day)) = (ordinal(which), Weekdays::number(day))
    {
        let last = week.checked_mul(7).filter(|last| *last <= 28)?;
        return Some(format!("{} *-*-{}..{last}", Weekdays::only(day), last - 6));
    }
    let days = words.strip_suffix(&["day"]).unwrap_or(words);
    let days: Option<Vec<String>> = days
        .iter()
        .map(|day| ordinal(day).map(|day| day.to_string()))
        .collect();
    days.filter(|days| !days.is_empty())
        .map(|days| format!("*-*-{}", days.join(",")))
}

fn ordinal(word: &str) -> Option<u32> {
    let names = ["first", "second", "third", "fourth"];
    if let Some(index) = names.iter().position(|name| *name == word) {
        return u32::try_from(index + 1).ok();
    }
    let digits = ["st", "nd", "rd", "th", "."]
        .iter()
        .find_map(|ending| word.strip_suffix(ending));
    digits.unwrap_or(word).parse().ok().filter(|day| *day > 0)
}

#[cfg(test)]
mod tests;
