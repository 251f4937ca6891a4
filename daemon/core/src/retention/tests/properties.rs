//! What holds of all rules and all histories.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The clock of all worlds.
const NOW: Timestamp = Timestamp::constant(1_795_651_200, 0);

fn ids<'a>(decisions: impl Iterator<Item = &'a Decision>) -> BTreeSet<String> {
    decisions.map(|decision| decision.id.clone()).collect()
}

fn kept(decisions: &Decisions) -> BTreeSet<String> {
    ids(decisions.kept())
}

fn some_rules() -> impl Strategy<Value = Rules> {
    let count = || prop_oneof![2 => Just(0), 1 => 1..6_u32];
    let span = |longest: i64| {
        prop_oneof![
            2 => Just(None),
            1 => (0..longest).prop_map(|hours| Some(SignedDuration::from_hours(hours))),
        ]
    };
    let counts = (count(), count(), count(), count(), count(), count(), count());
    let spans = (
        span(200),
        span(200),
        span(2000),
        span(4000),
        span(9000),
        span(20_000),
        span(30_000),
    );
    (counts, spans).prop_map(|(counts, spans)| Rules {
        keep_last: counts.0,
        keep_hourly: counts.1,
        keep_daily: counts.2,
        keep_weekly: counts.3,
        keep_monthly: counts.4,
        keep_quarterly: counts.5,
        keep_yearly: counts.6,
        keep_within: spans.0,
        keep_within_hourly: spans.1,
        keep_within_daily: spans.2,
        keep_within_weekly: spans.3,
        keep_within_monthly: spans.4,
        keep_within_quarterly: spans.5,
        keep_within_yearly: spans.6,
        ..Rules::default()
    })
}

fn rules_with_limits() -> impl Strategy<Value = Rules> {
    (
        some_rules(),
        prop::option::of(1..12_u32),
        prop::option::of(1..400_u64),
        prop::option::of(0..5_u32),
        any::<bool>(),
    )
        .prop_map(|(rules, max_count, max_size, keep_minimum, tags)| Rules {
            max_count,
            max_size,
            keep_minimum,
            keep_tags: if tags { vec!["x".into()] } else { Vec::new() },
            ..rules
        })
}

/// Times of the last years, most of them close together, some the same.
fn some_time() -> impl Strategy<Value = Timestamp> {
    let ago = |seconds: i64| NOW - SignedDuration::from_secs(seconds);
    prop_oneof![
        (0..200_i64).prop_map(move |quarters| ago(quarters * 900)),
        (0..90_i64, 0..3_i64).prop_map(move |(days, hours)| ago(days * 86_400 + hours * 3600)),
        (0..1500_i64).prop_map(move |days| ago(days * 86_400)),
    ]
}

fn plain_history() -> impl Strategy<Value = Vec<SnapshotFacts>> {
    prop::collection::vec(some_time(), 0..60).prop_map(snapshots)
}

fn some_facts() -> impl Strategy<Value = SnapshotFacts> {
    let near = |now: Timestamp, hours: i64| now + SignedDuration::from_hours(hours);
    let time = prop_oneof![9 => some_time(), 1 => (1..100_i64).prop_map(move |hours| near(NOW, hours))];
    let pin = prop_oneof![
        6 => Just(Pin::No),
        1 => Just(Pin::Forever),
        1 => (-9..9_i64).prop_map(move |hours| Pin::Until(near(NOW, hours))),
    ];
    let expires = prop_oneof![
        5 => Just(None),
        1 => (-9..9_i64).prop_map(move |hours| Some(near(NOW, hours))),
    ];
    let content = (
        prop::option::of(0..100_u64),
        prop::option::of(0..100_u64),
        prop::option::of(0..100_u64),
    );
    (
        time,
        pin,
        expires,
        content,
        prop::option::of(0..9_u64),
        0..8_u8,
        any::<bool>(),
    )
        .prop_map(
            |(time, pinned, expires, (bytes_stored, bytes, files), arrival, tag, verified)| SnapshotFacts {
                bytes_stored,
                bytes,
                files,
                tags: if tag == 0 { vec!["x".into()] } else { Vec::new() },
                pinned,
                expires,
                arrival,
                verified,
                ..SnapshotFacts::new("", time)
            },
        )
}

