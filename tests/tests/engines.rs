//! Repositories that the restic program writes.

use std::{collections::HashMap, fs};

use backupd_tests::{
    Bed, Said,
    bed::PASSWORD,
    files::{look, restored, write_program},
    process::send,
    wait,
};
use nix::sys::signal::Signal;

/// A bed whose repository is written by restic.
fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a.txt", "the content of a");
    by(&bed, "restic");
    bed.write_job("home", "verify = \"structure\"");
    bed.start();
    bed.init("main");
    bed
}

fn by(bed: &Bed, engine: &str) {
    let text = bed.repository_text("main");
    bed.write_file(
        "repositories.d/main.toml",
        &format!("{text}engine = \"{engine}\"\n"),
    );
}

#[test]
fn a_repository_lives_by_restic_and_goes_on_by_the_other_engine() {
    let bed = bed();
    bed.write_odd_source("home");
    // restic 0.14 does not keep such a link as it is.
    fs::remove_file(bed.source("home").join("link-to-bytes")).unwrap();
    bed.write_big("home", "big", 8, 1);
    bed.ctl(["start", "home", "--wait"]).well();
    let id = bed.bus().history(&HashMap::new()).remove(0).id.unwrap();
    says(&bed.ctl(["show", &id]).well(), "restic 0.");
    let first = bed.bus().run(&id);
    assert!(first.statistics.unwrap().bytes_processed.unwrap() > 8 << 20);
    // What is restored is what was stored.
    let target = bed.path("out");
    let to = target.to_str().unwrap();
    bed.ctl(["restore", "latest", "--to", to, "--wait"]).well();
    assert_eq!(
        look(&restored(&target, &bed.source("home"))),
        look(&bed.source("home"))
    );
    // Nothing of the big file is needed once its only snapshot went.
    fs::remove_file(bed.source("home").join("big")).unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    let snapshot = first.snapshot.unwrap();
    bed.write_job("home", "retention = { keep_last = 1, keep_minimum = 1 }");
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["forget", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 1);
    let filter = HashMap::from([("operation", "forget".into())]);
    let forgotten = bed.bus().history(&filter).remove(0).id.unwrap();
    bed.ctl(["forget", "--undo", &forgotten]).well();
    assert_eq!(bed.snapshots("main"), 2);
    says(&bed.ctl(["ls", &snapshot[..8]]).well(), "/tmp");
    bed.ctl(["forget", "home", "--wait"]).well();
    says(&bed.ctl(["prune", "main", "--dry-run"]).well(), "MiB");
    let before = size(&bed);
    bed.ctl(["prune", "main", "--wait"]).well();
    assert!(size(&bed) < before - (7 << 20));
    bed.ctl(["check", "main", "--read-data", "all", "--wait"]).well();
    assert_eq!(bed.locks("main"), 0);
    bed.assert_sound("main");
    // The other engine compares with what restic stored.
    by(&bed, "embedded");
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["start", "home", "--wait"]).well();
    let last = bed.bus().history(&HashMap::new()).remove(0);
    let statistics = last.statistics.unwrap();
    assert_eq!(
        (statistics.files_new, statistics.files_changed),
        (Some(0), Some(0))
    );
    bed.assert_sound("main");
}

