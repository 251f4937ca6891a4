//! Stopping runs.

use backupd_tests::{Bed, Gate, bus::error_name, process::send, wait};
use nix::sys::signal::Signal;

fn gated() -> (Bed, Gate) {
    let mut bed = Bed::new();
    bed.settings("max_parallel_runs = 1\ncancel_grace = \"1s\"\n");
    let gate = bed.write_gated_repository("main");
    for job in ["home", "mail"] {
        bed.write_source(job, "file", job);
        bed.write_job(job, "");
    }
    bed.start();
    bed.init("main");
    (bed, gate)
}

#[test]
fn a_cancelled_run_stores_nothing_and_leaves_no_lock() {
    let bed = Bed::with_job();
    for number in 0..8 {
        bed.write_big("home", &format!("big-{number}"), 16, number);
    }
    let id = bed.bus().start("home").unwrap();
    bed.wait_for_phase(&id, "backup");
    let worker = bed.worker(&id);
    bed.ctl(["cancel", "home", "--wait"]).well();
    let run = bed.bus().run(&id);
    assert_eq!(run.result.as_deref(), Some("cancelled"), "{run:?}");
    assert_eq!(run.failure_class.as_deref(), Some("cancelled"));
    assert!(!wait::lives(worker));
    assert_eq!(bed.snapshots("main"), 0);
    assert_eq!(bed.locks("main"), 0);
    bed.assert_sound("main");
    // Nobody's health suffers from a wish.
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("never-ran"));
    bed.ctl(["start", "home", "--wait"]).well();
}

#[test]
fn a_queued_run_is_cancelled_at_once() {
    let (bed, mut gate) = gated();
    gate.close();
    let first = bed.bus().start("home").unwrap();
    let second = bed.bus().start("mail").unwrap();
    bed.bus().cancel(&second).unwrap();
    // The answer comes after the fact.
    let run = bed.bus().run(&second);
    assert_eq!(run.state.as_deref(), Some("finished"));
    assert_eq!(run.result.as_deref(), Some("cancelled"));
    assert_eq!(run.attempt, Some(0));
    assert_eq!(run.started_usec, Some(0));
    gate.open();
    let run = bed.bus().wait_for_end(&first);
    assert_eq!(run.result.as_deref(), Some("success"));
    assert_eq!(bed.snapshots("main"), 1);
}

#[test]
fn a_worker_that_does_not_listen_is_killed_after_the_grace_period() {
    let (bed, mut gate) = gated();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let worker = bed.worker(&id);
    send(worker, Signal::SIGSTOP);
    bed.bus().cancel(&id).unwrap();
    let run = bed.bus().run(&id);
    assert_eq!(run.cancel_requested, Some(true));
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("cancelled"), "{run:?}");
    assert!(!wait::lives(worker));
    gate.open();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.assert_sound("main");
}

#[test]
fn a_killed_worker_takes_its_own_children_along() {
    let (bed, gate) = gated();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let helper = std::fs::read_to_string(bed.path("gate-main/reached")).unwrap();
    let helper: u32 = helper.trim().parse().unwrap();
    send(bed.worker(&id), Signal::SIGSTOP);
    bed.bus().cancel(&id).unwrap();
    bed.bus().wait_for_end(&id);
    assert!(
        wait::ends_within(helper, std::time::Duration::from_secs(10)),
        "the password command outlives its worker"
    );
}

#[test]
fn a_run_that_is_over_cannot_be_cancelled() {
    let bed = Bed::with_job();
    let id = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&id);
    let error = bed.bus().cancel(&id).unwrap_err();
    assert_eq!(error_name(&error), "NotRunning");
    bed.ctl(["cancel", &id]).with_code(1).complains("over");
    assert_eq!(bed.snapshots("main"), 1);
}

#[test]
fn cancelling_twice_is_cancelling_once() {
    let (bed, gate) = gated();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    send(bed.worker(&id), Signal::SIGSTOP);
    bed.bus().cancel(&id).unwrap();
    bed.bus().cancel(&id).unwrap();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("cancelled"));
}
