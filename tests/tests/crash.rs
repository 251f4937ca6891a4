//! `kill -9` of the daemon at every moment of a backup: the worker goes on, and the next daemon takes it up.

use std::collections::HashMap;

use backupd_dbus::{RunProperties, run_path};
use backupd_tests::{Bed, Gate, process::send, wait};
use nix::sys::signal::Signal;

/// A bed whose one job has enough to do to be met in the middle of it, behind a gate.
fn bed() -> (Bed, Gate) {
    let mut bed = Bed::new();
    for number in 0..8 {
        bed.write_big("home", &format!("big-{number}"), 8, number);
    }
    let gate = bed.write_gated_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    (bed, gate)
}

/// The run ended well, once, and left one snapshot that stock restic likes.
fn assert_done_once(bed: &Bed, id: &str) {
    let run = bed.bus().wait_for_end(id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(run.attempt, Some(1));
    assert_eq!(run.statistics.unwrap().files_new, Some(8));
    assert_eq!(bed.bus().history(&HashMap::new()).len(), 1);
    assert_eq!(bed.run_directories(), [id]);
    assert_eq!(bed.log().matches("succeeded").count(), 1, "{}", bed.log());
    assert_eq!(bed.snapshots("main"), 1);
    assert_eq!(bed.locks("main"), 0);
    bed.assert_sound("main");
}

/// Kills the daemon while the worker stands still in a phase; the next daemon finds it at work.
fn killed_in_phase(phase: &str) {
    let (mut bed, _gate) = bed();
    let id = bed.bus().start("home").unwrap();
    bed.wait_for_phase(&id, phase);
    let worker = bed.worker(&id);
    send(worker, Signal::SIGSTOP);
    bed.kill_and_start();
    let run = bed.bus().run(&id);
    if wait::lives(worker) {
        assert_ne!(run.state.as_deref(), Some("finished"), "{run:?}");
    }
    send(worker, Signal::SIGCONT);
    assert_done_once(&bed, &id);
}

#[test]
fn killed_right_after_the_reply_the_daemon_knows_the_run() {
    let (mut bed, mut gate) = bed();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    bed.daemon().signal(Signal::SIGKILL);
    // Not before the worker is there: one that has not come to its lock has nothing to do any more.
    bed.worker(&id);
    bed.kill_and_start();
    assert_eq!(bed.bus().run(&id).job_name.as_deref(), Some("home"));
    gate.open();
    assert_done_once(&bed, &id);
}

#[test]
fn killed_while_the_run_is_queued_it_runs_later() {
    let (mut bed, mut gate) = bed();
    bed.settings("max_parallel_runs = 1\n");
    bed.write_source("other", "a", "a");
    bed.write_job("other", "");
    bed.ctl(["config", "reload"]).well();
    gate.close();
    let first = bed.bus().start("other").unwrap();
    gate.wait_for(1);
    let second = bed.bus().start("home").unwrap();
    bed.kill_and_start();
    let queued = bed.bus().run(&second);
    assert_eq!(queued.state.as_deref(), Some("waiting"), "{queued:?}");
    gate.open();
    for id in [&first, &second] {
        let run = bed.bus().wait_for_end(id);
        assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    }
    assert_eq!(bed.bus().history(&HashMap::new()).len(), 2);
    assert_eq!(bed.snapshots("main"), 2);
}

#[test]
fn killed_before_the_worker_has_its_lock_the_run_is_interrupted_and_nothing_is_stored() {
    let (mut bed, mut gate) = bed();
    // A worker that is held before it begins to be one.
    let worker = bed.path("late-worker");
    let script = format!(
        "#!/bin/sh\n{} > /dev/null\nexec {} \"$@\"\n",
        bed.path("gate-main/password").display(),
        backupd_tests::programs::program("backupd-worker").display(),
    );
    backupd_tests::files::write_program(&worker, &script);
    bed.settings(&format!("worker = \"{}\"\n", worker.display()));
    bed.ctl(["config", "reload"]).well();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let late = bed
        .processes()
        .into_iter()
        .find(|(_, line)| line.contains("late-worker"))
        .unwrap()
        .0;
    bed.kill_and_start();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("interrupted"), "{run:?}");
    gate.open();
    wait::for_end("the late worker", late);
    assert_eq!(bed.snapshots("main"), 0);
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 1);
}

