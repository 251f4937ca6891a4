//! Machines that go down for real and boot again: what ran before is there, and what was cut off harms nothing.

use std::collections::HashMap;

use backupd_tests::{
    Machine,
    machine::{Down, Release, Setup},
    on_each_release,
    process::send,
};
use nix::sys::signal::Signal;
use serde_json::Value;

on_each_release!(
    a_job_runs_before_the_machine_goes_down,
    what_logind_does_not_wait_for_stores_nothing,
    a_backup_that_is_cut_off_goes_on_after_the_next_start,
);

/// How `docs/triggers.md` has logind wait longer.
const DELAY: &str = "mkdir -p /etc/systemd/logind.conf.d
cat > /etc/systemd/logind.conf.d/backup.conf <<'END'
[Login]
InhibitDelayMaxSec=5min
END";

/// A job that runs before shutdown, of which one snapshot is there.
fn with_trigger(setup: Setup) -> Machine {
    let machine = setup.boot().with_job();
    machine.backupctl(["start", "home", "--wait"]).well();
    machine.write_job("home", "[triggers]\nshutdown = true");
    machine.backupctl(["config", "reload"]).well();
    wait_for_lock(&machine);
    machine
}

/// Nobody tells of a list of locks, so it is asked for again and again.
fn wait_for_lock(machine: &Machine) {
    machine
        .shell("until systemd-inhibit --list | grep -q 'Backups run before'; do :; done")
        .well();
}

/// The last backup of the job, and how many there are.
fn last(machine: &Machine) -> (Value, usize) {
    let history = machine.backupctl(["history", "home", "--json"]).well().json();
    let runs = history["runs"].as_array().unwrap().iter();
    let backups: Vec<_> = runs.filter(|run| run["operation"] == "backup").collect();
    let newest = backups.iter().max_by_key(|run| run["id"].as_str().unwrap());
    ((*newest.unwrap()).clone(), backups.len())
}

fn snapshots(machine: &Machine) -> usize {
    let listed = machine.backupctl(["snapshots", "home", "--json"]).well().json();
    listed["snapshots"].as_array().unwrap().len()
}

fn a_job_runs_before_the_machine_goes_down(release: Release) {
    let mut machine = with_trigger(Setup::new(release).prepare(DELAY));
    for (count, (command, how)) in [("poweroff", Down::Off), ("reboot", Down::Reboot)]
        .into_iter()
        .enumerate()
    {
        wait_for_lock(&machine);
        machine.write("/srv/home/last.txt", command);
        machine.run(["systemctl", command, "--no-block"]).well();
        assert_eq!(machine.wait_until_down(), how);
        machine.boot_again();

        let (run, runs) = last(&machine);
        assert_eq!(
            (run["trigger"].as_str(), run["result"].as_str(), runs),
            (Some("shutdown"), Some("success"), count + 2),
            "{run}"
        );
        assert_eq!(snapshots(&machine), count + 2);
        let target = format!("/srv/back-from-{command}");
        machine
            .backupctl(["restore", "latest", "--job", "home", "--to", &target, "--wait"])
            .well();
        assert_eq!(machine.read(&format!("{target}/srv/home/last.txt")), command);
    }
}

fn what_logind_does_not_wait_for_stores_nothing(release: Release) {
    let mut machine = with_trigger(Setup::new(release));
    machine.write_long();
    let bus = machine.bus();
    let listener = bus.listen();
    machine.run(["systemctl", "poweroff", "--no-block"]).well();
    let filter = HashMap::from([("trigger", "shutdown".into())]);
    let begun = listener.until(|_| {
        let run = bus.history(&filter).pop()?;
        (run.state.as_deref() == Some("running")).then_some(run.id?)
    });
    let run = begun.expect("a run begins before the machine goes down");
    machine.wait_for_phase(&run, "backup");
    // It is at work longer than the five seconds that logind waits by itself.
    send(machine.worker(&run), Signal::SIGSTOP);
    assert_eq!(machine.wait_until_down(), Down::Off);
    machine.boot_again();

    let (cut_off, _) = last(&machine);
    assert_eq!(
        (cut_off["id"].as_str(), cut_off["state"].as_str()),
        (Some(run.as_str()), Some("finished")),
        "{cut_off}"
    );
    assert_ne!(cut_off["result"].as_str(), Some("success"), "{cut_off}");
    assert_eq!(cut_off["snapshot"], Value::Null, "{cut_off}");
    assert_eq!(snapshots(&machine), 1);
    machine.shell("rm /srv/home/long").well();
    machine.backupctl(["start", "home", "--wait"]).well();
    assert_eq!(snapshots(&machine), 2);
}

fn a_backup_that_is_cut_off_goes_on_after_the_next_start(release: Release) {
    let mut machine = Setup::new(release).boot().with_job();
    let held = machine.start_and_hold();
    machine.run(["systemctl", "poweroff", "--no-block"]).well();
    assert_eq!(machine.wait_until_down(), Down::Off);
    machine.boot_again();

    let run = machine.bus().wait_for_end(&held.run);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    let (gone_on, runs) = last(&machine);
    assert_eq!((gone_on["attempt"].as_u64(), runs), (Some(2), 1), "{gone_on}");
    assert_eq!(snapshots(&machine), 1);
}
