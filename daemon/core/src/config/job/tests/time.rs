//! What says when a job runs, and what orders its runs.

use jiff::tz::TimeZone;

use super::*;
use crate::{
    condition::{Condition, WhenLost},
    schedule::{Seed, When},
};

fn job(lines: &str) -> Job {
    parse(&format!("{WHOLE}{lines}\n")).unwrap_or_else(|faults| panic!("{lines}: {faults:#?}"))
}

#[test]
fn a_job_without_a_schedule_waits_for_people() {
    let job = job("");
    assert_eq!(job.schedules, []);
    assert_eq!((job.retry, job.conditions), (None, Conditions::default()));
    assert_eq!((job.priority, job.conflict), (Priority::Normal, Conflict::Queue));
    assert_eq!(job.triggers, Triggers::default());
    assert!(job.groups.is_empty() && job.after.is_empty());
}

#[test]
fn schedules_stand_in_tables_and_lists() {
    let minutes = SignedDuration::from_mins;
    for text in [
        "schedule = { every = \"4h\", settle = \"5m\" }",
        "schedule = [{ every = \"4h\", settle = \"5m\" }]",
        "[schedule]\nevery = \"4h\"\nsettle = \"5m\"",
        "[[schedule]]\nevery = \"240m\"\nsettle = \"5m\"",
        "schedule.every = \"4h\"\nschedule.settle = \"300s\"",
    ] {
        let schedules = job(text).schedules;
        let [schedule] = schedules.as_slice() else {
            panic!("{text}: {schedules:?}")
        };
        assert_eq!(schedule.when, When::Every(minutes(240)), "{text}");
        assert_eq!(
            (schedule.text.as_str(), schedule.settle),
            ("every 4h", minutes(5))
        );
        assert!(schedule.catch_up && schedule.jitter.is_zero() && schedule.zone.is_none());
    }
    let all = job(r#"
[[schedule]]
every = "4h"
jitter = "10m"
catch_up = false
[[schedule]]
every = "1d"
timezone = "Europe/Berlin"
window = "22:00-06:00"
"#);
    let [first, second] = all.schedules.as_slice() else {
        panic!("{:?}", all.schedules)
    };
    assert_eq!((first.jitter, first.catch_up), (minutes(10), false));
    assert_eq!(
        second.zone.as_ref().and_then(TimeZone::iana_name),
        Some("Europe/Berlin")
    );
    assert_eq!(
        second.window.as_ref().map(ToString::to_string).as_deref(),
        Some("22:00-06:00")
    );
    assert_eq!(job("schedule = []").schedules, []);
    let places = job("schedule = [{ every = \"4h\" }, { every = \"1d\" }]").origin;
    assert_eq!(places.item("schedule", 1), Some(Position { line: 3, column: 31 }));
}

#[test]
fn schedules_are_written_as_people_say_them() {
    for (written, text) in [
        ("\"daily at 02:00\"", "daily at 02:00"),
        ("\" daily  at\\n02:00 \"", "daily at 02:00"),
        ("\"every 4h\"", "every 4h"),
        ("\"Mon..Fri 02:00\"", "Mon..Fri 02:00"),
        ("\"02:00 Europe/Berlin\"", "02:00 Europe/Berlin"),
        ("{ calendar = \"*-*~01 03:00\" }", "*-*~01 03:00"),
        ("{ cron = \"30 2 * * 1-5\" }", "30 2 * * 1-5"),
        ("{ every = \"90m\" }", "every 1h 30m"),
    ] {
        let texts: Vec<String> = job(&format!("schedule = {written}"))
            .schedules
            .into_iter()
            .map(|schedule| schedule.text)
            .collect();
        assert_eq!(texts, [text], "{written}");
        let list = job(&format!("schedule = [{written}, \"monthly\"]"));
        assert_eq!(list.schedules.len(), 2, "{written}");
    }
}

#[test]
fn what_is_not_said_of_retries_gives_way_to_what_is() {
    let seconds = SignedDuration::from_secs;
    let waits = |text: &str| {
        let retry = job(&format!("retry = {{ {text} }}")).retry.unwrap();
        (retry.initial.as_secs(), retry.maximum.as_secs())
    };
    assert_eq!(job("retry = {}").retry, Some(Retry::default()));
    assert_eq!(waits("attempts = 1"), (30, 1800));
    assert_eq!(waits("maximum = \"10s\""), (10, 10));
    assert_eq!(waits("initial = \"1h\""), (3600, 3600));
    assert_eq!(waits("deadline = \"20s\""), (20, 1800));
    assert_eq!(waits("deadline = \"20s\", maximum = \"40s\""), (20, 40));
    let all = "attempts = 100, initial = \"1m\", factor = 1.5, maximum = \"1h\", deadline = \"6h\"";
    let retry = Retry {
        attempts: 100,
        initial: seconds(60),
        factor: 1.5,
        maximum: seconds(3600),
        deadline: Some(seconds(21_600)),
    };
    assert_eq!(job(&format!("retry = {{ {all} }}")).retry, Some(retry));
    assert_eq!(job("retry.factor = 3").retry.unwrap().factor.to_string(), "3");
}

#[test]
fn conditions_come_in_the_order_of_the_manual() {
    let all = job(r#"
[conditions]
when_lost = "stop"
free_memory = "1 GiB"
load_below = 4.25
reachable = ["nas:22", "192.0.2.7:445", "[2001:db8::1]:22", "nas.example.org.:8000"]
device = ["/dev/disk/by-label/backup"]
mounted = ["/srv/usb/"]
network = true
unmetered = true
battery_above = 40
ac_power = false
"#);
    assert_eq!(all.conditions.when_lost, WhenLost::Stop);
    let reachable = |place: &str| Condition::Reachable(place.to_owned());
    assert_eq!(
        all.conditions.all,
        [
            Condition::BatteryAbove(40),
            Condition::Unmetered,
            Condition::Online,
            Condition::Mounted("/srv/usb".into()),
            Condition::Device("/dev/disk/by-label/backup".into()),
            reachable("nas:22"),
            reachable("192.0.2.7:445"),
            reachable("[2001:db8::1]:22"),
            reachable("nas.example.org.:8000"),
            Condition::LoadBelow(425),
            Condition::FreeMemory(1 << 30),
        ]
    );
    let kept: Vec<_> = all.conditions.kept_while_running().cloned().collect();
    assert_eq!(kept, all.conditions.all[..9], "all but load and memory");
    assert_eq!(
        job("conditions.ac_power = true").conditions.all,
        [Condition::AcPower]
    );
    assert_eq!(
        job("conditions.load_below = 3").conditions.all,
        [Condition::LoadBelow(300)]
    );
    // A window can be lost too.
    let windowed = "schedule = { every = \"4h\", window = \"22:00-06:00\" }\nconditions.when_lost = \"stop\"";
    assert_eq!(job(windowed).conditions.when_lost, WhenLost::Stop);
    let loaded = job(&format!("{windowed}\nconditions.load_below = 3"));
    assert_eq!(loaded.conditions.kept_while_running().next(), None);
    for (word, lost) in WhenLost::WORDS {
        assert_eq!(lost.as_str(), word);
    }
}

#[test]
fn triggers_have_a_measure() {
    let change = |text: &str| {
        job(text)
            .triggers
            .path_change
            .map(|change| (change.quiet, change.distance))
    };
    let seconds = SignedDuration::from_secs;
    assert_eq!(change("triggers.shutdown = true"), None);
    assert_eq!(
        change("triggers.path_change = {}"),
        Some((seconds(30), seconds(600)))
    );
    let slow = change("[triggers.path_change]\nquiet = \"15m\"");
    assert_eq!(slow, Some((seconds(900), seconds(900))));
    let quick = change("triggers.path_change = { quiet = \"1s\", distance = \"1s\" }");
    assert_eq!(quick, Some((seconds(1), seconds(1))));
    let others =
        job("triggers = { package_upgrade = true, shutdown = true, device = [\"/dev/disk/by-label/a\"] }");
    assert!(others.triggers.package_upgrade && others.triggers.shutdown);
    assert_eq!(others.triggers.devices, [PathBuf::from("/dev/disk/by-label/a")]);
}

#[test]
fn runs_have_an_order() {
    let job =
        job("groups = [\"nightly\", \"db.all\"]\nafter = [\"db\"]\npriority = \"high\"\nconflict = \"skip\"");
    assert_eq!(job.groups, ["nightly", "db.all"]);
    assert_eq!(job.after.iter().map(JobName::as_str).collect::<Vec<_>>(), ["db"]);
    assert_eq!((job.priority, job.conflict), (Priority::High, Conflict::Skip));
}

#[test]
fn a_schedule_says_when_a_job_is_late() {
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let age = |lines: &str| {
        let job = job(lines);
        let timetable = Timetable {
            schedules: &job.schedules,
            local: &TimeZone::UTC,
            anchor: from,
            seed: Seed::new("machine", &job.name),
        };
        job.max_age_at(&timetable, from)
            .map(super::super::super::format_duration)
    };
    for (lines, expected) in [
        ("", None),
        ("max_age = \"26h\"", Some("26h")),
        ("schedule.every = \"4h\"\nmax_age = \"26h\"", Some("26h")),
        // Between a quarter of an hour and a day of grace, and the jitter.
        ("schedule.every = \"1h\"", Some("1h 15m")),
        ("schedule.every = \"1d\"", Some("26h")),
        ("schedule = { every = \"1d\", jitter = \"30m\" }", Some("26h 30m")),
        ("schedule.every = \"30d\"", Some("31d")),
        // No day is longer than a day and the hour that falls back; no gap of weekdays than the weekend.
        (
            "schedule = { calendar = \"02:00\", timezone = \"Europe/Berlin\" }",
            Some("27h 5m"),
        ),
        ("schedule = \"weekdays at 18:00\"", Some("78h")),
        ("schedule = \"monthly\"", Some("32d")),
        ("schedule = \"2030-01-01 02:00\"", None),
        // The tightest of several counts.
        (
            "schedule = [{ every = \"1d\" }, { every = \"4h\" }]",
            Some("4h 20m"),
        ),
    ] {
        assert_eq!(age(lines).as_deref(), expected, "{lines}");
    }
}
