//! A worker that opens two repositories in its sandbox: both places, and a credential of systemd for each password.

use backupd_tests::{
    machine::{Release, Setup},
    on_each_release,
};

use crate::places::KEYS;

on_each_release!(a_copy_has_the_places_and_credentials_of_both);

fn a_copy_has_the_places_and_credentials_of_both(release: Release) {
    let machine = Setup::new(release).install("openssh-server").prepare(KEYS).boot();
    machine.wait_for_property("ssh", "ActiveState", "active");
    machine.write("/srv/home/a.txt", "the content of a");
    let far = [
        "--url",
        "sftp:root@127.0.0.1:/srv/behind-ssh",
        "--ssh-key",
        "/etc/backupd/ssh/key",
        "--ssh-known-hosts",
        "/etc/backupd/ssh/known_hosts",
    ];
    let places = [
        ("main", &["--url", "/srv/main"][..]),
        ("disk", &["--url", "/srv/disk"]),
        ("far", &far),
    ];
    for (name, place) in places {
        let add = ["repository", "add", name, "--generate-password", "--init"];
        machine.backupctl(add.iter().chain(place)).well();
    }
    machine.write_job(
        "home",
        "copies = [\"disk\", { to = \"far\", schedule = \"yearly\" }]",
    );
    machine.backupctl(["config", "reload"]).well();
    machine.backupctl(["start", "home", "--wait"]).well();
    machine
        .backupctl(["copy", "home", "--to", "far", "--wait"])
        .well();
    // From behind ssh to a disk, too.
    machine.write(
        "/etc/backupd/jobs.d/away.toml",
        "repository = \"far\"\nsources = [\"/srv/home\"]\ncopies = [{ to = \"disk\", schedule = \"yearly\" }]\n",
    );
    machine.backupctl(["config", "reload"]).well();
    machine.backupctl(["start", "away", "--wait"]).well();
    machine.backupctl(["copy", "away", "--wait"]).well();
    for (job, repository) in [("home", "far"), ("away", "disk")] {
        let listed = machine.backupctl(["snapshots", job, "--repository", repository, "--json"]);
        let listed = listed.well().json();
        let id = listed["snapshots"][0]["id"].as_str().unwrap();
        machine
            .backupctl([
                "restore",
                id,
                "--repository",
                repository,
                "--to",
                "/srv/out",
                "--wait",
            ])
            .well();
        assert_eq!(machine.read("/srv/out/srv/home/a.txt"), "the content of a");
        machine.shell("rm -r /srv/out").well();
    }
}
