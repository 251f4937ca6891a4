//! Retention from the job's file to the repository: what goes after a backup, what comes back, and what the guard refuses.

use std::{collections::HashMap, fs};

use backupd_dbus::{JOB_INTERFACE, RunProperties, job_path};
use backupd_tests::{Bed, process::send};
use nix::sys::signal::Signal;
use serde_json::Value;
use zbus::Variant;

/// A bed whose job keeps so many snapshots.
fn bed(keep_last: u32) -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a.txt", "the content of a");
    bed.write_repository("main");
    bed.write_job("home", &format!("retention = {{ keep_last = {keep_last} }}"));
    bed.start();
    bed.init("main");
    bed
}

fn host() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    host.trim().to_owned()
}

/// Stock restic stores a snapshot of the job with this date; it needs data that no other does.
fn store(bed: &Bed, time: &str) {
    store_as(bed, time, "job=home", &host());
}

fn store_as(bed: &Bed, time: &str, tag: &str, host: &str) {
    let own = bed.write_source("home", "own", format!("only of {time}").repeat(5000));
    let source = bed.source("home");
    let arguments = ["backup", "--time", time, "--tag", tag, "--host", host];
    bed.restic("main", &[&arguments[..], &[source.to_str().unwrap()]].concat())
        .well();
    fs::remove_file(own).unwrap();
}

/// One for each of the first days of 2020, that many.
fn store_old(bed: &Bed, count: u32) {
    for day in 1..=count {
        store(bed, &format!("2020-01-{day:02} 12:00:00"));
    }
}

/// The newest run that applied the retention, once so many have and all are over.
fn forgotten(bed: &Bed, count: usize) -> RunProperties {
    let filter = HashMap::from([("operation", "forget".into())]);
    let listener = bed.bus().listen();
    let runs = listener.until(|_| {
        let runs = bed.bus().history(&filter);
        let over = runs.iter().all(|run| run.state.as_deref() == Some("finished"));
        (runs.len() == count && over).then_some(runs)
    });
    let newest = runs
        .unwrap()
        .into_iter()
        .max_by_key(|run| run.id.clone().unwrap());
    newest.unwrap()
}

fn back_up(bed: &Bed, forgets: usize) -> RunProperties {
    bed.ctl(["start", "home", "--wait"]).well();
    forgotten(bed, forgets)
}

fn ids(list: &Value) -> Vec<String> {
    let mut ids: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|snapshot| snapshot["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

/// The client and stock restic see the same snapshots.
fn snapshots(bed: &Bed) -> Vec<String> {
    let ours = bed.ctl(["snapshots", "home", "--json"]).well().json();
    let theirs = bed.restic("main", &["snapshots", "--json", "--no-lock"]).well();
    let ours = ids(&ours["snapshots"]);
    assert_eq!(ours, ids(&theirs.json()));
    ours
}

fn preview(bed: &Bed) -> Value {
    bed.ctl(["retention", "preview", "home", "--json"]).well().json()
}

/// Those that go.
fn going(decisions: &Value) -> Vec<String> {
    let all = decisions["snapshots"].as_array().unwrap();
    let going: Vec<Value> = all
        .iter()
        .filter(|decision| decision["verdict"] == "forget")
        .cloned()
        .collect();
    ids(&Value::Array(going))
}

#[test]
fn what_the_preview_says_goes_after_the_next_backup_and_comes_back() {
    let bed = bed(3);
    store_old(&bed, 4);
    let before = bed.fingerprint(&bed.repository("main"));
    let said = preview(&bed);
    assert_eq!(said["snapshots"].as_array().unwrap().len(), 4);
    let (oldest, all) = (going(&said), snapshots(&bed));
    assert_eq!(
        (oldest.len(), said["objections"].as_array().unwrap().len()),
        (1, 0)
    );
    assert!(
        bed.ctl(["retention", "preview", "home"])
            .well()
            .stdout
            .contains("1 of 4 snapshots goes")
    );
    assert_eq!(bed.fingerprint(&bed.repository("main")), before);

    let run = back_up(&bed, 1);
    assert_eq!(
        (run.result.as_deref(), run.trigger.as_deref()),
        (Some("success"), Some("backup")),
        "{run:?}"
    );
    let sums = run.statistics.unwrap();
    assert_eq!(
        (sums.snapshots_forgotten, sums.snapshots_kept),
        (Some(2), Some(3))
    );
    let left = snapshots(&bed);
    assert_eq!(left.len(), 3);
    assert!(!left.contains(&oldest[0]));
    assert_eq!(bed.locks("main"), 0);
    let id = run.id.unwrap();
    let decided = bed.ctl(["retention", "show", &id, "--json"]).well().json();
    let gone = going(&decided);
    assert!(gone.contains(&oldest[0]) && gone.iter().all(|id| !left.contains(id)));
    assert!(bed.ctl(["retention", "show", &id]).well().stdout.contains("went"));

    bed.ctl(["forget", "--undo", &id, "--snapshot", &gone[0]]).well();
    assert_eq!(snapshots(&bed).len(), 4);
    let undone = bed.ctl(["forget", "--undo", &id, "--json"]).well().json();
    assert_eq!(undone["snapshots"].as_array().unwrap().len(), 2);
    let back = snapshots(&bed);
    assert!(all.iter().all(|id| back.contains(id)), "{back:?}");
    bed.assert_sound("main");
}

#[test]
fn what_a_prune_has_removed_is_lost_and_told() {
    let bed = bed(1);
    store_old(&bed, 3);
    let run = back_up(&bed, 1);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    let id = run.id.unwrap();
    // One that only marks is undone.
    bed.ctl(["prune", "main", "--max-unused", "0%", "--wait"]).well();
    bed.ctl(["forget", "--undo", &id]).well();
    assert_eq!(snapshots(&bed).len(), 4);
    bed.assert_sound("main");

    bed.ctl(["forget", "home", "--wait"]).well();
    let id = forgotten(&bed, 2).id.unwrap();
    bed.restic("main", &["prune", "--max-unused", "0"]).well();
    let said = bed.ctl(["forget", "--undo", &id]).with_code(3);
    assert_eq!(said.stdout.matches("is lost: ").count(), 3, "{}", said.stdout);
    assert_eq!(snapshots(&bed).len(), 1);
    bed.assert_sound("main");
}

#[test]
fn a_made_up_date_holds_it_up_until_an_administrator_forces_it() {
    let bed = bed(1);
    store_old(&bed, 2);
    store(&bed, "2199-01-01 00:00:00");
    let objections = preview(&bed)["objections"].clone();
    assert_eq!(objections[0]["kind"], "future-date", "{objections:#}");
    let run = back_up(&bed, 1);
    assert_eq!(
        (run.result.as_deref(), run.failure_class.as_deref()),
        (Some("failed"), Some("guarded")),
        "{run:?}"
    );
    assert_eq!(snapshots(&bed).len(), 4);
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("degraded"));
    let log = bed.ctl(["log", &run.id.unwrap()]).well().stdout;
    assert!(log.contains("has a date that has not come"), "{log}");
    bed.ctl(["forget", "home", "--wait"])
        .with_code(1)
        .tells("has a date that has not come");

    bed.ctl(["forget", "home", "--force", "--wait"]).well();
    // The newest that has come, and the one that has not.
    assert_eq!(snapshots(&bed).len(), 2);
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("ok"));
    // Its date is accepted from then on.
    let run = back_up(&bed, 4);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(snapshots(&bed).len(), 2);
    bed.assert_sound("main");
}

