use std::{
    fs::{self, File, TryLockError},
    io::Write,
    path::Path,
    process::{Child, Command},
};

use backupd_core::{
    config::PasswordSource,
    failure::FailureClass,
    protocol::{EVENTS_FILE, LOCK_FILE, SPEC_FILE, Work},
    run::RunResult,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Finished, PASSWORD};

/// A worker that waits for its password, and the pipe to give it by.
fn waiting(bench: &Bench) -> (Child, std::path::PathBuf, File) {
    let fifo = bench.path("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let mut spec = bench.backup(|_| ());
    let fifo_text = fifo.to_str().unwrap().to_owned();
    spec.repository.password = PasswordSource::Command(vec!["cat".into(), fifo_text]);
    let (child, directory) = bench.start(&spec);
    // Opening waits until the command has got there.
    let pipe = File::options().write(true).open(fifo).unwrap();
    (child, directory, pipe)
}

fn is_locked(directory: &Path) -> bool {
    let file = File::open(directory.join(LOCK_FILE)).unwrap();
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

#[test]
fn a_worker_holds_its_lock_and_needs_nobody() {
    let bench = Bench::new();
    let (child, directory, mut pipe) = waiting(&bench);
    assert!(is_locked(&directory));
    let process = Path::new("/proc").join(child.id().to_string());
    assert_eq!(fs::read_link(process.join("cwd")).unwrap(), Path::new("/"));
    assert_eq!(
        fs::read_link(process.join("fd/0")).unwrap(),
        Path::new("/dev/null")
    );
    assert!(
        fs::read_to_string(process.join("status"))
            .unwrap()
            .contains("Umask:\t0077")
    );

    let events = fs::read(directory.join(EVENTS_FILE)).unwrap();
    let second = Command::new(env!("CARGO_BIN_EXE_backupd-worker"))
        .arg(&directory)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another worker"), "{said}");
    assert_eq!(fs::read(directory.join(EVENTS_FILE)).unwrap(), events);

    // Whoever started it goes away.
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    writeln!(pipe, "{PASSWORD}").unwrap();
    drop(pipe);
    let done = Finished::of(child, &directory);
    assert_eq!(
        (done.code, done.result()),
        (0, RunResult::Success),
        "{}",
        done.log
    );
    assert!(!is_locked(&directory));

    // The directory is used up: another attempt needs one of its own.
    let again = Bench::worker(&directory).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        fs::read_to_string(directory.join(EVENTS_FILE))
            .unwrap()
            .lines()
            .count(),
        done.events.len()
    );
}

#[test]
fn the_lock_of_a_killed_worker_is_free_while_its_children_live() {
    let bench = Bench::new();
    let (mut child, directory, pipe) = waiting(&bench);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!is_locked(&directory));
    assert!(
        !fs::read_to_string(directory.join(EVENTS_FILE))
            .unwrap()
            .contains("done")
    );
    drop(pipe);
}

#[test]
fn files_of_a_run_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let spec = bench.spec(Work::Test);
    bench.run(&spec);
    for name in [EVENTS_FILE, LOCK_FILE] {
        let metadata = fs::metadata(bench.run_directory(&spec).join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_specification_that_makes_no_sense_is_a_failure_with_an_end() {
    let bench = Bench::new();
    let good = serde_json::to_value(bench.spec(Work::Test)).unwrap();
    let mut newer = good.clone();
    newer["version"] = 2.into();
    let mut unknown = good.clone();
    unknown["tea"] = true.into();
    for (text, kinds) in [
        ("garbage \u{0}".to_owned(), &["failure", "done"][..]),
        (String::new(), &["failure", "done"]),
        (newer.to_string(), &["hello", "failure", "done"]),
        (unknown.to_string(), &["hello", "failure", "done"]),
    ] {
        let directory = bench.run_directory(&bench.spec(Work::Test));
        fs::write(directory.join(SPEC_FILE), &text).unwrap();
        let done = Finished::of(Bench::worker(&directory).spawn().unwrap(), &directory);
        assert_eq!((done.code, done.result()), (1, RunResult::Failed), "{text}");
        assert_eq!(done.kinds(), kinds);
        assert_eq!(done.failure().class, FailureClass::Configuration);
    }
    let directory = bench.run_directory(&bench.spec(Work::Test));
    fs::remove_file(directory.join(SPEC_FILE)).unwrap();
    let done = Finished::of(Bench::worker(&directory).spawn().unwrap(), &directory);
    assert_eq!(done.failure().class, FailureClass::Configuration);
}

#[test]
fn the_command_line_is_checked() {
    let worker = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_backupd-worker"))
            .args(arguments)
            .output()
            .unwrap()
    };
    for wrong in [&[][..], &["--frobnicate"], &["/a", "/b"]] {
        let output = worker(wrong);
        assert_eq!(output.status.code(), Some(64));
        assert!(
            String::from_utf8(output.stderr)
                .unwrap()
                .contains("usage: backupd-worker RUN_DIR")
        );
    }
    let absent = worker(&["/no/such/directory"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(
        String::from_utf8(absent.stderr)
            .unwrap()
            .contains("`/no/such/directory`")
    );
    let version = worker(&["--version"]);
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        format!("backupd-worker {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert!(
        String::from_utf8(worker(&["--help"]).stdout)
            .unwrap()
            .contains("spec.json")
    );
}

#[test]
fn a_log_nobody_can_write_does_not_matter() {
    let bench = Bench::new();
    let spec = bench.backup(|_| ());
    let directory = bench.run_directory(&spec);
    let mut worker = Bench::worker(&directory);
    worker.stderr(File::options().write(true).open("/dev/full").unwrap());
    let done = Finished::of(worker.spawn().unwrap(), &directory);
    assert_eq!((done.code, done.result()), (0, RunResult::Success));
}
