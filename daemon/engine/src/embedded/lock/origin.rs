//! Which process of which machine this is, so that nobody else's is taken for it.

use std::{fs, sync::OnceLock};

use nix::unistd::{gethostname, getpid};
use serde::{Deserialize, Serialize};

use crate::embedded::crypto;

/// A process, told from all others that ever were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The machine's id, hashed: the id itself is not for others.
    pub(super) machine: String,
    /// This start of its kernel.
    pub(super) boot: String,
    /// The namespace that gives process ids their meaning.
    pub(super) pids: String,
    /// When the process began, in ticks since the start of the kernel.
    pub(super) started: u64,
}

impl Origin {
    /// Of this process; `None` where the system does not tell.
    pub(super) fn ours() -> Option<Self> {
        static OURS: OnceLock<Option<Origin>> = OnceLock::new();
        OURS.get_or_init(|| {
            let machine = fs::read_to_string("/etc/machine-id").ok()?;
            let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            let pids = fs::read_link("/proc/self/ns/pid").ok()?;
            let secret = format!("backupd lock {}", machine.trim());
            let mut machine = crypto::hex(&crypto::digest(secret.as_bytes()));
            machine.truncate(32);
            Some(Self {
                machine,
                boot: boot.trim().to_owned(),
                pids: pids.to_string_lossy().into_owned(),
                started: started(getpid().as_raw())?,
            })
        })
        .clone()
    }
}

/// When a process began; `None` where there is none that we can see.
pub(super) fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, brackets too.
    let (_, fields) = stat.rsplit_once(')')?;
    // The third field is the first one behind it; the start is the 22nd.
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

pub(super) fn host() -> String {
    gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_default()
}
