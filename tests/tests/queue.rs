//! Runs that wait for their turn.

use std::collections::HashMap;

use backupd_dbus::Error;
use backupd_tests::{Bed, Gate, repositories::text};

fn gated(settings: &str) -> (Bed, Gate) {
    let mut bed = Bed::new();
    bed.settings(settings);
    let gate = bed.write_gated_repository("main");
    for job in ["a", "b", "c"] {
        bed.write_source(job, "file", job);
        bed.write_job(job, "");
    }
    bed.start();
    bed.init("main");
    (bed, gate)
}

#[test]
fn no_more_runs_are_at_work_than_allowed() {
    let (bed, mut gate) = gated("max_parallel_runs = 2\n");
    gate.close();
    let ids = ["a", "b", "c"].map(|job| bed.bus().start(job).unwrap());
    gate.wait_for(2);
    let manager = bed.bus().manager_properties();
    assert_eq!((manager.active_runs, manager.queued_runs), (Some(2), Some(1)));
    assert_eq!(manager.max_parallel_runs, Some(2));
    assert_eq!(bed.bus().run(&ids[2]).state.as_deref(), Some("waiting"));
    gate.open();
    let ended = ids.map(|id| bed.bus().wait_for_end(&id));
    assert!(ended.iter().all(|run| run.result.as_deref() == Some("success")));
    let first_end = ended[0].finished_usec.min(ended[1].finished_usec);
    assert!(ended[2].started_usec >= first_end, "{ended:?}");
}

#[test]
fn a_waiting_run_says_what_it_waits_for_and_what_clears_it() {
    let (bed, mut gate) = gated("max_parallel_runs = 1\n");
    gate.close();
    bed.bus().start("a").unwrap();
    let id = bed.bus().start("b").unwrap();
    let run = bed.bus().run(&id);
    let blocked = run.blocked_by.clone().unwrap();
    assert_eq!(blocked.len(), 1, "{blocked:?}");
    assert!(blocked[0].what.contains("max_parallel_runs"), "{blocked:?}");
    assert!(blocked[0].clears.contains("backup of `a`"), "{blocked:?}");
    assert!(Some(blocked[0].since_usec) >= run.queued_usec);
    assert_eq!(bed.bus().job("b").blocked_by, run.blocked_by);

    let why = bed.ctl(["why", "b"]).well();
    assert!(why.stdout.contains("max_parallel_runs"), "{}", why.stdout);
    let status = bed.ctl(["status", "--json"]).json();
    let job = status["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|job| job["name"] == "b");
    assert!(text(&job.unwrap()["blocked_by"][0], "clears").contains("backup of `a`"));

    gate.open();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.blocked_by, Some(Vec::new()));
}

#[test]
fn a_job_that_runs_is_not_started_again() {
    let (bed, mut gate) = gated("");
    gate.close();
    let id = bed.bus().start("a").unwrap();
    gate.wait_for(1);
    let error = bed.bus().start("a").unwrap_err();
    assert!(
        matches!(&error, Error::AlreadyRunning(text) if text.contains(&id)),
        "{error:?}"
    );
    bed.ctl(["start", "a"]).with_code(1).complains(&id);
    assert_eq!(bed.bus().history(&HashMap::new()).len(), 1);
    gate.open();
    bed.bus().wait_for_end(&id);
    bed.ctl(["start", "a", "--wait"]).well();
}

#[test]
fn a_job_that_is_queued_is_not_queued_again() {
    let (bed, gate) = gated("max_parallel_runs = 1\n");
    gate.close();
    bed.bus().start("a").unwrap();
    bed.bus().start("b").unwrap();
    let error = bed.bus().start("b").unwrap_err();
    assert!(matches!(error, Error::AlreadyRunning(_)), "{error:?}");
    assert_eq!(bed.bus().history(&HashMap::new()).len(), 2);
}

#[test]
fn a_higher_limit_lets_waiting_runs_start() {
    let (bed, gate) = gated("max_parallel_runs = 1\n");
    gate.close();
    let ids = ["a", "b", "c"].map(|job| bed.bus().start(job).unwrap());
    gate.wait_for(1);
    bed.settings("max_parallel_runs = 3\n");
    bed.ctl(["config", "reload"]).well();
    gate.wait_for(3);
    for id in ids {
        bed.bus().wait_for_state(&id, "running");
    }
}

#[test]
fn many_starts_at_once_are_all_answered() {
    let mut bed = Bed::new();
    bed.write_repository("main");
    for number in 0..20 {
        let job = format!("job-{number}");
        bed.write_source(&job, "file", &job);
        bed.write_job(&job, "");
    }
    bed.start();
    bed.init("main");
    let jobs: Vec<String> = (0..20).map(|number| format!("job-{number}")).collect();
    let mut arguments = vec!["start", "--wait"];
    arguments.extend(jobs.iter().map(String::as_str));
    bed.ctl(arguments).well();
    assert_eq!(bed.bus().history(&HashMap::new()).len(), 20);
    assert_eq!(bed.snapshots("main"), 20);
    assert_eq!(bed.locks("main"), 0);
}
