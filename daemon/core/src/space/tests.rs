use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

const GIB: u64 = 1 << 30;

fn day(number: u32) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20000 + i64::from(number)))
}

fn sample(number: u32, stored: u64, free: Option<u64>) -> Sample {
    Sample {
        time: day(number),
        stored,
        free,
        total: free.map(|_| 1000 * GIB),
    }
}

/// A size a day, up to today; the last number is what is free.
fn history(sizes: &[u64], free: u64) -> (Vec<Sample>, Timestamp) {
    let samples: Vec<Sample> = (0..)
        .zip(sizes)
        .map(|(number, size)| sample(number, size * GIB, Some(free * GIB)))
        .collect();
    let now = samples.last().unwrap().time;
    (samples, now)
}

fn days(sizes: &[u64], free: u64, room: Room) -> Option<u32> {
    let (samples, now) = history(sizes, free);
    days_until_full(&samples, &room, now)
}

#[test]
fn the_reserve_is_a_part_of_small_disks_and_enough_on_large_ones() {
    let room = Room::default();
    assert_eq!(room.reserve(None), 256 << 20);
    assert_eq!(room.reserve(Some(4000 * GIB)), 256 << 20);
    assert_eq!(room.reserve(Some(100 << 20)), 1 << 20);
    let said = Room {
        reserve: Some(0),
        quota: None,
    };
    assert_eq!(said.reserve(Some(4000 * GIB)), 0);
}

#[test]
fn what_is_left_is_the_least_of_what_the_disk_and_the_quota_leave() {
    let room = |reserve, quota| Room { reserve, quota };
    let sample = |free| Sample {
        stored: 70,
        ..self::sample(0, 0, free)
    };
    assert_eq!(room(Some(10), None).left(&sample(Some(50))), Some(40));
    assert_eq!(room(Some(60), None).left(&sample(Some(50))), Some(0));
    assert_eq!(room(Some(10), Some(100)).left(&sample(Some(50))), Some(30));
    assert_eq!(room(Some(10), Some(100)).left(&sample(None)), Some(30));
    assert_eq!(room(Some(10), Some(60)).left(&sample(Some(50))), Some(0));
    assert_eq!(room(Some(10), None).left(&sample(None)), None);
}

/// What it is, a size a day, what is free, what may be used, and in how many days it is full.
type Case<'a> = (&'a str, &'a [u64], u64, Room, Option<u32>);

#[test]
fn a_forecast_is_what_the_sizes_say() {
    let steady: Vec<u64> = (100..131).collect();
    let none = Room {
        reserve: Some(0),
        quota: None,
    };
    let cases: &[Case<'_>] = &[
        ("a gibibyte a day", &steady, 30, none, Some(30)),
        (
            "a reserve is not for backups",
            &steady,
            30,
            Room {
                reserve: Some(10 * GIB),
                ..none
            },
            Some(20),
        ),
        (
            "a quota comes first",
            &steady,
            30,
            Room {
                quota: Some(135 * GIB),
                ..none
            },
            Some(5),
        ),
        (
            "a quota that is far away does not",
            &steady,
            30,
            Room {
                quota: Some(900 * GIB),
                ..none
            },
            Some(30),
        ),
        ("nothing is left", &steady, 0, none, Some(0)),
        ("too far away to say", &steady, 990_000, none, None),
        ("it does not grow", &[5; 31], 30, none, None),
        ("it shrinks", &[9, 8, 7, 6, 5, 4, 3, 2, 1], 30, none, None),
        ("a history of three days is none", &[1, 2, 3, 4], 30, none, None),
        ("one size is none", &[1], 30, none, None),
        (
            "prunes do not bend the line",
            &[
                100, 102, 104, 106, 101, 103, 105, 107, 102, 104, 106, 108, 103, 105, 107, 109,
            ],
            20,
            none,
            // Two a day between prunes, and one in four days beneath.
            Some(52),
        ),
        (
            "nor does one size that is wrong",
            &[10, 11, 12, 13, 14, 15, 900, 17, 18, 19, 20, 21, 22],
            30,
            none,
            Some(30),
        ),
    ];
    for (case, sizes, free, room, expected) in cases {
        assert_eq!(days(sizes, *free, *room), *expected, "{case}");
    }
}

#[test]
fn the_days_since_the_last_size_count() {
    let (samples, now) = history(&(100..131).collect::<Vec<_>>(), 30);
    let room = Room {
        reserve: Some(0),
        quota: None,
    };
    let later = now + SignedDuration::from_hours(10 * 24);
    assert_eq!(days_until_full(&samples, &room, later), Some(20));
    let much_later = now + SignedDuration::from_hours(40 * 24);
    assert_eq!(days_until_full(&samples, &room, much_later), Some(0));
    let forgotten = now + SignedDuration::from_hours(200 * 24);
    assert_eq!(days_until_full(&samples, &room, forgotten), None);
}

#[test]
fn what_a_clock_that_was_ahead_has_left_is_not_looked_at() {
    let (mut samples, now) = history(&(100..131).collect::<Vec<_>>(), 30);
    samples.push(sample(400, 900 * GIB, Some(0)));
    let room = Room {
        reserve: Some(0),
        quota: None,
    };
    assert_eq!(days_until_full(&samples, &room, now), Some(30));
}

#[test]
fn what_a_backup_adds_is_known_after_a_few() {
    assert_eq!(Added::of(vec![]), None);
    let two = Added::of(vec![900, 4]).unwrap();
    assert_eq!((two.runs, two.largest, two.expected()), (2, 900, None));
    let four = Added::of(vec![900, 4, 6, 5]).unwrap();
    assert_eq!((four.largest, four.expected()), (900, Some(6)));
}

