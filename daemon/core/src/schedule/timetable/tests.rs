//! Several schedules together, held against a walk through all of their elapses.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::{Due, Elapse, Seed, Timetable};
use crate::{
    name::JobName,
    schedule::{Schedule, parse_plain},
};

fn schedule(text: &str, jitter: SignedDuration) -> Schedule {
    Schedule {
        jitter,
        ..Schedule::new(parse_plain(text).unwrap(), text)
    }
}

fn seed(machine: &str) -> Seed {
    Seed::new(machine, &"home".parse::<JobName>().unwrap())
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn timetable<'a>(schedules: &'a [Schedule], local: &'a TimeZone, seed: Seed) -> Timetable<'a> {
    Timetable {
        schedules,
        local,
        anchor: time("2026-01-01T00:00Z"),
        seed,
    }
}

#[test]
fn jitter_is_the_same_for_a_machine_and_a_job_and_differs_between_them() {
    let hour = SignedDuration::from_hours(1);
    let parts: Vec<_> = (0..200)
        .map(|machine| seed(&machine.to_string()).part_of(hour, 0))
        .collect();
    assert!(parts.iter().all(|part| !part.is_negative() && *part <= hour));
    assert_eq!(parts[7], seed("7").part_of(hour, 0));
    // Spread over all of it.
    for quarter in 0..4 {
        let from = hour / 4 * quarter;
        let inside = parts
            .iter()
            .filter(|part| (from..from + hour / 4).contains(part))
            .count();
        assert!(
            (25..=75).contains(&inside),
            "{inside} of 200 in quarter {quarter}"
        );
    }
    let other = Seed::new("7", &"mail".parse().unwrap());
    assert_ne!(other.part_of(hour, 0), parts[7]);
    assert_ne!(seed("7").part_of(hour, 1), parts[7]);
    assert_eq!(seed("7").part_of(SignedDuration::ZERO, 0), SignedDuration::ZERO);
}

#[test]
fn the_longest_gap_is_that_of_the_whole_week() {
    for (texts, hours) in [
        (&["02:00"][..], 24),
        (&["02:00", "14:00"], 12),
        (&["Mon..Fri 18:00"], 72),
        (&["Mon..Fri 9..17:0/15"], 63),
        (&["Mon..Fri *:*", "sunday at 12:00"], 36),
        (&["weekly"], 168),
        (&["monthly"], 31 * 24),
        (&["quarterly"], 92 * 24),
        (&["yearly"], 366 * 24),
        (&["every 4h"], 4),
        // With the hour by which the clock is set back some day.
        (&["02:00 Europe/Berlin"], 25),
        (&["hourly Europe/Berlin"], 2),
    ] {
        let schedules: Vec<_> = texts
            .iter()
            .map(|text| schedule(text, SignedDuration::ZERO))
            .collect();
        let zone = TimeZone::UTC;
        let gap = timetable(&schedules, &zone, seed(""))
            .longest_gap(time("2026-03-05T12:00Z"))
            .unwrap();
        let minutes = gap.as_mins();
        // The last quarter of an hour of a day is 17:45.
        let expected = if texts[0].contains("0/15") {
            63 * 60 + 15
        } else {
            hours * 60
        };
        let slack = i64::from(texts[0].contains("*:*"));
        assert!(
            (expected..=expected + slack).contains(&minutes),
            "{texts:?}: {gap:#}"
        );
    }
    let zone = TimeZone::UTC;
    let once = [schedule("2030-01-01", SignedDuration::ZERO)];
    assert_eq!(
        timetable(&once, &zone, seed("")).longest_gap(time("2026-01-01T00:00Z")),
        None
    );
}

#[test]
fn what_came_in_years_of_minutes_is_found_at_once() {
    let schedules = [schedule("minutely", SignedDuration::ZERO)];
    let due = timetable(&schedules, &TimeZone::UTC, seed(""))
        .due(time("2000-01-01T00:00Z"), time("2026-07-01T12:34:56Z"));
    let elapse = |at| Elapse {
        at: time(at),
        schedule: 0,
    };
    let last = elapse("2026-07-01T12:34Z");
    let catch_up = Some(last);
    assert_eq!(due, Some(Due { last, catch_up }));
}

#[test]
fn what_is_caught_up_is_not_hidden_by_a_later_elapse_that_is_not() {
    let passed_over = |text| Schedule {
        catch_up: false,
        ..schedule(text, SignedDuration::ZERO)
    };
    let both = [schedule("02:00", SignedDuration::ZERO), passed_over("12:00")];
    let due = |schedules: &[Schedule], after, now| {
        timetable(schedules, &TimeZone::UTC, seed("")).due(time(after), time(now))
    };
    let elapse = |at, schedule| Elapse {
        at: time(at),
        schedule,
    };
    let (night, noon) = (elapse("2026-05-05T02:00Z", 0), elapse("2026-05-05T12:00Z", 1));
    let found = |last, catch_up| Some(Due { last, catch_up });
    let (one, thirteen) = ("2026-05-05T01:00Z", "2026-05-05T13:00Z");
    assert_eq!(due(&both, one, thirteen), found(noon, Some(night)));
    assert_eq!(due(&both, one, "2026-05-05T11:00Z"), found(night, Some(night)));
    assert_eq!(due(&both, "2026-05-05T02:00Z", thirteen), found(noon, None));
    assert_eq!(due(&both, one, "2026-05-05T01:30Z"), None);
    // At the same instant it is the one that catches up, wherever it stands.
    let [night, _] = both;
    let same = [passed_over("02:00"), night];
    let caught_up = due(&same, one, thirteen).unwrap().catch_up;
    assert_eq!(caught_up, Some(elapse("2026-05-05T02:00Z", 1)));
}

fn texts() -> impl Strategy<Value = Vec<(String, i64)>> {
    let text = prop::sample::select(vec![
        "02:00",
        "*:0/20",
        "every 4h",
        "every 7h",
        "Mon..Fri 18:30",
        "weekly",
        "monthly",
        "12:00 UTC",
        "*:15:30",
        "2026-05-05 05:05",
        "2020-01-01",
    ]);
    prop::collection::vec((text.prop_map(str::to_owned), 0..1200i64), 1..4)
}

proptest! {
    #[test]
    fn it_agrees_with_a_walk_through_all_elapses(
        texts in texts(),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"]),
        machine in "[a-z]{3}",
        from in time("2026-01-01T00:00Z").as_second()..time("2026-12-01T00:00Z").as_second(),
        spans in (0..1_000_000i64, 0..1_000_000i64),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let schedules: Vec<_> = texts
            .iter()
            .map(|(text, jitter)| Schedule {
                // As good as a coin.
                catch_up: jitter % 2 == 0,
                ..schedule(text, SignedDuration::from_secs(*jitter))
            })
            .collect();
        let timetable = timetable(&schedules, &zone, seed(&machine));
        let from = Timestamp::from_second(from).unwrap();
        let after = from + SignedDuration::from_secs(spans.0.min(spans.1));
        let now = from + SignedDuration::from_secs(spans.0.max(spans.1));
        // Each schedule by itself, its delay added, all of them in order.
        let mut all: Vec<Elapse> = schedules.iter().enumerate().flat_map(|(index, schedule)| {
            let delay = timetable.seed.part_of(schedule.jitter, index);
            let begin = from - SignedDuration::from_hours(1);
            std::iter::successors(
                schedule.next_after(begin, &zone, timetable.anchor),
                |last| schedule.next_after(*last, &zone, timetable.anchor),
            )
            .map(move |at| Elapse { at: at + delay, schedule: index })
            .take_while(|elapse| elapse.at <= now + SignedDuration::from_hours(24 * 40))
            .collect::<Vec<_>>()
        }).collect();
        all.sort_unstable();
        let next = all.iter().find(|elapse| elapse.at > after).copied();
        if let Some(next) = next {
            prop_assert_eq!(timetable.next_after(after), Some(next));
        }
        let mut come = all.iter().filter(|elapse| elapse.at > after && elapse.at <= now);
        let last = come.clone().next_back();
        let catch_up = come.rfind(|elapse| schedules[elapse.schedule].catch_up);
        let due = timetable.due(after, now);
        // Of two at the same instant either will do.
        prop_assert_eq!(due.map(|due| due.last.at), last.map(|last| last.at));
        prop_assert_eq!(due.and_then(|due| due.catch_up).map(|last| last.at), catch_up.map(|last| last.at));
    }
}
