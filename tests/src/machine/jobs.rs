//! A repository and a job on a machine, and what its daemon does with them.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Machine;
use crate::{bed::PASSWORD, process::send, runs::read_events, wait};

/// Where the system daemon keeps its state.
const STATE: &str = "/var/lib/backupd";

impl Machine {
    /// The repository `main`, and the job `home` of a small source; the repository is there.
    pub fn with_job(self) -> Self {
        self.write("/srv/home/a.txt", "the content of a");
        self.write_repository("main");
        self.write_job("home", "");
        self.backupctl(["config", "reload"]).well();
        self.backupctl(["repository", "init", "main"]).well();
        self
    }

    /// Writes `repositories.d/NAME.toml`, with its password in a file.
    pub fn write_repository(&self, name: &str) {
        let secret = format!("/etc/backupd/secrets/{name}");
        self.write_secret(&secret, format!("{PASSWORD}\n"));
        self.write(
            &format!("/etc/backupd/repositories.d/{name}.toml"),
            format!("url = \"/srv/repository-{name}\"\npassword_file = \"{secret}\"\n"),
        );
    }

    /// Writes `jobs.d/NAME.toml`: `/srv/NAME` goes into `main`, and `more` stands below.
    pub fn write_job(&self, name: &str, more: &str) {
        self.write(
            &format!("/etc/backupd/jobs.d/{name}.toml"),
            format!("repository = \"main\"\nsources = [\"/srv/{name}\"]\n{more}\n"),
        );
    }

    /// A file for the job `home` that takes seconds to read, and no space.
    pub fn write_long(&self) {
        self.write_hole(2 << 30);
    }

    /// A file for the job `home` that takes many minutes to read, and no space.
    pub fn write_endless(&self) {
        self.write_hole(1 << 40);
    }

    fn write_hole(&self, bytes: u64) {
        let file = std::fs::File::create(self.path("/srv/home/long")).unwrap();
        file.set_len(bytes).unwrap();
    }

    /// Starts the job `home` with a lot to do; answers its run, whose worker stands still in the midst of it.
    pub fn start_and_hold(&self) -> Held {
        self.write_long();
        let run = self.bus().start("home").unwrap();
        self.bus().wait_for_state(&run, "running");
        self.wait_for_phase(&run, "backup");
        let worker = self.worker(&run);
        send(worker, Signal::SIGSTOP);
        Held { run, worker }
    }

    /// The directory of a run's first attempt, as seen from outside.
    pub fn attempt_directory(&self, run: &str) -> PathBuf {
        self.path(STATE).join("runs").join(run).join("attempt-1")
    }

    /// The events of a run so far.
    pub fn events(&self, run: &str) -> Vec<Value> {
        read_events(&self.attempt_directory(run))
    }

    /// Waits until the worker of a run is in this phase, or past it; the run has started.
    pub fn wait_for_phase(&self, run: &str, phase: &str) {
        let directory = self.attempt_directory(run);
        wait::for_files(&format!("{phase} of run {run}"), &[&directory], || {
            let events = read_events(&directory);
            events.iter().any(|event| event["phase"] == phase).then_some(())
        });
    }

    /// The process that works for a run, by its number outside; it has said hello.
    pub fn worker(&self, run: &str) -> u32 {
        let events = self.events(run);
        let hello = events
            .iter()
            .find(|event| event["event"] == "hello")
            .expect("a hello");
        self.outside(u32::try_from(hello["pid"].as_u64().unwrap()).unwrap())
    }

    /// The daemon's process, by its number outside.
    pub fn daemon(&self) -> u32 {
        self.outside(self.property("backupd", "MainPID").parse().unwrap())
    }

    /// Kills the daemon as a crash would, and waits until another one is there.
    pub fn crash(&self) {
        self.end_by(Signal::SIGKILL);
    }

    /// Makes the daemon stand still, and waits until it is gone and another one is there.
    pub fn hang(&self) {
        self.end_by(Signal::SIGSTOP);
    }

    fn end_by(&self, signal: Signal) {
        let bus = self.bus();
        let owners = bus.listen_for_name();
        let daemon = self.daemon();
        send(daemon, signal);
        wait::for_end("the daemon", daemon);
        owners.expect("another daemon", |change| {
            let (_, _, new): (String, String, String) = change.message.body().deserialize().unwrap();
            (!new.is_empty()).then_some(())
        });
    }

    /// The number outside of a process with that number inside.
    pub fn outside(&self, inside: u32) -> u32 {
        let own = std::fs::read_link(format!("/proc/{}/ns/pid", self.container.leader)).unwrap();
        let is_it = |process: &Path| {
            let status = std::fs::read_to_string(process.join("status")).ok()?;
            let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
            let last = numbers.split_whitespace().last()?;
            (last == inside.to_string() && std::fs::read_link(process.join("ns/pid")).ok()? == own)
                .then_some(())
        };
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .find_map(|entry| {
                is_it(&entry.path())?;
                entry.file_name().to_str()?.parse().ok()
            })
            .unwrap_or_else(|| panic!("there is no process {inside} in the machine"))
    }
}

/// See [`Machine::start_and_hold`].
pub struct Held {
    pub run: String,
    /// The process that works for it, by its number outside.
    pub worker: u32,
}

impl Held {
    /// Lets it go on.
    pub fn release(&self) {
        send(self.worker, Signal::SIGCONT);
    }
}
