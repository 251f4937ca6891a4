//! An orderly end of the daemon, such as an upgrade.

use std::time::Duration;

use backupd_tests::{Bed, wait};

#[test]
fn sigterm_ends_the_daemon_at_once_and_leaves_the_worker_at_work() {
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
    let (status, took) = bed.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    assert!(wait::lives(worker));
    bed.start();
    assert_eq!(bed.bus().run(&id).state.as_deref(), Some("running"));
    assert_eq!(bed.bus().manager_properties().active_runs, Some(1));
    gate.open();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
}

#[test]
fn a_run_that_ends_while_no_daemon_is_there_is_recorded_by_the_next() {
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
    bed.stop();
    gate.open();
    wait::for_end("the worker", worker);
    bed.start();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(bed.snapshots("main"), 1);
    assert_eq!(bed.bus().job("home").last_snapshot, run.snapshot);
}

#[test]
fn queued_runs_survive_a_restart() {
    let mut bed = Bed::new();
    bed.settings("max_parallel_runs = 1\n");
    let mut gate = bed.write_gated_repository("main");
    for job in ["a", "b", "c"] {
        bed.write_source(job, "file", job);
        bed.write_job(job, "");
    }
    bed.start();
    bed.init("main");
    gate.close();
    let ids = ["a", "b", "c"].map(|job| bed.bus().start(job).unwrap());
    gate.wait_for(1);
    assert_eq!(bed.stop().0.code(), Some(0));
    bed.start();
    assert_eq!(bed.bus().manager_properties().queued_runs, Some(2));
    for id in &ids[1..] {
        assert_eq!(bed.bus().run(id).state.as_deref(), Some("waiting"));
    }
    gate.open();
    let ended = ids.map(|id| bed.bus().wait_for_end(&id));
    assert!(ended.iter().all(|run| run.result.as_deref() == Some("success")));
    // One at a time, in the order in which they were asked for.
    for pair in ended.windows(2) {
        assert!(pair[0].finished_usec <= pair[1].started_usec, "{pair:?}");
    }
}

#[test]
fn a_cancel_that_was_asked_for_before_a_restart_is_carried_out_after_it() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    let gate = bed.write_gated_repository("main");
    bed.write_job("home", "");
    bed.settings("cancel_grace = \"1s\"\n");
    bed.start();
    bed.init("main");
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let worker = bed.worker(&id);
    // It does not hear the first request.
    backupd_tests::process::send(worker, nix::sys::signal::Signal::SIGSTOP);
    bed.bus().cancel(&id).unwrap();
    bed.kill_and_start();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("cancelled"), "{run:?}");
    assert!(!wait::lives(worker));
}
