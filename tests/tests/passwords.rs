//! Passwords that are set through the daemon, and credentials. What the daemon hands on it does not know.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Command, Stdio},
};

use backupd_tests::{Bed, Process, Said, files::write_program, programs::program, wait};

use crate::secrets::{assert_nowhere, holds, look_during_and_after, unique};

/// `systemd-creds [--user] encrypt|decrypt --name=NAME FROM -`, which seals by name as that does.
const SYSTEMD_CREDS: &str = r#"#!/bin/sh
test "$1" = --user && shift
case $1 in
encrypt) echo "sealed ${2#--name=}"; base64 ;;
decrypt) read -r sealed < "$3"; test "$sealed" = "sealed ${2#--name=}" || exit 1; tail -n +2 "$3" | base64 -d ;;
esac
"#;

/// `backupctl --user repository set-password …` with a password on its standard input.
pub(crate) fn set_password(bed: &Bed, password: &str, arguments: &[&str]) -> Said {
    let mut input = tempfile::tempfile().unwrap();
    writeln!(input, "{password}").unwrap();
    input.rewind().unwrap();
    let mut command = bed.command(program("backupctl"));
    command
        .args(["--user", "repository", "set-password", "main", "--stdin"])
        .args(arguments);
    Said::reading(&mut command, Stdio::from(input))
}

/// Everything that goes over the bus, in a file outside of what is searched.
pub(crate) fn monitor(bed: &Bed) -> (Process, PathBuf, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("bus.log");
    let mut command = Command::new("dbus-monitor");
    command.args(["--address", &bed.address()]);
    let process = Process::start("dbus-monitor", &mut command, &log);
    wait::for_files("the monitor", &[directory.path()], || {
        fs::metadata(&log).is_ok_and(|log| log.len() > 0).then_some(())
    });
    (process, log, directory)
}

/// Whether a process has the text in its memory.
pub(crate) fn remembers(pid: u32, text: &str) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let text = text.as_bytes();
    let mut seen = 0;
    let found = maps.lines().any(|line| {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|number| u64::from_str_radix(number, 16).unwrap());
        let mut bytes = Vec::new();
        if !rights.starts_with("rw")
            || memory.seek(SeekFrom::Start(from)).is_err()
            || (&memory).take(to - from).read_to_end(&mut bytes).is_err()
        {
            return false;
        }
        seen += bytes.len();
        bytes
            .windows(text.len())
            .any(|window| window[0] == text[0] && window == text)
    });
    assert!(seen > 100_000, "the memory of {pid} was not read: {maps}");
    found
}

/// A bed whose repository `main` was added without a password.
pub(crate) fn bed_without_password() -> Bed {
    let mut bed = Bed::new();
    fs::create_dir(bed.path("bin")).unwrap();
    write_program(&bed.path("bin/systemd-creds"), SYSTEMD_CREDS);
    let path = format!("{}:{}", bed.path("bin").display(), std::env::var("PATH").unwrap());
    bed.variables.push(("PATH".to_owned(), path));
    bed.write_big("home", "big", 48, 5);
    bed.start();
    let repository = bed.repository("main");
    let said = bed.ctl(["repository", "add", "main", "--url", repository.to_str().unwrap()]);
    assert!(said.well().stderr.contains("repository set-password main`"));
    bed.write_job("home", "");
    bed.ctl(["config", "reload"]).well();
    bed
}

pub(crate) fn file_of_main(bed: &Bed) -> String {
    fs::read_to_string(bed.configuration().join("repositories.d/main.toml")).unwrap()
}

