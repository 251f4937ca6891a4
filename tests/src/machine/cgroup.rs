//! A control group for a machine: two in one would take each other's processes for their own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::sys::signal::Signal;

use crate::process::send;

/// Below the root of each hierarchy; in it `PID-N` for each machine of a test.
const ALL: &str = "backupd-tests";

/// See the module. Gone, with the processes in it, when this is dropped.
pub(super) struct Cgroup {
    name: String,
    unified: PathBuf,
}

impl Cgroup {
    /// Whether one can be made.
    pub(super) fn probe() -> io::Result<()> {
        Self::new().map(drop)
    }

    pub(super) fn new() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let hierarchies = hierarchies();
        let unified = hierarchies
            .iter()
            .find_map(|(path, kind)| (*kind == Kind::Unified).then_some(path))
            .ok_or_else(|| io::Error::other("there is no unified hierarchy"))?;
        sweep(&hierarchies);
        let all = unified.join(ALL);
        fs::create_dir_all(&all)?;
        for controller in ["cpu", "io", "memory", "pids"] {
            // Machines do without those that the host keeps for itself.
            let _ = fs::write(all.join("cgroup.subtree_control"), format!("+{controller}"));
        }
        let name = format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let unified = all.join(&name);
        fs::create_dir(&unified)?;
        Ok(Self { name, unified })
    }

    pub(super) fn path(&self) -> &Path {
        &self.unified
    }

    /// A group beside those of the machine's units, for what the test runs there.
    pub(super) fn of_calls(&self) -> PathBuf {
        let path = self.unified.join("payload/test.scope");
        let _ = fs::create_dir(&path);
        path
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for (root, _) in hierarchies() {
            remove(&root.join(ALL).join(&self.name));
        }
    }
}

/// Removes what killed tests have left.
fn sweep(hierarchies: &[(PathBuf, Kind)]) {
    for (root, _) in hierarchies {
        for entry in fs::read_dir(root.join(ALL)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.split('-').next().unwrap_or_default();
            if owner.parse::<u32>().is_ok() && !Path::new("/proc").join(owner).exists() {
                remove(&entry.path());
            }
        }
    }
}

/// Kills what is in a group and removes it with all below.
fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| line.parse().ok()) {
        if pid != 0 && pid != process::id() {
            send(pid, Signal::SIGKILL);
            crate::wait::for_end("a process of a machine", pid);
        }
    }
    let _ = fs::remove_dir(group);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unified,
    /// The one of version 1 that systemd-nspawn keeps beside the other, where a host has both.
    Named,
}

fn hierarchies() -> Vec<(PathBuf, Kind)> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (_, path, kind, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let kind = match kind {
                "cgroup2" => Kind::Unified,
                "cgroup" if options.split(',').any(|option| option == "name=systemd") => Kind::Named,
                _ => return None,
            };
            Some((PathBuf::from(path), kind))
        })
        .collect()
}
