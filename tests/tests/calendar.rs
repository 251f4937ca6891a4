//! Calendar events mean to backupd what they mean to systemd.

use std::{collections::BTreeSet, io::ErrorKind, iter::successors, process::Command};

use backupd_core::schedule::{Schedule, When, parse_calendar};
use backupd_tests::skip;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use proptest::{prelude::*, test_runner::TestRunner};

/// How many elapses of each expression are looked at.
const ITERATIONS: usize = 8;

/// What systemd makes of an expression.
#[derive(Debug, PartialEq)]
struct Reading {
    normal: String,
    elapses: Vec<Timestamp>,
}

/// systemd's reading of each expression, `None` where it refuses it; an error where the program is missing.
fn systemd(
    expressions: &[String],
    from: Timestamp,
    zone: &str,
) -> Result<Vec<Option<Reading>>, std::io::Error> {
    let base = from.strftime("%Y-%m-%d %H:%M:%S UTC");
    let output = Command::new("systemd-analyze")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TZ", zone)
        .arg("calendar")
        .arg(format!("--iterations={ITERATIONS}"))
        .arg(format!("--base-time={base}"))
        .arg("--")
        .args(expressions)
        .output()?;
    let said = String::from_utf8(output.stdout).unwrap();
    let refused = String::from_utf8(output.stderr).unwrap();
    let refused: BTreeSet<&str> = refused.split('\'').skip(1).step_by(2).collect();
    // One that is refused leaves an empty line.
    let mut blocks = said.split("\n\n").filter(|block| !block.trim().is_empty());
    let readings = expressions.iter().map(|expression| {
        if refused.contains(expression.as_str()) {
            return None;
        }
        let block = blocks.next().unwrap_or_else(|| panic!("{expression}: {said}"));
        Some(reading(block, expression))
    });
    Ok(readings.collect())
}

fn reading(block: &str, expression: &str) -> Reading {
    let fields = block.lines().filter_map(|line| line.split_once(": "));
    let fields: Vec<_> = fields.map(|(name, value)| (name.trim(), value)).collect();
    let all = |wanted: &str| {
        let found = fields.iter().filter(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    let original = all("Original form").first().copied().unwrap_or(expression);
    assert_eq!(original, expression, "{block}");
    let elapses = all("(in UTC)").into_iter().map(|time| {
        let (_, time) = time.split_once(' ').expect("a day of the week");
        jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S UTC", time)
            .and_then(|time| time.to_datetime()?.to_zoned(TimeZone::UTC))
            .unwrap_or_else(|wrong| panic!("{time}: {wrong}"))
            .timestamp()
    });
    Reading {
        normal: all("Normalized form").concat(),
        elapses: elapses.collect(),
    }
}

/// Our reading of it, up to `until` where systemd's list ends, and some way beyond where it ends by itself.
fn ours(expression: &str, from: Timestamp, zone: &TimeZone, until: Option<Timestamp>) -> Option<Reading> {
    let when = parse_calendar(expression).ok()?;
    let When::Calendar(event) = &when else {
        panic!("{expression} is a calendar event")
    };
    let normal = event.to_string();
    let schedule = Schedule::new(when, expression);
    let elapses = successors(schedule.next_after(from, zone, from), |last| {
        schedule.next_after(*last, zone, from)
    });
    Some(Reading {
        normal,
        elapses: elapses
            // Parts of seconds are not shown by systemd.
            .map(|at| Timestamp::from_second(at.as_second()).unwrap())
            .take_while(|at| until.is_none_or(|until| *at <= until))
            .take(if until.is_none() { ITERATIONS } else { usize::MAX })
            .collect(),
    })
}

/// Elapses apart from the days in which clocks are set: systemd passes over the one in spring altogether.
fn ordinary(mut elapses: Vec<Timestamp>, zone: &TimeZone) -> Vec<Timestamp> {
    let day = SignedDuration::from_hours(24);
    elapses.retain(|at| zone.to_offset(*at - day) == zone.to_offset(*at + day));
    elapses.dedup();
    elapses
}

/// The zone in which an expression is read: its own, or that of the machine.
fn zone_of(expression: &str, local: &TimeZone) -> TimeZone {
    let named = expression
        .rsplit(' ')
        .next()
        .filter(|word| word.starts_with(char::is_alphabetic));
    named
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or_else(|| local.clone())
}

fn field(least: u32, most: u32, width: usize) -> impl Strategy<Value = String> {
    let value = (least..=most).prop_map(move |value| format!("{value:0width$}"));
    // A range of one second is refused by systemd, one of a minute is not.
    let range = (least..=most, least..=most)
        .prop_filter("more than one", |(a, b)| a != b)
        .prop_map(|(a, b)| format!("{}..{}", a.min(b), a.max(b)));
    let step = 1..=most;
    let item = prop_oneof![
        4 => value,
        2 => range.clone(),
        // With an end, for without one systemd 252 loses values: 2 January of `*-*-02/14`.
        2 => (range, step).prop_map(|(range, step)| format!("{range}/{step}")),
    ];
    let list = prop::collection::vec(item, 1..4).prop_map(|items| items.join(","));
    prop_oneof![1 => Just("*".to_owned()), 2 => list]
}

fn date() -> impl Strategy<Value = String> {
    let year = prop_oneof![4 => Just("*".to_owned()), 1 => field(2000, 2060, 4), 1 => field(0, 99, 2)];
    let month = prop_oneof![Just("*".to_owned()), field(1, 12, 2)];
    let day = prop_oneof![
        2 => field(1, 31, 2).prop_map(|day| format!("-{day}")),
        1 => field(1, 28, 2).prop_map(|day| format!("~{day}")),
    ];
    prop_oneof![
        3 => (year, month.clone(), day.clone()).prop_map(|(year, month, day)| format!("{year}-{month}{day}")),
        1 => (month, day).prop_map(|(month, day)| format!("{month}{day}")),
    ]
}

fn time() -> impl Strategy<Value = String> {
    let fraction = (0..60u32, 1..9_999_999u32).prop_map(|(second, part)| format!("{second}.{part:07}"));
    let second = prop_oneof![2 => Just(String::new()), 2 => field(0, 59, 2).prop_map(|second| format!(":{second}")),
        1 => fraction.prop_map(|second| format!(":{second}"))];
    (field(0, 23, 2), field(0, 59, 2), second)
        .prop_map(|(hour, minute, second)| format!("{hour}:{minute}{second}"))
}

fn weekdays() -> impl Strategy<Value = String> {
    let day = prop::sample::select(vec!["Mon", "tuesday", "Wed", "THU", "Friday", "sat", "Sun"]);
    let range = (0..7usize, 0..7usize).prop_map(|(a, b)| {
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        format!("{}..{}", days[a.min(b)], days[a.max(b)])
    });
    prop::collection::vec(prop_oneof![2 => day.prop_map(str::to_owned), 1 => range], 1..4)
        .prop_map(|days| days.join(","))
}

fn expression() -> impl Strategy<Value = String> {
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]);
    let word = prop::sample::select(vec![
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "semiannually",
        "yearly",
        "Annually",
        "@1900000000",
    ]);
    let parts = prop_oneof![
        1 => word.prop_map(|word| vec![word.to_owned()]),
        4 => (date(), time()).prop_map(|(date, time)| vec![date, time]),
        3 => time().prop_map(|time| vec![time]),
        2 => date().prop_map(|date| vec![date]),
        3 => (weekdays(), time()).prop_map(|(days, time)| vec![days, time]),
        2 => (weekdays(), date(), time()).prop_map(|(days, date, time)| vec![days, date, time]),
        1 => weekdays().prop_map(|days| vec![days]),
    ];
    (parts, prop::option::weighted(0.2, zone)).prop_map(|(mut parts, zone)| {
        // It is the same instant in all zones, and we say so where systemd ignores one.
        if let Some(zone) = zone.filter(|_| !parts[0].starts_with('@')) {
            parts.push(zone.to_owned());
        }
        parts.join(" ")
    })
}

