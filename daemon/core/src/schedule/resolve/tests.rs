//! Local times in all zones, above all in the nights in which clocks are set.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::successors,
};

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, DateTime, Time, date},
    tz::{self, Offset, TimeZone},
};

use proptest::prelude::*;

use crate::schedule::{Schedule, parse_plain};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next elapse, as the zone's own clock shows it.
fn next(text: &str, zone: &str, after: &str) -> String {
    let (zone, after) = (TimeZone::get(zone).unwrap(), time(after));
    let next = schedule(text).next_after(after, &zone, after);
    next.map(|at| {
        let shown = at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        // As it is written here: without seconds and minutes that are nothing.
        let (clock, offset) = shown.split_at(19);
        let (clock, offset) = (
            clock.strip_suffix(":00").unwrap_or(clock),
            offset.strip_suffix(":00").unwrap_or(offset),
        );
        format!("{clock}{offset}")
    })
    .unwrap_or_default()
}

fn schedule(text: &str) -> Schedule {
    Schedule::new(parse_plain(text).unwrap(), text)
}

fn elapses(schedule: &Schedule, zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    successors(schedule.next_after(from, zone, from), |last| {
        schedule.next_after(*last, zone, from)
    })
    .take_while(|at| *at < until)
    .collect()
}

/// Changes of a zone's offset between two times.
fn changes(zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, Offset)> {
    let mut offset = zone.to_offset(from);
    let transitions = zone
        .following(from)
        .take_while(|change| change.timestamp() < until);
    transitions
        .filter(|change| std::mem::replace(&mut offset, change.offset()) != change.offset())
        .map(|change| (change.timestamp(), change.offset()))
        .collect()
}

/// Every zone of the system's database, those that are the same in these years only once.
fn zones(from: Timestamp, until: Timestamp) -> Vec<(TimeZone, Vec<Timestamp>)> {
    let mut seen = BTreeSet::new();
    tz::db()
        .available()
        .filter_map(|name| {
            let zone = TimeZone::get(name.as_str()).ok()?;
            let changes = changes(&zone, from, until);
            let when = changes.iter().map(|(when, _)| *when).collect();
            seen.insert((zone.to_offset(from), changes))
                .then_some((zone, when))
        })
        .collect()
}

