//! Locks of others, as they would have left them.

use std::{fs, process::Command};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{sealed, world::World};

pub(crate) const NOW: SignedDuration = SignedDuration::ZERO;

/// A lock file as restic writes it.
fn lock(exclusive: bool, age: SignedDuration, host: &str, pid: u32) -> Value {
    json!({
        "time": (Timestamp::now() - age).to_string(), "exclusive": exclusive,
        "hostname": host, "username": "somebody", "pid": pid, "uid": 1, "gid": 1,
    })
}

/// Writes a lock file as another process would.
pub(crate) fn plant(world: &World, exclusive: bool, age: SignedDuration, host: &str, pid: u32) {
    sealed::write(world, "locks", &lock(exclusive, age, host, pid));
}

/// Writes a lock file as one of our own processes left it that is gone.
pub(crate) fn plant_dead(world: &World, exclusive: bool) {
    let text = |path: &str| fs::read_to_string(path).unwrap().trim().to_owned();
    let machine = Sha256::digest(format!("backupd lock {}", text("/etc/machine-id")));
    let mut machine = sealed::Hex(&machine).to_string();
    machine.truncate(32);
    let mut lock = lock(exclusive, NOW, &host(), dead_pid());
    lock["backupd"] = json!({
        "machine": machine, "boot": text("/proc/sys/kernel/random/boot_id"),
        "pids": fs::read_link("/proc/self/ns/pid").unwrap(), "started": 1,
        "since": Timestamp::now().to_string(), "run": "01JRUN",
    });
    sealed::write(world, "locks", &lock);
}

pub(crate) fn host() -> String {
    nix::unistd::gethostname().unwrap().into_string().unwrap()
}

/// A process id that was somebody's and is nobody's now.
pub(crate) fn dead_pid() -> u32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}
