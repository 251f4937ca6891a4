//! `systemctl reload backupd`.

use backupd_tests::{Machine, machine::Release, on_each_release};

on_each_release!(
    a_new_job_is_there_when_the_reload_returns,
    a_faulty_file_fails_the_reload_and_changes_nothing,
);

fn description(machine: &Machine) -> String {
    machine.bus().job("home").description.unwrap()
}

fn a_new_job_is_there_when_the_reload_returns(release: Release) {
    let machine = Machine::boot(release);
    machine.write_repository("main");
    for number in 1..=10 {
        machine.write_job(&format!("job-{number}"), "");
        machine.run(["systemctl", "reload", "backupd"]).well();
        assert_eq!(machine.bus().paths("job").len(), number);
    }
    assert_eq!(machine.property("backupd", "ActiveState"), "active");
}

fn a_faulty_file_fails_the_reload_and_changes_nothing(release: Release) {
    let machine = Machine::boot(release);
    machine.write_repository("main");
    machine.write_job("home", "description = \"as it was\"");
    machine.run(["systemctl", "reload", "backupd"]).well();
    let daemon = machine.daemon();

    machine.write_job("home", "description = \"as it is\"\nshedule = \"daily\"");
    machine.run(["systemctl", "reload", "backupd"]).with_code(1);
    assert_eq!(machine.property("backupd", "ActiveState"), "active");
    assert_eq!(machine.daemon(), daemon);
    assert_eq!(description(&machine), "as it was");
    let status = machine
        .run(["systemctl", "status", "--no-pager", "--full", "backupd"])
        .well();
    assert!(status.stdout.contains("shedule"), "{}", status.stdout);
    let status = machine.backupctl(["status"]);
    assert!(status.stdout.contains("home.toml"), "{}", status.stdout);

    machine.write_job("home", "description = \"as it is\"");
    machine.run(["systemctl", "reload", "backupd"]).well();
    assert_eq!(description(&machine), "as it is");
}
