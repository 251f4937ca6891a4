//! What the daemon takes from a machine.

use std::{collections::BTreeMap, ffi::OsString, fs};

/// Context switches of each thread of a process so far, wished and unwished.
pub type Switches = BTreeMap<OsString, u64>;

pub fn context_switches(pid: u32) -> Switches {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let of_task = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let names = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        let sum = names.into_iter().map(|name| number(&status, name)).sum();
        (task.file_name(), sum)
    };
    tasks.map(of_task).collect()
}

/// Context switches since then. A thread that has nothing to do any more, and so ends, is none.
pub fn context_switches_since(pid: u32, before: &Switches) -> u64 {
    let now = context_switches(pid);
    let since = |(task, count): (&OsString, &u64)| count - before.get(task).unwrap_or(&0);
    now.iter().map(since).sum()
}

/// Memory that a process holds, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    number(
        &fs::read_to_string(format!("/proc/{pid}/status")).unwrap(),
        "VmRSS:",
    )
}

/// The most that it ever held, in KiB.
pub fn peak_kib(pid: u32) -> u64 {
    number(
        &fs::read_to_string(format!("/proc/{pid}/status")).unwrap(),
        "VmHWM:",
    )
}

fn number(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}
