//! Keys of a repository through the daemon, beside stock restic.

mod cut_off;
mod sheet;

use std::{
    fs,
    io::{Seek as _, Write as _},
    path::PathBuf,
    process::Stdio,
};

use backupd_tests::{Bed, PASSWORD, Said, process::send, programs::program};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    passwords::{bed_without_password, file_of_main, monitor, remembers, set_password},
    secrets::{assert_nowhere, unique},
};

/// `backupctl --user repository key …` with a password on its standard input.
fn key(bed: &Bed, password: &str, arguments: &[&str]) -> Said {
    let mut input = tempfile::tempfile().unwrap();
    writeln!(input, "{password}").unwrap();
    input.rewind().unwrap();
    let mut command = bed.command(program("backupctl"));
    command
        .args(["--user", "repository", "key"])
        .args(arguments)
        .arg("--stdin");
    Said::reading(&mut command, Stdio::from(input))
}

/// A bed with the job `home`, a snapshot, and a password that the daemon keeps.
fn bed() -> Bed {
    let bed = Bed::with_job();
    set_password(&bed, PASSWORD, &["--file"]).well();
    bed.ctl(["start", "home", "--wait"]).well();
    bed
}

/// The file that the repository's file names.
fn secret(bed: &Bed) -> PathBuf {
    let text = file_of_main(bed);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("password_file = "));
    PathBuf::from(line.unwrap().trim_matches('"'))
}

/// The password that it holds.
fn password(bed: &Bed) -> String {
    fs::read_to_string(secret(bed)).unwrap().trim_end().to_owned()
}

/// Whether stock restic opens the repository with it.
fn opens(bed: &Bed, password: &str) -> bool {
    let mut command = bed.command("restic");
    command
        .args(["--no-cache", "--repo"])
        .arg(bed.repository("main"))
        .args(["snapshots", "--no-lock"])
        .env("RESTIC_PASSWORD", password);
    bed.call(&mut command).code == Some(0)
}

fn list(bed: &Bed) -> Vec<Value> {
    let listed = bed.ctl(["repository", "key", "list", "main", "--json"]).well();
    listed.json()["keys"].as_array().unwrap().clone()
}

/// What the folder of passwords holds.
fn kept(bed: &Bed) -> Vec<String> {
    let entries = fs::read_dir(bed.configuration().join("secrets")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn records(bed: &Bed, action: &str) -> Vec<Value> {
    let audit = bed.ctl(["audit", "--json"]).well();
    audit
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].clone())
        .filter(|record| record["action"] == action)
        .collect()
}

