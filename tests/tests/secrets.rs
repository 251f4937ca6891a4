//! The password is nowhere but where it has to be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backupd_tests::{Bed, files::write_program, process::send};
use nix::sys::signal::Signal;

/// A password that stands nowhere by chance.
pub(crate) fn unique() -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    format!("pw-{}-{now}", std::process::id())
}

pub(crate) fn holds(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|content| {
        content
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

/// Files below a directory that hold the text.
fn files_with(directory: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if holds(&path, text) {
            found.push(path);
        }
    }
    found
}

/// Command lines of all processes, environments of ours, all files but `allowed`, and all that the bus shows.
pub(crate) fn assert_nowhere(bed: &Bed, password: &str, environments: bool, allowed: &[&Path]) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        assert!(
            !holds(&entry.path().join("cmdline"), password),
            "{:?}",
            entry.path()
        );
    }
    for (pid, line) in bed.processes() {
        if environments {
            let environment = PathBuf::from(format!("/proc/{pid}/environ"));
            assert!(!holds(&environment, password), "the environment of {line}");
        }
    }
    let daemon = PathBuf::from(format!("/proc/{}/environ", bed.daemon_pid()));
    assert!(!environments || !holds(&daemon, password));
    let mut found = files_with(&bed.path(""), password);
    found.retain(|path| !allowed.contains(&path.as_path()));
    assert!(found.is_empty(), "{found:?}");
    let shown = format!("{:?} {:?}", bed.bus().objects(), bed.bus().manager_properties());
    assert!(!shown.contains(password), "{shown}");
    for arguments in [
        &["status", "--json"][..],
        &["show", "home", "--json"],
        &["show", "main", "--json"],
        &["repository", "show", "main", "--json"],
        &["job", "show", "home", "--json"],
        &["log", "home", "--json"],
        &["history", "--json"],
        &["config", "show"],
    ] {
        let said = bed.ctl(arguments);
        assert!(!format!("{said:?}").contains(password), "{arguments:?}");
    }
}

/// Looks while a worker is in the middle of its work, and after it.
pub(crate) fn look_during_and_after(bed: &Bed, password: &str, environments: bool, allowed: &[&Path]) {
    let id = bed.bus().start("home").unwrap();
    bed.wait_for_phase(&id, "backup");
    let worker = bed.worker(&id);
    send(worker, Signal::SIGSTOP);
    let limits = fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    assert_eq!(core.unwrap().split_whitespace().nth(4), Some("0"), "{limits}");
    assert_nowhere(bed, password, environments, allowed);
    send(worker, Signal::SIGCONT);
    let run = bed.bus().wait_for_end(&id);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_nowhere(bed, password, environments, allowed);
}

#[test]
fn a_password_file_is_the_only_place_of_its_password() {
    let mut bed = Bed::new();
    bed.write_big("home", "big", 48, 5);
    bed.write_repository("main");
    let password = unique();
    let secret = bed.secret("main", &password);
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    look_during_and_after(&bed, &password, true, &[&secret]);
    bed.settings("log = \"trace\"\n");
    bed.ctl(["config", "reload"]).well();
    look_during_and_after(&bed, &password, true, &[&secret]);
}

#[test]
fn a_wrong_password_is_not_told_either() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    let password = unique();
    let secret = bed.secret("main", &password);
    bed.ctl(["start", "home", "--wait"]).with_code(1);
    bed.ctl(["repository", "test", "main"]).with_code(1);
    assert_nowhere(&bed, &password, true, &[&secret]);
}

#[test]
fn a_password_command_is_the_only_place_of_its_password() {
    let mut bed = Bed::new();
    bed.write_big("home", "big", 48, 5);
    let password = unique();
    let program = bed.path("password-program");
    write_program(
        &program,
        &format!("#!/bin/sh\necho complaint >&2\necho '{password}'\n"),
    );
    bed.write_file(
        "repositories.d/main.toml",
        &format!(
            "url = \"{}\"\npassword_command = [\"{}\"]\n",
            bed.repository("main").display(),
            program.display()
        ),
    );
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    look_during_and_after(&bed, &password, true, &[&program]);
}

#[test]
fn a_generated_password_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bed = Bed::new();
    bed.start();
    bed.write_big("home", "big", 48, 5);
    let repository = bed.repository("main");
    bed.ctl([
        "repository",
        "add",
        "main",
        "--url",
        repository.to_str().unwrap(),
        "--generate-password",
        "--init",
    ])
    .well();
    let secret = bed.configuration().join("secrets/main");
    let mode = fs::metadata(&secret).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let password = fs::read_to_string(&secret).unwrap();
    bed.write_job("home", "");
    bed.ctl(["config", "reload"]).well();
    look_during_and_after(&bed, password.trim_end(), true, &[&secret]);
}

#[test]
fn a_password_in_the_daemons_environment_reaches_only_the_worker_that_needs_it() {
    let mut bed = Bed::new();
    let password = unique();
    for (name, value) in [
        ("BACKUP_STORAGE_PATH", bed.path("alias").display().to_string()),
        ("BACKUP_ENCRYPTION_KEY", password.clone()),
    ] {
        bed.variables.push((name.to_owned(), value));
    }
    // A repository whose password comes from a program, which writes down what it is given.
    let (program, seen) = (bed.path("password-program"), bed.path("seen"));
    write_program(
        &program,
        &format!("#!/bin/sh\nenv >> {}\necho other\n", seen.display()),
    );
    bed.write_file(
        "repositories.d/main.toml",
        &format!(
            "url = \"{}\"\npassword_command = [\"{}\"]\n",
            bed.repository("main").display(),
            program.display()
        ),
    );
    bed.write_big("home", "big", 48, 5);
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    let id = bed.bus().start("home").unwrap();
    bed.wait_for_phase(&id, "backup");
    let worker = bed.worker(&id);
    send(worker, Signal::SIGSTOP);
    assert!(!holds(
        &PathBuf::from(format!("/proc/{worker}/environ")),
        &password
    ));
    send(worker, Signal::SIGCONT);
    bed.bus().wait_for_end(&id);
    assert!(holds(&seen, "PATH="));
    assert!(!holds(&seen, &password));
    bed.init("default");
    assert_nowhere(&bed, &password, false, &[]);
}
