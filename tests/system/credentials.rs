//! Passwords that systemd keeps, encrypted for one machine, and hands to workers.

use std::{
    fs,
    io::{Seek as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    time::SystemTime,
};

use backupd_tests::{
    Machine, Said,
    machine::{ALICE, Held, Release, Setup},
    on_each_release,
};

use crate::terminal::Terminal;

on_each_release!(
    a_password_that_is_set_is_a_credential_of_the_workers,
    a_password_is_replaced_and_shown_to_whom_polkit_lets,
    folders_that_are_missing_are_made,
    a_plain_credential_is_handed_over,
    what_another_machine_has_encrypted_fails_the_run,
    what_is_not_there_fails_the_run,
    a_password_is_asked_for_twice,
    a_user_keeps_a_password_as_the_release_can,
);

const NAME: &str = "backupd-repository-main";
const ENCRYPTED: &str = "/etc/credstore.encrypted/backupd-repository-main";
const KEY: &str = "/var/lib/systemd/credential.secret";
/// Of the catalog.
const TROUBLE: &str = "MESSAGE_ID=9196420bf62749bfade55a356222c31c";
const HINT: &str = "hint: set the password with `backupctl repository set-password main`";

/// A password that stands nowhere by chance.
fn unique() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("pw-{}-{now}", std::process::id())
}

/// The repository `main` without a password, and the job `home`.
fn machine(setup: Setup) -> Machine {
    let machine = setup.boot();
    machine.write("/srv/home/a.txt", "the content of a");
    let add = ["repository", "add", "main", "--url", "/srv/repository-main"];
    machine.backupctl(add).well();
    machine.write_job("home", "");
    machine.backupctl(["config", "reload"]).well();
    machine
}

/// `backupctl repository set-password main --stdin …`.
fn set_password(machine: &Machine, password: &str, more: &[&str]) -> Said {
    let mut command = machine.command();
    command
        .args(["backupctl", "repository", "set-password", "main", "--stdin"])
        .args(more);
    with_input(&mut command, password)
}

fn with_input(command: &mut Command, line: &str) -> Said {
    let mut input = tempfile::tempfile().unwrap();
    writeln!(input, "{line}").unwrap();
    input.rewind().unwrap();
    Said::reading(command, Stdio::from(input))
}

/// With a password, and a repository that it opens.
fn with_password(release: Release) -> (Machine, String) {
    let machine = machine(Setup::new(release));
    let password = unique();
    let said = set_password(&machine, &password, &[]).well();
    assert!(said.stdout.contains(&format!("credential `{NAME}`")), "{said:?}");
    machine.backupctl(["repository", "init", "main"]).well();
    (machine, password)
}

/// What everybody can look at does not show it.
fn assert_hidden(machine: &Machine, password: &str, held: &Held) {
    machine.run(["journalctl", "--sync"]).well();
    let unit = format!("backupd-run-{}.service", held.run);
    let objects = "call org.backupd.Backup1 /org/backupd/Backup1 org.freedesktop.DBus.ObjectManager \
                   GetManagedObjects";
    for command in [
        &format!("systemctl show --all {unit} backupd"),
        // After its end there is no unit.
        &format!("systemctl cat {unit} backupd"),
        "journalctl --all --output=export",
        &format!("busctl {objects}"),
    ] {
        let said = machine.run(command.split_whitespace());
        assert!(said.stdout.contains("ackup"), "{command}: {said:?}");
        assert!(!format!("{said:?}").contains(password), "{command}");
    }
    let worker = fs::read(format!("/proc/{}/environ", held.worker)).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&worker).contains(password));
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&words).contains(password), "{process:?}");
    }
}

fn back_up_and_restore(machine: &Machine, password: &str) {
    let held = machine.start_and_hold();
    assert_hidden(machine, password, &held);
    held.release();
    let run = machine.bus().wait_for_end(&held.run);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_hidden(machine, password, &held);
    fs::remove_file(machine.path("/srv/home/long")).unwrap();
    let snapshots = machine.backupctl(["snapshots", "home", "--json"]).well().json();
    assert_eq!(snapshots["snapshots"].as_array().unwrap().len(), 1, "{snapshots}");
    let restore = [
        "restore",
        "latest",
        "--job",
        "home",
        "--to",
        "/srv/back",
        "--wait",
    ];
    machine.backupctl(restore).well();
    assert_eq!(machine.read("/srv/back/srv/home/a.txt"), "the content of a");
}

