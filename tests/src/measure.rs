//! What the daemon takes from a machine.

use std::fs;

/// Context switches of all threads of a process so far, wished and unwished.
pub fn context_switches(pid: u32) -> u64 {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        for name in ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"] {
            sum += number(&status, name);
        }
    }
    sum
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