#[test]
fn keys_are_made_shown_and_removed() {
    let bed = Bed::with_job();
    let said = bed.ctl(["repository", "key", "list", "main"]).well();
    assert!(said.stdout.contains("in use by backupd"), "{said:?}");
    let other = unique();
    let (monitor, traffic, _directory) = monitor(&bed);
    let added = ["add", "main", "--username", "alice", "--hostname", "safe"];
    let said = key(&bed, &other, &added).well();
    assert!(said.stdout.contains("alice@safe"), "{said:?}");
    assert!(opens(&bed, &other) && opens(&bed, PASSWORD));
    key(&bed, &other, &["add", "main"])
        .with_code(2)
        .complains("opens with this password already");
    key(&bed, "", &["add", "main"])
        .with_code(1)
        .complains("the new password is empty");

    let keys = list(&bed);
    assert_eq!((keys.len(), &keys[0]["current"]), (2, &true.into()));
    let by_restic = bed.restic("main", &["key", "list", "--json"]).well().json();
    for listed in by_restic.as_array().unwrap() {
        let id = listed["id"].as_str().unwrap();
        let ours = keys
            .iter()
            .find(|key| key["id"].as_str().unwrap().starts_with(id));
        let ours = ours.unwrap_or_else(|| panic!("{id} is not in {keys:?}"));
        assert_eq!(
            (&ours["user"], &ours["host"], &ours["current"]),
            (&listed["userName"], &listed["hostName"], &listed["current"])
        );
    }
    let [current, spare] = [&keys[0], &keys[1]].map(|key| key["id"].as_str().unwrap());
    let remove = |id: &str, more: &[&str]| {
        let arguments = [&["repository", "key", "remove", "main", id], more].concat();
        bed.ctl(arguments)
    };
    remove(&current[..8], &["--yes"])
        .with_code(1)
        .complains("is the one that backupd opens `main` with");
    remove("ffffffffffff", &["--yes"])
        .with_code(6)
        .complains("no id of a key begins with");
    // Nobody is asked where there is no terminal.
    remove(&spare[..8], &[]).with_code(2).complains("--yes");
    assert!(opens(&bed, &other));
    remove(&spare[..8], &["--yes"]).well();
    assert!(!opens(&bed, &other) && opens(&bed, PASSWORD));
    assert_eq!(list(&bed).len(), 1);

    assert_nowhere(&bed, &other, true, &[]);
    assert!(!remembers(bed.daemon_pid(), &other), "the daemon has read it");
    let log = fs::read_to_string(&traffic).unwrap();
    drop(monitor);
    assert!(log.contains("member=AddKey") && !log.contains(&other));
    let added = records(&bed, "repository-key-add");
    let results: Vec<_> = added
        .iter()
        .map(|record| record["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["done", "done", "done", "failed", "done", "failed"]);
    assert_eq!(added[1]["new"], spare);
    let removed = records(&bed, "repository-key-remove");
    assert_eq!((removed.len(), &removed[0]["old"]), (1, &spare.into()));
}

#[test]
fn a_password_that_somebody_else_keeps_is_not_replaced() {
    let bed = Bed::with_job();
    let rotate = ["repository", "key", "rotate", "main"];
    let said = bed.ctl(rotate).with_code(1);
    said.complains("does not lie in");
    for step in [
        "key add main",
        "repository test main",
        "key remove main KEY",
        "set-password main",
    ] {
        assert!(said.stderr.contains(step), "{said:?}");
    }
    let text = file_of_main(&bed);
    let at = text.find("password_file").unwrap();
    let command = format!(
        "password_command = [\"cat\", \"{}\"]\n",
        bed.path("secrets/main").display()
    );
    bed.write_file("repositories.d/main.toml", &format!("{}{command}", &text[..at]));
    bed.ctl(["config", "reload"]).well();
    bed.ctl(rotate)
        .with_code(1)
        .complains("is not one that backupd can write");
    assert_eq!(list(&bed).len(), 1);
    assert!(records(&bed, "repository-key-rotate").is_empty());
}

#[test]
fn a_rotation_replaces_key_and_password_and_nobody_sees_either() {
    let bed = bed();
    let first = secret(&bed);
    let old = list(&bed)[0]["id"].clone();
    let (monitor, traffic, _directory) = monitor(&bed);
    let said = bed.ctl(["repository", "key", "rotate", "main"]).well();
    assert!(
        said.stderr.contains("recovery-sheet main --with-secret"),
        "{said:?}"
    );
    let second = secret(&bed);
    let random = password(&bed);
    assert_ne!(first, second);
    assert_eq!(random.len(), 64, "256 bits");
    assert_eq!(kept(&bed), ["main+2"], "the one before is gone");
    assert!(opens(&bed, &random) && !opens(&bed, PASSWORD));
    let keys = list(&bed);
    assert_eq!(keys.len(), 1);
    assert_ne!(keys[0]["id"], old);
    bed.ctl(["start", "home", "--wait"]).well();
    assert!(!said.stdout.contains(&random) && !said.stderr.contains(&random));
    assert_nowhere(&bed, &random, true, &[&second]);
    assert!(!remembers(bed.daemon_pid(), &random), "the daemon has read it");

    let given = unique();
    let json = key(&bed, &given, &["rotate", "main", "--json"]).well().json();
    assert_eq!(json["old_key"], keys[0]["id"]);
    assert_eq!((&json["left"], &json["resumed"]), (&Value::Null, &false.into()));
    let third = secret(&bed);
    assert_eq!(password(&bed), given);
    assert!(opens(&bed, &given) && !opens(&bed, &random));
    // The same again is no other password.
    key(&bed, &given, &["rotate", "main"])
        .with_code(2)
        .complains("opens with this password already");
    assert_eq!(
        (kept(&bed).len(), list(&bed).len(), password(&bed)),
        (1, 1, given.clone())
    );
    assert_nowhere(&bed, &given, true, &[&third]);
    let log = fs::read_to_string(&traffic).unwrap();
    drop(monitor);
    assert!(log.contains("member=RotateKey") && !log.contains(&given) && !log.contains(&random));
    let rotated = records(&bed, "repository-key-rotate");
    assert_eq!(rotated[1]["old"], old);
    assert_eq!(rotated[1]["new"], keys[0]["id"]);
    assert!(rotated[..4].iter().all(|record| record["result"] == "done"));
    bed.ctl(["audit", "verify"]).well();
    bed.ctl(["check", "main", "--wait"]).well();
}

/// Whoever is at work may have been told of the password before, and not have opened the repository yet.
#[test]
fn a_run_at_work_keeps_what_it_may_need_until_the_next_call() {
    let bed = bed();
    bed.write_big("home", "big", 48, 5);
    let run = bed.bus().start("home").unwrap();
    bed.wait_for_phase(&run, "backup");
    let worker = bed.worker(&run);
    send(worker, Signal::SIGSTOP);
    let said = bed.ctl(["repository", "key", "rotate", "main"]).with_code(1);
    let why = format!("run {run} is at work");
    assert!(
        said.stderr.contains(&why) && said.stderr.contains("NOT OVER"),
        "{said:?}"
    );
    let random = password(&bed);
    assert!(opens(&bed, &random) && opens(&bed, PASSWORD));
    assert_eq!(kept(&bed), [".rotation-main.json", "main", "main+2"]);
    // What is begun is not mixed up with something else.
    key(&bed, "other", &["rotate", "main"])
        .with_code(2)
        .complains("an earlier rotation is not over");
    send(worker, Signal::SIGCONT);
    let ended = bed.bus().wait_for_end(&run);
    assert_eq!(ended.result.as_deref(), Some("success"), "{ended:?}");
    let said = bed.ctl(["repository", "key", "rotate", "main"]).well();
    assert!(
        said.stderr.contains("went on with a rotation that was cut off"),
        "{said:?}"
    );
    assert_eq!(password(&bed), random, "it is not replaced once more");
    assert!(opens(&bed, &random) && !opens(&bed, PASSWORD));
    assert_eq!(kept(&bed), ["main+2"]);
}

/// Two repositories may have their passwords in one file.
#[test]
fn what_another_repository_needs_too_stays() {
    let bed = bed();
    let text = file_of_main(&bed);
    let other = text.replace("repository-main", "repository-other");
    bed.write_file("repositories.d/other.toml", &other);
    bed.ctl(["config", "reload"]).well();
    bed.init("other");
    let said = bed.ctl(["repository", "key", "rotate", "main"]).well();
    assert!(said.stderr.contains("somebody else's too"), "{said:?}");
    assert_eq!(kept(&bed), ["main", "main+2"]);
    assert!(!opens(&bed, PASSWORD));
    bed.ctl(["repository", "test", "other"]).well();
}

#[test]
fn a_password_in_a_credential_is_replaced_by_another_credential() {
    let bed = bed_without_password();
    let first = unique();
    set_password(&bed, &first, &["--credential"]).well();
    bed.init("main");
    let said = bed.ctl(["repository", "key", "rotate", "main"]).well();
    assert!(
        said.stdout.contains("credential `backupd-repository-main+2`"),
        "{said:?}"
    );
    assert!(file_of_main(&bed).contains("password_credential = \"backupd-repository-main+2\"\n"));
    let store = bed.path("config/credstore.encrypted");
    let names: Vec<_> = fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["backupd-repository-main+2"]);
    assert!(kept(&bed).is_empty(), "there is no plain one, and no note");
    assert!(!opens(&bed, &first));
    bed.ctl(["start", "home", "--wait"]).well();
    let sheet = bed
        .ctl(["repository", "recovery-sheet", "main", "--with-secret", "--json"])
        .well()
        .json();
    let second = sheet["password"].as_str().unwrap();
    assert!(opens(&bed, second));
    assert_nowhere(&bed, second, true, &[]);

    // A plain one is somebody else's.
    let plain = bed.path("config/credstore");
    fs::create_dir(&plain).unwrap();
    fs::rename(store.join("backupd-repository-main+2"), bed.path("aside")).unwrap();
    bed.secret("plain", second);
    fs::rename(bed.path("secrets/plain"), plain.join("backupd-repository-main+2")).unwrap();
    bed.ctl(["repository", "key", "rotate", "main"])
        .with_code(1)
        .complains("is not one that backupd can write");
}
