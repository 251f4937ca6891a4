//! A worker that watches tells until nobody listens.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use backupd_core::{
    failure::FailureClass,
    protocol::{WatchRecord, WatchWork, Work},
    run::RunResult,
};
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Finished};

/// A watch on `source`.
struct Watch {
    child: Child,
    directory: PathBuf,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(bench: &Bench, since: Option<Timestamp>) -> Self {
        let directory = directory(bench, since);
        let mut command = Bench::worker(&directory);
        Self::of(&mut command, directory)
    }

    fn of(command: &mut Command, directory: PathBuf) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            directory,
            lines,
        }
    }

    fn next(&mut self) -> WatchRecord {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Nobody reads any more.
    fn leave(self) -> Finished {
        drop(self.lines);
        Finished::of(self.child, &self.directory)
    }
}

fn directory(bench: &Bench, since: Option<Timestamp>) -> PathBuf {
    let Work::Backup(backup) = bench.backup(|_| ()).work else {
        unreachable!("a backup is one");
    };
    let mut spec = bench.spec(Work::Watch(WatchWork {
        backup,
        own: Vec::new(),
        quiet: SignedDuration::from_millis(100),
        longest: SignedDuration::from_secs(10),
        since,
    }));
    // It opens no repository.
    "/nowhere".clone_into(&mut spec.repository.url);
    bench.run_directory(&spec)
}

/// After all that was there when the test began.
fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

fn watching(directories: u64, unwatched: u64) -> WatchRecord {
    WatchRecord::Watching {
        directories,
        unwatched,
    }
}

#[test]
fn a_change_is_told_and_an_end_of_the_reader_ends_it() {
    let bench = Bench::empty();
    fs::create_dir(bench.path("source/below")).unwrap();
    let mut watch = Watch::start(&bench, Some(later()));
    // The way to the source is watched, too.
    let above = bench.path("source").ancestors().count() as u64 - 1;
    assert_eq!(watch.next(), watching(above + 2, 0));
    for name in ["source/below/a", "source/b"] {
        fs::write(bench.path(name), name).unwrap();
        assert_eq!(watch.next(), WatchRecord::Changed);
    }
    let done = watch.leave();
    assert_eq!((done.code, done.result()), (0, RunResult::Success));
    assert_eq!(done.kinds(), ["hello", "done"]);
}

#[test]
fn what_was_never_stored_is_told_at_once() {
    let bench = Bench::empty();
    let mut watch = Watch::start(&bench, None);
    assert!(matches!(watch.next(), WatchRecord::Watching { .. }));
    assert_eq!(watch.next(), WatchRecord::Changed);
}

#[test]
fn a_watch_that_is_asked_to_stop_ends() {
    let bench = Bench::empty();
    let mut watch = Watch::start(&bench, Some(later()));
    watch.next();
    kill_process(Pid::from_child(&watch.child), Signal::TERM).unwrap();
    let mut rest = String::new();
    watch.lines.read_line(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(watch.leave().code, 0);
}

#[test]
fn what_the_kernel_has_no_watch_for_is_counted() {
    let bench = Bench::empty();
    for number in 0..20 {
        fs::create_dir(bench.path(&format!("source/{number}"))).unwrap();
    }
    let directory = directory(&bench, Some(later()));
    let worker = Bench::worker(&directory);
    let script = "echo 10 >/proc/sys/user/max_inotify_watches && exec \"$@\"";
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--user", "--map-root-user", "sh", "-c", script, "sh"])
        .arg(worker.get_program())
        .args(worker.get_args())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let allowed = Command::new("unshare")
        .args(["--user", "--map-root-user", "true"])
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no user namespaces here");
        return;
    }
    let mut watch = Watch::of(&mut unshare, directory);
    let above = bench.path("source").ancestors().count() as u64 - 1;
    assert_eq!(watch.next(), watching(10, above + 21 - 10));
}

#[test]
fn a_watch_that_makes_no_sense_is_a_failure() {
    let bench = Bench::empty();
    let Work::Backup(mut backup) = bench.backup(|_| ()).work else {
        unreachable!("a backup is one");
    };
    backup.exclude = vec!["a[".to_owned()];
    let done = bench.run(&bench.spec(Work::Watch(WatchWork {
        backup,
        own: Vec::new(),
        quiet: SignedDuration::from_secs(1),
        longest: SignedDuration::from_secs(1),
        since: None,
    })));
    assert_eq!(done.failure().class, FailureClass::Configuration);
    assert!(done.failure().message.contains("`a[`"), "{:?}", done.failure());
}
