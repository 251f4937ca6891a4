//! Values on the command line that are more than text.

use std::str::FromStr;

use backupd_core::{
    config::{parse_duration, parse_size},
    run::{RunResult, Trigger},
};
use clap::builder::PossibleValuesParser;
use jiff::{SignedDuration, Span, Timestamp, Zoned, civil};

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self)
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) SignedDuration);

impl FromStr for Period {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Self)
    }
}

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Timestamp);

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        when(text, &Zoned::now()).map(Self)
    }
}

impl When {
    /// As on the bus; a time before the epoch is before everything there is.
    pub(crate) fn usec(self) -> u64 {
        u64::try_from(self.0.as_microsecond()).unwrap_or(0)
    }
}

fn when(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let text = text.trim();
    let wrong = |_| format!("`{text}` is no time; write one such as `2026-11-01 14:00`, `yesterday` or `2d`");
    match text {
        "now" => return Ok(now.timestamp()),
        "today" => return Ok(now.start_of_day().map_err(wrong)?.timestamp()),
        "yesterday" => {
            let day = now
                .yesterday()
                .and_then(|day| day.start_of_day())
                .map_err(wrong)?;
            return Ok(day.timestamp());
        }
        _ => {}
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    if let Ok(local) = text.parse::<civil::DateTime>() {
        return Ok(local
            .to_zoned(now.time_zone().clone())
            .map_err(wrong)?
            .timestamp());
    }
    let span = text.parse::<Span>().map_err(wrong)?.abs();
    Ok(now.checked_sub(span).map_err(wrong)?.timestamp())
}

/// A text that is a JSON object; the text itself goes to the daemon.
pub(super) fn json_object(text: &str) -> Result<String, String> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("not a JSON object: {error}")),
    }
}

/// The words for how a run ended.
pub(super) fn result() -> PossibleValuesParser {
    PossibleValuesParser::new(RunResult::ALL.iter().map(|word| word.as_str()))
}

/// The words for why a run began.
pub(super) fn trigger() -> PossibleValuesParser {
    PossibleValuesParser::new(Trigger::ALL.iter().map(|word| word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now: Zoned = "2026-11-20T18:40:00+01:00[Europe/Berlin]".parse().unwrap();
        for (text, expected) in [
            ("now", "2026-11-20T17:40:00Z"),
            ("today", "2026-11-19T23:00:00Z"),
            ("yesterday", "2026-11-18T23:00:00Z"),
            ("2026-11-01T14:00:00+01:00", "2026-11-01T13:00:00Z"),
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-11-01 14:00", "2026-11-01T13:00:00Z"),
            ("2d", "2026-11-18T17:40:00Z"),
            ("2 days ago", "2026-11-18T17:40:00Z"),
            ("1h 30m", "2026-11-20T16:10:00Z"),
            ("1 month", "2026-10-20T16:40:00Z"),
        ] {
            assert_eq!(
                when(text, &now).map(|time| time.to_string()),
                Ok(expected.to_owned()),
                "{text}"
            );
        }
        assert_eq!(
            when("soon", &now).unwrap_err(),
            "`soon` is no time; write one such as `2026-11-01 14:00`, `yesterday` or `2d`"
        );
    }

    #[test]
    fn metadata_is_an_object() {
        assert_eq!(json_object(r#"{"a":1}"#), Ok(r#"{"a":1}"#.to_owned()));
        assert!(json_object("[1]").is_err());
        assert!(json_object("{").is_err());
    }
}
