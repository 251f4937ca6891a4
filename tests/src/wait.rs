//! Waiting for files and for the end of processes.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// No wait of a test that goes well comes near it, even on a machine that does a lot else.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// Waits until `look` finds something; it looks again whenever something in one of the directories changes.
pub fn for_files<T>(what: &str, directories: &[&Path], mut look: impl FnMut() -> Option<T>) -> T {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).unwrap();
    let changes = AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_CLOSE_WRITE;
    for directory in directories {
        inotify
            .add_watch(*directory, changes)
            .unwrap_or_else(|error| panic!("`{}` cannot be watched: {error}", directory.display()));
    }
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(readable(&[inotify.as_fd()], until), "in vain waited for {what}");
        while inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
    }
}

/// Waits until a process has ended, whoever's child it is. It may have ended before.
pub fn for_end(what: &str, pid: u32) {
    match pidfd(pid) {
        None => {}
        Some(handle) => assert!(
            readable(&[handle.as_fd()], Instant::now() + DEADLINE),
            "in vain waited for the end of {what}, process {pid}"
        ),
    }
}

/// Whether the process ends within that time.
pub fn ends_within(pid: u32, time: Duration) -> bool {
    pidfd(pid).is_none_or(|handle| readable(&[handle.as_fd()], Instant::now() + time))
}

/// Whether there is such a process, and it has not ended.
pub fn lives(pid: u32) -> bool {
    !ends_within(pid, Duration::ZERO)
}

/// A descriptor that is readable when the process has ended; none if it is gone.
pub(crate) fn pidfd(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).expect("process ids are small")).expect("not 0");
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => Some(handle),
        Err(rustix::io::Errno::SRCH) => None,
        Err(error) => panic!("process {pid:?} cannot be watched: {}", io::Error::from(error)),
    }
}

/// Waits until one of them is readable; `false` if the time is over before.
pub(crate) fn readable(fds: &[BorrowedFd<'_>], until: Instant) -> bool {
    let mut fds: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}
