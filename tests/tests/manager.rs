//! What the daemon tells the service manager.

use std::fs;

use backupd_tests::{Bed, NotifySocket};
use rusqlite::Connection;

fn all(said: &[String]) -> String {
    said.join("\n")
}

#[test]
fn a_start_that_takes_long_asks_for_more_time() {
    let mut bed = Bed::with_job();
    bed.stop();
    let socket = NotifySocket::new(&mut bed);
    // Somebody holds the store: opening it waits, as it does for a long migration.
    let store = Connection::open(bed.state().join("backupd.db")).unwrap();
    store
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let mut daemon = bed.start_later();
    socket.wait_for("EXTEND_TIMEOUT_USEC=30000000");
    socket.wait_for("STATUS=Opening the store");
    drop(store);
    let said = socket.wait_for("READY=1");
    assert!(!all(&said).contains("WATCHDOG"), "{said:?}");
    // It becomes ready when it owns its name, not before.
    assert_eq!(bed.bus().owner_pid(), Some(daemon.pid()));
    daemon.kill();
}

#[test]
fn a_watchdog_is_fed_while_the_daemon_lives_and_not_where_nobody_watches() {
    let mut bed = Bed::with_job();
    bed.stop();
    let socket = NotifySocket::new(&mut bed);
    bed.start();
    let said = socket.wait_for("READY=1");
    assert!(!all(&said).contains("WATCHDOG=1"), "{said:?}");
    bed.stop();
    let said = socket.wait_for("STOPPING=1");
    assert!(!all(&said).contains("WATCHDOG=1"), "{said:?}");
    bed.variables
        .push(("WATCHDOG_USEC".to_owned(), "400000".to_owned()));
    bed.start();
    for _ in 0..3 {
        socket.wait_for("WATCHDOG=1");
    }
}

#[test]
fn a_reload_tells_its_begin_and_its_end_before_it_is_answered() {
    let mut bed = Bed::with_job();
    bed.stop();
    let socket = NotifySocket::new(&mut bed);
    bed.start();
    socket.wait_for("READY=1");
    bed.write_job("home", "descripton = \"wrong\"");
    bed.ctl(["config", "reload"]).with_code(1).tells("descripton");
    let said = socket.wait_for("RELOADING=1");
    let last = said.last().unwrap();
    assert!(last.contains("MONOTONIC_USEC="), "both in one datagram: {said:?}");
    socket.wait_for("READY=1");
}

#[test]
fn the_daemon_outlives_a_manager_that_is_gone() {
    let mut bed = Bed::with_job();
    bed.stop();
    let socket = NotifySocket::new(&mut bed);
    bed.start();
    drop(socket);
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["start", "home", "--wait"]).well();
    assert!(bed.stop().0.success());
}

#[test]
fn the_line_of_status_tells_the_worst_health() {
    let mut bed = Bed::with_job();
    bed.stop();
    let socket = NotifySocket::new(&mut bed);
    bed.start();
    bed.ctl(["start", "home", "--wait"]).well();
    socket.wait_for("STATUS=1 job, ok; nothing at work, 0 queued");
    let source = bed.source("home");
    let away = bed.path("away");
    fs::rename(&source, &away).unwrap();
    bed.ctl(["start", "home", "--wait"]).with_code(1);
    socket.wait_for("STATUS=1 job, failed; nothing at work, 0 queued");
    fs::rename(away, source).unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    socket.wait_for("STATUS=1 job, ok; nothing at work, 0 queued");
}