#[test]
fn killed_after_hello_the_run_goes_on() {
    killed_in_phase("open");
}

#[test]
fn killed_while_the_password_is_awaited_the_run_goes_on() {
    let (mut bed, mut gate) = bed();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    bed.kill_and_start();
    let run = bed.bus().run(&id);
    assert_eq!(run.state.as_deref(), Some("running"), "{run:?}");
    gate.open();
    assert_done_once(&bed, &id);
}

#[test]
fn killed_while_the_index_is_read_the_run_goes_on() {
    killed_in_phase("index");
}

#[test]
fn killed_while_the_source_is_scanned_the_run_goes_on() {
    killed_in_phase("scan");
}

#[test]
fn killed_while_data_is_stored_the_run_goes_on() {
    killed_in_phase("backup");
}

#[test]
fn killed_after_the_snapshot_the_run_goes_on() {
    let (mut bed, _gate) = bed();
    let id = bed.bus().start("home").unwrap();
    bed.wait_for_event(&id, "snapshot", |event| {
        (event["event"] == "snapshot").then_some(())
    });
    bed.kill_and_start();
    assert_done_once(&bed, &id);
}

#[test]
fn killed_between_the_end_of_the_work_and_its_record_the_run_is_recorded() {
    let (mut bed, mut gate) = bed();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let worker = bed.worker(&id);
    // A daemon that stands still does not see what the worker does.
    bed.daemon().signal(Signal::SIGSTOP);
    gate.open();
    wait::for_end("the worker", worker);
    bed.kill_and_start();
    assert_done_once(&bed, &id);
}

#[test]
fn killed_over_and_over_the_run_ends_well_once() {
    let (mut bed, mut gate) = bed();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    for _ in 0..5 {
        bed.kill_and_start();
    }
    gate.open();
    bed.wait_for_phase(&id, "backup");
    bed.kill_and_start();
    assert_done_once(&bed, &id);
    // Once more, with nothing to take up.
    bed.kill_and_start();
    assert_done_once(&bed, &id);
}

#[test]
fn killed_amid_progress_clients_of_the_next_daemon_see_it_go_on() {
    let (mut bed, _gate) = bed();
    let listener = bed.bus().listen();
    let id = bed.bus().start("home").unwrap();
    let progress = |listener: &backupd_tests::Listener, id: &str| {
        listener.expect("progress", |signal| {
            let changed = signal.changed()?;
            let of_run = changed.path == run_path(id).as_str() && changed.properties.contains_key("Progress");
            of_run.then_some(())
        });
    };
    bed.wait_for_phase(&id, "backup");
    for _ in 0..2 {
        progress(&listener, &id);
    }
    let worker = bed.worker(&id);
    send(worker, Signal::SIGSTOP);
    let lives = wait::lives(worker);
    bed.kill_and_start();
    let listener = bed.bus().listen();
    send(worker, Signal::SIGCONT);
    assert!(lives, "the worker was done before it could be stopped");
    progress(&listener, &id);
    assert_done_once(&bed, &id);
}

#[test]
fn killed_while_idle_the_daemon_forgets_nothing() {
    let (mut bed, _gate) = bed();
    let id = bed.bus().start("home").unwrap();
    let before: RunProperties = bed.bus().wait_for_end(&id);
    bed.kill_and_start();
    let after = bed.bus().run(&id);
    assert_eq!(
        RunProperties {
            progress: None,
            ..after
        },
        RunProperties {
            progress: None,
            ..before
        }
    );
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("ok"));
}