fn history() -> impl Strategy<Value = Vec<SnapshotFacts>> {
    prop::collection::vec(some_facts(), 0..60).prop_map(|mut all| {
        for (index, facts) in all.iter_mut().enumerate() {
            facts.id = format!("{index:064x}");
        }
        all
    })
}

fn some_zone() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    ])
    .prop_map(zone)
}

/// What restic keeps, from what its manual says, one snapshot after the other and each by itself.
fn model(rules: &Rules, snapshots: &[SnapshotFacts]) -> BTreeSet<String> {
    let mut all: Vec<&SnapshotFacts> = snapshots.iter().collect();
    all.sort_by_key(|facts| std::cmp::Reverse((facts.time, &facts.id)));
    let name = |facts: &SnapshotFacts, format: &str| {
        let month = facts.time.strftime("%m").to_string().parse::<u32>().unwrap();
        let quarter = month.div_ceil(3).to_string();
        facts
            .time
            .strftime(format)
            .to_string()
            .replace("QUARTER", &quarter)
    };
    let counts = [
        (rules.keep_hourly, "%F %H"),
        (rules.keep_daily, "%F"),
        (rules.keep_weekly, "%G %V"),
        (rules.keep_monthly, "%Y %m"),
        (rules.keep_quarterly, "%Y QUARTER"),
        (rules.keep_yearly, "%Y"),
    ];
    let spans = [
        (rules.keep_within_hourly, "%F %H"),
        (rules.keep_within_daily, "%F"),
        (rules.keep_within_weekly, "%G %V"),
        (rules.keep_within_monthly, "%Y %m"),
        (rules.keep_within_quarterly, "%Y QUARTER"),
        (rules.keep_within_yearly, "%Y"),
    ];
    let keeps = |index: usize| {
        let (facts, newer) = (all[index], &all[..index]);
        let age = all[0].time.duration_since(facts.time);
        let by_count = counts.iter().any(|(count, format)| {
            let before: BTreeSet<String> = newer.iter().map(|facts| name(facts, format)).collect();
            let free = before.len() < *count as usize;
            free && (!before.contains(&name(facts, format)) || index + 1 == all.len())
        });
        let by_span = spans.iter().any(|(span, format)| {
            span.is_some_and(|span| age < span)
                && newer
                    .iter()
                    .all(|other| name(other, format) != name(facts, format))
        });
        index < rules.keep_last as usize
            || rules.keep_within.is_some_and(|span| age < span)
            || by_count
            || by_span
    };
    let kept = (0..all.len()).filter(|index| keeps(*index));
    kept.map(|index| all[index].id.clone()).collect()
}

