//! What runs wait for, as the daemon sees it from within its sandbox.

use backupd_tests::{Machine, machine::Release, on_each_release};

on_each_release!(the_sandbox_hides_nothing_that_runs_wait_for);

/// Asks in the daemon's mount namespace.
fn daemon_sees(machine: &Machine, script: &str) -> bool {
    let pid = machine.property("backupd", "MainPID");
    let enter = ["nsenter", "--mount", "--target", &pid, "sh", "-c", script];
    machine.run(enter).code == Some(0)
}

fn the_sandbox_hides_nothing_that_runs_wait_for(release: Release) {
    let machine = Machine::boot(release);
    for place in [
        "/srv/usb",
        "/mnt/usb",
        "/home/alice/usb",
        "/root/usb",
        "/tmp/usb",
        "/run/media/usb",
    ] {
        let listed = format!("grep -q ' {place} ' /proc/self/mountinfo");
        assert!(!daemon_sees(&machine, &listed), "{place}");
        machine
            .shell(&format!("mkdir -p {place}; mount -t tmpfs usb {place}"))
            .well();
        assert!(daemon_sees(&machine, &listed), "{place}");
        machine.run(["umount", place]).well();
        assert!(!daemon_sees(&machine, &listed), "{place}");
    }
    machine
        .shell("mkdir -p /dev/disk/by-label; mknod /dev/sdz b 8 400 || touch /dev/sdz")
        .well();
    machine.shell("ln -s ../../sdz /dev/disk/by-label/backup").well();
    assert!(daemon_sees(&machine, "test -e /dev/disk/by-label/backup"));
    machine.shell("rm /dev/disk/by-label/backup").well();
    assert!(!daemon_sees(&machine, "test -e /dev/disk/by-label/backup"));
    assert!(daemon_sees(
        &machine,
        "grep -q MemAvailable /proc/meminfo && grep -q . /proc/loadavg"
    ));
}
