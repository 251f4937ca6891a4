//! Calendar events in all their forms.

use jiff::civil::{DateTime, date};
use proptest::prelude::*;

use super::CalendarEvent;

fn event(text: &str) -> CalendarEvent {
    CalendarEvent::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
}

/// The table in systemd.time(7), and what its words say.
#[test]
fn every_form_is_read_as_the_manual_says() {
    for (text, normal) in [
        ("Sat,Thu,Mon..Wed,Sat..Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00"),
        ("Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00"),
        ("Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed..Wed,Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed, 17:48", "Wed *-*-* 17:48:00"),
        ("Wed..Sat,Tue 12-10-15 1:2:3", "Tue..Sat 2012-10-15 01:02:03"),
        ("*-*-7 0:0:0", "*-*-07 00:00:00"),
        ("10-15", "*-10-15 00:00:00"),
        ("monday *-12-* 17:00", "Mon *-12-* 17:00:00"),
        ("Mon,Fri *-*-3,1,2 *:30:45", "Mon,Fri *-*-01,02,03 *:30:45"),
        ("12,14,13,12:20,10,30", "*-*-* 12,13,14:10,20,30:00"),
        ("12..14:10,20,30", "*-*-* 12..14:10,20,30:00"),
        ("mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45"),
        ("03-05 08:05:40", "*-03-05 08:05:40"),
        ("08:05:40", "*-*-* 08:05:40"),
        ("05:40", "*-*-* 05:40:00"),
        ("Sat,Sun 12-05 08:05:40", "Sat,Sun *-12-05 08:05:40"),
        ("Sat,Sun 08:05:40", "Sat,Sun *-*-* 08:05:40"),
        ("2003-03-05 05:40", "2003-03-05 05:40:00"),
        ("05:40:23.4200004/3.1700005", "*-*-* 05:40:23.420000/3.170001"),
        ("2003-02..04-05", "2003-02..04-05 00:00:00"),
        ("2003-03-05 05:40 UTC", "2003-03-05 05:40:00 UTC"),
        ("2003-03-05", "2003-03-05 00:00:00"),
        ("03-05", "*-03-05 00:00:00"),
        ("minutely", "*-*-* *:*:00"),
        ("hourly", "*-*-* *:00:00"),
        ("daily", "*-*-* 00:00:00"),
        ("daily UTC", "*-*-* 00:00:00 UTC"),
        ("monthly", "*-*-01 00:00:00"),
        ("weekly", "Mon *-*-* 00:00:00"),
        ("weekly Pacific/Auckland", "Mon *-*-* 00:00:00 Pacific/Auckland"),
        ("yearly", "*-01-01 00:00:00"),
        ("annually", "*-01-01 00:00:00"),
        ("quarterly", "*-01,04,07,10-01 00:00:00"),
        ("semiannually", "*-01,07-01 00:00:00"),
        ("semi-annually", "*-01,07-01 00:00:00"),
        ("biannually", "*-01,07-01 00:00:00"),
        ("bi-annually", "*-01,07-01 00:00:00"),
        ("*:2/3", "*-*-* *:02/3:00"),
        ("*-02~03", "*-02~03 00:00:00"),
        ("Mon *-05~07/1", "Mon *-05~07/1 00:00:00"),
        ("*~1", "*-*~01 00:00:00"),
        ("*-*~1..6/3", "*-*~01..04/3 00:00:00"),
        ("*-*~*", "*-*-* 00:00:00"),
        ("Mon..Sun", "*-*-* 00:00:00"),
        ("Mon-Fri 10:00", "Mon..Fri *-*-* 10:00:00"),
        ("Mon, Tue 10:00", "Mon,Tue *-*-* 10:00:00"),
        ("Fri..Mon 10:00", "Mon,Fri..Sun *-*-* 10:00:00"),
        ("5..5:00", "*-*-* 05:00:00"),
        ("0..10/20:00", "*-*-* 00:00:00"),
        ("*:*:*", "*-*-* *:*:*"),
        ("*:*:0..10", "*-*-* *:*:00..10"),
        ("*:*:0/0.5", "*-*-* *:*:00/0.500000"),
        ("70-1-1", "1970-01-01 00:00:00"),
        ("69-1-1", "2069-01-01 00:00:00"),
        ("2000/4-02-29", "2000/4-02-29 00:00:00"),
        ("@1700000000", "2023-11-14 22:13:20 UTC"),
        ("  DAILY   utc ", "*-*-* 00:00:00 UTC"),
    ] {
        assert_eq!(event(text).to_string(), normal, "{text}");
        assert_eq!(event(normal), event(text), "{normal}");
    }
}

