//! A job that starts by itself on a machine: by the real alarm, in the real sandbox, as a unit.

use backupd_tests::{Machine, machine::Release, on_each_release};
use jiff::{Timestamp, tz::TimeZone};

on_each_release!(
    a_job_starts_by_its_schedule_and_the_service_says_what_comes,
    a_pause_outlives_a_restart,
);

fn a_job_starts_by_its_schedule_and_the_service_says_what_comes(release: Release) {
    let machine = Machine::boot(release).with_job();
    let at = Timestamp::from_second(Timestamp::now().as_second() + 3).unwrap();
    let time = at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
    machine.write_job("home", &format!("schedule = \"{time} UTC\""));
    let listener = machine.bus().listen();
    machine.backupctl(["config", "reload"]).well();
    assert!(
        machine
            .property("backupd", "StatusText")
            .contains("next `home` at ")
    );
    let done = |result: Option<String>| (result.as_deref() == Some("success")).then_some(());
    listener
        .until(|_| done(machine.bus().job("home").last_result))
        .unwrap();
    let runs = machine.backupctl(["history", "home", "--json"]).well().json();
    let run = &runs["runs"][0];
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    assert_eq!(run["trigger"], "schedule");
    let scheduled: Timestamp = run["scheduled"].as_str().unwrap().parse().unwrap();
    assert_eq!(scheduled, at);
    assert!(run["unit"].as_str().unwrap().starts_with("backupd-run-"), "{run}");
}

fn a_pause_outlives_a_restart(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine.write_job("home", "schedule = \"daily\"");
    machine.backupctl(["config", "reload"]).well();
    machine
        .backupctl(["pause", "home", "--reason", "the disk is away"])
        .well();
    machine.run(["systemctl", "restart", "backupd"]).well();
    let job = machine.bus().job("home");
    assert_eq!((job.paused, job.health.as_deref()), (Some(true), Some("paused")));
    let why = machine.backupctl(["why", "home"]).well();
    assert!(why.stdout.contains("the disk is away"), "{}", why.stdout);
    machine.backupctl(["resume", "home"]).well();
    assert_eq!(machine.bus().job("home").paused, Some(false));
}
