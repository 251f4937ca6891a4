//! Days, hours and weeks by the clock of a zone.

use insta::assert_snapshot;

use super::*;

/// Decided the day after, in a zone.
fn applied_in(zone: &TimeZone, rules: &Rules, snapshots: &[SnapshotFacts]) -> String {
    let newest = snapshots.iter().map(|facts| facts.time).max().unwrap();
    shown(&decide(newest + days(1), zone, rules, snapshots), zone)
}

/// A snapshot in each half hour between two local times.
fn half_hours(zone: &TimeZone, from: &str, to: &str) -> Vec<SnapshotFacts> {
    let (mut time, to) = (local(from, zone), local(to, zone));
    let times = std::iter::from_fn(|| {
        let now = time;
        time += SignedDuration::from_mins(30);
        (now < to).then_some(now)
    });
    snapshots(times)
}

#[test]
fn days_with_23_and_25_hours_are_days() {
    let berlin = zone("Europe/Berlin");
    let rules = Rules {
        keep_daily: 3,
        ..Rules::default()
    };
    let spring = half_hours(&berlin, "2026-03-26 00:00", "2026-03-31 00:00");
    assert_snapshot!(applied_in(&berlin, &rules, &spring), @"
    2026-03-30 23:30  daily 2026-03-30, safety floor
    2026-03-29 23:30  daily 2026-03-29
    2026-03-28 23:30  daily 2026-03-28
    235 go: no rule keeps it
    ");
    let autumn = half_hours(&berlin, "2026-10-22 00:00", "2026-10-27 00:00");
    assert_snapshot!(applied_in(&berlin, &rules, &autumn), @"
    2026-10-26 23:30  daily 2026-10-26, safety floor
    2026-10-25 23:30  daily 2026-10-25
    2026-10-24 23:30  daily 2026-10-24
    239 go: no rule keeps it
    ");
}

#[test]
fn a_day_is_that_of_the_zone() {
    // An hour after midnight in Berlin is the day before in UTC.
    let rules = Rules {
        keep_daily: 2,
        ..Rules::default()
    };
    let berlin = zone("Europe/Berlin");
    let night = half_hours(&berlin, "2026-11-24 22:00", "2026-11-25 01:00");
    assert_snapshot!(applied_in(&berlin, &rules, &night), @"
    2026-11-25 00:30  daily 2026-11-25, safety floor
    2026-11-24 23:30  daily 2026-11-24
    4 go: no rule keeps it
    ");
    assert_snapshot!(applied_in(&TimeZone::UTC, &rules, &night), @"
    2026-11-24 23:30  daily 2026-11-24, safety floor
    2026-11-24 21:00  oldest, daily not full
    4 go: no rule keeps it
    ");
}

#[test]
fn an_hour_that_comes_twice_is_two_and_one_that_does_not_come_is_none() {
    let berlin = zone("Europe/Berlin");
    let rules = Rules {
        keep_hourly: 5,
        ..Rules::default()
    };
    let autumn = half_hours(&berlin, "2026-10-25 00:00", "2026-10-25 05:00");
    assert_snapshot!(applied_in(&berlin, &rules, &autumn), @"
    2026-10-25 04:30  hourly 2026-10-25 04:00+01, safety floor
    2026-10-25 03:30  hourly 2026-10-25 03:00+01
    2026-10-25 02:30  hourly 2026-10-25 02:00+01
    2026-10-25 02:30  hourly 2026-10-25 02:00+02
    2026-10-25 01:30  hourly 2026-10-25 01:00+02
    7 go: no rule keeps it
    ");
    let spring = half_hours(&berlin, "2026-03-29 00:00", "2026-03-29 06:00");
    assert_snapshot!(applied_in(&berlin, &rules, &spring), @"
    2026-03-29 05:30  hourly 2026-03-29 05:00+02, safety floor
    2026-03-29 04:30  hourly 2026-03-29 04:00+02
    2026-03-29 03:30  hourly 2026-03-29 03:00+02
    2026-03-29 01:30  hourly 2026-03-29 01:00+01
    2026-03-29 00:30  hourly 2026-03-29 00:00+01
    5 go: no rule keeps it
    ");
    let all = Rules {
        keep_hourly: 1000,
        ..Rules::default()
    };
    for (from, to, hours) in [
        ("2026-03-29 00:00", "2026-03-30 00:00", 23),
        ("2026-10-25 00:00", "2026-10-26 00:00", 25),
    ] {
        let day = half_hours(&berlin, from, to);
        let decisions = decide(local(to, &berlin), &berlin, &all, &day);
        // Besides, the oldest is kept.
        assert_eq!(decisions.kept().count(), hours + 1, "{from}");
    }
}

#[test]
fn a_day_that_comes_back_is_one() {
    // In 2010 the clock of St. John's was set back at 00:01, and the day before came again for an hour.
    let newfoundland = zone("America/St_Johns");
    let rules = Rules {
        keep_daily: 7,
        keep_within_daily: Some(days(7)),
        ..Rules::default()
    };
    let from = local("2010-11-06 22:00", &newfoundland);
    let times = (0..6).map(|index| from + SignedDuration::from_mins(30) * index);
    let midnight = from + SignedDuration::from_mins(120) + SignedDuration::from_secs(30);
    let snapshots = snapshots(times.chain([midnight]));
    assert_snapshot!(applied_in(&newfoundland, &rules, &snapshots), @"
    2010-11-06 23:30  daily 2010-11-06, daily 2010-11-06 within 7d, safety floor
    2010-11-07 00:00  daily 2010-11-07, daily 2010-11-07 within 7d
    2010-11-06 22:00  oldest, daily not full
    4 go: no rule keeps it
    ");
}

#[test]
fn the_turn_of_the_year_does_not_part_a_week() {
    let rules = Rules {
        keep_weekly: 3,
        ..Rules::default()
    };
    // 2026 has 53 weeks.
    let long = series("2026-12-20 12:00", 22, days(1));
    assert_snapshot!(applied(&rules, &long), @"
    2027-01-10 12:00  weekly 2027-W01, safety floor
    2027-01-03 12:00  weekly 2026-W53
    2026-12-27 12:00  weekly 2026-W52
    19 go: no rule keeps it
    ");
    // Week 1 of 2025 begins in 2024.
    let short = series("2024-12-20 12:00", 15, days(1));
    assert_snapshot!(applied(&rules, &short), @"
    2025-01-03 12:00  weekly 2025-W01, safety floor
    2024-12-29 12:00  weekly 2024-W52
    2024-12-22 12:00  weekly 2024-W51
    12 go: no rule keeps it
    ");
}
