//! Locks that others leave in a repository, seen and removed.

use std::{
    fs,
    process::{Child, Stdio},
};

use backupd_tests::{Bed, PASSWORD, Said, wait};
use serde_json::Value;

/// Stock restic, which holds a lock while it waits for what it is to store.
fn waiting(bed: &Bed) -> Child {
    let child = bed
        .command("restic")
        .args(["--no-cache", "backup", "--stdin", "--repo"])
        .arg(bed.repository("main"))
        .env("RESTIC_PASSWORD", PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let locks = bed.repository("main").join("locks");
    // It is written under another name first.
    wait::for_files("the lock of restic", &[&locks], || {
        let mut names = fs::read_dir(&locks)
            .unwrap()
            .flatten()
            .map(|file| file.file_name());
        names.any(|name| name.len() == 64).then_some(())
    });
    child
}

#[track_caller]
fn shows(said: &Said, text: &str) {
    assert!(said.stdout.contains(text), "`{text}` is not in:\n{}", said.stdout);
}

#[track_caller]
fn notes(said: &Said, text: &str) {
    assert!(said.stderr.contains(text), "`{text}` is not in:\n{}", said.stderr);
}

#[test]
fn a_lock_that_another_program_left_is_shown_and_removed_only_by_name_and_force() {
    let bed = Bed::with_job();
    bed.write_big("home", "file", 1, 1);
    bed.ctl(["start", "home", "--wait"]).well();
    let none = bed.ctl(["repository", "locks", "main"]).well();
    notes(&none, "nobody holds a lock of the repository `main`");
    let mut restic = waiting(&bed);
    restic.kill().unwrap();
    restic.wait().unwrap();
    assert_eq!(bed.locks("main"), 1);

    let pid = format!("(pid {})", restic.id());
    let listed = bed.ctl(["repository", "locks", "main"]).well();
    for text in ["shared", "may be held", &pid] {
        shows(&listed, text);
    }
    let locks = bed.ctl(["repository", "locks", "main", "--json"]).well().json();
    let lock = &locks["locks"][0];
    assert_eq!(
        (&lock["state"], &lock["exclusive"], &lock["pid"]),
        (&"unknown".into(), &false.into(), &restic.id().into())
    );
    let id = &lock["id"].as_str().unwrap()[..8];

    // A prune may not, and says who is in its way.
    let refused = bed.ctl(["prune", "main", "--wait"]).with_code(1);
    refused.tells(&pid);
    // Without a name nothing goes that somebody may hold.
    let nothing = bed.ctl(["repository", "unlock", "main", "--yes"]).well();
    notes(&nothing, "1 lock may be held");
    bed.ctl(["repository", "unlock", "main", "--lock", id, "--yes"])
        .with_code(1)
        .complains("--force");
    bed.ctl(["repository", "unlock", "main", "--lock", "ffff"])
        .with_code(6)
        .complains("no id of a lock begins with `ffff`");
    let dry = bed
        .ctl([
            "repository",
            "unlock",
            "main",
            "--lock",
            id,
            "--force",
            "--dry-run",
        ])
        .well();
    shows(&dry, "would remove the lock");
    // Nobody is asked where there is no terminal.
    bed.ctl(["repository", "unlock", "main", "--lock", id, "--force"])
        .with_code(2)
        .complains("--yes");
    assert_eq!(bed.locks("main"), 1);
    let removed = bed
        .ctl(["repository", "unlock", "main", "--lock", id, "--force", "--yes"])
        .well();
    shows(&removed, "removed the lock");
    assert_eq!(bed.locks("main"), 0);
    bed.ctl(["prune", "main", "--wait"]).well();
    bed.assert_sound("main");

    let audit = bed.ctl(["audit", "--json"]).well();
    let mut records = audit
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let unlock = records
        .find(|record| record["record"]["action"] == "repository-unlock")
        .unwrap();
    let old = unlock["record"]["old"].as_str().unwrap();
    assert!(old.starts_with(id) && old.ends_with("(forced)"), "{unlock}");
}
