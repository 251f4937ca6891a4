//! Crontab lines.

use jiff::{Timestamp, Zoned, civil::DateTime, tz::TimeZone};
use proptest::prelude::*;

use super::Cron;
use crate::schedule::{Schedule, parse_cron};

fn next(line: &str, after: &str) -> Option<String> {
    let cron = Cron::parse(line).unwrap_or_else(|wrong| panic!("{line}: {wrong}"));
    let after: DateTime = after.parse().unwrap();
    cron.next_after(after).map(|time| time.to_string())
}

#[test]
fn five_fields_mean_what_crontab_says() {
    for (line, after, expected) in [
        ("30 2 * * 1-5", "2026-01-02T02:30", "2026-01-05T02:30:00"),
        ("0 0 * * 0", "2026-01-01T00:00", "2026-01-04T00:00:00"),
        ("0 0 * * 7", "2026-01-01T00:00", "2026-01-04T00:00:00"),
        ("0 0 * * sun", "2026-01-01T00:00", "2026-01-04T00:00:00"),
        ("0 0 * * Fri-Sun", "2026-01-04T00:00", "2026-01-09T00:00:00"),
        ("0 0 * * 5-7", "2026-01-03T00:00", "2026-01-04T00:00:00"),
        ("*/15 * * * *", "2026-01-01T00:46", "2026-01-01T01:00:00"),
        ("5/20 * * * *", "2026-01-01T00:26", "2026-01-01T00:45:00"),
        ("0 22-23/1,1 * * *", "2026-01-01T22:00", "2026-01-01T23:00:00"),
        ("0 0 1 jan,JUL *", "2026-01-01T00:00", "2026-07-01T00:00:00"),
        ("0 0 * jan-mar *", "2026-03-31T00:00", "2027-01-01T00:00:00"),
        // Either of two restricted days: the 13th, or a Friday.
        ("0 0 13 * 5", "2026-01-09T00:00", "2026-01-13T00:00:00"),
        ("0 0 13 * 5", "2026-01-13T00:00", "2026-01-16T00:00:00"),
        // A star restricts nothing, so both have to hold: Mondays with an odd number.
        ("0 0 */2 * 1", "2026-01-05T00:00", "2026-01-19T00:00:00"),
        ("0 0 1 * */2", "2026-01-01T00:00", "2026-02-01T00:00:00"),
        ("@daily", "2026-01-01T00:00", "2026-01-02T00:00:00"),
        ("@midnight", "2026-01-01T00:00", "2026-01-02T00:00:00"),
        ("@weekly", "2026-01-01T00:00", "2026-01-04T00:00:00"),
        ("@monthly", "2026-01-01T00:00", "2026-02-01T00:00:00"),
        ("@yearly", "2026-01-01T00:00", "2027-01-01T00:00:00"),
        ("@annually", "2026-01-01T00:00", "2027-01-01T00:00:00"),
        ("@hourly", "2026-01-01T00:00", "2026-01-01T01:00:00"),
    ] {
        assert_eq!(next(line, after).as_deref(), Some(expected), "{line}");
    }
    assert_eq!(next("0 0 31 2 *", "2026-01-01T00:00"), None);
}

