//! What is refused, and what only looks as if it were.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::schedule::{ExpressionError, Schedule, parse_cron, parse_plain};

fn check(schedule: &Schedule) -> Result<(), ExpressionError> {
    // A Saturday, shortly before clocks are set in Berlin.
    let now: Timestamp = "2026-03-28T12:00Z".parse().unwrap();
    schedule.check(now, &TimeZone::get("Europe/Berlin").unwrap())
}

fn schedule(text: &str, window: &str, jitter: &str) -> Schedule {
    let when = match text.strip_prefix("cron ") {
        Some(line) => parse_cron(line),
        None => parse_plain(text),
    };
    Schedule {
        jitter: if jitter.is_empty() {
            SignedDuration::ZERO
        } else {
            jitter.parse().unwrap()
        },
        window: (!window.is_empty()).then(|| window.parse().unwrap()),
        ..Schedule::new(when.unwrap_or_else(|wrong| panic!("{text}: {wrong}")), text)
    }
}

#[test]
fn what_is_of_use_is_taken() {
    for (text, window, jitter) in [
        ("02:00", "", ""),
        ("02:00", "22:00-06:00", "1h"),
        ("02:30", "02:00-03:00", ""),
        ("minutely", "", "59s"),
        ("*:*:30", "", ""),
        ("every 1min", "", "59s"),
        ("hourly", "Sun 04:00-04:30, 06:30-06:45", ""),
        ("*:0/5", "Wed 04:00-05:00", "4min 59s"),
        ("yearly", "Fri 00:00-01:00", ""),
        // The window is in the zone that the expression names.
        ("02:00 UTC", "02:00-02:30", ""),
        ("*-02-29", "", ""),
        ("cron 0 0 29 2 *", "", ""),
        ("2030-01-01 10:00", "", ""),
        // What it is counted from is not known yet.
        ("every 4h", "Mon 04:00-05:00", ""),
    ] {
        assert_eq!(
            check(&schedule(text, window, jitter)),
            Ok(()),
            "{text} {window} {jitter}"
        );
    }
}

#[test]
fn what_is_of_no_use_is_refused_with_what_to_write() {
    let said: Vec<String> = [
        ("*-02-31", "", ""),
        ("cron 0 0 31 2 *", "", ""),
        ("2020-01-01", "", ""),
        ("@1000000000", "", ""),
        ("*:*:*", "", ""),
        ("*:*:0/30", "", ""),
        ("02:00:00,20", "", ""),
        ("cron * * * * * *", "", ""),
        ("every 59s", "", ""),
        ("12:00", "22:00-06:00", ""),
        ("Sun,Mon 02:00", "Mon..Fri 22:00-06:00", ""),
        ("*:15", "02:20-03:10", ""),
        ("02:00 UTC", "02:30-03:30", ""),
        ("hourly", "", "1h"),
        ("02:00", "", "24h"),
        ("0/7:00", "", "3h"),
        ("every 4h", "", "5h"),
    ]
    .into_iter()
    .map(|(text, window, jitter)| {
        let wrong = check(&schedule(text, window, jitter)).expect_err(text);
        format!(
            "{text} {window} {jitter}\n  {}\n  hint: {}",
            wrong.message,
            wrong.hint.expect(text)
        )
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}
