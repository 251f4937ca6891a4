//! A worker that brings a repository elsewhere, in its sandbox.

use backupd_tests::{
    machine::{Release, Setup},
    on_each_release,
};

use crate::places::KEYS;

on_each_release!(a_move_can_write_where_nothing_was);

fn a_move_can_write_where_nothing_was(release: Release) {
    let machine = Setup::new(release).install("openssh-server").prepare(KEYS).boot();
    machine.wait_for_property("ssh", "ActiveState", "active");
    machine.write("/srv/home/a.txt", "the content of a");
    let add = ["repository", "add", "main", "--url", "/srv/main"];
    machine
        .backupctl(add.iter().chain(&["--generate-password", "--init"]))
        .well();
    machine.write_job("home", "");
    machine.backupctl(["config", "reload"]).well();
    machine.backupctl(["start", "home", "--wait"]).well();
    let far = [
        "--ssh-key",
        "/etc/backupd/ssh/key",
        "--ssh-known-hosts",
        "/etc/backupd/ssh/known_hosts",
    ];
    let places = [
        ("/srv/new/deep/main", &[][..]),
        ("sftp:root@127.0.0.1:/srv/behind-ssh", &far),
        ("/mnt/back", &[]),
    ];
    for (place, way) in places {
        let to = ["repository", "move", "main", "--to", place, "--wait"];
        machine.backupctl(to.iter().chain(way)).well();
        let release = ["repository", "move", "main", "--release", "--yes", "--wait"];
        machine.backupctl(release).well();
        machine.backupctl(["start", "home", "--wait"]).well();
    }
    for gone in ["/srv/main", "/srv/new/deep/main", "/srv/behind-ssh"] {
        // An empty folder may stay: the sandbox lets nobody remove what it is mounted on.
        machine.shell(&format!("! find {gone} -type f | grep .")).well();
    }
    let listed = machine.backupctl(["snapshots", "home", "--json"]).well().json();
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), 4);
    machine
        .backupctl(["check", "main", "--read-data", "all", "--wait"])
        .well();
}
