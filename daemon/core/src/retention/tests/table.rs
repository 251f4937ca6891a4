//! What rules keep of histories as they are.

use insta::assert_snapshot;

use super::*;

fn a_year_of_days() -> Vec<SnapshotFacts> {
    series("2025-11-26 02:00", 365, days(1))
}

#[test]
fn a_year_of_daily_snapshots() {
    let rules = Rules {
        keep_daily: 7,
        keep_weekly: 5,
        keep_monthly: 12,
        ..Rules::default()
    };
    assert_snapshot!(applied(&rules, &a_year_of_days()), @"
    2026-11-25 02:00  daily 2026-11-25, weekly 2026-W48, monthly 2026-11, safety floor
    2026-11-24 02:00  daily 2026-11-24
    2026-11-23 02:00  daily 2026-11-23
    2026-11-22 02:00  daily 2026-11-22, weekly 2026-W47
    2026-11-21 02:00  daily 2026-11-21
    2026-11-20 02:00  daily 2026-11-20
    2026-11-19 02:00  daily 2026-11-19
    2026-11-15 02:00  weekly 2026-W46
    2026-11-08 02:00  weekly 2026-W45
    2026-11-01 02:00  weekly 2026-W44
    2026-10-31 02:00  monthly 2026-10
    2026-09-30 02:00  monthly 2026-09
    2026-08-31 02:00  monthly 2026-08
    2026-07-31 02:00  monthly 2026-07
    2026-06-30 02:00  monthly 2026-06
    2026-05-31 02:00  monthly 2026-05
    2026-04-30 02:00  monthly 2026-04
    2026-03-31 02:00  monthly 2026-03
    2026-02-28 02:00  monthly 2026-02
    2026-01-31 02:00  monthly 2026-01
    2025-12-31 02:00  monthly 2025-12
    344 go: no rule keeps it
    ");
}

#[test]
fn each_rule_alone() {
    let year = a_year_of_days();
    let rules = |rules: Rules| applied(&rules, &year);
    let default = Rules::default;
    assert_snapshot!(rules(Rules { keep_last: 3, ..default() }), @"
    2026-11-25 02:00  last 1 of 3, safety floor
    2026-11-24 02:00  last 2 of 3
    2026-11-23 02:00  last 3 of 3
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_hourly: 3, ..default() }), @"
    2026-11-25 02:00  hourly 2026-11-25 02:00+00, safety floor
    2026-11-24 02:00  hourly 2026-11-24 02:00+00
    2026-11-23 02:00  hourly 2026-11-23 02:00+00
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_daily: 3, ..default() }), @"
    2026-11-25 02:00  daily 2026-11-25, safety floor
    2026-11-24 02:00  daily 2026-11-24
    2026-11-23 02:00  daily 2026-11-23
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_weekly: 3, ..default() }), @"
    2026-11-25 02:00  weekly 2026-W48, safety floor
    2026-11-22 02:00  weekly 2026-W47
    2026-11-15 02:00  weekly 2026-W46
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_monthly: 3, ..default() }), @"
    2026-11-25 02:00  monthly 2026-11, safety floor
    2026-10-31 02:00  monthly 2026-10
    2026-09-30 02:00  monthly 2026-09
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_quarterly: 3, ..default() }), @"
    2026-11-25 02:00  quarterly 2026-Q4, safety floor
    2026-09-30 02:00  quarterly 2026-Q3
    2026-06-30 02:00  quarterly 2026-Q2
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_yearly: 3, ..default() }), @"
    2026-11-25 02:00  yearly 2026, safety floor
    2025-12-31 02:00  yearly 2025
    2025-11-26 02:00  oldest, yearly not full
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_within: Some(days(3)), ..default() }), @"
    2026-11-25 02:00  within 3d, safety floor
    2026-11-24 02:00  within 3d
    2026-11-23 02:00  within 3d
    362 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_within_weekly: Some(days(21)), ..default() }), @"
    2026-11-25 02:00  weekly 2026-W48 within 21d, safety floor
    2026-11-22 02:00  weekly 2026-W47 within 21d
    2026-11-15 02:00  weekly 2026-W46 within 21d
    2026-11-08 02:00  weekly 2026-W45 within 21d
    361 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_within_monthly: Some(days(90)), ..default() }), @"
    2026-11-25 02:00  monthly 2026-11 within 90d, safety floor
    2026-10-31 02:00  monthly 2026-10 within 90d
    2026-09-30 02:00  monthly 2026-09 within 90d
    2026-08-31 02:00  monthly 2026-08 within 90d
    361 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_within_quarterly: Some(days(365)), ..default() }), @"
    2026-11-25 02:00  quarterly 2026-Q4 within 365d, safety floor
    2026-09-30 02:00  quarterly 2026-Q3 within 365d
    2026-06-30 02:00  quarterly 2026-Q2 within 365d
    2026-03-31 02:00  quarterly 2026-Q1 within 365d
    2025-12-31 02:00  quarterly 2025-Q4 within 365d
    360 go: no rule keeps it
    ");
    assert_snapshot!(rules(Rules { keep_within_yearly: Some(days(700)), ..default() }), @"
    2026-11-25 02:00  yearly 2026 within 700d, safety floor
    2025-12-31 02:00  yearly 2025 within 700d
    363 go: no rule keeps it
    ");
}

