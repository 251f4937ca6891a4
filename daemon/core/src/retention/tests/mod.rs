use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::*;

mod expiry;
mod guard;
mod limits;
mod local;
mod properties;
mod table;
mod wire;

fn zone(name: &str) -> TimeZone {
    crate::schedule::parse_zone(name).unwrap()
}

/// A moment of UTC: `2026-11-25 02:00`.
fn at(text: &str) -> Timestamp {
    local(text, &TimeZone::UTC)
}

fn local(text: &str, zone: &TimeZone) -> Timestamp {
    let time: DateTime = text.parse().unwrap();
    zone.to_timestamp(time).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// Snapshots at these times, with ids in the order in which they are given.
fn snapshots(times: impl IntoIterator<Item = Timestamp>) -> Vec<SnapshotFacts> {
    let numbered = times.into_iter().enumerate();
    numbered
        .map(|(index, time)| SnapshotFacts::new(format!("{index:064x}"), time))
        .collect()
}

/// Snapshots from a time on, so many, each so much after the other.
fn series(from: &str, count: i32, step: SignedDuration) -> Vec<SnapshotFacts> {
    let from = at(from);
    snapshots((0..count).map(|index| from + step * index))
}

/// What is kept, the newest first, and how many go for which reasons.
fn shown(decisions: &Decisions, zone: &TimeZone) -> String {
    let mut text = String::new();
    for decision in decisions.kept() {
        let time = zone.to_datetime(decision.time).strftime("%F %H:%M");
        writeln!(text, "{time}  {}", decision.verdict.why()).unwrap();
    }
    let mut going: Vec<(String, usize)> = Vec::new();
    for decision in decisions.forgotten() {
        let why = decision.verdict.why();
        match going.last_mut() {
            Some((last, count)) if *last == why => *count += 1,
            _ => going.push((why, 1)),
        }
    }
    for (why, count) in going {
        writeln!(text, "{count} go: {why}").unwrap();
    }
    text
}

/// The same, decided a minute after the newest snapshot in UTC.
fn applied(rules: &Rules, snapshots: &[SnapshotFacts]) -> String {
    let newest = snapshots.iter().map(|facts| facts.time).max().unwrap();
    let decisions = decide(
        newest + SignedDuration::from_mins(1),
        &TimeZone::UTC,
        rules,
        snapshots,
    );
    shown(&decisions, &TimeZone::UTC)
}
