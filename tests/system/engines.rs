//! The restic program, started by a worker in its sandbox: what that lets it do is enough, on this machine and through
//! `ssh`.

use backupd_tests::{
    Machine,
    machine::{Release, Setup},
    on_each_release,
};

use crate::places::KEYS;

on_each_release!(restic_works_in_the_sandbox_of_a_worker);

fn add(machine: &Machine, repository: &str, more: &[&str]) {
    let add = [
        "repository",
        "add",
        repository,
        "--engine",
        "restic",
        "--generate-password",
        "--init",
    ];
    machine.backupctl(add.iter().chain(more)).well();
}

/// What there is to do with a repository.
fn live(machine: &Machine, job: &str, repository: &str) {
    for _ in 0..2 {
        machine.backupctl(["start", job, "--wait"]).well();
    }
    machine
        .backupctl(["check", repository, "--read-data", "all", "--wait"])
        .well();
    machine.backupctl(["prune", repository, "--wait"]).well();
    machine
        .backupctl(["restore", "latest", "--job", job, "--to", "/srv/out"])
        .well();
    assert_eq!(machine.read("/srv/out/srv/home/a.txt"), "the content of a");
    machine.shell("rm -r /srv/out").well();
    let runs = machine.backupctl(["history", "--json"]).well().json().to_string();
    assert!(
        runs.contains("\"restic\"") && runs.contains("restic 0."),
        "{runs}"
    );
}

fn restic_works_in_the_sandbox_of_a_worker(release: Release) {
    let machine = Setup::new(release)
        .install("openssh-server")
        .install("restic")
        .prepare(KEYS)
        .boot();
    machine.wait_for_property("ssh", "ActiveState", "active");
    machine.write("/srv/home/a.txt", "the content of a");
    add(&machine, "main", &["--url", "/srv/repository"]);
    machine.write_job("home", "");
    machine.backupctl(["config", "reload"]).well();
    live(&machine, "home", "main");
    let far = [
        "--url",
        "sftp:root@127.0.0.1:/srv/behind-ssh",
        "--ssh-key",
        "/etc/backupd/ssh/key",
        "--ssh-known-hosts",
        "/etc/backupd/ssh/known_hosts",
    ];
    add(&machine, "far", &far);
    machine.write(
        "/etc/backupd/jobs.d/away.toml",
        "repository = \"far\"\nsources = [\"/srv/home\"]\n",
    );
    machine.backupctl(["config", "reload"]).well();
    live(&machine, "away", "far");
}