#[test]
fn several_snapshots_a_day() {
    let rules = Rules {
        keep_hourly: 4,
        keep_daily: 3,
        keep_within_hourly: Some(SignedDuration::from_hours(6)),
        keep_within_daily: Some(days(5)),
        ..Rules::default()
    };
    let quarters = series("2026-11-20 00:07", 500, SignedDuration::from_mins(15));
    assert_snapshot!(applied(&rules, &quarters), @"
    2026-11-25 04:52  hourly 2026-11-25 04:00+00, daily 2026-11-25, hourly 2026-11-25 04:00+00 within 6h, daily 2026-11-25 within 5d, safety floor
    2026-11-25 03:52  hourly 2026-11-25 03:00+00, hourly 2026-11-25 03:00+00 within 6h
    2026-11-25 02:52  hourly 2026-11-25 02:00+00, hourly 2026-11-25 02:00+00 within 6h
    2026-11-25 01:52  hourly 2026-11-25 01:00+00, hourly 2026-11-25 01:00+00 within 6h
    2026-11-25 00:52  hourly 2026-11-25 00:00+00 within 6h
    2026-11-24 23:52  daily 2026-11-24, hourly 2026-11-24 23:00+00 within 6h, daily 2026-11-24 within 5d
    2026-11-23 23:52  daily 2026-11-23, daily 2026-11-23 within 5d
    2026-11-22 23:52  daily 2026-11-22 within 5d
    2026-11-21 23:52  daily 2026-11-21 within 5d
    2026-11-20 23:52  daily 2026-11-20 within 5d
    490 go: no rule keeps it
    ");
}

#[test]
fn a_rule_that_is_not_full_keeps_the_oldest_too() {
    let rules = Rules {
        keep_daily: 7,
        keep_within_daily: Some(days(30)),
        ..Rules::default()
    };
    let two_days = series("2026-11-24 08:00", 9, SignedDuration::from_hours(4));
    assert_snapshot!(applied(&rules, &two_days), @"
    2026-11-25 16:00  daily 2026-11-25, daily 2026-11-25 within 30d, safety floor
    2026-11-24 20:00  daily 2026-11-24, daily 2026-11-24 within 30d
    2026-11-24 08:00  oldest, daily not full
    6 go: no rule keeps it
    ");
}

#[test]
fn a_job_that_has_not_run_for_long_loses_nothing() {
    let rules = Rules {
        keep_within: Some(days(30)),
        ..Rules::default()
    };
    let snapshots = series("2020-01-01 02:00", 20, days(1));
    let decisions = decide(at("2026-11-26 00:00"), &TimeZone::UTC, &rules, &snapshots);
    assert_eq!(decisions.forgotten().count(), 0);
}

#[test]
fn without_a_rule_that_chooses_all_are_kept() {
    let year = a_year_of_days();
    for rules in [
        Rules::default(),
        Rules {
            keep_tags: vec!["release".into()],
            keep_minimum: Some(3),
            keep_within: Some(SignedDuration::ZERO),
            keep_within_daily: Some(-days(1)),
            ..Rules::default()
        },
    ] {
        let decisions = decide(at("2026-11-26 00:00"), &TimeZone::UTC, &rules, &year);
        assert_eq!(decisions.kept().count(), year.len());
        assert_eq!(decisions.all.last().unwrap().verdict.why(), "no rule lets it go");
    }
}

#[test]
fn no_snapshots_no_decisions() {
    let rules = Rules {
        keep_last: 1,
        max_count: Some(1),
        ..Rules::default()
    };
    let decisions = decide(at("2026-11-26 00:00"), &TimeZone::UTC, &rules, &[]);
    assert!(decisions.all.is_empty());
}

#[test]
fn of_two_at_one_time_the_greater_id_is_newer_and_a_repeated_one_counts_once() {
    let time = at("2026-11-25 02:00");
    let rules = Rules {
        keep_last: 2,
        ..Rules::default()
    };
    let facts = ["b", "a", "c", "b"].map(|id| SnapshotFacts::new(id, time));
    let decisions = decide(time, &TimeZone::UTC, &rules, &facts);
    let ids: Vec<&str> = decisions
        .all
        .iter()
        .map(|decision| decision.id.as_str())
        .collect();
    assert_eq!(ids, ["c", "b", "a"]);
    assert!(!decisions.of("a").unwrap().verdict.is_keep());
    assert_eq!(decisions.kept().count(), 2);
}
