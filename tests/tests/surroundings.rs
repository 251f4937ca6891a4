//! A daemon in surroundings where it cannot work, or can work only in part.

use std::fs;

use backupd_tests::{Bed, wait};

/// The daemon did not start, said why, and what to do; systemd knows by the code whether to try again.
fn did_not_start(bed: &Bed, code: i32, why: &str) {
    let (status, said) = bed.start_in_vain();
    assert_eq!(status.code(), Some(code), "{status}: {said}");
    assert!(said.contains(why), "`{why}` is not in:\n{said}");
    assert!(said.contains("hint: "), "no hint in:\n{said}");
}

#[test]
fn a_second_daemon_does_not_start_and_the_first_goes_on() {
    let bed = Bed::with_job();
    did_not_start(&bed, 75, "another backupd");
    assert_eq!(bed.bus().owner_pid(), Some(bed.daemon_pid()));
    bed.ctl(["start", "home", "--wait"]).well();
}

#[test]
fn a_second_daemon_with_other_directories_does_not_take_the_name() {
    let mut bed = Bed::with_job();
    let other = bed.path("other-state");
    fs::create_dir(&other).unwrap();
    bed.variables
        .push(("XDG_STATE_HOME".to_owned(), other.display().to_string()));
    let runtime = bed.path("other-runtime");
    fs::create_dir(&runtime).unwrap();
    bed.variables
        .push(("XDG_RUNTIME_DIR".to_owned(), runtime.display().to_string()));
    did_not_start(&bed, 69, "another process owns the bus name");
    assert_eq!(bed.bus().owner_pid(), Some(bed.daemon_pid()));
    bed.ctl(["start", "home", "--wait"]).well();
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named() {
    let bed = Bed::new();
    fs::write(bed.state(), "a file in the way").unwrap();
    did_not_start(&bed, 78, &bed.state().display().to_string());
    assert_eq!(fs::read(bed.state()).unwrap(), b"a file in the way");
}

#[test]
fn a_configuration_that_cannot_be_read_does_not_look_like_an_empty_one() {
    let bed = Bed::new();
    fs::remove_dir_all(bed.configuration()).unwrap();
    fs::write(bed.configuration(), "a file in the way").unwrap();
    did_not_start(&bed, 78, &bed.configuration().display().to_string());
}

#[test]
fn a_bus_that_is_not_there_is_named() {
    let mut bed = Bed::new();
    bed.kill_bus();
    did_not_start(&bed, 69, "bus cannot be reached");
}

#[test]
fn a_missing_worker_fails_the_run_and_the_job_can_be_started_when_it_is_back() {
    let mut bed = Bed::new();
    bed.settings("worker = \"/nowhere/backupd-worker\"\n");
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.ctl(["repository", "init", "main"])
        .with_code(1)
        .complains("/nowhere/backupd-worker");
    bed.ctl(["start", "home", "--wait"])
        .with_code(1)
        .tells("/nowhere/backupd-worker");
    let job = bed.bus().job("home");
    assert_eq!(job.health.as_deref(), Some("failed"));
    assert_eq!(bed.bus().manager_properties().active_runs, Some(0));
    bed.settings("");
    bed.ctl(["config", "reload"]).well();
    bed.init("main");
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("ok"));
}

#[test]
fn when_the_bus_goes_the_daemon_ends_and_the_worker_goes_on() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    let mut gate = bed.write_gated_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let worker = bed.worker(&id);
    let mut daemon = bed.daemon.take().unwrap();
    bed.kill_bus();
    let status = daemon.end();
    assert!(!status.success() && status.code().is_some(), "{status}");
    // Which of its connections it finds closed first is chance.
    assert!(daemon.log().contains("connection to "), "{}", daemon.log());
    assert!(daemon.log().contains("hint: "), "{}", daemon.log());
    drop(daemon);
    assert!(wait::lives(worker));
    bed.restart_bus();
    bed.start();
    gate.open();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
}

#[test]
fn a_daemon_without_any_configuration_is_ready() {
    let mut bed = Bed::new();
    fs::remove_dir_all(bed.configuration()).unwrap();
    bed.start();
    bed.ctl(["status"]).well();
    bed.ctl(["jobs", "--json"]).well();
}
