//! Progress datagrams: lossy, rate-limited, and never waited for.

use std::{
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use backupd_core::{protocol, protocol::Spec, run::Phase};

/// At most four datagrams a second within a phase.
const INTERVAL: Duration = Duration::from_millis(250);

/// Tells the daemon, if there is one, how far the attempt is.
#[derive(Debug)]
pub(crate) struct Progress {
    to: Option<(UnixDatagram, PathBuf)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: protocol::Progress,
    sent: Option<Instant>,
}

impl Progress {
    /// Nothing here can fail: without a socket nothing is sent.
    pub(crate) fn new(spec: &Spec) -> Self {
        let to = spec.progress_socket.clone().and_then(|path| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, path))
        });
        let now = protocol::Progress {
            run: spec.run,
            attempt: spec.attempt,
            phase: Phase::Open,
            files_done: 0,
            files_total: 0,
            bytes_done: 0,
            bytes_total: 0,
            bytes_added: 0,
            unreadable: 0,
        };
        Self {
            to,
            state: Mutex::new(State { now, sent: None }),
        }
    }

    /// A new part of the work: sums begin again, and it is told at once.
    pub(crate) fn phase(&self, phase: Phase) {
        let mut state = self.state();
        let (run, attempt) = (state.now.run, state.now.attempt);
        state.now = protocol::Progress {
            run,
            attempt,
            phase,
            files_done: 0,
            files_total: 0,
            bytes_done: 0,
            bytes_total: 0,
            bytes_added: 0,
            unreadable: 0,
        };
        self.send(&mut state);
    }

    /// New sums. Where another thread is telling its own, these are not worth waiting for.
    pub(crate) fn sums(&self, sums: &backupd_engine::Progress) {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let now = &mut state.now;
        now.files_done = sums.files_done;
        now.files_total = sums.files_total;
        now.bytes_done = sums.bytes_done;
        now.bytes_total = sums.bytes_total;
        now.bytes_added = sums.bytes_added;
        now.unreadable = sums.unreadable;
        if state.sent.is_none_or(|sent| sent.elapsed() >= INTERVAL) {
            self.send(&mut state);
        }
    }

    /// The last sums, whenever the ones before were told.
    pub(crate) fn finish(&self) {
        self.send(&mut self.state());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, state: &mut State) {
        let Some((socket, path)) = &self.to else { return };
        if let Ok(datagram) = serde_json::to_vec(&state.now) {
            // By path each time: a daemon that was restarted listens on a new socket there.
            let _ = socket.send_to(&datagram, path);
        }
        state.sent = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn sums(files_done: u64) -> backupd_engine::Progress {
        backupd_engine::Progress {
            files_done,
            ..Default::default()
        }
    }

    fn received(socket: &UnixDatagram) -> Vec<protocol::Progress> {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let mut all = Vec::new();
        while let Ok(length) = socket.recv(&mut buffer) {
            all.push(serde_json::from_slice(&buffer[..length]).unwrap());
        }
        all
    }

    #[test]
    fn phases_and_the_end_are_told_at_once_and_the_rest_seldom() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut spec = testing::backup_spec();
        spec.progress_socket = Some(path);
        let progress = Progress::new(&spec);
        progress.phase(Phase::Scan);
        progress.phase(Phase::Backup);
        let began = Instant::now();
        for files in 1..=1000 {
            progress.sums(&sums(files));
        }
        let quick = began.elapsed() < INTERVAL;
        progress.finish();
        let told = received(&socket);
        assert_eq!(told[0].phase, Phase::Scan);
        assert_eq!(told[1].phase, Phase::Backup);
        assert_eq!(told.last().unwrap().files_done, 1000);
        assert!(!quick || told.len() == 3, "{told:?}");
    }

    #[test]
    fn a_full_or_absent_socket_holds_nobody_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let mut spec = testing::backup_spec();
        spec.progress_socket = Some(path.clone());
        let progress = Progress::new(&spec);
        progress.finish();
        let unread = UnixDatagram::bind(&path).unwrap();
        for _ in 0..10_000 {
            progress.phase(Phase::Backup);
        }
        assert!(!received(&unread).is_empty());
    }
}
