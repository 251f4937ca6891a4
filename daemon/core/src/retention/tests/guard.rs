//! What the guard objects to, and what not.

use insta::assert_snapshot;

use super::*;
use crate::retention::guard;

const NOW: &str = "2026-11-26 00:00";

fn last(keep_last: u32) -> Rules {
    Rules {
        keep_last,
        ..Rules::default()
    }
}

/// So many days up to yesterday, which came in their order, and hold alike.
fn daily(count: i32) -> Vec<SnapshotFacts> {
    let first = at("2026-11-25 02:00") - days(i64::from(count) - 1);
    let mut all = snapshots((0..count).map(|index| first + days(1) * index));
    for (arrival, facts) in (0..).zip(all.iter_mut()) {
        facts.arrival = Some(arrival);
        facts.files = Some(1000);
        facts.bytes = Some(50 << 30);
        facts.id = format!("{arrival:08x}{:056x}", 0);
    }
    all
}

fn guarded(rules: &Rules, history: &[SnapshotFacts]) -> Guarded {
    let decisions = decide(at(NOW), &TimeZone::UTC, rules, history);
    guard(at(NOW), history, &decisions, None, false)
}

fn kinds(objections: &[Objection]) -> Vec<&'static str> {
    objections
        .iter()
        .map(|objection| objection.kind.as_str())
        .collect()
}

fn told(guarded: &Guarded) -> String {
    let told = guarded.refused.iter().map(|objection| {
        format!(
            "{}: {objection}\n  hint: {}\n  {} snapshots\n",
            objection.kind,
            objection.hint,
            objection.snapshots.len()
        )
    });
    told.collect()
}

#[test]
fn what_is_as_always_is_allowed() {
    let guarded = guarded(&last(7), &daily(8));
    assert_eq!(guarded, Guarded::default());
    assert!(guarded.is_allowed());
}

