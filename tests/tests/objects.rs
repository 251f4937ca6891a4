//! Runs as objects that outlive their end.

use std::collections::HashMap;

use backupd_dbus::{RUN_INTERFACE, run_path};
use backupd_tests::{Bed, wait};

/// A bed whose runs end at once.
fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.settings("worker = \"/bin/true\"\n");
    bed.start();
    bed
}

#[test]
fn the_last_twenty_runs_of_a_job_stay_objects_across_restarts() {
    let mut bed = bed();
    let ids: Vec<String> = (0..22)
        .map(|_| {
            let id = bed.bus().start("home").unwrap();
            bed.bus().wait_for_end(&id);
            id
        })
        .collect();
    assert_eq!(bed.bus().paths("run").len(), 22);
    bed.kill_and_start();
    let paths = bed.bus().paths("run");
    assert!(paths.len() >= 20, "{paths:?}");
    for id in ids.iter().rev().take(20) {
        assert!(paths.contains(&run_path(id).to_string()), "{id}");
    }
}

#[test]
fn a_run_of_history_becomes_an_object_again_when_it_is_asked_for() {
    let mut bed = bed();
    let ids: Vec<String> = (0..22)
        .map(|_| {
            let id = bed.bus().start("home").unwrap();
            bed.bus().wait_for_end(&id);
            id
        })
        .collect();
    bed.kill_and_start();
    let oldest = &ids[0];
    assert!(!bed.bus().paths("run").contains(&run_path(oldest).to_string()));
    let path = bed
        .bus()
        .wait(bed.bus().manager().get_run(oldest, &HashMap::new()))
        .unwrap();
    assert_eq!(path, run_path(oldest));
    assert_eq!(bed.bus().run(oldest).result.as_deref(), Some("interrupted"));
    bed.ctl(["show", oldest]).well();
    bed.ctl(["show", &oldest[..20]]);
}

#[test]
fn the_object_is_there_when_start_answers() {
    let bed = bed();
    for _ in 0..20 {
        let id = bed.bus().start("home").unwrap();
        let properties: HashMap<String, zbus::OwnedVariant> =
            bed.bus().properties(&run_path(&id), RUN_INTERFACE).unwrap();
        assert!(!properties.is_empty());
        bed.bus().wait_for_end(&id);
    }
}

#[test]
fn the_log_of_a_run_can_be_read_by_its_events() {
    let bed = Bed::with_job();
    let id = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&id);
    let said = bed.ctl(["log", &id, "--json"]).well();
    let events: Vec<serde_json::Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events, bed.events(&id));
    assert_eq!(events.first().unwrap()["event"], "hello");
    assert_eq!(events.last().unwrap()["event"], "done");
}

#[test]
fn workers_do_not_outlive_their_runs() {
    let bed = Bed::with_job();
    let id = bed.bus().start("home").unwrap();
    let worker = bed.worker(&id);
    bed.bus().wait_for_end(&id);
    wait::for_end("the worker", worker);
    let left: Vec<_> = bed
        .processes()
        .into_iter()
        .filter(|(_, line)| line.contains("backupd-worker"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
