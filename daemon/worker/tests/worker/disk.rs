use std::{fs, io::Write, os::unix::fs::symlink, path::PathBuf, process::Command};

use backupd_core::{failure::FailureClass, protocol::EVENTS_FILE, run::RunResult};

use crate::bench::{Bench, is_root};

/// A file system with little room, for as long as it lives.
pub(crate) struct Small(PathBuf);

impl Small {
    pub(crate) fn mount(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mounted = is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
                .arg(&path)
                .status()
                .is_ok_and(|s| s.success());
        if !mounted {
            println!("skipped: needs root");
        }
        mounted.then_some(Self(path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn events_that_cannot_be_written_do_not_stop_the_backup() {
    let bench = Bench::new();
    let spec = bench.backup(|_| ());
    let directory = bench.run_directory(&spec);
    symlink("/dev/full", directory.join(EVENTS_FILE)).unwrap();
    let output = Bench::worker(&directory)
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    // The snapshot is there, and the exit code says that the events are not.
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(bench.snapshot_count(), 1);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("ended with `success`"), "{said}");
}

#[test]
fn a_repository_without_room_is_told() {
    let bench = Bench::empty();
    let Some(_small) = Small::mount(bench.path("repository"), "1m") else {
        return;
    };
    assert_eq!(
        bench
            .run(&bench.spec(backupd_core::protocol::Work::Initialize))
            .code,
        0
    );
    // What does not compress: the sums of a counter.
    let mut state = 1_u64;
    let mut file = fs::File::create(bench.path("source/noise")).unwrap();
    for _ in 0..1_000_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).unwrap();
    }
    drop(file);
    let done = bench.run(&bench.backup(|_| ()));
    assert_eq!((done.code, done.result()), (1, RunResult::Failed));
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::NoSpace, "{failure}");
    assert!(
        failure
            .hint
            .unwrap()
            .contains(bench.path("repository").to_str().unwrap())
    );
    assert_eq!(bench.snapshot_count(), 0);
}

#[test]
fn a_target_without_room_is_told() {
    let bench = Bench::new();
    fs::File::create(bench.path("source/large"))
        .unwrap()
        .set_len(8 << 20)
        .unwrap();
    fs::write(bench.path("source/full"), vec![b'x'; 4 << 20]).unwrap();
    assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    let Some(_small) = Small::mount(bench.path("target"), "1m") else {
        return;
    };
    let done = bench.run(&bench.restore("latest"));
    let failure = done.failure();
    assert_eq!(
        (done.code, done.result()),
        (1, RunResult::Failed),
        "{:?}",
        done.events
    );
    assert_eq!(failure.class, FailureClass::NoSpace, "{failure}");
    assert!(
        failure
            .hint
            .unwrap()
            .contains(bench.path("target").to_str().unwrap())
    );
}
