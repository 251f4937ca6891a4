//! What is recorded of a run, and for how long.

use std::collections::HashMap;

use backupd_dbus::run_path;
use backupd_tests::{Bed, repositories::text};
use serde_json::json;

#[test]
fn the_record_of_a_run_has_everything() {
    let bed = Bed::with_job();
    bed.write_source("home", "much.txt", "easily compressed ".repeat(100_000));
    bed.write_big("home", "big", 2, 1);
    bed.ctl([
        "start",
        "home",
        "--wait",
        "--description",
        "before the upgrade",
        "--metadata",
        r#"{"ticket": 42, "who": ["a", "b"]}"#,
    ])
    .well();
    let runs = bed.ctl(["history", "--json"]).well().json();
    let run = &runs["runs"][0];
    for (member, wanted) in [
        ("trigger", "manual"),
        ("kind", "manual"),
        ("operation", "backup"),
        ("state", "finished"),
        ("result", "success"),
        ("job", "home"),
        ("repository", "main"),
        ("engine", "embedded"),
        ("description", "before the upgrade"),
    ] {
        assert_eq!(text(run, member), wanted, "{run:#}");
    }
    assert!(!text(run, "engine_version").is_empty());
    assert_eq!(run["metadata"], json!({"ticket": 42, "who": ["a", "b"]}));
    assert_eq!(text(run, "snapshot").len(), 64);
    let times: Vec<jiff::Timestamp> = ["queued", "started", "finished", "expires"]
        .iter()
        .map(|member| text(run, member).parse().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let duration = run["duration"].as_f64().unwrap();
    let by_times = times[2].duration_since(times[1]).as_secs_f64();
    assert!((duration - by_times).abs() < 0.001, "{duration} {by_times}");

    let statistics = &run["statistics"];
    let number = |member: &str| statistics[member].as_f64().unwrap();
    assert_eq!(statistics["files_new"], 3);
    assert_eq!(statistics["bytes_processed"], statistics["bytes_read"]);
    assert!(number("bytes_added") > number("bytes_stored"), "{statistics:#}");
    let ratio = number("bytes_added") / number("bytes_stored");
    assert!(
        (number("compression_ratio") - ratio).abs() < 0.01,
        "{statistics:#}"
    );
    let speed = number("bytes_processed") / duration;
    assert!(
        (number("bytes_per_second") / speed - 1.0).abs() < 0.1,
        "{statistics:#}"
    );

    let attempts = run["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["result"], "success");
    assert!(attempts[0]["pid"].as_u64().unwrap() > 1);
    assert!(run["failure"].is_null());
}

#[test]
fn the_record_of_a_failed_run_says_why_and_what_to_do() {
    let bed = Bed::with_job();
    std::fs::remove_dir_all(bed.source("home")).unwrap();
    bed.ctl(["start", "home", "--wait"]).with_code(1);
    let runs = bed.ctl(["history", "--json"]).well().json();
    let failure = &runs["runs"][0]["failure"];
    assert_eq!(text(failure, "class"), "source-missing");
    assert!(text(failure, "message").contains("source-home"), "{failure}");
    assert!(!text(failure, "hint").is_empty());
    assert_eq!(
        runs["runs"][0]["attempts"][0]["failure"]["class"],
        "source-missing"
    );
    assert!(runs["runs"][0]["snapshot"].is_null());
}

#[test]
fn the_record_survives_restarts_as_it_is() {
    let mut bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait", "--metadata", r#"{"a":1}"#])
        .well();
    let before = bed.ctl(["history", "--json"]).well().json();
    bed.stop();
    bed.start();
    bed.kill_and_start();
    assert_eq!(bed.ctl(["history", "--json"]).well().json(), before);
}

#[test]
fn old_runs_vanish_and_the_newest_stays() {
    let bed = Bed::with_job();
    bed.settings("history_keep = \"1s\"\nhistory_keep_runs = 1\n");
    bed.ctl(["config", "reload"]).well();
    let first = bed.bus().start("home").unwrap();
    let first_run = bed.bus().wait_for_end(&first);
    let expires = first_run.expires_usec.unwrap();
    assert_eq!(expires - first_run.finished_usec.unwrap(), 1_000_000);
    // The end of a run is when old ones are forgotten: go on until one ends after that time.
    let last = loop {
        let id = bed.bus().start("home").unwrap();
        let run = bed.bus().wait_for_end(&id);
        if run.finished_usec.unwrap() > expires {
            break id;
        }
    };
    let left: Vec<String> = bed
        .bus()
        .history(&HashMap::new())
        .into_iter()
        .map(|run| run.id.unwrap())
        .collect();
    assert!(left.contains(&last) && !left.contains(&first), "{left:?}");
    assert!(bed.run_directories().contains(&last));
    assert!(!bed.run_directories().contains(&first));
    // Whoever follows it still finds it: an object stays for a while, whatever history says.
    assert!(bed.bus().paths("run").contains(&run_path(&first).to_string()));
    // Snapshots are another matter.
    assert!(bed.snapshots("main") >= 2);
}
