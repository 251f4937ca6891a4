//! The rules, applied.

use std::collections::HashSet;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    bucket::{Bucket, Local},
    decision::{Decision, Decisions, Verdict},
    facts::{Pin, SnapshotFacts},
    reason::{ForgetReason, KeepReason},
    rules::{Reach, Rule, Rules},
};

/// Decides which snapshots are kept. The order in which they are given does not matter; one that is given twice counts
/// once.
///
/// Counts and spans choose among the snapshots that are neither ahead of `now` nor expired, and count from the newest
/// snapshot, not from `now`: a job that has not run for a year loses nothing, and a clock that is wrong takes nothing
/// away. The limits then take the oldest of what was chosen, but for the floor. Last of all pins and tags keep what they
/// keep, which changes nothing for the others.
pub fn decide(now: Timestamp, zone: &TimeZone, rules: &Rules, snapshots: &[SnapshotFacts]) -> Decisions {
    let mut all: Vec<Candidate<'_>> = newest_first(snapshots)
        .into_iter()
        .map(|facts| Candidate::new(facts, now, zone))
        .collect();
    let newest = all.iter().find(|candidate| !candidate.ahead);
    if let Some(newest) = newest.map(|candidate| candidate.facts.time) {
        let mut eligible: Vec<&mut Candidate<'_>> = all
            .iter_mut()
            .filter(|candidate| !candidate.ahead && candidate.expired.is_none())
            .collect();
        choose(rules, newest, &mut eligible);
    }
    let floor = rules.floor();
    let come = all.iter_mut().filter(|candidate| !candidate.ahead);
    for (_, candidate) in (0..floor).zip(come) {
        candidate.on_floor = true;
    }
    limit(rules, &mut all);
    Decisions {
        now,
        floor,
        all: all
            .into_iter()
            .map(|candidate| candidate.decision(now, rules))
            .collect(),
    }
}

/// Each snapshot once, by time and then by id. Of two that contradict each other, the one that is pinned for longer
/// counts.
fn newest_first(snapshots: &[SnapshotFacts]) -> Vec<&SnapshotFacts> {
    let mut ordered: Vec<&SnapshotFacts> = snapshots.iter().collect();
    ordered.sort_by(|a, b| (b.time, &b.id, b.pinned).cmp(&(a.time, &a.id, a.pinned)));
    let mut seen = HashSet::with_capacity(ordered.len());
    ordered.retain(|facts| seen.insert(facts.id.as_str()));
    ordered
}

/// A snapshot, and what was found out of it.
struct Candidate<'a> {
    facts: &'a SnapshotFacts,
    local: Local,
    /// Its time has not come.
    ahead: bool,
    /// Since when no rule keeps it.
    expired: Option<Timestamp>,
    /// Why counts and spans choose it.
    chosen: Vec<KeepReason>,
    /// It is one of the newest that stay in any case.
    on_floor: bool,
    /// Why it is let go although counts and spans choose it.
    over: Vec<ForgetReason>,
}

impl<'a> Candidate<'a> {
    fn new(facts: &'a SnapshotFacts, now: Timestamp, zone: &TimeZone) -> Self {
        Self {
            facts,
            local: Local::new(facts.time, zone),
            ahead: facts.time > now,
            expired: facts.expires.filter(|expires| *expires <= now),
            chosen: Vec::new(),
            on_floor: false,
            over: Vec::new(),
        }
    }

