//! A repository behind an SSH server: what a worker's sandbox lets `ssh` do is enough.

use backupd_tests::{
    Machine,
    machine::{Release, Setup},
    on_each_release,
};

on_each_release!(a_worker_reaches_a_server_out_of_its_sandbox);

/// The machine is its own server. Root logs in with one key alone.
pub(crate) const KEYS: &str = "mkdir -p -m 700 /root/.ssh /etc/backupd/ssh
ssh-keygen -q -t ed25519 -N '' -f /etc/backupd/ssh/key
cp /etc/backupd/ssh/key.pub /root/.ssh/authorized_keys
echo \"127.0.0.1 $(cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub)\" > /etc/backupd/ssh/known_hosts";

fn add(machine: &Machine) {
    let add = [
        "repository",
        "add",
        "main",
        "--url",
        "sftp:root@127.0.0.1:/srv/behind-ssh",
        "--ssh-key",
        "/etc/backupd/ssh/key",
        "--ssh-known-hosts",
        "/etc/backupd/ssh/known_hosts",
        "--generate-password",
        "--init",
    ];
    machine.backupctl(add).well();
    machine.write("/srv/home/a.txt", "the content of a");
    machine.write_job("home", "");
    machine.backupctl(["config", "reload"]).well();
}

fn a_worker_reaches_a_server_out_of_its_sandbox(release: Release) {
    let machine = Setup::new(release).install("openssh-server").prepare(KEYS).boot();
    machine.wait_for_property("ssh", "ActiveState", "active");
    add(&machine);
    for _ in 0..2 {
        machine.backupctl(["start", "home", "--wait"]).well();
    }
    let unit = machine.backupctl(["job", "show-unit", "home"]).well();
    assert!(!unit.stdout.contains("PrivateNetwork=yes"), "{}", unit.stdout);
    // What was read once is kept.
    machine
        .shell("find /var/cache/backupd/repositories -path '*/index/*' -type f | grep -q .")
        .well();
    machine
        .backupctl(["restore", "latest", "--job", "home", "--to", "/srv/out"])
        .well();
    assert_eq!(machine.read("/srv/out/srv/home/a.txt"), "the content of a");

    machine.write("/etc/backupd/ssh/known_hosts", "");
    machine
        .backupctl(["repository", "test", "main"])
        .with_code(1)
        .complains("the host's key is not known");
}
