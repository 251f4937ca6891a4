//! The daemon of a user, under the user's own manager.

use backupd_tests::{
    Machine,
    bed::PASSWORD,
    machine::{ALICE, BOB, Release},
    on_each_release,
};

on_each_release!(a_user_backs_up_and_restores, nobody_has_a_daemon_without_asking);

fn a_user_backs_up_and_restores(release: Release) {
    let machine = Machine::boot(release);
    machine.start_user_manager(ALICE);
    machine
        .run_as(
            ALICE,
            [
                "sh",
                "-euc",
                "mkdir -p documents .config/backupd; echo words > documents/letter",
            ],
        )
        .well();
    machine
        .run_as(
            ALICE,
            [
                "sh",
                "-euc",
                &format!("umask 077; echo {PASSWORD} > .config/backupd/password"),
            ],
        )
        .well();
    machine
        .run_as(ALICE, ["systemctl", "--user", "enable", "--now", "backupd"])
        .well();
    let file = "/home/alice/.config/backupd/password";
    machine
        .backupctl_as(
            ALICE,
            [
                "repository",
                "add",
                "main",
                "--url",
                "/home/alice/repository",
                "--password-file",
                file,
                "--init",
            ],
        )
        .well();
    machine
        .backupctl_as(
            ALICE,
            [
                "job",
                "create",
                "home",
                "--repository",
                "main",
                "--source",
                "/home/alice/documents",
            ],
        )
        .well();
    machine.backupctl_as(ALICE, ["start", "home", "--wait"]).well();
    machine
        .backupctl_as(
            ALICE,
            ["restore", "latest", "--job", "home", "--to", "/home/alice/back"],
        )
        .well();
    assert_eq!(
        machine.read("/home/alice/back/home/alice/documents/letter"),
        "words\n"
    );
    machine
        .run_as(ALICE, ["systemctl", "--user", "is-active", "backupd"])
        .well();
    // The machine's daemon knows nothing of it.
    assert!(machine.bus().paths("job").is_empty());
}

fn nobody_has_a_daemon_without_asking(release: Release) {
    let machine = Machine::boot(release);
    machine.start_user_manager(BOB);
    let said = machine.run_as(BOB, ["systemctl", "--user", "is-enabled", "backupd"]);
    assert_eq!(said.stdout, "disabled\n");
    machine
        .run_as(BOB, ["systemctl", "--user", "is-active", "backupd"])
        .with_code(3);
    machine
        .backupctl_as(BOB, ["status"])
        .with_code(5)
        .complains("backupd");
}