/// Runs the job, which fails for want of its password: everybody who asks is told why and what to do, and the daemon
/// goes on.
fn fails_with(machine: &Machine, why: &str) {
    let daemon = machine.daemon();
    let run = machine.bus().start("home").unwrap();
    let ended = machine.bus().wait_for_end(&run);
    assert_eq!(ended.result.as_deref(), Some("failed"), "{ended:?}");
    assert_eq!(ended.failure_class.as_deref(), Some("credentials"), "{ended:?}");
    for of in [run.as_str(), "home"] {
        let shown = machine.backupctl(["show", of]).stdout;
        for text in [why, NAME, HINT] {
            assert!(shown.contains(text), "`{text}` is not in:\n{shown}");
        }
    }
    machine
        .backupctl(["start", "home", "--wait"])
        .with_code(1)
        .tells(why);
    machine
        .backupctl(["repository", "test", "main"])
        .with_code(1)
        .complains(why);
    let status = machine.backupctl(["status"]).with_code(7).stdout;
    assert!(status.contains("job `home` is failed"), "{status}");
    let matches = ["--unit=backupd", TROUBLE, &format!("BACKUPD_RUN={run}")];
    machine.wait_for_journal(&matches);
    let journal = machine.run(["journalctl", "--catalog"].into_iter().chain(matches));
    let journal = journal.well().stdout;
    for text in [why, "A password for the repository main is wrong or missing"] {
        assert!(journal.contains(text), "`{text}` is not in:\n{journal}");
    }
    assert_eq!(
        (machine.daemon(), machine.property("backupd", "NRestarts")),
        (daemon, "0".to_owned())
    );
}

fn a_password_that_is_set_is_a_credential_of_the_workers(release: Release) {
    let (machine, password) = with_password(release);
    assert!(machine.exists(KEY));
    let mode = |path: &str| fs::metadata(machine.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(ENCRYPTED), mode("/etc/credstore.encrypted")),
        (0o600, 0o700)
    );
    assert!(!machine.read(ENCRYPTED).contains(&password));
    let file = machine.read("/etc/backupd/repositories.d/main.toml");
    assert!(!file.contains(&password), "{file}");
    back_up_and_restore(&machine, &password);
}

fn a_password_is_replaced_and_shown_to_whom_polkit_lets(release: Release) {
    let (machine, first) = with_password(release);
    machine.backupctl(["start", "home", "--wait"]).well();
    let said = machine.backupctl(["repository", "key", "rotate", "main"]).well();
    assert!(
        said.stdout.contains(&format!("credential `{NAME}+2`")),
        "{said:?}"
    );
    assert!(!machine.path(ENCRYPTED).exists());
    assert!(machine.path(format!("{ENCRYPTED}+2")).exists());
    let sheet = ["repository", "recovery-sheet", "main", "--with-secret", "--json"];
    let shown = machine.backupctl(sheet).well().json();
    let second = shown["password"].as_str().unwrap();
    assert_eq!(shown["keys"].as_array().unwrap().len(), 1);
    assert_ne!(second, first);
    machine.backupctl(["start", "home", "--wait"]).well();
    machine.run(["journalctl", "--sync"]).well();
    let journal = machine.run(["journalctl", "--all", "--output=export"]);
    assert!(journal.stdout.contains("backupd") && !journal.stdout.contains(second));
    let as_alice = [&["--system", "--no-ask-password"], &sheet[..]].concat();
    let refused = machine.backupctl_as(ALICE, as_alice).with_code(4);
    assert!(refused.stdout.is_empty(), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("you may not read the passwords of repositories"),
        "{refused:?}"
    );
}

