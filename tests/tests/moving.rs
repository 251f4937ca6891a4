//! A repository goes to another place, and its jobs with it.

use std::{collections::HashMap, fs};

use backupd_dbus::RunProperties;
use backupd_tests::{Bed, Said, files::look, process::send};
use nix::sys::signal::Signal;

/// A job with a snapshot in `main`.
fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a.txt", "the content of a");
    bed.write_big("home", "large", 3, 1);
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    bed.ctl(["start", "home", "--wait"]).well();
    bed
}

fn newest(bed: &Bed) -> RunProperties {
    let filter = HashMap::from([("operation", "move".into())]);
    bed.bus().history(&filter).remove(0)
}

#[track_caller]
fn shows(said: &Said, text: &str) {
    assert!(said.stdout.contains(text), "`{text}` is not in:\n{}", said.stdout);
}

fn moved_from(bed: &Bed) -> String {
    bed.bus().repository("main").moved_from.unwrap()
}

#[test]
fn a_repository_is_moved_used_there_and_released_where_it_was() {
    let bed = bed();
    let (old, new) = (bed.repository("main"), bed.path("larger disk/main"));
    let (old_text, new_text) = (old.to_str().unwrap().to_owned(), new.to_str().unwrap().to_owned());
    let said = bed
        .ctl(["repository", "move", "main", "--to", &new_text, "--wait"])
        .well();
    let note = format!("what was at `{old_text}` is there still; once all works, `backupctl");
    assert!(said.stderr.contains(&note), "{}", said.stderr);
    assert!(
        said.stderr.contains("repository move main --release"),
        "{}",
        said.stderr
    );
    let run = newest(&bed);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    let sums = run.statistics.unwrap();
    assert!(
        sums.bytes_stored > Some(3 << 20) && sums.bytes_checked > Some(3 << 20),
        "{sums:?}"
    );
    assert_eq!(bed.bus().repository("main").url, Some(new_text.clone()));
    assert_eq!(moved_from(&bed), old_text);
    let shown = bed.ctl(["repository", "show", "main"]).well();
    shows(&shown, &format!("{old_text}, and still there"));
    shows(
        &bed.ctl(["show", run.id.as_deref().unwrap()]).well(),
        "read there",
    );
    // All goes on there, and the old one is as it was.
    let before = bed.fingerprint(&old);
    bed.write_source("home", "b.txt", "the content of b");
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["check", "main", "--read-data", "all", "--wait"]).well();
    let listed = bed.ctl(["snapshots", "home", "--json"]).well().json();
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), 2);
    assert_eq!(bed.fingerprint(&old), before);
    let out = bed.path("out");
    bed.ctl([
        "restore",
        "latest",
        "--job",
        "home",
        "--to",
        out.to_str().unwrap(),
        "--wait",
    ])
    .well();
    let restored = out.join(bed.source("home").strip_prefix("/").unwrap());
    assert_eq!(look(&restored), look(&bed.source("home")));

    bed.ctl(["repository", "move", "main", "--to", "/third", "--wait"])
        .with_code(2)
        .complains("is there still")
        .complains("--release");
    // Nobody is there to be asked.
    bed.ctl(["repository", "move", "main", "--release"])
        .with_code(2)
        .complains("--yes");
    assert!(old.exists());
    bed.ctl(["repository", "move", "main", "--release", "--yes", "--wait"])
        .well();
    assert!(!old.exists());
    assert_eq!(moved_from(&bed), "");
    assert!(newest(&bed).statistics.unwrap().bytes_freed > Some(3 << 20));
    bed.ctl(["repository", "move", "main", "--release", "--yes"])
        .with_code(2)
        .complains("no place before");
    bed.ctl(["start", "home", "--wait"]).well();
    let audit = bed.ctl(["audit", "--json"]).well().stdout;
    let record = audit.lines().find(|line| line.contains("repository-move"));
    assert!(record.unwrap_or(&audit).contains("larger disk/main"), "{audit}");
}

#[test]
fn a_move_that_is_killed_goes_on_and_one_that_is_given_up_leaves_nothing() {
    let bed = bed();
    bed.write_big("home", "more", 30, 2);
    bed.ctl(["start", "home", "--wait"]).well();
    let new = bed.path("new");
    let to = new.to_str().unwrap();
    bed.ctl(["repository", "move", "main", "--to", to, "--no-wait"])
        .well();
    let id = newest(&bed).id.unwrap();
    bed.wait_for_phase(&id, "copy");
    send(bed.worker(&id), Signal::SIGKILL);
    // It is tried again by itself; somebody changes their mind.
    let listener = bed.bus().listen();
    let seen = listener.until(|_| {
        let run = newest(&bed);
        let is_over = ["backoff", "finished"].contains(&run.state.as_deref()?);
        is_over.then_some(run)
    });
    let state = seen.unwrap().state.unwrap();
    if state == "backoff" {
        bed.ctl(["cancel", &id]).well();
        assert!(!new.join("config").exists());
        assert_eq!(moved_from(&bed), "");
        bed.ctl([
            "repository",
            "move",
            "main",
            "--give-up",
            "--to",
            to,
            "--yes",
            "--wait",
        ])
        .well();
        assert!(!new.exists());
    }
    assert_eq!(bed.locks("main"), 0);
    bed.assert_sound("main");
    if state == "backoff" {
        bed.ctl(["repository", "move", "main", "--to", to, "--wait"])
            .well();
    }
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 2, "the newest is at the new place alone");
}

#[test]
fn what_cannot_be_is_said_before_or_by_the_run() {
    let bed = bed();
    let other = bed.path("full");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter"), "dear").unwrap();
    let to = other.to_str().unwrap();
    let refused = bed
        .ctl(["repository", "move", "main", "--to", to, "--wait"])
        .with_code(1);
    shows(&refused, "is not empty and is not a repository");
    shows(&refused, "choose a place where nothing is yet");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    let here = bed.repository("main");
    bed.ctl(["repository", "move", "main", "--to", here.to_str().unwrap()])
        .with_code(2)
        .complains("already");
    bed.ctl(["repository", "move", "main"]).with_code(2);
    bed.ctl(["repository", "move", "nowhere", "--to", "/x"])
        .with_code(6);
    bed.ctl(["repository", "move", "main", "--to", "/x", "--region", "eu"])
        .with_code(1)
        .complains("`region` is without effect");
    // Somebody stores there who has not heard of it.
    let new = bed.path("new");
    bed.ctl([
        "repository",
        "move",
        "main",
        "--to",
        new.to_str().unwrap(),
        "--wait",
    ])
    .well();
    let source = bed.source("home");
    bed.restic("main", &["backup", source.to_str().unwrap()]).well();
    let refused = bed
        .ctl(["repository", "move", "main", "--release", "--yes", "--wait"])
        .with_code(1);
    shows(&refused, "snapshots have come or gone there");
    shows(&refused, "repository adopt NAME");
    bed.assert_sound("main");
    assert_eq!(moved_from(&bed), here.to_str().unwrap());
}