#[test]
fn a_newcomer_adds_sets_the_password_and_creates() {
    let bed = bed_without_password();
    let password = unique();
    let said = bed.ctl(["repository", "init", "main"]).with_code(1);
    said.complains("credential `backupd-repository-main` is not there; looked for in");
    said.complains("`backupctl repository set-password main`");

    let (monitor, traffic, _directory) = monitor(&bed);
    let said = set_password(&bed, &password, &["--file"]).well();
    let secret = bed.configuration().join("secrets/main");
    assert!(said.stdout.contains(secret.to_str().unwrap()), "{said:?}");
    assert!(
        said.stderr.contains("`backupctl --user repository init main`"),
        "{said:?}"
    );
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&secret), mode(secret.parent().unwrap())), (0o600, 0o700));
    assert!(file_of_main(&bed).contains(&format!("password_file = \"{}\"\n", secret.display())));
    assert!(!file_of_main(&bed).contains("password_credential"));

    bed.init("main");
    let said = set_password(&bed, &format!("{password}x"), &["--file"]).with_code(1);
    said.complains("the new password does not open it, and was not kept");
    assert!(!said.stderr.contains(&password));
    look_during_and_after(&bed, &password, true, &[&secret]);
    let target = bed.path("back");
    bed.ctl([
        "restore",
        "latest",
        "--job",
        "home",
        "--to",
        target.to_str().unwrap(),
    ])
    .well();
    assert_nowhere(&bed, &password, true, &[&secret]);
    assert!(!remembers(bed.daemon_pid(), &password), "the daemon has read it");
    let log = fs::read_to_string(&traffic).unwrap();
    drop(monitor);
    assert!(log.contains("member=SetPassword"), "the bus was not listened to");
    assert!(!log.contains(&password));
    assert!(!holds(&bed.path("log/daemon.log"), &password));
}

#[test]
fn a_password_in_a_credential_is_the_workers_alone() {
    let bed = bed_without_password();
    let password = unique();
    let said = set_password(&bed, &password, &["--credential"]).well();
    assert!(
        said.stdout.contains("credential `backupd-repository-main`"),
        "{said:?}"
    );
    let sealed = bed.path("config/credstore.encrypted/backupd-repository-main");
    assert!(!holds(&sealed, &password));
    bed.init("main");
    look_during_and_after(&bed, &password, true, &[]);
    assert!(!remembers(bed.daemon_pid(), &password));

    // The same again is another credential; the first stays, for whoever still names it.
    let json = set_password(&bed, &password, &["--credential", "--json"])
        .well()
        .json();
    assert_eq!(json["credential"], "backupd-repository-main+2");
    assert_eq!(json["before"], "credential `backupd-repository-main`");
    assert_eq!(json["opens"], true);
    assert!(file_of_main(&bed).contains("password_credential = \"backupd-repository-main+2\"\n"));
    assert!(sealed.exists());

    // Another machine's.
    fs::write(
        bed.path("config/credstore.encrypted/backupd-repository-main+2"),
        "sealed x\n",
    )
    .unwrap();
    bed.ctl(["start", "home", "--wait"])
        .with_code(1)
        .tells("it was encrypted on another machine or under another name");
    bed.ctl(["status"]).with_code(7);
}

#[test]
fn a_plain_credential_is_as_good_as_a_file() {
    let bed = bed_without_password();
    let password = unique();
    let store = bed.path("config/credstore");
    fs::create_dir(&store).unwrap();
    let secret = store.join("backupd-repository-main");
    fs::write(&secret, format!("{password}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    bed.init("main");
    look_during_and_after(&bed, &password, true, &[&secret]);
}

#[test]
fn a_file_that_cannot_be_changed_gets_no_new_password() {
    let bed = bed_without_password();
    let secrets = bed.configuration().join("secrets");
    let file = bed.configuration().join("repositories.d/main.toml");
    fs::write(&file, format!("{}surprise = 1\n", file_of_main(&bed))).unwrap();
    let said = set_password(&bed, "new", &["--file"]).with_code(1);
    said.complains("surprise");
    assert!(!secrets.exists(), "nothing is kept before the file can say so");

    // A folder of secrets that others can look into is none.
    bed.write_repository("main");
    bed.ctl(["config", "reload"]).well();
    fs::create_dir(bed.path("open")).unwrap();
    symlink(bed.path("open"), &secrets).unwrap();
    fs::set_permissions(bed.path("open"), fs::Permissions::from_mode(0o755)).unwrap();
    set_password(&bed, "new", &["--file"])
        .with_code(2)
        .complains("`chmod 700` it");
}
