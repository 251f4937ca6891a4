//! The bus starts the daemon for who asks for it.

use backupd_tests::{Machine, machine::Release, on_each_release};

on_each_release!(a_call_starts_the_daemon, who_disables_the_daemon_has_disabled_it);

fn a_call_starts_the_daemon(release: Release) {
    let machine = Machine::boot(release);
    machine.run(["systemctl", "stop", "backupd"]).well();
    assert_eq!(machine.property("backupd", "ActiveState"), "inactive");
    machine.backupctl(["status"]).well();
    assert_eq!(machine.property("backupd", "ActiveState"), "active");
}

fn who_disables_the_daemon_has_disabled_it(release: Release) {
    let machine = Machine::boot(release);
    machine.run(["systemctl", "disable", "--now", "backupd"]).well();
    machine.backupctl(["status"]).with_code(5).complains("backupd");
    assert_eq!(machine.property("backupd", "ActiveState"), "inactive");
}
