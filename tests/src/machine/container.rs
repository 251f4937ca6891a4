//! The container: systemd-nspawn over layers of directories.

use std::{
    fs,
    os::{fd::AsFd as _, unix::net::UnixDatagram},
    path::PathBuf,
    process::Command,
    time::Instant,
};

use tempfile::TempDir;

use super::cgroup::Cgroup;
use crate::{Process, wait};

/// See the module.
pub(super) struct Container {
    /// The process that is number 1 inside.
    pub(super) leader: u32,
    // Dropped in this order: what runs, its control group, its directory.
    nspawn: Process,
    pub(super) cgroup: Cgroup,
    _directory: TempDir,
}

impl Container {
    /// Boots the layers, the uppermost first, after `prepare` has run in them as a shell script; returns when
    /// all units of the boot have been started.
    pub(super) fn boot(layers: &[PathBuf], prepare: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("bkm-")
            .tempdir_in("/tmp")
            .unwrap();
        let cgroup = Cgroup::new().unwrap();
        let socket = directory.path().join("notify");
        let notify = UnixDatagram::bind(&socket).unwrap();
        let root = directory.path().join("machine");
        fs::create_dir(&root).unwrap();
        let layers: Vec<String> = layers.iter().map(|layer| layer.display().to_string()).collect();

        let mut command = Command::new("setpriv");
        command
            // What is killed cannot end its machine.
            .args([
                "--pdeathsig",
                "TERM",
                "unshare",
                "--mount",
                "--propagation",
                "private",
            ])
            .args(["sh", "-c", include_str!("boot.sh"), "boot.sh"])
            .arg(&root)
            .arg(layers.join(":"))
            .arg(cgroup.path())
            .arg(prepare)
            .env("NOTIFY_SOCKET", &socket)
            // systemd 257 asks for it, and 252 is content.
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
        let nspawn = Process::start("systemd-nspawn", &mut command, &directory.path().join("console"));
        let mut container = Self {
            leader: 0,
            nspawn,
            cgroup,
            _directory: directory,
        };
        container.leader = container.wait_for_boot(&notify);
        container
    }

    fn wait_for_boot(&self, notify: &UnixDatagram) -> u32 {
        let until = Instant::now() + wait::DEADLINE;
        let end = wait::pidfd(self.nspawn.pid());
        let mut leader = None;
        let mut message = [0; 4096];
        loop {
            let ends = end.iter().map(|end| end.as_fd());
            let watched: Vec<_> = ends.chain([notify.as_fd()]).collect();
            assert!(
                wait::readable(&watched, until),
                "the machine does not boot:\n{}",
                self.console()
            );
            notify.set_nonblocking(true).unwrap();
            let Ok(length) = notify.recv(&mut message) else {
                panic!("the machine has ended:\n{}", self.console());
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

    /// What the machine said where its screen would be.
    pub(super) fn console(&self) -> String {
        self.nspawn.log()
    }
}
