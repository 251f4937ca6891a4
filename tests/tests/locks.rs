//! Locks that others hold or leave in a repository: seen, waited for, and removed.

use std::{
    fs,
    io::Write as _,
    process::{Child, Stdio},
};

use backupd_tests::{Bed, PASSWORD, Said, process::send, wait};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Stock restic, which holds a lock while it waits for what it is to store.
fn waiting(bed: &Bed) -> Child {
    let child = restic(bed, &["backup", "--stdin"]);
    let locks = bed.repository("main").join("locks");
    wait::for_files("the lock of restic", &[&locks], || has_lock(bed).then_some(()));
    child
}

fn restic(bed: &Bed, arguments: &[&str]) -> Child {
    bed.command("restic")
        .arg("--no-cache")
        .args(arguments)
        .arg("--repo")
        .arg(bed.repository("main"))
        .env("RESTIC_PASSWORD", PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A lock is written under another name first.
fn has_lock(bed: &Bed) -> bool {
    let entries = fs::read_dir(bed.repository("main").join("locks")).unwrap();
    entries.flatten().any(|file| file.file_name().len() == 64)
}

/// A prune of stock restic that stands still with its lock in the repository.
fn stopped_prune(bed: &Bed) -> Child {
    let locks = bed.repository("main").join("locks");
    loop {
        let mut prune = restic(bed, &["prune"]);
        wait::for_files("the lock of a prune", &[&locks], || {
            let is_over = prune.try_wait().unwrap().is_some();
            (is_over || has_lock(bed)).then_some(())
        });
        if prune.try_wait().unwrap().is_none() {
            send(prune.id(), Signal::SIGSTOP);
            // It may have come to its end in between.
            if has_lock(bed) {
                return prune;
            }
            send(prune.id(), Signal::SIGCONT);
        }
        assert!(prune.wait().unwrap().success());
    }
}

/// A backup that stands still in the middle; answers its run and its worker.
fn stopped_backup(bed: &Bed) -> (String, u32) {
    bed.write_big("home", "big", 128, 7);
    let id = bed.bus().start("home").unwrap();
    bed.wait_for_phase(&id, "backup");
    let worker = bed.worker(&id);
    let data = bed.repository("main").join("data");
    let folders: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .flatten()
        .map(|folder| folder.path())
        .collect();
    let folders: Vec<_> = folders.iter().map(AsRef::as_ref).collect();
    wait::for_files("a pack", &folders, || {
        let mut packs = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        packs.next().map(drop)
    });
    send(worker, Signal::SIGSTOP);
    assert!(bed.events(&id).iter().all(|event| event["event"] != "done"));
    (id, worker)
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
    let text = bed.repository_text("main");
    bed.write_file("repositories.d/main.toml", &format!("{text}lock_wait = \"0s\"\n"));
    bed.ctl(["config", "reload"]).well();
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

#[test]
fn who_is_in_the_way_is_named_and_waited_for() {
    let bed = Bed::with_job();
    let mut restic = waiting(&bed);
    let said = bed.ctl(["prune", "main", "--no-wait", "--json"]).well().json();
    let id = said["runs"][0]["id"].as_str().unwrap().to_owned();
    let run = bed.bus().wait_for_run(&id, "who is in its way", |run| {
        run.blocked_by.as_ref().is_some_and(|reasons| !reasons.is_empty())
    });
    assert_eq!(run.state.as_deref(), Some("running"));
    let reason = &run.blocked_by.unwrap()[0];
    let pid = format!("(pid {})", restic.id());
    assert!(
        reason.what.contains(&pid) && reason.what.contains("`main` is locked by"),
        "{reason:?}"
    );
    assert!(reason.clears.contains("waited for until 20"), "{reason:?}");
    assert!(reason.since_usec > 0);
    shows(&bed.ctl(["show", &id]), &pid);
    shows(&bed.ctl(["runs"]), &pid);
    // At the end of what it is to store, restic ends.
    restic.stdin.take().unwrap().write_all(b"done").unwrap();
    assert!(restic.wait().unwrap().success());
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(run.blocked_by.as_deref(), Some(&[][..]));
    let log = bed.ctl(["log", &id]).well();
    shows(&log, &pid);
    bed.assert_sound("main");
}

#[test]
fn a_backup_waits_for_a_prune_of_restic_that_stands_still() {
    let bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    let mut prune = stopped_prune(&bed);
    bed.write_source("home", "b.txt", "more");
    let id = bed.bus().start("home").unwrap();
    let run = bed.bus().wait_for_run(&id, "who is in its way", |run| {
        run.blocked_by.as_ref().is_some_and(|reasons| !reasons.is_empty())
    });
    let what = &run.blocked_by.unwrap()[0].what;
    assert!(
        what.contains("locked exclusively by") && what.contains(&format!("(pid {})", prune.id())),
        "{what}"
    );
    for command in ["why", "status"] {
        let said = bed.ctl([command, "home"]);
        shows(&said, &format!("(pid {})", prune.id()));
    }
    send(prune.id(), Signal::SIGCONT);
    assert!(prune.wait().unwrap().success());
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(bed.snapshots("main"), 2);
    bed.assert_sound("main");
}

#[test]
fn restic_prunes_nothing_beside_a_backup_that_stands_still() {
    let bed = Bed::with_job();
    let (id, worker) = stopped_backup(&bed);
    let refused = bed.restic("main", &["prune"]);
    assert_ne!(refused.code, Some(0));
    notes(&refused, "already locked");
    send(worker, Signal::SIGCONT);
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    bed.assert_sound("main");
    assert_eq!(bed.locks("main"), 0);
}

#[test]
fn a_backup_whose_lock_was_taken_away_stores_no_snapshot() {
    let bed = Bed::with_job();
    let (id, worker) = stopped_backup(&bed);
    // Somebody thinks that nobody is there: what the backup has stored so far goes.
    bed.restic("main", &["unlock", "--remove-all"]).well();
    bed.restic("main", &["prune"]).well();
    send(worker, Signal::SIGCONT);
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("failed"), "{run:?}");
    assert_eq!(run.failure_class.as_deref(), Some("locked"), "{run:?}");
    assert_eq!(bed.snapshots("main"), 0);
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 1);
    bed.assert_sound("main");
}
