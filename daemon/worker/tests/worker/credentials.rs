//! Credentials, and new passwords. A script stands for `systemd-creds`: it seals by name, as that does.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use backupd_core::{
    config::PasswordSource,
    failure::FailureClass,
    protocol::{CredentialStores, Keep, Spec, StorePasswordWork, StoredRecord, Work},
    run::RunResult,
};

use crate::bench::{Bench, Finished, PASSWORD};

const SYSTEMD_CREDS: &str = r#"#!/bin/sh
# systemd-creds [--user] encrypt|decrypt --name=NAME FROM -
test "$1" = --user && shift
name=${2#--name=}
case $1 in
encrypt) echo "sealed $name"; base64 ;;
decrypt) read -r _ sealed < "$3"
    test "$sealed" = "$name" || { echo "Embedded credential name '$sealed' does not match" >&2; exit 1; }
    tail -n +2 "$3" | base64 -d ;;
esac
"#;

/// A bench whose credentials are kept in folders of its own.
struct Vault(Bench);

impl Vault {
    fn new(bench: Bench) -> Self {
        fs::create_dir(bench.path("bin")).unwrap();
        let program = bench.path("bin/systemd-creds");
        fs::write(&program, SYSTEMD_CREDS).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self(bench)
    }

    fn spec(&self, work: Work, password: PasswordSource) -> Spec {
        let mut spec = self.0.spec(work);
        spec.job = None;
        spec.repository.password = password;
        spec.repository.credentials = CredentialStores::user(self.0.path("etc"), None);
        spec
    }

    fn put(&self, folder: &str, name: &str, content: &str) {
        let folder = self.0.path("etc").join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), content).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn command(&self, directory: &Path) -> Command {
        let mut path = self.0.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Bench::worker(directory);
        command.env("PATH", path).env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    fn test(&self, name: &str) -> Finished {
        let spec = self.spec(Work::Test, PasswordSource::Credential(name.parse().unwrap()));
        let directory = self.0.run_directory(&spec);
        Finished::of(self.command(&directory).spawn().unwrap(), &directory)
    }

    /// Stores a password that comes through a pipe, as from the daemon.
    fn store(&self, keep: Keep, unchecked: bool, password: &str) -> Finished {
        let work = StorePasswordWork {
            keep,
            secrets: self.0.path("config/secrets"),
            unchecked,
        };
        let spec = self.spec(
            Work::StorePassword(work),
            PasswordSource::File("/no/such/file".into()),
        );
        let directory = self.0.run_directory(&spec);
        let mut child = self.command(&directory).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // It may have been refused before all of it was read.
        let _ = input.write_all(password.as_bytes());
        drop(input);
        Finished::of(child, &directory)
    }
}

