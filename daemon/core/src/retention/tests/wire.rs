//! Rules and decisions as JSON.

use serde_json::{from_value, json, to_value};

use super::*;

#[test]
fn rules_are_as_long_as_what_they_say() {
    assert_eq!(to_value(Rules::default()).unwrap(), json!({}));
    let rules = Rules {
        keep_daily: 7,
        keep_within: Some(days(30)),
        keep_tags: vec!["release".into()],
        max_size: Some(1 << 30),
        ..Rules::default()
    };
    let value = json!({
        "keep_daily": 7, "keep_within": "PT720H", "keep_tags": ["release"], "max_size": 1 << 30,
    });
    assert_eq!(to_value(&rules).unwrap(), value);
    assert_eq!(from_value::<Rules>(value).unwrap(), rules);
    assert!(from_value::<Rules>(json!({ "keep_dialy": 7 })).is_err());
}

#[test]
fn facts_are_read_as_they_are_written() {
    let mut facts = SnapshotFacts::new("a1", at("2026-11-25 02:00"));
    assert_eq!(
        to_value(&facts).unwrap(),
        json!({ "id": "a1", "time": "2026-11-25T02:00:00Z" })
    );
    facts.pinned = Pin::Until(at("2026-12-01 00:00"));
    facts.arrival = Some(3);
    facts.verified = true;
    let value = to_value(&facts).unwrap();
    assert_eq!(value["pinned"], json!({ "until": "2026-12-01T00:00:00Z" }));
    assert_eq!(from_value::<SnapshotFacts>(value).unwrap(), facts);
}

#[test]
fn each_reason_has_its_word_in_json_too() {
    let time = at("2026-12-01 00:00");
    let newest = |rule: Rule| KeepReason::Newest {
        rule,
        bucket: "2026".into(),
        span: rule.as_str().starts_with("within").then(|| days(30)),
    };
    let keep = [
        KeepReason::Future,
        KeepReason::Pinned { until: None },
        KeepReason::Pinned { until: Some(time) },
        KeepReason::Tag { tag: "x".into() },
        KeepReason::Last { place: 3, of: 7 },
        KeepReason::Within { span: days(30) },
        KeepReason::Oldest { rule: Rule::Daily },
        KeepReason::NoKeepRule,
        KeepReason::Floor { of: 1 },
    ];
    for reason in keep.into_iter().chain(Rule::ALL.map(newest)) {
        let value = to_value(&reason).unwrap();
        assert_eq!(value["reason"], reason.as_str());
        assert_eq!(from_value::<KeepReason>(value).unwrap(), reason);
    }
    for reason in [
        ForgetReason::NoRule,
        ForgetReason::Expired { on: time },
        ForgetReason::OverMaxCount { max: 3 },
        ForgetReason::OverMaxSize { max: 4 },
    ] {
        let value = to_value(&reason).unwrap();
        assert_eq!(value["reason"], reason.as_str());
        assert_eq!(from_value::<ForgetReason>(value).unwrap(), reason);
    }
}

#[test]
fn decisions_are_what_programs_read() {
    let rules = Rules {
        keep_daily: 1,
        ..Rules::default()
    };
    let snapshots = series("2026-11-24 02:00", 2, days(1));
    let decisions = decide(at("2026-11-26 00:00"), &TimeZone::UTC, &rules, &snapshots);
    let value = to_value(&decisions).unwrap();
    assert_eq!(
        value,
        json!({
            "now": "2026-11-26T00:00:00Z",
            "floor": 1,
            "all": [
                {
                    "id": format!("{:064x}", 1), "time": "2026-11-25T02:00:00Z", "day": "2026-11-25", "verdict": "keep",
                    "reasons": [{ "reason": "daily", "bucket": "2026-11-25" }, { "reason": "floor", "of": 1 }],
                },
                {
                    "id": format!("{:064x}", 0), "time": "2026-11-24T02:00:00Z", "day": "2026-11-24", "verdict": "forget",
                    "reasons": [{ "reason": "no-rule" }],
                },
            ],
        })
    );
    assert_eq!(from_value::<Decisions>(value).unwrap(), decisions);
    assert_eq!(decisions.all[0].verdict.words(), ["daily", "floor"]);
    assert_eq!(decisions.all[1].verdict.words(), ["no-rule"]);
}

#[test]
fn kinds_of_objections_have_their_words_in_json_too() {
    for kind in [
        ObjectionKind::Pinned,
        ObjectionKind::Floor,
        ObjectionKind::UnknownSnapshot,
        ObjectionKind::ClockDoubtful,
        ObjectionKind::FutureDate,
        ObjectionKind::DatesDisagree,
        ObjectionKind::Collapse,
        ObjectionKind::Shrunk,
        ObjectionKind::LastVerified,
    ] {
        assert_eq!(to_value(kind).unwrap(), kind.as_str());
    }
}
