//! What the package brings, and what goes with it.

use backupd_tests::{
    Machine,
    machine::{Release, package},
    on_each_release,
};

on_each_release!(the_daemon_runs_after_boot, installing_starts_the_daemon);

fn the_daemon_runs_after_boot(release: Release) {
    let machine = Machine::boot(release);
    assert_eq!(machine.property("backupd", "ActiveState"), "active");
    machine.backupctl(["status"]).well();
}

fn installing_starts_the_daemon(release: Release) {
    let machine = Machine::bare(release);
    machine.install(&package());
    machine.backupctl(["status"]).well();
    assert_eq!(machine.property("backupd", "UnitFileState"), "enabled");
}