#[test]
fn six_and_seven_fields_mean_what_the_crate_says() {
    for (line, after, expected) in [
        ("0 30 2 * * *", "2026-01-01T02:30", Some("2026-01-02T02:30:00")),
        (
            "15 30 2 * * *",
            "2026-01-01T02:30:14.9",
            Some("2026-01-01T02:30:15"),
        ),
        (
            "15 30 2 * * *",
            "2026-01-01T02:30:15",
            Some("2026-01-02T02:30:15"),
        ),
        // Sunday is 1.
        ("0 0 0 * * 1", "2026-01-01T00:00", Some("2026-01-04T00:00:00")),
        (
            "0 0 0 * * Mon-Fri",
            "2026-01-02T00:00",
            Some("2026-01-05T00:00:00"),
        ),
        ("0 0 0 ? * 2", "2026-01-01T00:00", Some("2026-01-05T00:00:00")),
        // Both days have to hold.
        ("0 0 0 13 * Fri", "2026-01-01T00:00", Some("2026-02-13T00:00:00")),
        (
            "0 0 0 1 1 * 2030",
            "2026-01-01T00:00",
            Some("2030-01-01T00:00:00"),
        ),
        ("0 0 0 1 1 * 2020", "2026-01-01T00:00", None),
        ("0 0 0 31 2 *", "2026-01-01T00:00", None),
        ("0 0 0 1 1 *", "1066-01-01T00:00", Some("1971-01-01T00:00:00")),
        ("0 0 0 1 1 *", "2150-01-01T00:00", None),
    ] {
        assert_eq!(next(line, after).as_deref(), expected, "{line}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    let lines = [
        "",
        "* *",
        "* * * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "* * * foo *",
        "* * * * mun",
        "*/0 * * * *",
        "*/x * * * *",
        "0 22-6 * * *",
        "0 0 ? * *",
        "0 0 L * *",
        "0 0 * * 5#2",
        "1,,2 * * * *",
        "@reboot",
        "@often",
        "60 0 0 * * *",
        "0 0 0 * * 0",
        "0 0 0 * * Sunn",
        "0 0 0 * * * 1066",
        "0 0 0 1 L *",
        "-1 * * * *",
    ];
    let said: Vec<String> = lines
        .into_iter()
        .map(|line| {
            let wrong = Cron::parse(line).expect_err(line);
            format!("{line}\n  {}\n  hint: {}", wrong.message, wrong.hint.expect(line))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

/// A field of five that another reader of crontabs takes for the same.
fn field(least: u8, most: u8) -> impl Strategy<Value = String> {
    let value = least..=most;
    let range = (value.clone(), value.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let stepped = (range.clone(), 1..=most).prop_map(|(range, step)| format!("{range}/{step}"));
    let item = prop_oneof![3 => value.prop_map(|value| value.to_string()), 1 => range, 1 => stepped];
    prop::collection::vec(item, 1..4).prop_map(|items| items.join(","))
}

fn or_star(field: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), field]
}

/// Minutes and hours; a star with a step counts as a restriction of days for the other reader, so it stands here only.
fn times() -> impl Strategy<Value = String> {
    let stepped = |most: u8| (1..=most).prop_map(|step| format!("*/{step}"));
    let minute = prop_oneof![or_star(field(0, 59)), stepped(59)];
    let hour = prop_oneof![or_star(field(0, 23)), stepped(23)];
    (minute, hour).prop_map(|(minute, hour)| format!("{minute} {hour}"))
}

fn days() -> impl Strategy<Value = String> {
    (or_star(field(1, 31)), or_star(field(1, 12)), or_star(field(0, 7)))
        .prop_map(|(day, month, weekday)| format!("{day} {month} {weekday}"))
}

/// The next elapses in the other reader's opinion and in ours.
fn both(line: &str, from: &Zoned, count: usize) -> [Vec<Timestamp>; 2] {
    let other: croner::Cron = line.parse().unwrap_or_else(|wrong| panic!("{line}: {wrong}"));
    let theirs = std::iter::successors(Some(from.clone()), |last| {
        other.find_next_occurrence(last, false).ok()
    })
    .skip(1)
    .take(count)
    .map(|time| time.timestamp());
    let schedule = Schedule::new(
        parse_cron(line).unwrap_or_else(|wrong| panic!("{line}: {wrong}")),
        line,
    );
    let (zone, anchor) = (from.time_zone(), from.timestamp());
    let ours = std::iter::successors(Some(anchor), |last| schedule.next_after(*last, zone, anchor));
    [theirs.collect(), ours.skip(1).take(count).collect()]
}

/// Between 2000 and 2037, whole seconds.
fn instants() -> impl Strategy<Value = Timestamp> {
    (946_684_800..2_145_916_800i64).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #[test]
    fn another_reader_of_crontabs_agrees(line in (times(), days()), from in instants()) {
        let line = format!("{} {}", line.0, line.1);
        let [theirs, ours] = both(&line, &from.to_zoned(TimeZone::UTC), 12);
        // The other one gives up after some centuries, this one after 2199.
        let known = theirs.len().min(ours.len());
        prop_assert!(known == theirs.len() || ours.last().is_none_or(|last| *last > Timestamp::constant(6_942_000_000, 0)));
        prop_assert_eq!(&theirs[..known], &ours[..known], "{}", line);
    }

    /// One time a day: what comes more often runs in both of two equal hours for the other one.
    #[test]
    fn another_reader_of_crontabs_agrees_across_clock_changes(
        minute in 0..60u8, hour in prop_oneof![3 => 0..4u8, 1 => 0..24u8],
        days in prop_oneof![Just("* * *".to_owned()), days()],
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
            "America/Sao_Paulo", "Africa/Casablanca", "Asia/Beirut", "America/Havana", "Antarctica/Troll"]),
        from in instants(),
    ) {
        let line = format!("{minute} {hour} {days}");
        let zone = TimeZone::get(zone).unwrap();
        let [theirs, ours] = both(&line, &from.to_zoned(zone), 250);
        let known = theirs.len().min(ours.len());
        prop_assert_eq!(&theirs[..known], &ours[..known], "{}", line);
    }

    #[test]
    fn no_text_is_too_odd(text in prop_oneof![
        any::<String>(),
        "[0-9*,/?LW# @a-z-]{0,40}",
        "([0-9*/,-]{1,6} ){4,6}[0-9*?]{1,4}",
    ]) {
        if let Ok(cron) = Cron::parse(&text) {
            let mut time = DateTime::constant(2026, 1, 1, 0, 0, 0, 0);
            for _ in 0..10 {
                let Some(next) = cron.next_after(time) else { break };
                prop_assert!(next > time, "{}", text);
                time = next;
            }
        }
    }
}