#[test]
fn systemd_and_backupd_read_the_same_out_of_calendar_events() {
    if let Err(error) = Command::new("systemd-analyze").arg("--version").output()
        && error.kind() == ErrorKind::NotFound
    {
        return skip("`systemd-analyze` is not installed");
    }
    let zones = prop::sample::select(vec![
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Tokyo",
    ]);
    // Between 2000 and 2037, whole seconds.
    let from = 946_684_800..2_145_916_800i64;
    let cases = (prop::collection::vec(expression(), 40), zones, from);
    let taken = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 25,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&cases, |(expressions, local, from)| {
        let from = Timestamp::from_second(from).unwrap();
        let readings = systemd(&expressions, from, local).unwrap();
        let local = TimeZone::get(local).unwrap();
        for (expression, theirs) in expressions.iter().zip(readings) {
            // systemd takes three days off the month for each item of a list of last days: `~02,27` is refused.
            if theirs.is_none() && expression.contains('~') && expression.contains(',') {
                continue;
            }
            let until = theirs
                .as_ref()
                .and_then(|theirs| theirs.elapses.get(ITERATIONS - 1))
                .copied();
            let ours = ours(expression, from, &local, until);
            let (Some(theirs), Some(ours)) = (&theirs, &ours) else {
                prop_assert_eq!(theirs, ours, "{}: one of both refuses it", expression);
                continue;
            };
            prop_assert_eq!(&theirs.normal, &ours.normal, "{}", expression);
            let zone = zone_of(expression, &local);
            let theirs = ordinary(theirs.elapses.clone(), &zone);
            prop_assert_eq!(
                theirs,
                ordinary(ours.elapses.clone(), &zone),
                "{} from {}",
                expression,
                from
            );
            taken.set(taken.get() + 1);
        }
        Ok(())
    });
    result.unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(
        taken.get() > 200,
        "{} expressions were taken by both",
        taken.get()
    );
}
