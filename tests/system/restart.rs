//! The daemon ends while a backup is at work: the backup goes on, and the next daemon takes it up.

use std::collections::HashMap;

use backupd_dbus::RunProperties;
use backupd_tests::{
    Machine,
    machine::{Held, Release, package},
    on_each_release,
};

on_each_release!(
    a_backup_outlives_an_upgrade,
    a_backup_outlives_a_crash,
    a_daemon_that_hangs_is_replaced,
    a_backup_outlives_fifty_restarts_and_twenty_crashes,
    children_are_refused_in_the_sandbox_and_outlive_a_daemon_without_one,
);

fn bytes_done(run: &RunProperties) -> u64 {
    run.progress
        .as_ref()
        .and_then(|progress| progress.bytes_done)
        .unwrap_or(0)
}

/// The run is known and at work; its progress is told; it ends well, and is the only one.
fn assert_taken_up(machine: &Machine, held: &Held) {
    let run = machine.bus().run(&held.run);
    assert_eq!(run.state.as_deref(), Some("running"), "{run:?}");
    held.release();
    let seen = bytes_done(&run);
    machine
        .bus()
        .wait_for_run(&held.run, "progress", |run| bytes_done(run) > seen);
    let run = machine.bus().wait_for_end(&held.run);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(run.attempt, Some(1));
    assert_eq!(machine.bus().history(&HashMap::new()).len(), 1);
    machine.backupctl(["audit", "verify"]).well();
}

fn a_backup_outlives_an_upgrade(release: Release) {
    let machine = Machine::boot(release).with_job();
    let held = machine.start_and_hold();
    let before = machine.daemon();
    machine.install(&package());
    assert_ne!(machine.daemon(), before);
    assert_taken_up(&machine, &held);
}

fn a_backup_outlives_a_crash(release: Release) {
    let machine = Machine::boot(release).with_job();
    let held = machine.start_and_hold();
    machine.crash();
    assert_taken_up(&machine, &held);
}

fn a_daemon_that_hangs_is_replaced(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine.write(
        "/etc/systemd/system/backupd.service.d/watchdog.conf",
        "[Service]\nWatchdogSec=2s\nRestartSec=50ms\n",
    );
    machine.run(["systemctl", "daemon-reload"]).well();
    machine.run(["systemctl", "restart", "backupd"]).well();
    let held = machine.start_and_hold();
    machine.hang();
    machine.wait_for_property("backupd", "ActiveState", "active");
    assert_eq!(machine.property("backupd", "NRestarts"), "1");
    machine.run(["journalctl", "--sync"]).well();
    let journal = machine.journal(Some("backupd"));
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    assert_taken_up(&machine, &held);
    // The new one says in time that it is well.
    assert_eq!(machine.property("backupd", "NRestarts"), "1");
}

fn a_backup_outlives_fifty_restarts_and_twenty_crashes(release: Release) {
    let machine = Machine::boot(release).with_job();
    // So often is more than the unit takes for an accident.
    machine.write(
        "/etc/systemd/system/backupd.service.d/often.conf",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=50ms\n",
    );
    machine.run(["systemctl", "daemon-reload"]).well();
    let held = machine.start_and_hold();
    for _ in 0..50 {
        machine.run(["systemctl", "restart", "backupd"]).well();
    }
    for _ in 0..20 {
        machine.crash();
    }
    assert_taken_up(&machine, &held);
}

fn children_are_refused_in_the_sandbox_and_outlive_a_daemon_without_one(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine.write("/etc/backupd/conf.d/child.toml", "launcher = \"child\"\n");
    machine.run(["systemctl", "stop", "backupd"]).well();
    let said = machine.run(["systemctl", "start", "backupd"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    // No restart is tried.
    assert_eq!(machine.property("backupd", "ActiveState"), "failed");
    assert_eq!(machine.property("backupd", "ExecMainStatus"), "78");
    assert_eq!(machine.property("backupd", "NRestarts"), "0");
    let journal = machine.journal(Some("backupd"));
    assert!(
        journal.contains("`launcher` is `child`, and children would share the sandbox"),
        "{journal}"
    );

    // As the daemon was before workers were units: what an upgrade from there finds.
    machine.write(
        "/etc/systemd/system/backupd.service.d/open.conf",
        "[Service]\nCapabilityBoundingSet=~\nPrivateUsers=no\nPrivateTmp=no\nProtectSystem=no\n\
         RestrictAddressFamilies=\nSystemCallFilter=\n",
    );
    machine.run(["systemctl", "daemon-reload"]).well();
    machine.run(["systemctl", "start", "backupd"]).well();
    let held = machine.start_and_hold();
    machine.run(["systemctl", "revert", "backupd"]).well();
    machine.run(["rm", "/etc/backupd/conf.d/child.toml"]).well();
    machine.install(&package());
    assert_taken_up(&machine, &held);
}
