//! A machine that is not what it should be: the daemon says what is wrong, does not restart for ever, and loses
//! nothing.

use std::{collections::HashMap, fs};

use backupd_tests::{
    Machine, Said,
    machine::{Release, Setup, package},
    on_each_release,
};

on_each_release!(
    without_a_bus,
    with_a_unit_that_starts_nothing,
    as_another_user,
    without_its_state,
    with_a_store_of_a_newer_version,
    without_the_journal,
    with_a_full_disk,
);

/// Restarts come as fast as systemd lets them; how many there may be stays as the package says.
const FAST: &str = "mkdir -p /etc/systemd/system/backupd.service.d
printf '[Service]\\nRestartSec=50ms\\n' > /etc/systemd/system/backupd.service.d/fast.conf";

/// Waits until systemd has given the daemon up; answers what `systemctl status` says then.
fn given_up(machine: &Machine) -> Said {
    machine.wait_for_property("backupd", "ActiveState", "failed");
    let restarts: u32 = machine.property("backupd", "NRestarts").parse().unwrap();
    assert!(restarts <= 5, "{restarts} restarts");
    machine.run(["systemctl", "status", "--no-pager", "--full", "backupd"])
}

/// All is well again once the fault is gone.
fn recovers(machine: &Machine) {
    machine.run(["systemctl", "reset-failed", "backupd"]).well();
    machine.run(["systemctl", "start", "backupd"]).well();
    machine.backupctl(["status"]).well();
}

#[track_caller]
fn contains(said: &Said, texts: &[&str]) {
    for text in texts {
        assert!(said.stdout.contains(text), "`{text}` is not in:\n{}", said.stdout);
    }
}

fn without_a_bus(release: Release) {
    let machine = Setup::new(release)
        .bare()
        .prepare("systemctl --quiet mask dbus.service dbus.socket")
        .prepare(FAST)
        .boot();
    machine.install(&package());
    let status = given_up(&machine);
    contains(&status, &["Status: \"the system bus cannot be reached"]);
    machine.backupctl(["status"]).with_code(5).complains("bus");

    machine
        .run(["systemctl", "unmask", "dbus.service", "dbus.socket"])
        .well();
    machine.run(["systemctl", "start", "dbus.socket"]).well();
    recovers(&machine);
}

/// With the unit edited by an administrator in such a way that the daemon cannot be started.
fn edited(release: Release, edit: &str, tells: &[&str]) {
    let drop_in = "/etc/systemd/system/backupd.service.d/edited.conf";
    let machine = Setup::new(release).prepare(FAST).boot();
    machine.write(drop_in, edit);
    machine.run(["systemctl", "daemon-reload"]).well();
    machine
        .run(["systemctl", "restart", "--no-block", "backupd"])
        .well();
    let status = given_up(&machine);
    contains(&status, tells);
    machine
        .backupctl(["status"])
        .with_code(5)
        .complains("the daemon could not be started");

    std::fs::remove_file(machine.path(drop_in)).unwrap();
    machine.run(["systemctl", "daemon-reload"]).well();
    recovers(&machine);
}

fn with_a_unit_that_starts_nothing(release: Release) {
    edited(
        release,
        "[Service]\nExecStart=\nExecStart=/usr/bin/nothing\n",
        &["203/EXEC"],
    );
}

fn as_another_user(release: Release) {
    let told = ["Status: \"the bus does not let us own the name", "hint: "];
    edited(release, "[Service]\nUser=alice\n", &told);
}

fn without_its_state(release: Release) {
    edited(
        release,
        "[Service]\nInaccessiblePaths=/var/lib/backupd\n",
        &["Status: \"", "/var/lib/backupd", "hint: "],
    );
}

fn with_a_store_of_a_newer_version(release: Release) {
    let machine = Setup::new(release).prepare(FAST).boot();
    machine.run(["systemctl", "stop", "backupd"]).well();
    // Where SQLite keeps `user_version`.
    let version = 60..64;
    let store = machine.path("/var/lib/backupd/backupd.db");
    let ours = fs::read(&store).unwrap();
    let mut newer = ours.clone();
    newer[version].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&store, &newer).unwrap();

    machine.run(["systemctl", "start", "backupd"]).with_code(1);
    let status = given_up(&machine);
    contains(&status, &["Status: \"", "newer backupd", "hint: "]);
    assert_eq!(machine.property("backupd", "NRestarts"), "0");
    assert_eq!(fs::read(&store).unwrap(), newer);
    machine.backupctl(["status"]).with_code(5).complains("the daemon");

    fs::write(&store, &ours).unwrap();
    recovers(&machine);
}

fn without_the_journal(release: Release) {
    let machine = Machine::boot(release).with_job();
    let journal = "systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket \
                   systemd-journald-audit.socket";
    machine
        .shell(&format!(
            "systemctl stop {journal}; rm -f /run/systemd/journal/socket"
        ))
        .well();
    // It goes away under the daemon, and is not there when the daemon starts.
    machine.backupctl(["start", "home", "--wait"]).well();
    machine.run(["systemctl", "restart", "backupd"]).well();
    machine.backupctl(["start", "home", "--wait"]).well();

    machine
        .run([
            "systemctl",
            "start",
            "systemd-journald.socket",
            "systemd-journald",
        ])
        .well();
    machine.run(["systemctl", "restart", "backupd"]).well();
    machine.backupctl(["start", "home", "--wait"]).well();
    assert_eq!(machine.property("backupd", "NRestarts"), "0");
    assert_eq!(machine.bus().history(&HashMap::new()).len(), 3);
    let journal = machine.journal(Some("backupd"));
    assert_eq!(journal.matches("succeeded").count(), 1, "{journal}");
}

fn with_a_full_disk(release: Release) {
    let machine = Setup::new(release)
        .prepare("printf 'state /var/lib/backupd tmpfs size=4m,mode=700 0 0\\n' >> /etc/fstab")
        .boot()
        .with_job();
    machine.backupctl(["start", "home", "--wait"]).well();
    machine
        .shell("head -c 8M /dev/zero > /var/lib/backupd/ballast 2>/dev/null || true")
        .well();
    let said = machine.backupctl(["start", "home", "--wait"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    // It still answers, and knows what it knew, also after a restart.
    machine.backupctl(["status"]);
    machine.run(["systemctl", "restart", "backupd"]);
    machine.shell("rm /var/lib/backupd/ballast").well();
    machine.run(["systemctl", "start", "backupd"]).well();
    machine.backupctl(["start", "home", "--wait"]).well();
    let history = machine.bus().history(&HashMap::new());
    let good = history
        .iter()
        .filter(|run| run.result.as_deref() == Some("success"));
    assert!(good.count() >= 2, "{history:?}");
}
