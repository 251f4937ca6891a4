//! What the package brings, and what goes with it.

use std::{path::Path, time::Instant};

use backupd_tests::{
    Machine,
    machine::{Release, package},
    on_each_release,
};

on_each_release!(
    the_daemon_runs_after_boot,
    installing_starts_the_daemon,
    removing_keeps_what_is_the_users,
    removing_ends_what_is_at_work,
    purging_keeps_repositories,
);

const CONFIGURATION: &str = "/etc/backupd/jobs.d/home.toml";
const STORE: &str = "/var/lib/backupd/backupd.db";

fn the_daemon_runs_after_boot(release: Release) {
    let machine = Machine::boot(release);
    assert_eq!(machine.property("backupd", "ActiveState"), "active");
    machine.backupctl(["status"]).well();
    assert_eq!(
        machine.run(["systemctl", "is-system-running"]).stdout,
        "running\n"
    );
}

fn installing_starts_the_daemon(release: Release) {
    let machine = Machine::bare(release);
    let begun = Instant::now();
    machine.install(&package());
    machine.backupctl(["status"]).well();
    println!(
        "{release:?}: {:?} from `dpkg --install` to an answer",
        begun.elapsed()
    );
    assert_eq!(machine.property("backupd", "UnitFileState"), "enabled");
}

/// A machine with a repository at a bad place, which is no reason to lose it.
fn with_a_repository_in_the_state(release: Release) -> Machine {
    let machine = Machine::boot(release);
    machine.write_repository("main");
    machine.write_job("home", "");
    machine.write("/var/lib/backupd/mine/config", "a repository");
    for directory in ["keys", "data/00"] {
        machine.write(&format!("/var/lib/backupd/mine/{directory}/file"), "of it");
    }
    machine.run(["systemctl", "reload", "backupd"]).well();
    assert!(machine.exists(STORE));
    machine
}

fn removing_keeps_what_is_the_users(release: Release) {
    let machine = with_a_repository_in_the_state(release);
    machine.run(["dpkg", "--remove", "backupd"]).well();
    assert_eq!(machine.property("backupd", "ActiveState"), "inactive");
    assert!(!machine.exists("/usr/bin/backupctl"));
    for kept in [
        CONFIGURATION,
        STORE,
        "/etc/backupd/secrets/main",
        "/var/lib/backupd/mine/config",
    ] {
        assert!(machine.exists(kept), "`{kept}` is gone");
    }
    // It comes back as it was.
    machine.install(&package());
    let said = machine.backupctl(["jobs"]).well();
    assert!(said.stdout.contains("home"), "{}", said.stdout);
}

fn removing_ends_what_is_at_work(release: Release) {
    let machine = Machine::boot(release).with_job();
    let held = machine.start_and_hold();
    let unit = machine.bus().run(&held.run).unit.unwrap();
    machine.run(["dpkg", "--remove", "backupd"]).well();
    assert!(!Path::new(&format!("/proc/{}", held.worker)).exists());
    assert_eq!(machine.property(&unit, "LoadState"), "not-found");
    let last = machine.events(&held.run).pop().unwrap();
    assert_eq!(last["event"], "done", "{last}");
    // And it is told as what it was.
    machine.install(&package());
    let run = machine.bus().wait_for_end(&held.run);
    assert_ne!(run.result.as_deref(), Some("success"), "{run:?}");
}

fn purging_keeps_repositories(release: Release) {
    let machine = with_a_repository_in_the_state(release);
    let said = machine.run(["dpkg", "--purge", "backupd"]).well().stdout;
    let secrets = "/etc/backupd/secrets";
    assert!(said.contains(&format!("backupd: {secrets} stays: ")), "{said}");
    assert!(machine.exists(&format!("{secrets}/main")));
    for gone in [CONFIGURATION, "/etc/backupd/jobs.d", STORE, "/var/cache/backupd"] {
        assert!(!machine.exists(gone), "`{gone}` is still there");
    }
    for kept in ["config", "keys/file", "data/00/file"] {
        assert!(
            machine.exists(&format!("/var/lib/backupd/mine/{kept}")),
            "`{kept}` is gone"
        );
    }
    let left = machine
        .shell("systemctl list-unit-files 'backupd*' --no-legend; find /etc/systemd -name '*backupd*'");
    assert_eq!(left.stdout, "");
}
