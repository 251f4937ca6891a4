//! What people say.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::parse;
use crate::schedule::When;

/// The calendar event that a text stands for.
fn event(text: &str) -> String {
    match parse(text) {
        Ok(When::Calendar(event)) => event.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn days_and_times_are_read_as_people_say_them() {
    for (text, expected) in [
        ("02:00", "*-*-* 02:00:00"),
        ("at 2:00", "*-*-* 02:00:00"),
        ("at 2", "*-*-* 02:00:00"),
        ("2am", "*-*-* 02:00:00"),
        ("12 am", "*-*-* 00:00:00"),
        ("12:30pm", "*-*-* 12:30:00"),
        ("6:30 PM", "*-*-* 18:30:00"),
        ("noon", "*-*-* 12:00:00"),
        ("daily", "*-*-* 00:00:00"),
        ("every day", "*-*-* 00:00:00"),
        ("daily at 02:00", "*-*-* 02:00:00"),
        ("Daily at 2am", "*-*-* 02:00:00"),
        ("daily 02:00", "*-*-* 02:00:00"),
        ("daily at 02,14:00", "*-*-* 02,14:00:00"),
        ("every day at midnight", "*-*-* 00:00:00"),
        ("every night at 02:15", "*-*-* 02:15:00"),
        ("daily at 02:00 Europe/Berlin", "*-*-* 02:00:00 Europe/Berlin"),
        ("daily at 02:00 UTC", "*-*-* 02:00:00 UTC"),
        ("hourly", "*-*-* *:00:00"),
        ("every hour", "*-*-* *:00:00"),
        ("weekdays", "Mon..Fri *-*-* 00:00:00"),
        ("weekdays at 18:00", "Mon..Fri *-*-* 18:00:00"),
        ("on workdays at 6 pm", "Mon..Fri *-*-* 18:00:00"),
        ("every weekday at 18:00", "Mon..Fri *-*-* 18:00:00"),
        ("weekends at 9:00", "Sat,Sun *-*-* 09:00:00"),
        ("sunday at 04:00", "Sun *-*-* 04:00:00"),
        ("Sundays 4am", "Sun *-*-* 04:00:00"),
        ("mondays and thursdays at 20:00", "Mon,Thu *-*-* 20:00:00"),
        (
            "monday, wednesday and friday at 20:00",
            "Mon,Wed,Fri *-*-* 20:00:00",
        ),
        ("monday to friday at 18:00", "Mon..Fri *-*-* 18:00:00"),
        ("Mon..Fri at 18:00", "Mon..Fri *-*-* 18:00:00"),
        ("friday to monday at 18:00", "Mon,Fri..Sun *-*-* 18:00:00"),
        ("weekly", "Mon *-*-* 00:00:00"),
        ("weekly at 03:00", "Mon *-*-* 03:00:00"),
        ("weekly on sunday at 04:00", "Sun *-*-* 04:00:00"),
        ("every week on sunday at 04:00", "Sun *-*-* 04:00:00"),
        ("monthly", "*-*-01 00:00:00"),
        ("monthly at 03:00", "*-*-01 03:00:00"),
        ("every month", "*-*-01 00:00:00"),
        ("monthly on the 1st at 03:00", "*-*-01 03:00:00"),
        ("monthly on the 1st and 15th at 03:00", "*-*-01,15 03:00:00"),
        ("the 15th of each month at 03:00", "*-*-15 03:00:00"),
        ("first day of the month at 03:00", "*-*-01 03:00:00"),
        ("last day of the month at 03:00", "*-*~01 03:00:00"),
        ("monthly on the last day at 03:00", "*-*~01 03:00:00"),
        ("first sunday of the month at 03:00", "Sun *-*-01..07 03:00:00"),
        ("monthly on the second tuesday at 3:00", "Tue *-*-08..14 03:00:00"),
        ("last friday of the month at 22:00", "Fri *-*~07/1 22:00:00"),
        ("quarterly at 03:00", "*-01,04,07,10-01 03:00:00"),
        ("yearly at 03:00", "*-01-01 03:00:00"),
        ("Mon..Fri *-*-* 02:00:00", "Mon..Fri *-*-* 02:00:00"),
    ] {
        assert_eq!(event(text), expected, "{text}");
    }
}

#[test]
fn intervals_are_read_as_people_say_them() {
    for (text, minutes) in [
        ("every 4 hours", 240),
        ("every 4h", 240),
        ("Every 90 min", 90),
        ("each 1h 30m", 90),
        ("every 2 days", 2880),
        ("every 1 week", 10080),
    ] {
        assert_eq!(
            parse(text),
            Ok(When::Every(SignedDuration::from_mins(minutes))),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_time_is_answered_with_examples() {
    let texts = [
        "",
        "soon",
        "every",
        "every 4",
        "every 0h",
        "every 2 months",
        "every 4h at 02:00",
        "nightly",
        "daily at 25:00",
        "daily at 13pm",
        "daily at 02:00 and 14:30",
        "monday at",
        "tuesdey at 02:00",
        "30 2 * * 1-5",
        "@daily",
        "0 30 2 * * Mon",
        "02:00 Europe/Berln",
        "daily at 2 Mars/Olympus",
        "*-*-* 24:00",
        "fifth sunday of the month",
        "Feb 31",
        "monthly on the 32nd",
    ];
    let said: Vec<String> = texts
        .into_iter()
        .map(|text| {
            let wrong = parse(text).expect_err(text);
            format!("{text}\n  {}\n  hint: {}", wrong.message, wrong.hint.expect(text))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

fn phrases() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "every",
        "daily",
        "at",
        "and",
        "on",
        "the",
        "of",
        "month",
        "monthly",
        "week",
        "last",
        "first",
        "day",
        "1st",
        "32nd",
        "0",
        "7",
        "4h",
        "2am",
        "13",
        "pm",
        "sunday",
        "mondays",
        "weekdays",
        "to",
        ",",
        "..",
        "02:00",
        ":",
        "utc",
        "Europe/Berlin",
        "noon",
        "é",
        "99999999999999999999",
        "s",
        "*",
    ]);
    prop::collection::vec(word, 0..9).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in prop_oneof![any::<String>(), phrases()]) {
        if let Err(wrong) = parse(&text) {
            prop_assert!(wrong.hint.is_some(), "{text}");
        }
    }
}
