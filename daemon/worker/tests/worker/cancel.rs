use std::{fs, fs::File, os::unix::net::UnixDatagram, time::Duration};

use backupd_core::{
    config::PasswordSource,
    failure::FailureClass,
    protocol::{Progress, Work},
    run::{Phase, RunResult},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};

use crate::bench::{Bench, Finished, PASSWORD};

#[test]
fn a_backup_that_is_stopped_leaves_no_snapshot_and_no_lock() {
    for signal in [Signal::TERM, Signal::INT] {
        let bench = Bench::new();
        // Takes minutes to read, and no room.
        File::create(bench.path("source/large"))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        let path = bench.path("progress");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut spec = bench.backup(|_| ());
        spec.progress_socket = Some(path);
        let (child, directory) = bench.start(&spec);
        let mut buffer = [0; 4096];
        loop {
            let length = socket.recv(&mut buffer).unwrap();
            let progress: Progress = serde_json::from_slice(&buffer[..length]).unwrap();
            if progress.phase == Phase::Backup && progress.bytes_done > 0 {
                break;
            }
        }
        let command = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
        assert!(!String::from_utf8_lossy(&command).contains(PASSWORD));
        // Twice is as good as once.
        kill_process(Pid::from_child(&child), signal).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let done = Finished::of(child, &directory);
        assert_eq!(
            (done.code, done.result()),
            (1, RunResult::Cancelled),
            "{:?}",
            done.events
        );
        assert_eq!(done.failure().class, FailureClass::Cancelled);
        assert_eq!(done.snapshot(), None);
        assert_eq!(bench.snapshot_count(), 0);
        assert_eq!(fs::read_dir(bench.path("repository/locks")).unwrap().count(), 0);
    }
}

#[test]
fn a_password_command_that_hangs_is_stopped_with_the_attempt() {
    let bench = Bench::new();
    let fifo = bench.path("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let script = format!("sleep 1000 & echo $! > {}; wait", fifo.display());
    let mut spec = bench.spec(Work::Test);
    spec.repository.password = PasswordSource::Command(vec!["/bin/sh".into(), "-c".into(), script]);
    let (child, directory) = bench.start(&spec);
    // Reading waits until the command has got there.
    let sleeper = fs::read_to_string(&fifo).unwrap();
    let sleeper = Pid::from_raw(sleeper.trim().parse().unwrap()).unwrap();
    let sleeper = pidfd_open(sleeper, PidfdFlags::empty()).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let done = Finished::of(child, &directory);
    assert_eq!((done.code, done.result()), (1, RunResult::Cancelled));
    // Killed by then; a busy machine may take a moment to end it.
    let patience = Timespec {
        tv_sec: 60,
        tv_nsec: 0,
    };
    let mut ended = [PollFd::new(&sleeper, PollFlags::IN)];
    assert_eq!(
        poll(&mut ended, Some(&patience)),
        Ok(1),
        "the command is still there"
    );
}
