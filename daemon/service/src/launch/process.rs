//! Signals to workers, without hitting a stranger that got a dead worker's process id.

use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

/// Asks the worker to stop, and kills it and its process group when it has not ended after `grace`.
///
/// `lives` tells whether the process id still is the worker's.
pub(super) async fn stop(pid: u32, grace: Duration, lives: impl Fn() -> bool) {
    // One that cannot be asked is killed all the same when its time is up.
    signal(pid, &lives, Signal::TERM);
    tokio::time::sleep(grace).await;
    let Some(pid) = valid(pid) else { return };
    // While the worker lives, so does its group.
    if lives() {
        tracing::warn!(
            pid = pid.as_raw_nonzero().get(),
            "the worker did not stop in time and is killed"
        );
        if let Err(error) = kill_process_group(pid, Signal::KILL) {
            tracing::warn!(%error, "the worker's process group cannot be killed");
            signal(pid.as_raw_nonzero().get().unsigned_abs(), &lives, Signal::KILL);
        }
    }
}

/// Signals the process if it is the worker. Answers whether it did.
fn signal(pid: u32, lives: &impl Fn() -> bool, signal: Signal) -> bool {
    let Some(pid) = valid(pid) else { return false };
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return false;
    };
    // It lives after the handle was taken: so the handle is the worker's, for its id was not free in between.
    lives() && pidfd_send_signal(&process, signal).is_ok()
}

fn valid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Kills what a worker that is gone has left of its session, such as a password command that hangs.
pub(super) fn kill_left_behind(worker: u32) {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return;
    };
    let numbers = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let left: Vec<u32> = numbers.filter(|pid| session_of(*pid) == Some(worker)).collect();
    // A leader that lives is somebody else, who got the number when all of the session were gone.
    if left.contains(&worker) {
        return;
    }
    for pid in left {
        tracing::warn!(pid, "a process that the worker started is left, and is killed");
        signal(pid, &|| session_of(pid) == Some(worker), Signal::KILL);
    }
}

/// The session of a process: the fourth number behind its name, which may hold anything.
fn session_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(3)?.parse().ok()
}
