//! `systemctl reload backupd`.

use backupd_tests::{Machine, machine::Release, on_each_release};

on_each_release!(
    a_new_job_is_there_when_the_reload_returns,
    a_faulty_file_fails_the_reload_and_changes_nothing,
    a_file_that_backupd_cannot_write_as_it_is_stays_as_it_is,
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

fn a_file_that_backupd_cannot_write_as_it_is_stays_as_it_is(release: Release) {
    let machine = Machine::boot(release);
    machine.write_repository("main");
    for job in ["home", "kept", "linked"] {
        machine.write_job(job, "");
    }
    let files = "/etc/backupd/jobs.d";
    machine
        .shell(&format!(
            "cd {files}; chmod 640 kept.toml home.toml; chgrp backup kept.toml
            mkdir /srv/configuration; mv linked.toml /srv/configuration; ln -s /srv/configuration/linked.toml ."
        ))
        .well();
    machine.run(["systemctl", "reload", "backupd"]).well();
    let before = machine.read(&format!("{files}/kept.toml"));
    for (job, why) in [
        (
            "kept",
            "kept.toml` belongs to a user or group to whom backupd cannot give",
        ),
        (
            "linked",
            "/srv/configuration/linked.toml` lies where backupd may not write",
        ),
    ] {
        let said = machine.backupctl(["job", "disable", job]).with_code(1);
        assert!(said.stderr.contains(why), "{said:?}");
        assert!(said.stderr.contains("hint: change it by hand"), "{said:?}");
    }
    assert_eq!(machine.read(&format!("{files}/kept.toml")), before);
    machine.backupctl(["job", "disable", "home"]).well();
    let modes = machine.shell(&format!("cd {files}; stat -c '%a %U %G' home.toml kept.toml"));
    assert_eq!(modes.stdout, "640 root root\n640 root backup\n");
    assert_eq!(machine.shell(&format!("ls -A {files} | wc -l")).stdout, "3\n");
}
