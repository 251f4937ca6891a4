//! The container: systemd-nspawn over layers of directories.

use std::{
    fs::{self, File},
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::net::UnixDatagram,
    },
    path::PathBuf,
    process::{self, Command, ExitStatus},
    time::Instant,
};

use tempfile::TempDir;

use super::cgroup::Cgroup;
use crate::{Process, wait};

/// See the module.
pub(super) struct Container {
    /// The process that is number 1 inside.
    pub(super) leader: u32,
    // Dropped in this order: what runs, its control group, its files, its directory.
    nspawn: Process,
    pub(super) cgroup: Cgroup,
    /// The mount namespace that its files are in: they are there as long as this is.
    files: File,
    directory: TempDir,
}

impl Container {
    /// Boots the layers, the uppermost first, after `prepare` has run in them as a shell script; returns when
    /// all units of the boot have been started.
    pub(super) fn boot(layers: &[PathBuf], prepare: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("bkm-")
            .tempdir_in("/tmp")
            .unwrap();
        fs::create_dir(root(&directory)).unwrap();
        let cgroup = Cgroup::new().unwrap();
        let layers: Vec<String> = layers.iter().map(|layer| layer.display().to_string()).collect();
        let enter = ["unshare", "--mount", "--propagation", "private"].map(str::to_owned);
        let mut command = command(&enter, &directory, &cgroup);
        command.args([&layers.join(":"), prepare]);
        let (nspawn, leader) = start(&mut command, &directory);
        let files = File::open(format!("/proc/{}/ns/mnt", nspawn.pid())).unwrap();
        Self {
            leader,
            nspawn,
            cgroup,
            files,
            directory,
        }
    }

    /// Boots once more from the files that are there. It has ended.
    pub(super) fn boot_again(&mut self) {
        // The one before was not made for two.
        self.cgroup = Cgroup::new().unwrap();
        let files = format!("--mount=/proc/{}/fd/{}", process::id(), self.files.as_raw_fd());
        let enter = ["nsenter".to_owned(), files];
        let mut command = command(&enter, &self.directory, &self.cgroup);
        (self.nspawn, self.leader) = start(&mut command, &self.directory);
    }

    /// Waits until it ends of itself.
    pub(super) fn wait_for_end(&mut self) -> ExitStatus {
        self.nspawn.end()
    }

    /// What the machine said where its screen would be.
    pub(super) fn console(&self) -> String {
        self.nspawn.log()
    }
}

/// Where its files are, in its mount namespace.
fn root(directory: &TempDir) -> PathBuf {
    directory.path().join("machine")
}

/// What boots it; the layers and what prepares them may follow.
fn command(enter: &[String], directory: &TempDir, cgroup: &Cgroup) -> Command {
    let mut command = Command::new("setpriv");
    command
        // What is killed cannot end its machine.
        .args(["--pdeathsig", "TERM"])
        .args(enter)
        .args(["sh", "-c", include_str!("boot.sh"), "boot.sh"])
        .arg(root(directory))
        .arg(cgroup.path())
        // systemd 257 asks for it, and 252 is content.
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    command
}

/// Starts it, and waits until it has booted; answers its first process, too.
fn start(command: &mut Command, directory: &TempDir) -> (Process, u32) {
    let socket = directory.path().join("notify");
    // From the boot before.
    let _ = fs::remove_file(&socket);
    let notify = UnixDatagram::bind(&socket).unwrap();
    command.env("NOTIFY_SOCKET", &socket);
    let nspawn = Process::start("systemd-nspawn", command, &directory.path().join("console"));
    let leader = wait_for_boot(&nspawn, &notify);
    (nspawn, leader)
}

fn wait_for_boot(nspawn: &Process, notify: &UnixDatagram) -> u32 {
    let until = Instant::now() + wait::DEADLINE;
    let end = wait::pidfd(nspawn.pid());
    let mut leader = None;
    let mut message = [0; 4096];
    loop {
        let ends = end.iter().map(|end| end.as_fd());
        let watched: Vec<_> = ends.chain([notify.as_fd()]).collect();
        assert!(
            wait::readable(&watched, until),
            "the machine does not boot:\n{}",
            nspawn.log()
        );
        notify.set_nonblocking(true).unwrap();
        let Ok(length) = notify.recv(&mut message) else {
            panic!("the machine has ended:\n{}", nspawn.log());
        };
        for line in String::from_utf8_lossy(&message[..length]).lines() {
            match (line.split_once('='), leader) {
                (Some(("X_NSPAWN_LEADER_PID", pid)), _) => leader = pid.parse().ok(),
                (Some(("READY", "1")), Some(leader)) => return leader,
                _ => {}
            }
        }
    }
}