#[test]
fn most_of_a_long_history_goes_only_if_it_is_meant() {
    let bed = bed(1);
    store_old(&bed, 8);
    let run = back_up(&bed, 1);
    assert_eq!(run.failure_class.as_deref(), Some("guarded"), "{run:?}");
    assert_eq!(snapshots(&bed).len(), 9);
    let told = bed.ctl(["why", "home"]).well().stdout;
    assert!(told.contains("retention"), "{told}");
    bed.ctl(["forget", "home", "--force", "--wait"]).well();
    let audit = bed.ctl(["audit", "--json"]).well().stdout;
    assert!(audit.contains("\"new\":\"forced\""), "{audit}");
    assert_eq!(snapshots(&bed).len(), 1);
    let id = forgotten(&bed, 2).id.unwrap();
    bed.ctl(["forget", "--undo", &id]).well();
    assert_eq!(snapshots(&bed).len(), 9);
}

#[test]
fn snapshots_of_other_jobs_and_other_machines_stay() {
    let bed = bed(1);
    for day in 1..=3 {
        let time = format!("2020-01-{day:02} 12:00:00");
        for (tag, host) in [
            ("job=home", "another-machine"),
            ("job=other", host().as_str()),
            ("by-hand", host().as_str()),
            ("job=home", host().as_str()),
        ] {
            store_as(&bed, &time, tag, host);
        }
    }
    assert_eq!(going(&preview(&bed)).len(), 2);
    bed.ctl(["forget", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 10);
}

#[test]
fn a_job_without_retention_keeps_everything_and_says_so() {
    let bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["forget", "home"])
        .with_code(2)
        .complains("keeps all its snapshots");
    bed.ctl(["retention", "preview", "home"])
        .with_code(2)
        .complains("keep_daily = 7");
    let filter = HashMap::from([("operation", "forget".into())]);
    assert!(bed.bus().history(&filter).is_empty());
}

#[test]
fn a_worker_that_is_killed_in_the_midst_loses_nothing() {
    let bed = bed(1);
    store_old(&bed, 5);
    bed.ctl(["start", "home", "--wait"]).well();
    let first = forgotten(&bed, 1).id.unwrap();
    bed.ctl(["forget", "--undo", &first]).well();
    let all = snapshots(&bed);
    assert_eq!(all.len(), 6);
    for (count, phase) in [(2, "index"), (3, "forget")] {
        let options: HashMap<&str, Variant<'_>> = HashMap::new();
        bed.bus()
            .call(&job_path("home"), JOB_INTERFACE, "Forget", &(options,))
            .unwrap();
        let filter = HashMap::from([("operation", "forget".into())]);
        let newest = bed
            .bus()
            .history(&filter)
            .into_iter()
            .filter_map(|run| run.id)
            .max();
        let id = newest.unwrap();
        bed.wait_for_phase(&id, phase);
        send(bed.worker(&id), Signal::SIGKILL);
        let run = forgotten(&bed, count);
        // It may have been faster.
        let result = run.result.unwrap();
        assert!(["interrupted", "success"].contains(&result.as_str()), "{result}");
        bed.assert_sound("main");
        bed.ctl(["forget", "--undo", &id]).well();
        assert_eq!(snapshots(&bed), all, "{phase}");
    }
    bed.ctl(["forget", "home", "--wait"]).well();
    let last = forgotten(&bed, 4).id.unwrap();
    assert_eq!((snapshots(&bed).len(), bed.locks("main")), (1, 0));
    bed.ctl(["forget", "--undo", &last]).well();
    assert_eq!(snapshots(&bed), all);
    bed.assert_sound("main");
}
