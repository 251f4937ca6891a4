//! Starting and ending the daemon of a bed.

use std::{
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{Bed, Process, wait};

impl Bed {
    fn daemon_log(&self) -> PathBuf {
        self.path("log/daemon.log")
    }

    /// Starts the daemon and waits until it owns its name. Answers how long that took.
    pub fn start(&mut self) -> Duration {
        assert!(self.daemon.is_none(), "the daemon runs already");
        let listener = self.bus().listen_for_name();
        let began = Instant::now();
        let mut daemon = Process::start("backupd", &mut self.daemon_command(), &self.daemon_log());
        let pid = daemon.pid();
        listener.end_with(pid);
        let bus = self.bus();
        let ready = listener.until(|_| (bus.owner_pid() == Some(pid)).then(Instant::now));
        let Some(ready) = ready else {
            panic!("the daemon ended ({}): {}", daemon.end(), daemon.log());
        };
        self.daemon = Some(daemon);
        ready - began
    }

    /// Starts a daemon, and does not wait for it.
    pub fn start_later(&self) -> Process {
        Process::start("backupd", &mut self.daemon_command(), &self.daemon_log())
    }

    /// Starts a daemon that is not to become ready: answers how it ended and what it said.
    pub fn start_in_vain(&self) -> (ExitStatus, String) {
        let log = self.path("log/vain.log");
        let _ = std::fs::remove_file(&log);
        let mut daemon = Process::start("backupd", &mut self.daemon_command(), &log);
        (daemon.end(), daemon.log())
    }

    pub fn daemon(&mut self) -> &mut Process {
        self.daemon.as_mut().expect("the daemon runs")
    }

    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().expect("the daemon runs").pid()
    }

    /// `kill -9`, and the bus has noticed.
    pub fn kill(&mut self) {
        self.daemon.take().expect("the daemon runs").kill();
        self.bus().wait_without_owner();
    }

    /// SIGTERM; answers how it ended and how long that took.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        let mut daemon = self.daemon.take().expect("the daemon runs");
        let began = Instant::now();
        daemon.signal(Signal::SIGTERM);
        let status = daemon.end();
        let took = began.elapsed();
        self.bus().wait_without_owner();
        (status, took)
    }

    /// `kill -9` and a new start.
    pub fn kill_and_start(&mut self) {
        self.kill();
        self.start();
    }

    /// What all daemons of this bed said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.daemon_log()).unwrap_or_default()
    }

    /// Waits until the daemons have said this.
    pub fn wait_for_log(&self, text: &str) {
        wait::for_files(
            &format!("`{text}` in the daemon's log"),
            &[&self.path("log")],
            || self.log().contains(text).then_some(()),
        );
    }
}
