//! Work, and a real login manager that is asked to keep the machine awake for it.

use std::time::Instant;

use backupd_tests::{Machine, machine::Release, on_each_release, wait};
use serde_json::Value;

on_each_release!(
    a_backup_delays_and_a_restore_blocks,
    a_machine_without_a_login_manager_backs_up,
);

/// The modes of our locks that logind lists.
fn locks(machine: &Machine) -> Vec<String> {
    let said = machine
        .run([
            "busctl",
            "--json=short",
            "call",
            "org.freedesktop.login1",
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
            "ListInhibitors",
        ])
        .well()
        .json();
    let all: Vec<(String, String, String, String, u32, u32)> =
        serde_json::from_value(said["data"][0].clone()).unwrap();
    let ours = all.into_iter().filter(|(_, who, ..)| who == "backupd");
    ours.map(|(what, _, why, mode, uid, _)| {
        assert_eq!((what.as_str(), uid), ("shutdown:sleep", 0));
        assert!(!why.is_empty());
        mode
    })
    .collect()
}

/// logind tells nobody of a list, so it is asked again and again.
fn wait_for(machine: &Machine, wanted: &[&str]) {
    let until = Instant::now() + wait::DEADLINE;
    loop {
        let found = locks(machine);
        if found == wanted {
            return;
        }
        assert!(
            Instant::now() < until,
            "{found:?}, and in vain waited for {wanted:?}"
        );
    }
}

fn a_backup_delays_and_a_restore_blocks(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine.backupctl(["start", "home", "--wait"]).well();
    wait_for(&machine, &[]);

    // Nothing comes of the password, so that runs are at work until they are cancelled.
    machine.write(
        "/etc/backupd/repositories.d/main.toml",
        "url = \"/srv/repository-main\"\npassword_command = [\"sleep\", \"infinity\"]\n",
    );
    machine.backupctl(["config", "reload"]).well();
    let backup = machine.bus().start("home").unwrap();
    wait_for(&machine, &["delay"]);
    // The next daemon holds it too.
    machine.run(["systemctl", "restart", "backupd"]).well();
    wait_for(&machine, &["delay"]);
    machine.bus().cancel(&backup).unwrap();
    machine.bus().wait_for_end(&backup);
    wait_for(&machine, &[]);

    let said = machine
        .backupctl([
            "restore",
            "latest",
            "--job",
            "home",
            "--to",
            "/srv/back",
            "--no-wait",
            "--json",
        ])
        .well()
        .json();
    let restore = said["runs"][0]["id"].as_str().unwrap().to_owned();
    wait_for(&machine, &["block"]);
    machine.bus().cancel(&restore).unwrap();
    machine.bus().wait_for_end(&restore);
    wait_for(&machine, &[]);
}

fn a_machine_without_a_login_manager_backs_up(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine
        .run(["systemctl", "mask", "--now", "systemd-logind"])
        .well();
    machine.backupctl(["start", "home", "--wait"]).well();
    machine.run(["systemctl", "restart", "backupd"]).well();
    machine.backupctl(["start", "home", "--wait"]).well();
    machine.run(["journalctl", "--sync"]).well();
    let all = machine
        .run(["journalctl", "--boot", "--output=json", "--unit=backupd"])
        .well()
        .stdout;
    let loud: Vec<Value> = all
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|entry| entry["PRIORITY"].as_str().unwrap() <= "4")
        .collect();
    assert!(loud.is_empty(), "{loud:#?}");
    assert!(!all.contains("login1"), "{all}");
}
