use std::{
    fs::{self, File},
    io::{Seek, Write},
    os::unix::fs::PermissionsExt,
};

use backupd_core::{config::PasswordSource, failure::FailureClass, protocol::Work, run::RunResult};

use crate::bench::{Bench, Finished, PASSWORD};

fn shell(script: &str) -> PasswordSource {
    PasswordSource::Command(vec!["/bin/sh".into(), "-c".into(), script.into()])
}

#[test]
fn a_missing_file_is_named() {
    let bench = Bench::new();
    fs::remove_file(bench.path("password")).unwrap();
    let done = bench.run(&bench.backup(|_| ()));
    assert_eq!((done.code, done.result()), (1, RunResult::Failed));
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::Credentials);
    assert!(
        failure.message.contains(bench.path("password").to_str().unwrap()),
        "{failure}"
    );
}

#[test]
fn a_file_that_others_may_read_works_with_a_warning() {
    let bench = Bench::new();
    fs::set_permissions(bench.path("password"), fs::Permissions::from_mode(0o644)).unwrap();
    let done = bench.run(&bench.backup(|_| ()));
    assert_eq!((done.code, done.result()), (0, RunResult::Success));
    let [(path, reason)] = &done.warnings()[..] else {
        panic!("{:?}", done.warnings())
    };
    assert_eq!(path.as_deref(), bench.path("password").to_str());
    assert!(
        reason.contains("0644") && reason.contains("chmod 600"),
        "{reason}"
    );
    assert_eq!(done.statistics().warnings, 1);
}

#[test]
fn a_command_may_say_it() {
    let bench = Bench::new();
    let mut spec = bench.spec(Work::Test);
    spec.repository.password = shell(&format!("cat {}", bench.path("password").display()));
    assert_eq!(bench.run(&spec).result(), RunResult::Success);
}

#[test]
fn the_last_words_of_a_command_that_fails_stand_in_the_log_alone() {
    let bench = Bench::new();
    let mut spec = bench.spec(Work::Test);
    let password = bench.path("password");
    spec.repository.password = shell(&format!(
        "cat {}; echo locked out >&2; exit 2",
        password.display()
    ));
    let done = bench.run(&spec);
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::Credentials);
    assert!(
        failure.message.contains("`/bin/sh`") && !failure.message.contains("locked out"),
        "{failure}"
    );
    assert_eq!(
        done.warnings(),
        [(None, "the password command said: locked out".to_owned())]
    );
}

#[test]
fn a_variable_may_hold_it_and_children_do_not_see_it() {
    let bench = Bench::new();
    let mut spec = bench.spec(Work::Test);
    spec.repository.password = PasswordSource::Environment("BACKUP_ENCRYPTION_KEY".into());
    let directory = bench.run_directory(&spec);
    let child = Bench::worker(&directory)
        .env("BACKUP_ENCRYPTION_KEY", PASSWORD)
        .spawn()
        .unwrap();
    assert_eq!(Finished::of(child, &directory).result(), RunResult::Success);

    let mut spec = bench.spec(Work::Test);
    spec.repository.password = shell("test -z \"$BACKUP_ENCRYPTION_KEY\" && exit 7");
    let directory = bench.run_directory(&spec);
    let child = Bench::worker(&directory)
        .env("BACKUP_ENCRYPTION_KEY", PASSWORD)
        .spawn()
        .unwrap();
    let failure = Finished::of(child, &directory).failure();
    assert!(failure.message.contains("exit status: 7"), "{failure}");
}

#[test]
fn what_the_daemon_has_in_a_variable_comes_over_standard_input() {
    let bench = Bench::new();
    for mut spec in [bench.spec(Work::Test), bench.backup(|_| ())] {
        spec.repository.password = PasswordSource::Environment("BACKUP_ENCRYPTION_KEY".into());
        let memory = rustix::fs::memfd_create("password", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut memory = File::from(memory);
        memory.write_all(PASSWORD.as_bytes()).unwrap();
        memory.rewind().unwrap();
        let directory = bench.run_directory(&spec);
        let child = Bench::worker(&directory)
            .env_remove("BACKUP_ENCRYPTION_KEY")
            .stdin(memory)
            .spawn()
            .unwrap();
        assert_eq!(Finished::of(child, &directory).result(), RunResult::Success);
    }
}