#[test]
fn the_next_time_is_found() {
    for (text, after, expected) in [
        ("02:00", "2026-01-01T02:00", Some("2026-01-02T02:00")),
        ("02:00", "2026-01-01T01:59:59.999999999", Some("2026-01-01T02:00")),
        ("02:00", "2025-12-31T23:00", Some("2026-01-01T02:00")),
        ("Mon..Fri 02:00", "2026-01-02T02:00", Some("2026-01-05T02:00")),
        ("*-02-29", "2026-01-01T00:00", Some("2028-02-29T00:00")),
        ("*-02-29", "2096-02-29T00:00", Some("2104-02-29T00:00")),
        ("Sun *-02-29", "2026-01-01T00:00", Some("2032-02-29T00:00")),
        ("*-02~03", "2026-01-01T00:00", Some("2026-02-26T00:00")),
        ("*-02~03", "2028-01-01T00:00", Some("2028-02-27T00:00")),
        ("Mon *-05~07/1", "2026-01-01T00:00", Some("2026-05-25T00:00")),
        ("*-*~1..6/3", "2026-04-20T00:00", Some("2026-04-27T00:00")),
        ("*-*~1..6/3", "2026-04-27T00:00", Some("2026-04-30T00:00")),
        ("*-*~07/3", "2026-04-20T00:00", Some("2026-04-24T00:00")),
        ("*-*~07/3", "2026-04-27T00:00", Some("2026-04-30T00:00")),
        ("*-*-31", "2026-03-31T00:00", Some("2026-05-31T00:00")),
        ("*:0/7", "2026-01-01T00:56", Some("2026-01-01T01:00")),
        ("5..7:*:30", "2026-01-01T07:59:30", Some("2026-01-02T05:00:30")),
        (
            "*:*:0/0.3",
            "2026-01-01T00:00:00.3",
            Some("2026-01-01T00:00:00.6"),
        ),
        ("*:*:0/0.7", "2026-01-01T00:00:59.5", Some("2026-01-01T00:01:00")),
        ("*:*:*", "2026-12-31T23:59:59", Some("2027-01-01T00:00:00")),
        ("12-31 23:59", "2026-12-31T23:59", Some("2027-12-31T23:59")),
        ("2030-06-01 12:00", "2026-01-01T00:00", Some("2030-06-01T12:00")),
        ("2020-06-01 12:00", "2026-01-01T00:00", None),
        ("*-02-30", "2026-01-01T00:00", None),
        ("Feb", "2026-01-01T00:00", None),
        ("daily", "1823-01-01T00:00", Some("1970-01-02T00:00")),
        ("daily", "2199-12-31T00:00", None),
        ("@1700000000", "2020-01-01T00:00", Some("2023-11-14T22:13:20")),
    ] {
        let Ok(event) = CalendarEvent::parse(text) else {
            assert_eq!(expected, None, "{text}");
            continue;
        };
        let after: DateTime = after.parse().unwrap();
        let expected = expected.map(|time| time.parse::<DateTime>().unwrap());
        assert_eq!(event.next_after(after), expected, "{text} after {after}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    let said: Vec<String> = [
        "",
        "25:00",
        "24:00",
        "*:60",
        "*-13-01",
        "*-*-32",
        "*-*~29",
        "2200-01-01",
        "*:0/60",
        "0/24:00",
        "22..6:00",
        "*:0/0",
        "*/2:00",
        "1,*:00",
        "*:",
        "x:00",
        "Tueday 10:00",
        "Blursday 10:00",
        "10:00 Mon",
        "Mon Tue 10:00",
        "Feb 31",
        "10:00 Europe/Berln",
        "10:00 Berlin",
        "10:00 Qqqq",
        "10",
        "1-2-3-4",
        "*~01-01",
        "1:2:3:4",
        "10:00 11:00",
        "*-*-* 10:00 11:00 12:00",
        "@x",
        "@99999999999999",
        "@5 Europe/Berlin",
        "Mon,,Tue",
        "*:*:59.9999999",
        "*-*~01/1",
    ]
    .into_iter()
    .map(|text| {
        let wrong = CalendarEvent::parse(text).expect_err(text);
        format!("{text}\n  {}\n  hint: {}", wrong.message, wrong.hint.expect(text))
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}

/// A part of an expression that may stand anywhere in it, and much that may not.
fn parts() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "*",
        "-",
        "~",
        ":",
        "/",
        "..",
        ".",
        ",",
        " ",
        "0",
        "1",
        "7",
        "12",
        "28",
        "31",
        "59",
        "99",
        "2030",
        "Mon",
        "Sun",
        "UTC",
        "Europe/Berlin",
        "@",
        "é",
        "\u{0}",
        "4294967296",
        "L",
        "?",
        "#",
        "at",
        "every",
    ]);
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in prop_oneof![any::<String>(), parts()]) {
        if let Ok(event) = CalendarEvent::parse(&text) {
            let normal = event.to_string();
            prop_assert_eq!(CalendarEvent::parse(&normal).expect(&normal), event.clone(), "{}", text);
            let mut time = date(2026, 1, 1).at(0, 0, 0, 0);
            for _ in 0..20 {
                let Some(next) = event.next_after(time) else { break };
                prop_assert!(next > time);
                // Nothing lies between: from the middle on the same time is found.
                let middle = time + (next.duration_since(time) / 2);
                prop_assert_eq!(event.next_after(middle.min(next - jiff::SignedDuration::from_nanos(1))), Some(next));
                time = next;
            }
        }
    }
}