fn stored(done: &Finished) -> StoredRecord {
    assert_eq!(done.result(), RunResult::Success, "{}", done.log);
    let mut records = done.records();
    assert_eq!(records.len(), 1, "{}", done.answer);
    records.remove(0)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_credential_is_taken_where_systemd_would_take_it() {
    let vault = Vault::new(Bench::new());
    vault.put("credstore", "plain", &format!("{PASSWORD}\n"));
    assert_eq!(vault.test("plain").result(), RunResult::Success);

    // What systemd handed over comes before what lies about.
    let spec = vault.spec(Work::Test, PasswordSource::Credential("plain".parse().unwrap()));
    let directory = vault.0.run_directory(&spec);
    vault.put("given", "plain", "another");
    let child = vault
        .command(&directory)
        .env("CREDENTIALS_DIRECTORY", vault.0.path("etc/given"))
        .spawn()
        .unwrap();
    let failure = Finished::of(child, &directory).failure();
    assert_eq!(failure.class, FailureClass::Credentials);
}

#[test]
fn a_credential_that_cannot_be_had_is_told_with_its_name_and_a_way_out() {
    let vault = Vault::new(Bench::new());
    vault.put("credstore.encrypted", "foreign", "sealed elsewhere\nxx\n");
    vault.put("credstore", "empty", "\n");
    for (name, says) in [
        ("absent", "is not there; looked for in `"),
        ("foreign", "it was encrypted on another machine"),
        ("empty", "empty password"),
    ] {
        let done = vault.test(name);
        let failure = done.failure();
        assert_eq!(failure.class, FailureClass::Credentials, "{failure}");
        assert!(
            failure.message.contains(&format!("credential `{name}`")),
            "{failure}"
        );
        assert!(failure.message.contains(says), "{failure}");
        let hint = failure.hint.unwrap();
        assert!(hint.contains("backupctl repository test nas"), "{hint}");
        if name != "empty" {
            assert!(hint.contains("`backupctl repository set-password nas`"), "{hint}");
        }
        if name == "foreign" {
            let [(_, reason)] = &done.warnings()[..] else {
                panic!("{:?}", done.warnings())
            };
            assert_eq!(
                reason,
                "`systemd-creds` said: Embedded credential name 'elsewhere' does not match"
            );
        }
    }
}

#[test]
fn a_new_password_is_sealed_and_opens_the_repository() {
    let vault = Vault::new(Bench::new());
    let done = vault.store(Keep::Credential, false, &format!("{PASSWORD}\n"));
    let record = stored(&done);
    let name = "backupd-repository-nas";
    assert_eq!(record.password, PasswordSource::Credential(name.parse().unwrap()));
    assert!(record.opens);
    let file = vault.0.path("etc/credstore.encrypted").join(name);
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert!(!fs::read_to_string(&file).unwrap().contains(PASSWORD));
    assert_eq!(vault.test(name).result(), RunResult::Success);

    // Another one stands beside it; the first stays as it was.
    let before = fs::read(&file).unwrap();
    let record = stored(&vault.store(Keep::Credential, false, PASSWORD));
    let second = "backupd-repository-nas+2".parse().unwrap();
    assert_eq!(record.password, PasswordSource::Credential(second));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_new_password_goes_into_a_file_where_nothing_seals() {
    let vault = Vault::new(Bench::empty());
    fs::write(
        vault.0.path("bin/systemd-creds"),
        "#!/bin/sh\necho no key >&2; exit 1\n",
    )
    .unwrap();
    let record = stored(&vault.store(Keep::Auto, false, PASSWORD));
    let file = vault.0.path("config/secrets/nas");
    assert_eq!(record.password, PasswordSource::File(file.clone()));
    assert!(!record.opens, "there is no repository yet");
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{PASSWORD}\n"));

    let second = stored(&vault.store(Keep::File, false, "another"));
    assert_eq!(
        second.password,
        PasswordSource::File(vault.0.path("config/secrets/nas+2"))
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{PASSWORD}\n"));

    let failure = vault.store(Keep::Credential, false, PASSWORD).failure();
    assert!(
        failure.message.contains("`systemd-creds` said: no key"),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("set-password nas --file"));
    assert_eq!(
        fs::read_dir(vault.0.path("etc/credstore.encrypted"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_password_that_does_not_open_the_repository_is_not_kept() {
    let vault = Vault::new(Bench::new());
    for (unchecked, password, says) in [
        (false, "wrong", "does not open it, and was not kept"),
        (true, "wrong", "does not open it, and was not kept"),
        (false, " \n", "is empty"),
        (false, &"x".repeat(64 * 1024 + 1), "more than 64 KiB"),
    ] {
        let failure = vault.store(Keep::Auto, unchecked, password).failure();
        assert_eq!(failure.class, FailureClass::Credentials);
        assert!(failure.message.contains(says), "{failure}");
        assert!(!failure.message.contains("wrong"), "{failure}");
    }
    // Something that is there and is no repository cannot be asked.
    fs::write(vault.0.path("repository/config"), "x").unwrap();
    let failure = vault.store(Keep::File, false, PASSWORD).failure();
    assert!(failure.message.contains("not tried and not kept"), "{failure}");
    assert!(failure.hint.unwrap().contains("`--unchecked`"));
    assert!(!vault.0.path("config/secrets").exists());
    assert!(!stored(&vault.store(Keep::File, true, PASSWORD)).opens);
}

#[test]
fn a_descriptor_that_never_ends_is_given_up_on_request() {
    let vault = Vault::new(Bench::new());
    let work = StorePasswordWork {
        keep: Keep::File,
        secrets: vault.0.path("secrets"),
        unchecked: false,
    };
    let spec = vault.spec(Work::StorePassword(work), PasswordSource::File("/no".into()));
    let directory = vault.0.run_directory(&spec);
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    let child = vault.command(&directory).stdin(reader).spawn().unwrap();
    // More than the pipe holds: when it is written, the worker reads.
    writer.write_all(&[b'x'; 8192]).unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(Finished::of(child, &directory).result(), RunResult::Cancelled);
}

#[test]
fn a_directory_is_no_password() {
    let vault = Vault::new(Bench::new());
    let work = StorePasswordWork {
        keep: Keep::File,
        secrets: vault.0.path("secrets"),
        unchecked: false,
    };
    let spec = vault.spec(Work::StorePassword(work), PasswordSource::File("/no".into()));
    let directory = vault.0.run_directory(&spec);
    let child = vault
        .command(&directory)
        .stdin(File::open(&directory).unwrap())
        .spawn()
        .unwrap();
    let failure = Finished::of(child, &directory).failure();
    assert!(
        failure.message.contains("the new password cannot be read"),
        "{failure}"
    );
}
