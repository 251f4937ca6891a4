//! Somebody who asks for the same thing all the time.

use std::collections::{BTreeSet, HashMap};

use backupd_dbus::Error;
use backupd_tests::{
    Bed, Bus,
    bus::id_of,
    measure::{peak_kib, resident_kib},
    programs::is_release,
};
use futures_util::future::join_all;

/// Less than a bus lets one have, and together more than the daemon does.
const IN_FLIGHT: usize = 100;
const CONNECTIONS: usize = 10;

#[test]
fn starts_without_end_are_answered_and_are_one_run() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    let mut gate = bed.write_gated_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    gate.close();
    let run = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    let daemon = bed.daemon_pid();
    let before = resident_kib(daemon);

    let calls = if is_release() { 100_000 } else { 10_000 };
    let buses: Vec<Bus> = (0..CONNECTIONS).map(|_| Bus::connect(&bed.address())).collect();
    let managers: Vec<_> = buses.iter().map(Bus::manager).collect();
    let none = HashMap::new();
    let mut started = BTreeSet::new();
    let (mut running, mut refused) = (0, 0);
    let round = CONNECTIONS * IN_FLIGHT;
    for _ in 0..calls / round {
        let flood = managers
            .iter()
            .map(|manager| join_all((0..IN_FLIGHT).map(|_| manager.start_job("home", &none))));
        for answer in bed.bus().wait(join_all(flood)).into_iter().flatten() {
            match answer {
                Ok(path) => drop(started.insert(id_of(&path))),
                Err(Error::AlreadyRunning(_)) => running += 1,
                Err(Error::LimitsExceeded(_)) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    let (resident, peak) = (resident_kib(daemon), peak_kib(daemon));
    println!(
        "{calls} calls: {running} already running, {refused} refused; {before} KiB, {resident} KiB, at most {peak} KiB"
    );
    // What it holds does not grow with what was asked.
    assert!(peak <= before + 16 * 1024, "from {before} KiB to {peak} KiB");
    assert!(started.iter().all(|id| *id == run), "{started:?}");

    gate.open();
    assert_eq!(bed.bus().wait_for_end(&run).result.as_deref(), Some("success"));
    let runs = bed.ctl(["history", "home", "--json"]).well().json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    assert_eq!(bed.snapshots("main"), 1);
}
