//! Triggers on a real machine: a watch in its sandbox, and apt.

use std::collections::HashMap;

use backupd_tests::{Machine, machine::Release, on_each_release};

on_each_release!(
    changes_in_others_directories_are_seen,
    a_snapshot_is_stored_before_packages_change,
);

/// Waits until a run with this trigger is over; answers its properties.
fn ended(machine: &Machine, trigger: &str) -> backupd_dbus::RunProperties {
    let bus = machine.bus();
    let filter = HashMap::from([("trigger", trigger.into()), ("state", "finished".into())]);
    let found = bus.listen().until(|_| bus.history(&filter).pop());
    found.unwrap_or_else(|| panic!("in vain waited for a run that `{trigger}` starts"))
}

fn with_trigger(release: Release, trigger: &str) -> Machine {
    let machine = Machine::boot(release).with_job();
    machine.backupctl(["start", "home", "--wait"]).well();
    machine.write_job("home", &format!("[triggers]\n{trigger}"));
    machine.backupctl(["config", "reload"]).well();
    machine
}

fn changes_in_others_directories_are_seen(release: Release) {
    let machine = with_trigger(release, "path_change = { quiet = \"1s\", distance = \"1s\" }");
    let unit = "backupd-watch-home.service";
    machine.wait_for_property(unit, "ActiveState", "active");
    machine
        .shell("install -d -m700 -o1000 /srv/home/private && echo 1 >/srv/home/private/file")
        .well();
    let run = ended(&machine, "path-change");
    assert_eq!(run.result.as_deref(), Some("success"));
    // It ends with the daemon, and whoever comes next has another.
    let before = machine.property(unit, "MainPID");
    machine.run(["systemctl", "restart", "backupd"]).well();
    machine.wait_for_property(unit, "ActiveState", "active");
    assert_ne!(machine.property(unit, "MainPID"), before);
    machine.run(["systemctl", "stop", "backupd"]).well();
    machine.wait_for_property(unit, "ActiveState", "inactive");
}

fn a_snapshot_is_stored_before_packages_change(release: Release) {
    let machine = with_trigger(release, "package_upgrade = true");
    machine
        .shell("mkdir -p /x/DEBIAN && printf 'Package: tiny\\nVersion: 1.0\\nArchitecture: all\\n\
                Maintainer: x <x@example.org>\\nDescription: x\\n' >/x/DEBIAN/control && dpkg-deb -b /x /tiny.deb")
        .well();
    let install = ["apt-get", "install", "--yes", "--reinstall", "/tiny.deb"];
    machine.run(install).well();
    let run = ended(&machine, "package-upgrade");
    assert_eq!(run.result.as_deref(), Some("success"));
    let snapshots = machine.backupctl(["snapshots", "home", "--json"]).well().stdout;
    assert!(
        snapshots.contains("before a change of 1 package: tiny"),
        "{snapshots}"
    );

    // Neither a backup that fails nor a daemon that is not there breaks it.
    machine.shell("mv /srv/repository-main /srv/elsewhere").well();
    let said = machine.run(install).well();
    assert!(
        said.stdout
            .contains("backupd: no snapshot from before this change"),
        "{}",
        said.stdout
    );
    machine.run(["systemctl", "stop", "backupd"]).well();
    machine.run(install).well();
    machine.run(["systemctl", "mask", "backupd"]).well();
    machine.run(install).well();
}
