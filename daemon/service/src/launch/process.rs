//! Signals to workers, without hitting a stranger that got a dead worker's process id.

use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

/// Asks the worker to stop, and kills it and its process group when it has not ended after `grace`.
///
/// `lives` tells whether the process id still is the worker's.
pub(super) async fn stop(pid: u32, grace: Duration, lives: impl Fn() -> bool) {
    if !signal(pid, &lives, Signal::TERM) {
        return;
    }
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
