//! Snapshots that are pinned, and snapshots that expire.

use std::fs;

use backupd_tests::{Bed, Said};
use serde_json::Value;

/// A job that keeps its newest snapshot, with so many snapshots; the oldest first.
fn bed(count: usize) -> (Bed, Vec<String>) {
    let bed = Bed::with_job();
    for number in 0..count {
        bed.write_source("home", "a.txt", number.to_string());
        bed.ctl(["start", "home", "--wait"]).well();
    }
    bed.write_job("home", "retention = { keep_last = 1 }");
    bed.ctl(["config", "reload"]).well();
    let ids = listed(&bed)
        .iter()
        .map(|snapshot| text(&snapshot["id"]))
        .collect();
    (bed, ids)
}

fn listed(bed: &Bed) -> Vec<Value> {
    let said = bed.ctl(["snapshots", "home", "--json"]).well().json();
    said["snapshots"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ids(bed: &Bed) -> Vec<String> {
    listed(bed).iter().map(|snapshot| text(&snapshot["id"])).collect()
}

fn file(bed: &Bed) -> String {
    fs::read_to_string(bed.configuration().join("repositories.d/main.toml")).unwrap()
}

#[track_caller]
fn shows(said: &Said, part: &str) {
    assert!(said.stdout.contains(part), "`{part}` is not in:\n{}", said.stdout);
}

#[test]
fn a_pinned_snapshot_stays_until_it_is_unpinned() {
    let (mut bed, snapshots) = bed(4);
    let before = file(&bed);
    let said = bed
        .ctl(["pin", &snapshots[0][..8], "--note", "before the move"])
        .well();
    shows(&said, "in `main` is pinned");
    bed.ctl(["pin", &snapshots[1], "--until", "30d"]).well();
    let shown = bed.ctl(["snapshots", "home"]).well();
    shows(&shown, "pinned: before the move");
    shows(&shown, "pinned until ");
    shows(&bed.ctl(["retention", "preview", "home"]).well(), "pinned");
    // Not even the loss of all that the daemon knows changes that.
    bed.stop();
    fs::remove_dir_all(bed.state()).unwrap();
    bed.start();
    bed.ctl(["forget", "home", "--wait"]).well();
    assert_eq!(ids(&bed), [&*snapshots[0], &snapshots[1], &snapshots[3]]);
    bed.ctl(["unpin", &snapshots[0][..8]]).well();
    bed.ctl(["unpin", &snapshots[1][..8]]).well();
    assert_eq!(file(&bed), before);
    bed.ctl(["forget", "home", "--wait"]).well();
    assert_eq!(ids(&bed), [&*snapshots[3]]);
    let audit = bed.ctl(["audit", "--json"]).well();
    let marks = audit
        .stdout
        .lines()
        .filter(|line| line.contains("\"snapshot-mark\""))
        .count();
    assert!(marks >= 2, "{}", audit.stdout);
    bed.assert_sound("main");
}

#[test]
fn a_snapshot_that_expires_goes_although_a_rule_would_keep_it() {
    let (bed, snapshots) = bed(3);
    let before = file(&bed);
    bed.write_job("home", "retention = { keep_last = 10 }");
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["expire", &snapshots[0][..8], "--at", "2020-01-01"])
        .well();
    // The newest stays, whatever is said of it.
    bed.ctl(["expire", &snapshots[2][..8], "--at", "2020-01-01"])
        .well();
    shows(&bed.ctl(["retention", "preview", "home"]).well(), "expired");
    bed.ctl(["forget", "home", "--wait"]).well();
    assert_eq!(ids(&bed), snapshots[1..]);
    // Of what is gone nothing is said any more.
    assert!(
        !file(&bed).contains(&snapshots[0]) && file(&bed).contains(&snapshots[2]),
        "{}",
        file(&bed)
    );
    bed.ctl(["expire", &snapshots[2][..8], "--never"]).well();
    assert_eq!(file(&bed), before);
}

#[test]
fn what_cannot_be_said_is_told() {
    let (bed, snapshots) = bed(1);
    bed.ctl(["pin", "ffff"])
        .with_code(6)
        .complains("there is no snapshot `ffff`");
    bed.ctl(["pin", ""])
        .with_code(6)
        .complains("there is no snapshot");
    bed.ctl(["pin", &snapshots[0], "--repository", "none"])
        .with_code(6)
        .complains("`none`");
    bed.ctl(["pin", &snapshots[0], "--until", "whenever"])
        .with_code(2);
    bed.ctl(["expire", &snapshots[0]]).with_code(2);
    bed.ctl(["pin", &snapshots[0], "--note", "a\nb"])
        .with_code(2)
        .complains("one line");
    // A file that somebody has broken is changed by nobody.
    let broken = format!("{}nonsense = 1\n", bed.repository_text("main"));
    let path = bed.write_file("repositories.d/main.toml", &broken);
    bed.ctl(["pin", &snapshots[0]]).with_code(1).complains("nonsense");
    assert_eq!(fs::read_to_string(path).unwrap(), broken);
}

#[test]
fn two_repositories_may_have_snapshots_of_one_beginning() {
    let mut bed = Bed::new();
    bed.write_source("home", "a.txt", "a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    bed.ctl(["start", "home", "--wait"]).well();
    let copied = bed
        .command("cp")
        .arg("-a")
        .args([bed.repository("main"), bed.repository("other")])
        .status();
    assert!(copied.unwrap().success());
    bed.write_repository("other");
    bed.ctl(["config", "reload"]).well();
    let id = &ids(&bed)[0];
    bed.ctl(["pin", &id[..8]])
        .with_code(2)
        .complains("`main`, `other`");
    bed.ctl(["pin", &id[..8], "--repository", "main"]).well();
    assert!(file(&bed).contains(id));
}
