//! Keeping the machine awake.

use backupd_tests::{Bed, Gate, Logind};

/// A backup that waits for the gate, with a login manager on the bus.
fn at_work() -> (Bed, Logind, Gate, String) {
    let mut bed = Bed::new();
    let logind = Logind::new(&mut bed);
    bed.write_source("home", "a", "a");
    let gate = bed.write_gated_repository("main");
    bed.write_job("home", "max_age = \"26h\"");
    bed.start();
    bed.init("main");
    logind.wait_for(&[]);
    gate.close();
    let run = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    logind.wait_for(&["delay"]);
    (bed, logind, gate, run)
}

#[test]
fn a_backup_delays_sleep_and_shutdown_until_it_ends() {
    let (bed, logind, mut gate, run) = at_work();
    // A worker that is nearly done ends well in the moment that this gives.
    logind.prepare_for_sleep(true);
    logind.wait_for(&["delay"]);
    gate.open();
    bed.bus().wait_for_end(&run);
    logind.wait_for(&[]);
    logind.prepare_for_sleep(false);
    bed.ctl(["start", "home", "--wait"]).well();
}

#[test]
fn a_new_login_manager_is_asked_for_the_lock_again() {
    let (bed, logind, mut gate, run) = at_work();
    let logind = logind.restart(&bed);
    logind.wait_for(&["delay"]);
    gate.open();
    bed.bus().wait_for_end(&run);
    logind.wait_for(&[]);
}

#[test]
fn a_daemon_that_comes_back_to_a_worker_takes_the_lock_again() {
    let (mut bed, logind, mut gate, run) = at_work();
    bed.kill();
    logind.wait_for(&[]);
    bed.start();
    logind.wait_for(&["delay"]);
    gate.open();
    bed.bus().wait_for_end(&run);
    logind.wait_for(&[]);
}
