//! Windows: what they say, and when they open and close.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use proptest::prelude::*;

use super::{Window, WindowError};

fn window(text: &str) -> Window {
    text.parse()
        .unwrap_or_else(|wrong: WindowError| panic!("{text}: {wrong}"))
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

#[test]
fn every_form_is_written_in_one_way() {
    for (text, normal) in [
        ("22:00-06:00", "22:00-06:00"),
        (" 22:00 - 6:00 ", "22:00-06:00"),
        ("22:00-00:00", "22:00-24:00"),
        ("00:00-24:00", "00:00-24:00"),
        ("Mon..Sun 1:00-2:00", "01:00-02:00"),
        ("daily 1:00-2:00", "01:00-02:00"),
        ("weekdays 18:00-08:00", "Mon..Fri 18:00-08:00"),
        (
            "Mon-Fri 18:00-08:00,weekends 0:00-24:00",
            "Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00",
        ),
        (
            "Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00",
            "Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00",
        ),
        (
            "Sat, Sun 01:00-02:00, 03:00-04:00",
            "Sat,Sun 01:00-02:00, 03:00-04:00",
        ),
    ] {
        assert_eq!(window(text).to_string(), normal, "{text}");
        assert_eq!(window(normal), window(text), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let texts = [
        "",
        "22:00",
        "22-06",
        "22:00-25:00",
        "24:00-06:00",
        "22:00-22:00",
        "Sat,Sun",
        "Sat,Sun 01:00-02:00, Mon",
        "Sax 01:00-02:00",
        "22:00-06:00 Mon",
        "22:00..06:00",
        "22:60-06:00",
        "22:000-06:00",
        "é:-:",
    ];
    let said: Vec<String> = texts
        .into_iter()
        .map(|text| format!("{text}\n  {}", text.parse::<Window>().expect_err(text)))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn it_is_open_from_its_first_minute_until_before_its_last() {
    let night = window("Mon..Fri 22:00-06:00");
    for (at, open) in [
        ("2026-01-05T21:59:59+01", false),
        ("2026-01-05T22:00:00+01", true),
        ("2026-01-06T05:59:59.999+01", true),
        ("2026-01-06T06:00:00+01", false),
        // It opened on Friday.
        ("2026-01-10T05:00:00+01", true),
        ("2026-01-10T22:00:00+01", false),
        ("2026-01-12T05:00:00+01", false),
    ] {
        assert_eq!(night.contains(time(at), &berlin()), open, "{at}");
    }
    let opens = |at| night.opens_after(time(at), &berlin());
    let closes = |at| night.closes_after(time(at), &berlin());
    assert_eq!(opens("2026-01-10T06:00+01"), Some(time("2026-01-12T22:00+01")));
    assert_eq!(opens("2026-01-12T22:00+01"), Some(time("2026-01-13T22:00+01")));
    assert_eq!(closes("2026-01-12T22:00+01"), Some(time("2026-01-13T06:00+01")));
    assert_eq!(closes("2026-01-13T05:59+01"), Some(time("2026-01-13T06:00+01")));
}

#[test]
fn spans_that_meet_are_one_opening() {
    let at = time("2026-01-05T12:00+01");
    for always in [
        "00:00-24:00",
        "06:00-18:00, 18:00-06:00",
        "Mon..Fri 00:00-24:00, Sat,Sun 00:00-24:00",
    ] {
        let always = window(always);
        assert!(always.contains(at, &berlin()));
        assert_eq!(always.closes_after(at, &berlin()), None, "{always}");
        assert_eq!(always.opens_after(at, &berlin()), None, "{always}");
    }
    let weekend = window("Fri 18:00-24:00, Sat,Sun 00:00-24:00, Mon 00:00-08:00");
    assert_eq!(
        weekend.opens_after(at, &berlin()),
        Some(time("2026-01-09T18:00+01"))
    );
    let saturday = time("2026-01-10T12:00+01");
    assert_eq!(
        weekend.closes_after(saturday, &berlin()),
        Some(time("2026-01-12T08:00+01"))
    );
}

/// From 02:00 the clock goes to 03:00, or back there.
#[test]
fn the_night_in_which_the_clock_is_set_has_its_window_too() {
    for (text, at, opens, closes) in [
        (
            "22:00-06:00",
            "2026-03-28T12:00+01",
            "2026-03-28T22:00+01",
            "2026-03-29T06:00+02",
        ),
        (
            "22:00-06:00",
            "2026-10-24T12:00+02",
            "2026-10-24T22:00+02",
            "2026-10-25T06:00+01",
        ),
        // What the gap swallows lasts as long as on other days.
        (
            "02:00-02:30",
            "2026-03-28T12:00+01",
            "2026-03-29T03:00+02",
            "2026-03-29T03:30+02",
        ),
        (
            "01:30-02:30",
            "2026-03-28T12:00+01",
            "2026-03-29T01:30+01",
            "2026-03-29T03:30+02",
        ),
        (
            "02:21-03:00",
            "2026-03-28T12:00+01",
            "2026-03-29T03:00+02",
            "2026-03-29T04:00+02",
        ),
        (
            "01:30-03:00",
            "2026-03-28T12:00+01",
            "2026-03-29T01:30+01",
            "2026-03-29T04:00+02",
        ),
        (
            "02:30-04:00",
            "2026-03-28T12:00+01",
            "2026-03-29T03:00+02",
            "2026-03-29T04:00+02",
        ),
        // Of two equal hours the first one counts.
        (
            "02:00-02:30",
            "2026-10-24T12:00+02",
            "2026-10-25T02:00+02",
            "2026-10-25T02:30+02",
        ),
        (
            "01:00-03:00",
            "2026-10-24T12:00+02",
            "2026-10-25T01:00+02",
            "2026-10-25T03:00+01",
        ),
    ] {
        let window = window(text);
        assert_eq!(
            window.opens_after(time(at), &berlin()),
            Some(time(opens)),
            "{text} after {at}"
        );
        assert_eq!(
            window.closes_after(time(opens), &berlin()),
            Some(time(closes)),
            "{text} at {opens}"
        );
        assert!(window.contains(time(opens), &berlin()));
    }
    // A day that is left out has none.
    let apia = TimeZone::get("Pacific/Apia").unwrap();
    let noon = window("12:00-13:00");
    let opens = noon.opens_after(time("2011-12-29T13:00-10"), &apia);
    assert_eq!(opens, Some(time("2011-12-31T12:00+14")));
    let night = window("22:00-06:00");
    let closes = night.closes_after(time("2011-12-29T23:00-10"), &apia);
    assert_eq!(closes, Some(time("2011-12-31T06:00+14")));
}

/// Whether a clock that shows this is inside, in minutes of the day.
fn shows(spans: &[(u16, u16)], at: DateTime) -> bool {
    let now = u16::try_from(at.hour()).unwrap() * 60 + u16::try_from(at.minute()).unwrap();
    spans.iter().any(|(opens, closes)| {
        let (begun, over) = (now >= *opens, now >= *closes);
        if opens < closes {
            begun && !over
        } else {
            begun || !over
        }
    })
}

fn spans() -> impl Strategy<Value = Vec<(u16, u16)>> {
    let span = (0..1440u16, 0..1440u16).prop_filter("not empty", |(opens, closes)| opens != closes);
    prop::collection::vec(span, 1..4)
}

fn written(spans: &[(u16, u16)]) -> String {
    let clock = |minute: u16| format!("{}:{:02}", minute / 60, minute % 60);
    let spans = spans
        .iter()
        .map(|(opens, closes)| format!("{}-{}", clock(*opens), clock(*closes)));
    spans.collect::<Vec<_>>().join(", ")
}

proptest! {
    #[test]
    fn it_agrees_with_the_clock_on_the_wall(spans in spans(), second in 0..1_000_000i64) {
        let window = window(&written(&spans));
        prop_assert_eq!(window.to_string().parse::<Window>().unwrap(), window.clone());
        let at = time("2026-01-05T00:00Z") + SignedDuration::from_secs(second);
        let open = shows(&spans, TimeZone::UTC.to_datetime(at));
        prop_assert_eq!(window.contains(at, &TimeZone::UTC), open);
        let change = if open {
            window.closes_after(at, &TimeZone::UTC)
        } else {
            window.opens_after(at, &TimeZone::UTC)
        };
        if let Some(change) = change {
            let before = change - SignedDuration::from_secs(1);
            prop_assert!(change > at);
            prop_assert_eq!(window.contains(before, &TimeZone::UTC), open);
            prop_assert_ne!(window.contains(change, &TimeZone::UTC), open);
        } else {
            prop_assert!(open);
        }
    }

    /// An elapse whose time of day is inside of the window is so in the night in which the clock is set, too.
    #[test]
    fn no_clock_change_moves_an_elapse_out_of_its_window(
        opens in 0..1440u16, length in 1..1440u16, into in 0..1440u16,
        change in prop::sample::select(vec!["2026-03-28T00:00+01", "2026-10-24T00:00+02"]),
    ) {
        let closes = (opens + length) % 1440;
        let elapse = (opens + into % length) % 1440;
        let window = window(&written(&[(opens, closes)]));
        let text = format!("{}:{:02}", elapse / 60, elapse % 60);
        let schedule = crate::schedule::Schedule::new(crate::schedule::parse_plain(&text).unwrap(), text);
        let mut at = time(change);
        for _ in 0..3 {
            at = schedule.next_after(at, &berlin(), at).unwrap();
            prop_assert!(window.contains(at, &berlin()), "{} at {}", window, at);
        }
    }

    #[test]
    fn no_text_is_too_odd(text in prop_oneof![any::<String>(), "[0-9:, .MonSat-]{0,40}"]) {
        if let Ok(window) = text.parse::<Window>() {
            prop_assert_eq!(window.to_string().parse::<Window>().unwrap(), window.clone());
            window.opens_after(Timestamp::MAX, &berlin());
            window.opens_after(Timestamp::MIN, &berlin());
        }
    }
}