#[test]
fn a_date_that_somebody_made_up_pushes_nothing_out() {
    // In the past: it would be the last of its day.
    let mut history = daily(8);
    history.push(SnapshotFacts::new("f".repeat(64), at("2026-11-20 23:59")));
    let rules = Rules {
        keep_daily: 7,
        ..Rules::default()
    };
    assert_snapshot!(told(&guarded(&rules, &history)), @"
    dates-disagree: the snapshot `ffffffff` of 2026-11-20T23:59:00Z came after the snapshot `00000007` of 2026-11-25T02:00:00Z, and one of the two dates is wrong
      hint: look with `backupctl snapshots` who made them; remove those that are not what they say with stock `restic forget ID`, or let an administrator force it if the dates are meant
      2 snapshots
    ");
    // In the future, as long as it is ahead.
    history[8].time = at("2027-01-01 00:00");
    assert_snapshot!(told(&guarded(&rules, &history)), @"
    future-date: the snapshot `ffffffff` of 2027-01-01T00:00:00Z has a date that has not come
      hint: look with `backupctl snapshots` who made them; remove those that are not what they say with stock `restic forget ID`, or let an administrator force it if the dates are meant
      1 snapshots
    ");
    // And once the clock has come to it: those that came since have earlier dates.
    history[8].time = at("2026-11-25 23:00");
    history[8].arrival = Some(5);
    assert_snapshot!(told(&guarded(&rules, &history)), @"
    dates-disagree: the snapshot `00000006` of 2026-11-24T02:00:00Z came after the snapshot `ffffffff` of 2026-11-25T23:00:00Z, and one of the two dates is wrong; and so with another one
      hint: look with `backupctl snapshots` who made them; remove those that are not what they say with stock `restic forget ID`, or let an administrator force it if the dates are meant
      3 snapshots
    ");
    // An administrator has looked at it.
    history[8].date_accepted = true;
    assert!(guarded(&rules, &history).is_allowed());
}

#[test]
fn dates_may_be_wrong_by_an_hour() {
    for (seconds, allowed) in [(3600, true), (3601, false)] {
        let mut history = daily(8);
        history[7].time = history[6].time - SignedDuration::from_secs(seconds);
        assert_eq!(guarded(&last(5), &history).is_allowed(), allowed, "{seconds}");
        let mut history = daily(8);
        history[7].time = at(NOW) + SignedDuration::from_secs(seconds);
        assert_eq!(guarded(&last(5), &history).is_allowed(), allowed, "{seconds}");
    }
}

#[test]
fn of_what_came_together_nothing_is_concluded() {
    for arrival in [Some(7), None] {
        let mut history = daily(8);
        for facts in &mut history {
            facts.arrival = arrival;
        }
        assert!(guarded(&last(7), &history).is_allowed());
    }
}

#[test]
fn most_of_a_history_does_not_go_at_once() {
    let rules = Rules {
        keep_daily: 7,
        keep_weekly: 5,
        keep_monthly: 12,
        ..Rules::default()
    };
    assert_snapshot!(told(&guarded(&rules, &daily(365))), @"
    collapse: 344 of 365 snapshots would go at once, and with them 344 of 365 days
      hint: look with `backupctl retention preview` what would go; if that is meant, as with new rules for a long history, let an administrator force it once
      344 snapshots
    ");
    // A handful is a large part of a small history.
    assert!(guarded(&last(1), &daily(6)).is_allowed());
    assert_eq!(kinds(&guarded(&last(1), &daily(7)).refused), ["collapse"]);
    // Half is not yet most.
    assert!(guarded(&last(10), &daily(20)).is_allowed());
    assert_eq!(kinds(&guarded(&last(9), &daily(20)).refused), ["collapse"]);
}

#[test]
fn many_snapshots_of_a_day_may_give_way_to_one() {
    let history = series("2026-11-23 00:00", 280, SignedDuration::from_mins(15));
    let rules = Rules {
        keep_daily: 7,
        ..Rules::default()
    };
    assert!(guarded(&rules, &history).is_allowed());
}

#[test]
fn an_administrator_may_force_it() {
    let history = daily(30);
    let decisions = decide(at(NOW), &TimeZone::UTC, &last(3), &history);
    let guarded = guard(at(NOW), &history, &decisions, Some("it was set"), true);
    assert!(guarded.is_allowed());
    assert_eq!(kinds(&guarded.overridden), ["clock-doubtful", "collapse"]);
}

#[test]
fn a_doubtful_clock_lets_nothing_go() {
    let history = daily(8);
    let doubt = "the clock was set by more than a day within the last day";
    let decisions = decide(at(NOW), &TimeZone::UTC, &last(7), &history);
    assert_snapshot!(told(&guard(at(NOW), &history, &decisions, Some(doubt), false)), @"
    clock-doubtful: the clock is not believed: the clock was set by more than a day within the last day
      hint: set the clock, best by a time service such as systemd-timesyncd; the rules are applied again once it is believed
      0 snapshots
    ");
    let none = decide(at(NOW), &TimeZone::UTC, &last(8), &history);
    assert!(guard(at(NOW), &history, &none, Some(doubt), false).is_allowed());
}

#[test]
fn an_empty_source_pushes_nothing_out() {
    let mut history = daily(8);
    history[7].files = Some(3);
    history[7].bytes = Some(1234);
    assert_snapshot!(told(&guarded(&last(7), &history)), @"
    shrunk: the snapshot `00000007` of 2026-11-25T02:00:00Z, the newest, holds 3 files and 1.2 KiB, less than half of what those before hold: 1 000 files and 50.0 GiB
      hint: look whether the sources are mounted and whole; if they did shrink, let an administrator force it, or wait until the smaller snapshots are the most
      1 snapshots
    ");
    history[7].files = Some(500);
    history[7].bytes = Some(25 << 30);
    assert!(guarded(&last(7), &history).is_allowed());
    history[7].bytes = Some((25 << 30) - 1);
    assert_snapshot!(told(&guarded(&last(7), &history)), @"
    shrunk: the snapshot `00000007` of 2026-11-25T02:00:00Z, the newest, holds 25.0 GiB, less than half of what those before hold: 50.0 GiB
      hint: look whether the sources are mounted and whole; if they did shrink, let an administrator force it, or wait until the smaller snapshots are the most
      1 snapshots
    ");
    // Nobody knows.
    history[7].files = None;
    history[7].bytes = None;
    assert!(guarded(&last(7), &history).is_allowed());
}

#[test]
fn what_is_small_for_long_becomes_usual() {
    let mut history = daily(20);
    let small = |history: &mut [SnapshotFacts], count: usize| {
        for facts in history.iter_mut().rev().take(count) {
            facts.files = Some(10);
        }
    };
    small(&mut history, 9);
    assert_eq!(kinds(&guarded(&last(19), &history).refused), ["shrunk"]);
    small(&mut history, 11);
    assert!(guarded(&last(19), &history).is_allowed());
}

#[test]
fn many_small_snapshots_of_one_day_do_not_become_usual() {
    let mut history = daily(8);
    let mut today = series("2026-11-25 03:00", 80, SignedDuration::from_mins(15));
    for facts in &mut today {
        facts.id.replace_range(..1, "e");
        facts.files = Some(1);
    }
    history.extend(today);
    assert_eq!(kinds(&guarded(&last(87), &history).refused), ["shrunk"]);
}

#[test]
fn a_young_history_says_little() {
    let mut history = daily(3);
    history[2].files = Some(1);
    assert!(guarded(&last(2), &history).is_allowed());
    // Within a day it is all there is.
    let mut history = series("2026-11-25 02:00", 10, SignedDuration::from_hours(1));
    for (index, facts) in history.iter_mut().enumerate() {
        facts.files = Some(if index == 9 { 1 } else { 100 });
    }
    assert_eq!(kinds(&guarded(&last(8), &history).refused), ["shrunk"]);
}

#[test]
fn the_last_verified_one_stays() {
    let mut history = daily(8);
    history[0].verified = true;
    assert_snapshot!(told(&guarded(&last(7), &history)), @r#"
    last-verified: the snapshot `00000000` of 2026-11-18T02:00:00Z would go, the last that was verified; none that stays was
      hint: let a newer snapshot be verified, with `verify = "snapshot"` in the job's file or `backupctl check`
      1 snapshots
    "#);
    history[1].verified = true;
    assert!(guarded(&last(7), &history).is_allowed());
}

#[test]
fn a_pin_that_came_after_the_decision_counts_and_no_force_breaks_it() {
    let mut history = daily(8);
    let decisions = decide(at(NOW), &TimeZone::UTC, &last(7), &history);
    history[0].pinned = Pin::Forever;
    let guarded = guard(at(NOW), &history, &decisions, None, true);
    assert_snapshot!(told(&guarded), @"
    pinned: the snapshot `00000000` of 2026-11-18T02:00:00Z would go, and is pinned
      hint: nothing was forgotten; let the rules be applied anew to the snapshots as they are now
      1 snapshots
    ");
    let mut told_twice = history.clone();
    told_twice.push(history[0].clone());
    told_twice[0].pinned = Pin::No;
    let guarded = guard(at(NOW), &told_twice, &decisions, None, true);
    assert_eq!(kinds(&guarded.refused), ["pinned"]);
    history[0].pinned = Pin::Until(at(NOW));
    assert!(guard(at(NOW), &history, &decisions, None, false).is_allowed());
    history.remove(0);
    assert_snapshot!(told(&guard(at(NOW), &history, &decisions, None, true)), @"
    unknown-snapshot: the snapshot `00000000` would go, and nothing is known of it
      hint: nothing was forgotten; let the rules be applied anew to the snapshots as they are now
      1 snapshots
    ");
}

#[test]
fn no_force_goes_below_the_floor() {
    let history = daily(3);
    let mut decisions = decide(at(NOW), &TimeZone::UTC, &last(1), &history);
    // As if somebody else had decided.
    decisions.floor = 2;
    assert_snapshot!(told(&guard(at(NOW), &history, &decisions, None, true)), @"
    floor: the snapshot `00000001` would go, and is one of the newest 2 that always stay
      hint: nothing was forgotten; let the rules be applied anew to the snapshots as they are now
      1 snapshots
    ");
}