#[test]
fn a_restic_that_is_missing_or_too_old_is_refused_with_what_was_found() {
    let mut bed = Bed::new();
    let programs = bed.path("programs");
    fs::create_dir(&programs).unwrap();
    bed.variables
        .push(("PATH".to_owned(), programs.display().to_string()));
    bed.write_source("home", "a.txt", "the content of a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    by(&bed, "restic");
    says(
        &bed.ctl(["config", "reload"]).with_code(1),
        "the program `restic` is not installed: install it",
    );
    // What was in force stays in force.
    bed.ctl(["start", "home", "--wait"]).well();
    write_program(
        &programs.join("restic"),
        "#!/bin/sh\necho 'restic 0.9.6 compiled with go1.12.12 on linux/amd64'\n",
    );
    says(
        &bed.ctl(["config", "reload"]).with_code(1),
        "is restic 0.9.6, and 0.14.0 is the oldest that can be used",
    );
    let secret = bed.secret("other", PASSWORD);
    let add = bed.ctl([
        "repository",
        "add",
        "other",
        "--url",
        bed.path("elsewhere").to_str().unwrap(),
        "--password-file",
        secret.to_str().unwrap(),
        "--engine",
        "restic",
    ]);
    add.with_code(1).complains("is restic 0.9.6");
    assert!(
        !bed.configuration().join("repositories.d/other.toml").exists(),
        "nothing is written that cannot be used"
    );
}

#[test]
fn what_goes_wrong_has_the_same_classes() {
    let bed = bed();
    let fails = |class: &str, said: &str| {
        bed.ctl(["start", "home", "--wait"]).with_code(1);
        let run = bed.bus().history(&HashMap::new()).remove(0);
        assert_eq!(run.failure_class.as_deref(), Some(class), "{run:?}");
        let message = run.failure_message.unwrap();
        assert!(message.contains(said), "{message}");
        assert!(!run.failure_hint.unwrap().is_empty());
    };
    bed.secret("main", "wrong");
    fails("credentials", "password");
    bed.secret("main", PASSWORD);
    fs::rename(bed.source("home"), bed.path("away")).unwrap();
    fails("source-missing", "does not exist");
    fs::rename(bed.path("away"), bed.source("home")).unwrap();
    fs::rename(bed.repository("main"), bed.path("away")).unwrap();
    fails("repository-not-found", "there is no repository");
    fs::rename(bed.path("away"), bed.repository("main")).unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.write_job("home", "include = [\"*.txt\"]");
    says(
        &bed.ctl(["config", "reload"]).with_code(1),
        "stores all that is not excluded",
    );
}

fn says(said: &Said, text: &str) {
    assert!(said.stdout.contains(text), "`{text}` is not in:\n{}", said.stdout);
}

/// Bytes of all packs.
fn size(bed: &Bed) -> u64 {
    let packs = fs::read_dir(bed.repository("main").join("data"))
        .unwrap()
        .flatten();
    packs
        .flat_map(|directory| fs::read_dir(directory.path()).unwrap().flatten())
        .map(|pack| pack.metadata().unwrap().len())
        .sum()
}

/// A bed whose restic is at work on a file without end.
fn at_work() -> (Bed, String, u32) {
    let bed = bed();
    let huge = fs::File::create(bed.source("home").join("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let id = bed.bus().start("home").unwrap();
    let listener = bed.bus().listen();
    let reads = listener.until(|_| {
        let done = bed.bus().run(&id).progress?.bytes_done;
        done.filter(|bytes| *bytes > 0)
    });
    assert!(reads.is_some(), "restic reads the file");
    assert_eq!(bed.locks("main"), 1);
    let worker = bed.worker(&id);
    (bed, id, worker)
}

#[test]
fn a_killed_worker_takes_restic_along_and_the_next_run_works() {
    let (bed, id, worker) = at_work();
    let restic = bed
        .processes()
        .into_iter()
        .find(|(_, line)| line.contains("restic"));
    let (restic, _) = restic.expect("restic is at work");
    send(worker, Signal::SIGKILL);
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("interrupted"), "{run:?}");
    wait::for_end("restic", restic);
    goes_on(&bed);
}

#[test]
fn a_cancelled_run_ends_restic_and_removes_its_lock() {
    let (bed, id, _) = at_work();
    bed.ctl(["cancel", &id]).well();
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("cancelled"), "{run:?}");
    assert_eq!(bed.locks("main"), 0);
    goes_on(&bed);
}

fn goes_on(bed: &Bed) {
    fs::write(bed.source("home").join("huge"), "small now").unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 1);
    bed.assert_sound("main");
}

#[test]
fn the_password_is_neither_argument_nor_variable_of_restic() {
    let (bed, id, _) = at_work();
    let restic = bed
        .processes()
        .into_iter()
        .find(|(_, line)| line.contains("restic") && line.contains("backup"));
    let (pid, line) = restic.expect("restic is at work");
    assert!(!line.contains(PASSWORD), "{line}");
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(!environment.contains(PASSWORD), "{environment}");
    bed.ctl(["cancel", &id]).well();
    bed.bus().wait_for_end(&id);
}
