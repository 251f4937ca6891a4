//! Snapshots with an end of their own, and those that are ahead of the clock.

use insta::assert_snapshot;

use super::*;

#[test]
fn what_has_expired_goes_and_its_place_is_taken() {
    let mut snapshots = series("2026-11-23 00:00", 7, SignedDuration::from_hours(12));
    // At this very moment.
    snapshots[5].expires = Some(at("2026-11-26 00:01"));
    snapshots[4].expires = Some(at("2026-11-26 00:02"));
    snapshots[3].expires = Some(at("2026-11-01 00:00"));
    snapshots[3].pinned = Pin::Forever;
    let rules = Rules {
        keep_daily: 3,
        keep_tags: vec!["x".into()],
        ..Rules::default()
    };
    snapshots[5].tags = vec!["x".into()];
    assert_snapshot!(applied(&rules, &snapshots), @"
    2026-11-26 00:00  daily 2026-11-26, safety floor
    2026-11-25 00:00  daily 2026-11-25
    2026-11-24 12:00  pinned
    2026-11-24 00:00  daily 2026-11-24
    1 go: expired on 2026-11-26T00:01:00Z
    2 go: no rule keeps it
    ");
}

#[test]
fn the_newest_stays_even_where_all_have_expired() {
    let mut snapshots = series("2026-11-23 00:00", 3, days(1));
    for facts in &mut snapshots {
        facts.expires = Some(facts.time);
    }
    assert_snapshot!(applied(&Rules::default(), &snapshots), @"
    2026-11-25 00:00  safety floor
    1 go: expired on 2026-11-24T00:00:00Z
    1 go: expired on 2026-11-23T00:00:00Z
    ");
}

#[test]
fn what_is_ahead_of_the_clock_stays_and_pushes_nothing_out() {
    let snapshots = series("2026-11-20 00:00", 10, days(1));
    let rules = Rules {
        keep_last: 2,
        keep_within_daily: Some(days(3)),
        max_count: Some(3),
        ..Rules::default()
    };
    let decisions = decide(at("2026-11-25 12:00"), &TimeZone::UTC, &rules, &snapshots);
    assert_snapshot!(shown(&decisions, &TimeZone::UTC), @"
    2026-11-29 00:00  ahead of the clock
    2026-11-28 00:00  ahead of the clock
    2026-11-27 00:00  ahead of the clock
    2026-11-26 00:00  ahead of the clock
    2026-11-25 00:00  last 1 of 2, daily 2026-11-25 within 3d, safety floor
    2026-11-24 00:00  last 2 of 2, daily 2026-11-24 within 3d
    2026-11-23 00:00  daily 2026-11-23 within 3d
    3 go: no rule keeps it
    ");
}