/// The whole days between two times, and whether they exist.
fn days(zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<(Date, bool)> {
    let (first, last) = (zone.to_datetime(from).date(), zone.to_datetime(until).date());
    let whole = first
        .tomorrow()
        .unwrap()
        .series(1.day())
        .take_while(|day| *day < last);
    let exists = |day: Date| day.to_zoned(zone.clone()).is_ok_and(|start| start.date() == day);
    whole.map(|day| (day, exists(day))).collect()
}

/// A daily job runs once on each day that exists, and on no other.
fn check_days(
    schedule: &Schedule,
    zone: &TimeZone,
    from: Timestamp,
    until: Timestamp,
    days: &[(Date, bool)],
) {
    let mut runs: BTreeMap<Date, u32> = BTreeMap::new();
    for at in elapses(schedule, zone, from, until) {
        *runs.entry(zone.to_datetime(at).date()).or_default() += 1;
    }
    for (day, exists) in days {
        let count = runs.get(day).copied().unwrap_or(0);
        let name = zone.iana_name();
        assert_eq!(
            count,
            u32::from(*exists),
            "`{}` on {day} in {name:?}",
            schedule.text
        );
    }
}

/// Other days are all alike: one job for each zone, over a year that differs from zone to zone, stands for them.
#[test]
fn a_daily_job_runs_once_on_each_local_day_of_every_zone() {
    let (from, until) = (time("2000-01-01T00:00Z"), time("2038-01-01T00:00Z"));
    let zones = zones(from, until);
    assert!(zones.len() > 100, "the tz database is there");
    let quarters: Vec<Schedule> = (0..96)
        .map(|quarter| schedule(&format!("{}:{:02}", quarter / 4, quarter % 4 * 15)))
        .collect();
    let around = SignedDuration::from_hours(36);
    eprintln!(
        "{} zones, {} changes",
        zones.len(),
        zones.iter().map(|z| z.1.len()).sum::<usize>()
    );
    let check = &|index: usize, zone: &TimeZone, changes: &[Timestamp]| {
        for at in changes {
            let (from, until) = (*at - around, *at + around);
            let days = days(zone, from, until);
            for quarter in &quarters {
                check_days(quarter, zone, from, until, &days);
            }
        }
        let year = i16::try_from(2000 + index % 38).unwrap();
        let from = date(year, 1, 1).to_zoned(zone.clone()).unwrap().timestamp();
        let until = from + SignedDuration::from_hours(366 * 24);
        check_days(
            &quarters[index * 7 % 96],
            zone,
            from,
            until,
            &days(zone, from, until),
        );
    };
    let (even, odd): (Vec<_>, Vec<_>) = zones.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    std::thread::scope(|scope| {
        for half in [even, odd] {
            scope.spawn(move || {
                for (index, (zone, changes)) in half {
                    check(index, zone, changes);
                }
            });
        }
    });
}

#[test]
fn a_time_that_does_not_exist_comes_right_after_the_gap() {
    for (text, zone, after, expected) in [
        // 02:00 → 03:00
        (
            "02:30",
            "Europe/Berlin",
            "2026-03-29T00:00+01",
            "2026-03-29T03:00+02",
        ),
        (
            "02:00",
            "Europe/Berlin",
            "2026-03-29T00:00+01",
            "2026-03-29T03:00+02",
        ),
        (
            "03:00",
            "Europe/Berlin",
            "2026-03-29T00:00+01",
            "2026-03-29T03:00+02",
        ),
        (
            "02:30",
            "Europe/Berlin",
            "2026-03-29T03:00+02",
            "2026-03-30T02:30+02",
        ),
        (
            "*:15",
            "Europe/Berlin",
            "2026-03-29T01:15+01",
            "2026-03-29T03:00+02",
        ),
        (
            "*:15",
            "Europe/Berlin",
            "2026-03-29T03:00+02",
            "2026-03-29T03:15+02",
        ),
        // 00:00 → 01:00: on the same day.
        (
            "00:30",
            "Asia/Beirut",
            "2024-03-30T12:00+02",
            "2024-03-31T01:00+03",
        ),
        // By half an hour.
        (
            "02:15",
            "Australia/Lord_Howe",
            "2026-10-03T12:00+10:30",
            "2026-10-04T02:30+11",
        ),
        // 2011-12-30 was left out.
        (
            "12:00",
            "Pacific/Apia",
            "2011-12-29T12:00-10",
            "2011-12-31T12:00+14",
        ),
        ("2011-12-30 12:00", "Pacific/Apia", "2011-12-01T12:00-10", ""),
    ] {
        assert_eq!(
            next(text, zone, after),
            expected,
            "`{text}` in {zone} after {after}"
        );
    }
}

#[test]
fn a_time_that_exists_twice_comes_the_first_time() {
    for (text, zone, after, expected) in [
        // 03:00 → 02:00
        (
            "02:30",
            "Europe/Berlin",
            "2026-10-25T00:00+02",
            "2026-10-25T02:30+02",
        ),
        (
            "02:30",
            "Europe/Berlin",
            "2026-10-25T02:30+02",
            "2026-10-26T02:30+01",
        ),
        (
            "02:30",
            "Europe/Berlin",
            "2026-10-25T02:15+01",
            "2026-10-26T02:30+01",
        ),
        (
            "03:00",
            "Europe/Berlin",
            "2026-10-25T02:30+02",
            "2026-10-25T03:00+01",
        ),
        (
            "*:00",
            "Europe/Berlin",
            "2026-10-25T02:00+02",
            "2026-10-25T03:00+01",
        ),
        // 00:01 → 23:01 of the day before.
        (
            "00:00",
            "America/St_Johns",
            "2010-11-06T12:00-02:30",
            "2010-11-07T00:00-02:30",
        ),
        (
            "00:00",
            "America/St_Johns",
            "2010-11-06T23:30-03:30",
            "2010-11-08T00:00-03:30",
        ),
        (
            "23:30",
            "America/St_Johns",
            "2010-11-06T12:00-02:30",
            "2010-11-06T23:30-02:30",
        ),
        (
            "23:30",
            "America/St_Johns",
            "2010-11-06T23:30-02:30",
            "2010-11-07T23:30-03:30",
        ),
    ] {
        let expected = expected.to_owned();
        assert_eq!(
            next(text, zone, after),
            expected,
            "`{text}` in {zone} after {after}"
        );
    }
}

/// Before 1970, where no calendar event is, zones did what they have not done since.
#[test]
fn days_are_kept_apart_whatever_a_zone_does() {
    let daily = |clock: Time| {
        move |after: DateTime| {
            let today = after.date().to_datetime(clock);
            if today > after {
                Some(today)
            } else {
                Some(after.date().tomorrow().ok()?.to_datetime(clock))
            }
        }
    };
    for (clock, zone, after, expected) in [
        // 23:30 → 00:30 of the next day: one run remains on each of both.
        (
            "23:45",
            "America/Toronto",
            "1919-03-30T12:00-05",
            "1919-03-30T23:29:59-05",
        ),
        (
            "23:45",
            "America/Toronto",
            "1919-03-30T23:29:59-05",
            "1919-03-31T23:45-04",
        ),
        (
            "00:15",
            "America/Toronto",
            "1919-03-30T12:00-05",
            "1919-03-31T00:30-04",
        ),
        // 1969-09-30 came twice.
        (
            "12:00",
            "Pacific/Kwajalein",
            "1969-09-30T12:00+11",
            "1969-10-01T12:00-12",
        ),
    ] {
        let found = super::next_after(
            time(after),
            &TimeZone::get(zone).unwrap(),
            daily(clock.parse().unwrap()),
        );
        assert_eq!(found, Some(time(expected)), "`{clock}` in {zone} after {after}");
    }
}

#[test]
fn intervals_do_not_drift() {
    let every = schedule("every 4h");
    let anchor = time("2026-01-01T01:23:45Z");
    let next = |after: &str| {
        every
            .next_after(time(after), &TimeZone::UTC, anchor)
            .map(|at| at.to_string())
    };
    // First known by a clock that was years ahead: nobody waits for those years.
    assert_eq!(next("2020-01-01T00:00Z").as_deref(), Some("2020-01-01T01:23:45Z"));
    assert_eq!(
        next("2025-12-31T21:23:45Z").as_deref(),
        Some("2026-01-01T01:23:45Z")
    );
    assert_eq!(
        next("2026-01-01T01:23:45Z").as_deref(),
        Some("2026-01-01T05:23:45Z")
    );
    assert_eq!(
        next("2026-01-01T05:23:45Z").as_deref(),
        Some("2026-01-01T09:23:45Z")
    );
    assert_eq!(next("2036-07-01T00:00Z").as_deref(), Some("2036-07-01T01:23:45Z"));
    assert_eq!(next("9999-12-30T22:00:00Z"), None);
}

proptest! {
    /// Whatever is asked from, the same elapses are found.
    #[test]
    fn elapses_do_not_depend_on_where_they_are_looked_for_from(
        text in prop::sample::select(vec!["*:0/20", "02:30", "*:*", "0/3:15", "23:45", "Sun 00:00", "*:59:59.5"]),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/St_Johns", "Asia/Beirut", "Pacific/Apia",
            "Australia/Lord_Howe", "Antarctica/Troll", "Africa/El_Aaiun", "UTC"]),
        from in (time("2005-01-01T00:00Z").as_second()..time("2036-01-01T00:00Z").as_second()),
        near_change in any::<bool>(),
        offsets in prop::collection::vec(0..172_800i64, 1..8),
    ) {
        let (schedule, zone) = (schedule(text), TimeZone::get(zone).unwrap());
        let mut from = Timestamp::from_second(from).unwrap();
        if near_change && let Some(change) = zone.following(from).next() {
            from = change.timestamp() - SignedDuration::from_hours(24);
        }
        let all = elapses(&schedule, &zone, from, from + SignedDuration::from_hours(24 * 10));
        prop_assert!(all.is_sorted_by(|one, next| one < next));
        for offset in offsets {
            let at = from + SignedDuration::from_secs(offset);
            let first = all.iter().find(|elapse| **elapse > at).copied();
            prop_assert_eq!(schedule.next_after(at, &zone, from), first, "after {}", at);
        }
    }
}
