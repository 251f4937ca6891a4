//! Jobs that start by themselves, and runs that are tried again, by a real clock.

use std::time::Duration;

use backupd_dbus::{JobProperties, RunProperties};
use backupd_tests::{Bed, wait};
use jiff::{Timestamp, tz::TimeZone};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The lines of a schedule that elapses in so many seconds.
pub(crate) fn soon(seconds: i64) -> String {
    let at = Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap();
    let time = at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
    format!("schedule = {{ calendar = \"{time} UTC\", settle = \"0s\" }}")
}

fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.start();
    bed.init("main");
    bed
}

/// The job after its next run has ended.
fn after_a_run(bed: &Bed) -> JobProperties {
    let listener = bed.bus().listen();
    let ended = |job: JobProperties| {
        job.last_result
            .as_deref()
            .is_some_and(|result| !result.is_empty())
            .then_some(job)
    };
    listener.until(|_| ended(bed.bus().job("home"))).unwrap()
}

#[test]
fn a_job_starts_by_its_schedule() {
    let bed = bed();
    bed.write_job("home", &soon(2));
    bed.ctl(["config", "reload"]).well();
    let next = bed.bus().job("home").next_usec.unwrap();
    assert!(next > 0);
    let job = after_a_run(&bed);
    assert_eq!(job.last_result.as_deref(), Some("success"));
    assert!(job.next_usec.unwrap() > next, "and it will again tomorrow");
    let runs = bed.ctl(["history", "home", "--json"]).well().json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    assert_eq!(runs["runs"][0]["trigger"], "schedule");
}

#[test]
fn what_elapsed_while_no_daemon_was_there_is_made_up_for_once() {
    let mut bed = bed();
    bed.write_job("home", &soon(2));
    bed.ctl(["config", "reload"]).well();
    let next = bed.bus().job("home").next_usec.unwrap();
    bed.stop();
    // Nothing says that a time has come but a clock; the bus is silent meanwhile.
    let listener = bed.bus().listen();
    while u64::try_from(Timestamp::now().as_microsecond()).unwrap() <= next {
        listener.next(Duration::from_millis(100));
    }
    bed.start();
    assert_eq!(after_a_run(&bed).last_result.as_deref(), Some("success"));
    bed.kill_and_start();
    bed.ctl(["status"]).well();
    let runs = bed.ctl(["history", "home", "--json"]).well().json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_run_whose_worker_was_killed_is_tried_again_and_one_of_the_next_daemon_too() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    let mut gate = bed.write_gated_repository("main");
    bed.write_job(
        "home",
        "retry = { attempts = 3, initial = \"1s\", maximum = \"1s\" }",
    );
    bed.start();
    bed.init("main");
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let killed = |pid: u32| kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    killed(bed.worker(&id));
    // The second attempt is at the gate; its worker dies while no daemon is there.
    let second = |run: &RunProperties| run.attempt == Some(2) && run.state.as_deref() == Some("running");
    bed.bus().wait_for_run(&id, "the second attempt", second);
    let worker = bed.worker_of(&id, 2);
    bed.kill();
    killed(worker);
    wait::for_end("the worker", worker);
    gate.open();
    bed.start();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    let attempts = run.attempts.unwrap();
    let results: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.result.as_deref().unwrap())
        .collect();
    assert_eq!(results, ["interrupted", "interrupted", "success"]);
    assert_eq!(bed.snapshots("main"), 1);
}
