//! Workers that die.

use backupd_tests::{Bed, Gate, process::send, wait};
use nix::sys::signal::Signal;

fn bed() -> (Bed, Gate) {
    let mut bed = Bed::new();
    bed.write_big("home", "big", 48, 1);
    let gate = bed.write_gated_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    (bed, gate)
}

/// The run is `interrupted`, says what to do, and the next one goes well.
fn assert_interrupted(bed: &Bed, id: &str) {
    let run = bed.bus().wait_for_end(id);
    assert_eq!(run.result.as_deref(), Some("interrupted"), "{run:?}");
    assert_eq!(run.failure_class.as_deref(), Some("interrupted"));
    assert!(run.failure_hint.unwrap().contains("start the job again"));
    assert_eq!(bed.snapshots("main"), 0);
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("failed"));
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 1);
    assert_eq!(bed.locks("main"), 0);
    bed.assert_sound("main");
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("ok"));
}

#[test]
fn a_worker_killed_while_the_daemon_is_there_leaves_an_interrupted_run() {
    let (bed, _gate) = bed();
    let id = bed.bus().start("home").unwrap();
    bed.wait_for_phase(&id, "backup");
    send(bed.worker(&id), Signal::SIGKILL);
    assert_interrupted(&bed, &id);
}

#[test]
fn a_worker_killed_while_the_daemon_is_away_leaves_an_interrupted_run() {
    let (mut bed, mut gate) = bed();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let worker = bed.worker(&id);
    bed.kill();
    send(worker, Signal::SIGKILL);
    wait::for_end("the worker", worker);
    gate.open();
    bed.start();
    assert_interrupted(&bed, &id);
}

#[test]
fn an_adopted_worker_that_is_killed_leaves_an_interrupted_run() {
    let (mut bed, mut gate) = bed();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    bed.kill_and_start();
    send(bed.worker(&id), Signal::SIGKILL);
    gate.open();
    assert_interrupted(&bed, &id);
}

#[test]
fn start_and_wait_say_that_the_run_was_interrupted() {
    let (bed, gate) = bed();
    gate.close();
    let mut command = bed.command(backupd_tests::programs::program("backupctl"));
    command.args(["--user", "start", "home", "--wait"]);
    let said = std::thread::scope(|scope| {
        let client = scope.spawn(|| bed.call(&mut command));
        gate.wait_for(1);
        let id = bed.run_directories().pop().unwrap();
        send(bed.worker(&id), Signal::SIGKILL);
        client.join().unwrap()
    });
    said.with_code(1).tells("killed");
}