proptest! {
    #[test]
    fn it_is_what_restic_keeps(rules in some_rules(), history in plain_history()) {
        prop_assume!(rules.choose());
        let decisions = decide(NOW, &TimeZone::UTC, &rules, &history);
        prop_assert_eq!(kept(&decisions), model(&rules, &history));
    }

    #[test]
    fn each_snapshot_has_one_verdict_with_its_reasons(
        rules in rules_with_limits(), history in history(), zone in some_zone(),
    ) {
        let decisions = decide(NOW, &zone, &rules, &history);
        prop_assert_eq!(decisions.all.len(), history.len());
        prop_assert_eq!(ids(decisions.all.iter()).len(), history.len());
        for decision in &decisions.all {
            prop_assert!(!decision.verdict.words().is_empty());
            prop_assert!(!decision.verdict.why().is_empty());
        }
    }

    #[test]
    fn the_newest_stay(rules in rules_with_limits(), history in history(), zone in some_zone()) {
        let decisions = decide(NOW, &zone, &rules, &history);
        let come = decisions.all.iter().filter(|decision| decision.time <= NOW);
        for decision in come.take(rules.floor() as usize) {
            prop_assert!(decision.verdict.is_keep(), "{:?}", decision);
        }
    }

    #[test]
    fn what_is_pinned_or_ahead_stays(rules in rules_with_limits(), history in history(), zone in some_zone()) {
        let decisions = decide(NOW, &zone, &rules, &history);
        for facts in &history {
            let kept = decisions.of(&facts.id).unwrap().verdict.is_keep();
            prop_assert!(kept || (!facts.pinned.holds(NOW) && facts.time <= NOW));
        }
    }

    #[test]
    fn the_order_does_not_matter(
        rules in rules_with_limits(),
        (history, shuffled) in history().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        zone in some_zone(),
    ) {
        prop_assert_eq!(
            decide(NOW, &zone, &rules, &history),
            decide(NOW, &zone, &rules, &shuffled)
        );
    }

    #[test]
    fn what_was_kept_is_kept_again(rules in rules_with_limits(), history in history(), zone in some_zone()) {
        let first = kept(&decide(NOW, &zone, &rules, &history));
        let mut left = history;
        left.retain(|facts| first.contains(&facts.id));
        let again = decide(NOW, &zone, &rules, &left);
        prop_assert_eq!(ids(again.forgotten()), BTreeSet::new());
    }

    /// What was kept for nothing else than being the oldest is no longer.
    #[test]
    fn an_older_one_pushes_out_no_newer_one_but_the_oldest(
        rules in rules_with_limits(), history in history(), other in some_facts(), zone in some_zone(),
    ) {
        let before = decide(NOW, &zone, &rules, &history);
        let older = SnapshotFacts { id: "ff".repeat(32), ..other };
        let time = older.time;
        let mut more = history;
        more.push(older);
        let after = decide(NOW, &zone, &rules, &more);
        for decision in before.kept().filter(|decision| decision.time > time) {
            let only_oldest = decision.verdict.words().iter().all(|word| *word == "oldest");
            prop_assert!(only_oldest || after.of(&decision.id).unwrap().verdict.is_keep(), "{:?}", decision);
        }
    }

    #[test]
    fn without_limits_one_that_is_gone_takes_no_other_with_it(
        rules in some_rules(), history in history(), gone in any::<prop::sample::Index>(), zone in some_zone(),
    ) {
        prop_assume!(!history.is_empty());
        let before = kept(&decide(NOW, &zone, &rules, &history));
        let mut left = history.clone();
        let gone = left.remove(gone.index(history.len()));
        let after = kept(&decide(NOW, &zone, &rules, &left));
        for id in before.iter().filter(|id| **id != gone.id) {
            prop_assert!(after.contains(id));
        }
    }

    #[test]
    fn a_pin_changes_nothing_for_the_others(
        rules in rules_with_limits(), history in history(), one in any::<prop::sample::Index>(), zone in some_zone(),
    ) {
        prop_assume!(!history.is_empty());
        let mut pinned = history.clone();
        let one = one.index(history.len());
        pinned[one].pinned = Pin::Forever;
        let before = decide(NOW, &zone, &rules, &history);
        let after = decide(NOW, &zone, &rules, &pinned);
        for (before, after) in before.all.iter().zip(&after.all).filter(|(a, _)| a.id != history[one].id) {
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn limits_are_kept(rules in rules_with_limits(), history in plain_history(), zone in some_zone()) {
        let mut history = history;
        for facts in &mut history {
            facts.bytes_stored = Some(10);
        }
        let left = kept(&decide(NOW, &zone, &rules, &history)).len() as u64;
        let floor = u64::from(rules.floor());
        prop_assert!(left <= u64::from(rules.max_count.unwrap_or(u32::MAX)).max(floor));
        prop_assert!(left * 10 <= rules.max_size.unwrap_or(u64::MAX).max(floor * 10));
    }

    #[test]
    fn decisions_break_no_promise_and_only_promises_withstand_force(
        rules in rules_with_limits(), history in history(), other in history(), zone in some_zone(), doubt in any::<bool>(),
    ) {
        let decisions = decide(NOW, &zone, &rules, &history);
        let doubt = doubt.then_some("it is new");
        let asked = super::super::guard(NOW, &history, &decisions, doubt, false);
        prop_assert!(asked.overridden.is_empty());
        prop_assert!(asked.refused.iter().all(|objection| objection.kind.yields_to_force()));
        let forced = super::super::guard(NOW, &history, &decisions, doubt, true);
        prop_assert!(forced.is_allowed());
        prop_assert_eq!(forced.overridden, asked.refused);
        // Whatever else it is shown, it answers.
        let strange = super::super::guard(NOW, &other, &decisions, doubt, true);
        prop_assert!(strange.refused.iter().all(|objection| !objection.kind.yields_to_force()));
    }

    #[test]
    fn rules_are_read_as_they_are_written(rules in rules_with_limits()) {
        let text = serde_json::to_string(&rules).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rules>(&text).unwrap(), rules);
    }
}
