//! What the client says of schedules, pauses, groups and triggers, with the daemon that keeps them.

use backupd_tests::{Bed, repositories::text};
use serde_json::{Value, json};

/// A job each year, on a day that no test runs into, and one without a schedule.
fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a.txt", "a");
    bed.write_source("mail", "b.txt", "b");
    bed.write_repository("main");
    let schedule = "schedule = { calendar = \"*-07-01 02:30 Pacific/Kiritimati\", jitter = \"10m\" }";
    bed.write_job(
        "home",
        &format!("groups = [\"nightly\"]\nafter = [\"mail\"]\n{schedule}\n"),
    );
    bed.write_job(
        "mail",
        "groups = [\"nightly\"]\n\n[triggers]\npackage_upgrade = true\n",
    );
    bed.start();
    bed.init("main");
    bed
}

fn status(bed: &Bed, job: &str) -> Value {
    bed.ctl(["status", job, "--json"]).json()["jobs"][0].clone()
}

#[test]
fn what_comes_is_told_where_it_is_asked_for() {
    let bed = bed();
    let timeline = bed.ctl(["schedule", "--count", "2", "--json"]).well().json();
    let elapses = timeline["elapses"].as_array().unwrap();
    assert_eq!((elapses.len(), &timeline["past"]), (2, &json!([])));
    assert_eq!(
        (text(&elapses[0], "job"), text(&elapses[0], "zone")),
        ("home", "Pacific/Kiritimati")
    );
    let home = status(&bed, "home");
    assert_eq!(home["next"], elapses[0]["at"]);
    assert_eq!(
        (&home["groups"], &home["after"]),
        (&json!(["nightly"]), &json!(["mail"]))
    );
    let next = bed
        .ctl(["schedule", "test", "*-07-01 02:30 Pacific/Kiritimati", "--json"])
        .well()
        .json();
    let at = |time: &str| time.parse::<jiff::Timestamp>().unwrap();
    let late = at(text(&elapses[0], "at")).duration_since(at(next["elapses"][0].as_str().unwrap()));
    assert!((0..=600).contains(&late.as_secs()), "{late:?}");

    let shown = bed.ctl(["schedule", "home"]).well().stdout;
    assert!(
        shown.contains("→ now") && shown.contains("in Pacific/Kiritimati)"),
        "{shown}"
    );
    let why = bed.ctl(["why", "home"]).well().stdout;
    assert!(
        why.contains("it starts next in ") && why.contains("up to 10m later"),
        "{why}"
    );
    let why = bed.ctl(["why", "mail"]).well().stdout;
    assert!(why.contains("it has no schedule"), "{why}");
}

#[test]
fn a_pause_is_told_everywhere_until_it_ends() {
    let bed = bed();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["pause", "home", "--for", "2h", "--reason", "on a train"])
        .well();
    let home = status(&bed, "home");
    assert_eq!((text(&home, "health"), &home["paused"]), ("paused", &true.into()));
    assert!(text(&home, "health_reason").contains("on a train"), "{home:#}");
    let why = bed.ctl(["why", "home"]).well().stdout;
    assert!(
        why.contains("it is paused, by name, until ") && why.contains("resume home`"),
        "{why}"
    );
    // Who starts it by hand means it.
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["resume", "home"]).well();
    assert_eq!(text(&status(&bed, "home"), "health"), "ok");

    bed.ctl(["pause", "--all"]).well();
    let whole = bed.ctl(["status", "--json"]).json();
    assert_eq!(
        (&whole["paused"], &whole["paused_until"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(status(&bed, "mail")["paused"], true);
    bed.ctl(["resume", "--all"]).well();
    assert_eq!(bed.ctl(["status", "--json"]).json()["paused"], false);
    bed.ctl(["pause", "nobody"])
        .with_code(6)
        .complains("there is no job `nobody`");
    bed.ctl(["pause", "home", "--until", "2020-01-01"])
        .with_code(2)
        .complains("is over already");
}

#[test]
fn groups_start_together_and_in_their_order() {
    let bed = bed();
    let runs = bed
        .ctl(["start", "--group", "nightly", "--wait", "--json"])
        .well()
        .json();
    let of = |job: &str| {
        let runs = runs["runs"].as_array().unwrap();
        runs.iter().find(|run| run["job"] == job).unwrap().clone()
    };
    assert!(
        text(&of("mail"), "finished") <= text(&of("home"), "started"),
        "{runs:#}"
    );
    bed.ctl(["start", "--group", "nigthly"])
        .with_code(6)
        .complains("there is no group `nigthly`");
    bed.ctl(["start", "home", "nobody"])
        .with_code(6)
        .complains("none of the jobs was started");
    let all = bed.ctl(["start", "--all", "--wait", "--json"]).well().json();
    assert_eq!(all["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn packages_start_the_jobs_that_wait_for_them() {
    let bed = bed();
    let metadata = r#"{"packages":["bash"]}"#;
    let arguments = [
        "trigger",
        "package-upgrade",
        "--if-running",
        "--wait",
        "--metadata",
        metadata,
        "--json",
    ];
    let runs = bed.ctl(arguments).well().json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    let run = &runs["runs"][0];
    assert_eq!(
        (text(run, "job"), text(run, "trigger")),
        ("mail", "package-upgrade")
    );
    assert_eq!(run["metadata"]["packages"], json!(["bash"]));
    let none = bed.ctl(["trigger", "shutdown"]).well();
    assert!(none.stderr.contains("no job starts at `shutdown`"), "{none:?}");
}
