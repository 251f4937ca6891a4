//! Which process of which machine this is, so that nobody else's is taken for it.

use std::{fs, sync::OnceLock};

use nix::unistd::{gethostname, getpid};
use serde::{Deserialize, Serialize};

use crate::embedded::crypto;

/// A process, told from all others that ever were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The machine's id, hashed: the id itself is not for others.
    pub(crate) machine: String,
    /// This start of its kernel.
    pub(super) boot: String,
    /// The namespace that gives process ids their meaning.
    pub(super) pids: String,
    /// When the process began, in ticks since the start of the kernel.
    pub(crate) started: u64,
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

    /// Of another process that we see.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let started = started(pid)?;
        Self::ours().map(|ours| Self { started, ..ours })
    }

    /// Whether the process that had this number has certainly ended; `None` where it was another machine's.
    pub(crate) fn is_over(&self, pid: i32) -> Option<bool> {
        let ours = Self::ours().filter(|ours| ours.machine == self.machine)?;
        if ours.boot != self.boot {
            return Some(true);
        }
        (ours.pids == self.pids).then(|| started(pid) != Some(self.started))
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

pub(crate) fn host() -> String {
    gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_default()
}