    fn decision(self, now: Timestamp, rules: &Rules) -> Decision {
        let mut keep = Vec::new();
        if self.ahead {
            keep.push(KeepReason::Future);
        }
        if self.facts.pinned.holds(now) {
            let until = match self.facts.pinned {
                Pin::Until(until) => Some(until),
                Pin::No | Pin::Forever => None,
            };
            keep.push(KeepReason::Pinned { until });
        }
        if self.expired.is_none() {
            let tags = rules.keep_tags.iter().filter(|tag| self.facts.tags.contains(tag));
            keep.extend(tags.map(|tag| KeepReason::Tag { tag: tag.clone() }));
        }
        if self.over.is_empty() {
            keep.extend(self.chosen);
        }
        if self.on_floor {
            keep.push(KeepReason::Floor { of: rules.floor() });
        }
        let verdict = if keep.is_empty() {
            Verdict::Forget(match self.expired {
                Some(on) => vec![ForgetReason::Expired { on }],
                None if self.over.is_empty() => vec![ForgetReason::NoRule],
                None => self.over,
            })
        } else {
            Verdict::Keep(keep)
        };
        Decision {
            id: self.facts.id.clone(),
            time: self.facts.time,
            day: self.local.day(),
            verdict,
        }
    }
}

/// Lets counts and spans choose.
fn choose(rules: &Rules, newest: Timestamp, eligible: &mut [&mut Candidate<'_>]) {
    if !rules.choose() {
        for candidate in eligible {
            candidate.chosen.push(KeepReason::NoKeepRule);
        }
        return;
    }
    let mut open: Vec<Open> = Rule::ALL
        .into_iter()
        .filter_map(|rule| Open::new(rule, rules))
        .collect();
    let oldest = eligible.len().saturating_sub(1);
    let places = 1..=rules.keep_last;
    for (place, candidate) in places.zip(eligible.iter_mut()) {
        let of = rules.keep_last;
        candidate.chosen.push(KeepReason::Last { place, of });
    }
    for (index, candidate) in eligible.iter_mut().enumerate() {
        let age = newest.duration_since(candidate.facts.time);
        if let Some(span) = rules.within().filter(|span| age < *span) {
            candidate.chosen.push(KeepReason::Within { span });
        }
        for open in &mut open {
            let reason = open.look(candidate.local, age, index == oldest);
            candidate.chosen.extend(reason);
        }
    }
}

/// A rule on its way from the newest snapshot to the oldest.
struct Open {
    rule: Rule,
    reach: Reach,
    /// What it has kept one of. Not only the last one: where the clock is set back over midnight, days come back.
    seen: HashSet<Bucket>,
}

impl Open {
    fn new(rule: Rule, rules: &Rules) -> Option<Self> {
        let reach = rules.reach(rule)?;
        let seen = HashSet::new();
        Some(Self { rule, reach, seen })
    }

    /// Why the rule keeps the next older snapshot, if it does.
    fn look(&mut self, local: Local, age: jiff::SignedDuration, is_oldest: bool) -> Option<KeepReason> {
        let rule = self.rule;
        let span = match self.reach {
            Reach::Count(count) if self.seen.len() >= usize::try_from(count).unwrap_or(usize::MAX) => {
                return None;
            }
            Reach::Span(span) if age >= span => return None,
            Reach::Count(_) => None,
            Reach::Span(span) => Some(span),
        };
        let bucket = rule.period().bucket(local);
        if self.seen.insert(bucket) {
            let bucket = bucket.to_string();
            return Some(KeepReason::Newest { rule, bucket, span });
        }
        // As restic does: while a rule is not full, history reaches back as far as it can.
        (is_oldest && span.is_none()).then_some(KeepReason::Oldest { rule })
    }
}

/// Lets the oldest go of what was chosen or is on the floor, where that is too much.
fn limit(rules: &Rules, all: &mut [Candidate<'_>]) {
    let (mut count, mut size) = (0_u32, 0_u64);
    let staying = all
        .iter_mut()
        .filter(|candidate| candidate.on_floor || !candidate.chosen.is_empty());
    for candidate in staying {
        count = count.saturating_add(1);
        size = size.saturating_add(candidate.facts.bytes_stored.unwrap_or(0));
        if let Some(max) = rules.max_count.filter(|max| count > *max) {
            candidate.over.push(ForgetReason::OverMaxCount { max });
        }
        if let Some(max) = rules.max_size.filter(|max| size > *max) {
            candidate.over.push(ForgetReason::OverMaxSize { max });
        }
    }
}