#[test]
fn too_little_room_now_or_soon_is_not_well() {
    let facts = |free, days| SpaceFacts {
        free,
        reserve: 10,
        days,
    };
    for (facts, health) in [
        (facts(None, None), Health::Ok),
        (facts(Some(10), None), Health::Ok),
        (facts(Some(9), None), Health::Degraded),
        (facts(Some(100), Some(8)), Health::Ok),
        (facts(Some(100), Some(7)), Health::Degraded),
        (facts(None, Some(0)), Health::Degraded),
    ] {
        assert_eq!(facts.health(), health, "{facts:?}");
    }
}

#[test]
fn runs_say_how_large_their_repository_is() {
    use crate::run::{Operation, Run, RunResult, Statistics, Trigger};
    let run = |operation, result, statistics: Statistics| {
        let id = crate::name::RunId::from_parts(1, 1);
        let mut run = Run::new(
            id,
            None,
            "nas".parse().unwrap(),
            operation,
            Trigger::Manual,
            day(0),
        );
        (run.result, run.finished, run.statistics) = (Some(result), Some(day(3)), statistics);
        run
    };
    let sums = |bytes_repository, bytes_stored, bytes_free, bytes_place| Statistics {
        bytes_stored,
        bytes_repository,
        bytes_free,
        bytes_place,
        ..Statistics::default()
    };
    let said = |run: &Run, last: Option<u64>| {
        let last = last.map(|stored| sample(1, stored, None));
        let sample = Sample::of(run, last.as_ref())?;
        Some((sample.stored, sample.free, sample.total))
    };
    let (good, bad) = (RunResult::Success, RunResult::Failed);
    let local = run(Operation::Backup, good, sums(70, 5, 30, 100));
    assert_eq!(said(&local, Some(1)), Some((70, Some(30), Some(100))));
    // A remote place is as large as before, and what came to it.
    let remote = run(Operation::Backup, good, sums(0, 5, 0, 0));
    assert_eq!(said(&remote, Some(60)), Some((65, None, None)));
    assert_eq!(said(&remote, None), None);
    // What failed may say how much is free, and that is nothing on a full disk.
    assert_eq!(
        said(&run(Operation::Backup, bad, sums(0, 5, 0, 0)), Some(60)),
        None
    );
    let full = run(Operation::Backup, bad, sums(0, 0, 0, 100));
    assert_eq!(said(&full, Some(60)), Some((60, Some(0), Some(100))));
    assert_eq!(
        said(&run(Operation::Prune, good, sums(9, 0, 0, 0)), None),
        Some((9, None, None))
    );
    assert_eq!(
        said(&run(Operation::Restore, good, sums(9, 9, 9, 9)), Some(1)),
        None
    );
}

#[test]
fn of_each_day_the_last_size_is_kept_for_a_year() {
    let mut samples = vec![sample(0, 1, None), sample(300, 2, None)];
    Sample {
        time: day(300) + SignedDuration::from_hours(5),
        ..sample(0, 3, None)
    }
    .keep_in(&mut samples);
    assert_eq!(
        samples.iter().map(|sample| sample.stored).collect::<Vec<_>>(),
        [1, 3]
    );
    sample(401, 4, None).keep_in(&mut samples);
    assert_eq!(
        samples.iter().map(|sample| sample.stored).collect::<Vec<_>>(),
        [3, 4]
    );
}

proptest! {
    /// A line that is steady is found, whatever a few sizes in it say.
    #[test]
    fn a_few_wrong_sizes_change_nothing(
        pace in 1..1000_u64,
        count in 12..60_u32,
        wrong in prop::collection::vec((0..60_u32, 0..u64::MAX / 4), 0..3),
    ) {
        let mut samples: Vec<Sample> = (0..count)
            .map(|number| sample(number, (1000 + u64::from(number) * pace) << 20, None))
            .collect();
        let now = day(count - 1);
        for (at, size) in wrong {
            if let Some(sample) = samples.get_mut(at as usize) {
                sample.stored = size;
            }
        }
        let found = growth_per_day(&samples, now).unwrap() / f64::from(1 << 20);
        #[allow(clippy::cast_precision_loss)]
        let pace = pace as f64;
        prop_assert!((found / pace - 1.0).abs() < 0.6, "{found} is not {pace}");
    }

    /// More room never lasts shorter, and whatever the history is, nothing panics.
    #[test]
    fn more_room_lasts_longer(
        sizes in prop::collection::vec((0..100_u32, any::<u64>()), 0..40),
        free in any::<u64>(),
        more in any::<u64>(),
        reserve in prop::option::of(any::<u64>()),
        quota in prop::option::of(any::<u64>()),
        at in 0..200_u32,
    ) {
        let samples = |free| -> Vec<Sample> {
            sizes.iter().map(|(number, size)| sample(*number, *size, Some(free))).collect()
        };
        let room = Room { reserve, quota };
        let less = days_until_full(&samples(free), &room, day(at));
        let longer = days_until_full(&samples(free.saturating_add(more)), &room, day(at));
        if let (Some(less), Some(longer)) = (less, longer) {
            prop_assert!(less <= longer);
        }
    }

    /// The order in which sizes are told does not matter.
    #[test]
    fn sizes_may_come_in_any_order(sizes in prop::collection::vec(0..1_000_000_u64, 8..30)) {
        let (samples, now) = history(&sizes, 1000);
        let mut reversed = samples.clone();
        reversed.reverse();
        let room = Room::default();
        prop_assert_eq!(days_until_full(&samples, &room, now), days_until_full(&reversed, &room, now));
    }
}