fn folders_that_are_missing_are_made(release: Release) {
    let machine = machine(Setup::new(release));
    let remove = "rm -rf /etc/credstore* /etc/backupd/secrets /var/lib/systemd/credential.secret";
    machine.shell(remove).well();
    let password = unique();
    set_password(&machine, &password, &["--credential"]).well();
    assert!(machine.exists(ENCRYPTED));
    machine.shell(remove).well();
    let said = set_password(&machine, &password, &["--file"]).well();
    assert!(said.stdout.contains("`/etc/backupd/secrets/main`"), "{said:?}");
    machine.backupctl(["repository", "init", "main"]).well();
    back_up_and_restore(&machine, &password);
}

fn a_plain_credential_is_handed_over(release: Release) {
    let machine = machine(Setup::new(release));
    let password = unique();
    machine.write_secret(&format!("/etc/credstore/{NAME}"), format!("{password}\n"));
    machine.backupctl(["repository", "init", "main"]).well();
    back_up_and_restore(&machine, &password);
}

fn what_another_machine_has_encrypted_fails_the_run(release: Release) {
    let (machine, password) = with_password(release);
    machine.shell(&format!("rm {KEY}; systemd-creds setup")).well();
    fails_with(
        &machine,
        "it was encrypted on another machine or under another name",
    );

    // The hint is followed.
    set_password(&machine, &password, &[]).well();
    back_up_and_restore(&machine, &password);
}

fn what_is_not_there_fails_the_run(release: Release) {
    let (machine, _) = with_password(release);
    fs::remove_file(machine.path(ENCRYPTED)).unwrap();
    fails_with(&machine, "is not there");
}

fn a_password_is_asked_for_twice(release: Release) {
    let machine = machine(Setup::new(release));
    let password = unique();
    let ask = |again: &str| {
        let mut terminal = Terminal::open(&machine, "root", "backupctl repository set-password main");
        terminal.expect("Password of the repository `main`: ");
        terminal.enter_secret(&password);
        terminal.expect("The same again: ");
        terminal.enter_secret(again);
        let (seen, code) = terminal.end();
        assert!(!seen.contains(&password), "it is echoed: {seen}");
        (seen, code)
    };
    let (seen, code) = ask("another");
    assert_eq!(code, Some(1), "{seen}");
    assert!(
        seen.contains("the two passwords differ; nothing was changed"),
        "{seen}"
    );
    assert!(!machine.exists(ENCRYPTED));

    let (seen, code) = ask(&password);
    assert_eq!(code, Some(0), "{seen}");
    assert!(
        seen.contains(&format!("kept in the credential `{NAME}`")),
        "{seen}"
    );
    machine.backupctl(["repository", "init", "main"]).well();
    back_up_and_restore(&machine, &password);
}

/// Before version 256 systemd encrypts nothing for users: a file is used.
fn a_user_keeps_a_password_as_the_release_can(release: Release) {
    let machine = Machine::boot(release);
    machine.start_user_manager(ALICE);
    let backupctl = |arguments: &str| {
        let all = ["--user"].into_iter().chain(arguments.split_whitespace());
        machine.backupctl_as(ALICE, all).well()
    };
    machine
        .run_as(ALICE, ["sh", "-euc", "mkdir data; echo words >data/letter"])
        .well();
    machine
        .run_as(ALICE, ["systemctl", "--user", "start", "backupd"])
        .well();
    backupctl("repository add main --url /home/alice/repository");
    let password = unique();
    let mut command = machine.command_as(ALICE);
    command.args([
        "backupctl",
        "--user",
        "repository",
        "set-password",
        "main",
        "--stdin",
    ]);
    let said = with_input(&mut command, &password).well();
    let place = match release {
        Release::Bookworm => "password file `/home/alice/.config/backupd/secrets/main`".to_owned(),
        Release::Trixie => format!("credential `{NAME}`"),
    };
    assert!(said.stdout.contains(&place), "{said:?}");
    backupctl("repository init main");
    backupctl("job create data --repository main --source /home/alice/data");
    backupctl("start data --wait");
    backupctl("restore latest --job data --to /home/alice/back --wait");
    assert_eq!(machine.read("/home/alice/back/home/alice/data/letter"), "words\n");
    machine.run(["journalctl", "--sync"]).well();
    let journal = machine.run(["journalctl", "--all", "--output=export"]).well();
    assert!(!journal.stdout.contains(&password));
}
