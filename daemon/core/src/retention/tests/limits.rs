//! Limits, tags, pins and the floor: what takes from the rules, and what stands above them.

use insta::assert_snapshot;

use super::*;

/// Ten days; each snapshot added 10 GiB, the first 100.
fn ten_days() -> Vec<SnapshotFacts> {
    let mut snapshots = series("2026-11-16 02:00", 10, days(1));
    for (index, facts) in snapshots.iter_mut().enumerate() {
        facts.bytes_stored = Some(if index == 0 { 100 << 30 } else { 10 << 30 });
    }
    snapshots
}

#[test]
fn a_limit_takes_the_oldest_first() {
    let count = Rules {
        max_count: Some(3),
        ..Rules::default()
    };
    assert_snapshot!(applied(&count, &ten_days()), @"
    2026-11-25 02:00  no rule lets it go, safety floor
    2026-11-24 02:00  no rule lets it go
    2026-11-23 02:00  no rule lets it go
    7 go: over max_count 3
    ");
    let size = Rules {
        max_size: Some(45 << 30),
        keep_daily: 8,
        ..Rules::default()
    };
    assert_snapshot!(applied(&size, &ten_days()), @"
    2026-11-25 02:00  daily 2026-11-25, safety floor
    2026-11-24 02:00  daily 2026-11-24
    2026-11-23 02:00  daily 2026-11-23
    2026-11-22 02:00  daily 2026-11-22
    4 go: over max_size 45.0 GiB
    2 go: no rule keeps it
    ");
    let both = Rules {
        max_count: Some(9),
        max_size: Some(120 << 30),
        ..Rules::default()
    };
    assert_snapshot!(applied(&both, &ten_days()), @"
    2026-11-25 02:00  no rule lets it go, safety floor
    2026-11-24 02:00  no rule lets it go
    2026-11-23 02:00  no rule lets it go
    2026-11-22 02:00  no rule lets it go
    2026-11-21 02:00  no rule lets it go
    2026-11-20 02:00  no rule lets it go
    2026-11-19 02:00  no rule lets it go
    2026-11-18 02:00  no rule lets it go
    2026-11-17 02:00  no rule lets it go
    1 go: over max_count 9, over max_size 120.0 GiB
    ");
}

#[test]
fn no_limit_goes_below_the_floor() {
    let rules = Rules {
        max_size: Some(1),
        keep_daily: 8,
        keep_minimum: Some(2),
        ..Rules::default()
    };
    assert_snapshot!(applied(&rules, &ten_days()), @"
    2026-11-25 02:00  safety floor
    2026-11-24 02:00  safety floor
    6 go: over max_size 1 B
    2 go: no rule keeps it
    ");
}

#[test]
fn what_is_not_known_to_have_added_anything_counts_as_nothing() {
    let mut snapshots = ten_days();
    for facts in &mut snapshots[3..] {
        facts.bytes_stored = None;
    }
    let rules = Rules {
        max_size: Some(20 << 30),
        ..Rules::default()
    };
    let decisions = decide(at("2026-11-26 00:00"), &TimeZone::UTC, &rules, &snapshots);
    assert_eq!(decisions.kept().count(), 9);
}

#[test]
fn pins_and_tags_keep_and_change_nothing_for_the_others() {
    let mut snapshots = ten_days();
    snapshots[0].pinned = Pin::Forever;
    snapshots[1].pinned = Pin::Until(at("2026-12-01 00:00"));
    snapshots[2].pinned = Pin::Until(at("2026-11-25 00:00"));
    snapshots[3].tags = vec!["release".into(), "v2".into()];
    snapshots[4].tags = vec!["other".into()];
    snapshots[9].pinned = Pin::Forever;
    let rules = Rules {
        keep_last: 3,
        max_count: Some(3),
        keep_tags: vec!["v2".into(), "release".into()],
        ..Rules::default()
    };
    assert_snapshot!(applied(&rules, &snapshots), @"
    2026-11-25 02:00  pinned, last 1 of 3, safety floor
    2026-11-24 02:00  last 2 of 3
    2026-11-23 02:00  last 3 of 3
    2026-11-19 02:00  tag v2, tag release
    2026-11-17 02:00  pinned until 2026-12-01T00:00:00Z
    2026-11-16 02:00  pinned
    4 go: no rule keeps it
    ");
}
