use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram, process::CommandExt},
    process::Command,
    time::Duration,
};

use backupd_core::{
    config::Verify,
    failure::FailureClass,
    protocol::{EventKind, Progress},
    run::{Phase, RunResult},
};

use crate::bench::{Bench, Finished, is_root};

#[test]
fn a_backup_says_what_it_does_from_hello_to_done() {
    let bench = Bench::new();
    let spec = bench.backup(|work| work.verify = Verify::Structure);
    let first = bench.run(&spec);
    assert_eq!(
        (first.code, first.result()),
        (0, RunResult::Success),
        "{}",
        first.log
    );
    let kinds = first.kinds();
    assert_eq!(kinds[0], "hello");
    assert_eq!(kinds[kinds.len() - 4..], ["snapshot", "phase", "stats", "done"]);
    let EventKind::Hello {
        run,
        attempt,
        program,
        engine,
        ..
    } = &first.events[0].kind
    else {
        panic!()
    };
    assert_eq!((*run, *attempt), (spec.run, 1));
    assert!(program.starts_with("backupd-worker "));
    assert_eq!(engine.as_ref().unwrap().name, "embedded");
    let phases: Vec<Phase> = first
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Phase { phase } => Some(phase),
            _ => None,
        })
        .collect();
    assert_eq!(
        phases,
        [
            Phase::Open,
            Phase::Index,
            Phase::Scan,
            Phase::Backup,
            Phase::Verify
        ]
    );
    let statistics = first.statistics();
    assert_eq!((statistics.files_new, statistics.bytes_processed), (2, 11));
    assert!(
        first.log.contains("start") && first.log.contains("end"),
        "{}",
        first.log
    );

    fs::write(bench.path("source/three"), "third").unwrap();
    let second = bench.run(&bench.backup(|_| ()));
    let statistics = second.statistics();
    assert_eq!((statistics.files_new, statistics.files_unmodified), (1, 2));
}

#[test]
fn an_optional_source_may_be_absent() {
    let bench = Bench::new();
    let done = bench.run(&bench.backup(|work| work.optional_sources = vec!["/no/such/place".into()]));
    assert_eq!(done.result(), RunResult::Success);
}

#[test]
fn a_missing_source_leaves_the_repository_as_it_was() {
    let bench = Bench::new();
    let before = bench.contents();
    let done = bench.run(&bench.backup(|work| work.sources.push("/no/such/place".into())));
    assert_eq!((done.code, done.result()), (1, RunResult::Failed));
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::SourceMissing);
    assert!(failure.message.contains("/no/such/place"), "{failure}");
    assert!(failure.hint.unwrap().contains("optional_sources"));
    assert_eq!(done.snapshot(), None);
    assert_eq!(bench.contents(), before);
}

#[test]
fn a_file_that_cannot_be_read_makes_the_backup_partial() {
    let bench = Bench::new();
    let unreadable = bench.path("source/directory/two");
    fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o000)).unwrap();
    let spec = bench.backup(|_| ());
    let directory = bench.run_directory(&spec);
    let mut worker = Bench::worker(&directory);
    if is_root() {
        // Root reads everything: somebody else has to do it, with a program within reach.
        const NOBODY: u32 = 65534;
        let program = bench.path("worker");
        fs::copy(env!("CARGO_BIN_EXE_backupd-worker"), &program).unwrap();
        let owned = Command::new("chown")
            .args(["-R", "65534"])
            .arg(bench.path(""))
            .status();
        assert!(owned.unwrap().success());
        let mut other = Command::new(program);
        other.arg(&directory).uid(NOBODY).gid(NOBODY);
        worker = other;
    }
    let done = Finished::of(worker.spawn().unwrap(), &directory);
    assert_eq!(
        (done.code, done.result()),
        (3, RunResult::Partial),
        "{:?}",
        done.events
    );
    assert!(done.snapshot().is_some());
    let path = unreadable.to_str().unwrap().to_owned();
    assert_eq!(
        done.warnings(),
        [(Some(path.clone()), "Permission denied".to_owned())]
    );
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::SourceUnreadable);
    assert!(
        failure.message.ends_with("1 file could not be read"),
        "everybody may see it, and no name of a file: {failure}"
    );
    assert!(
        failure
            .hint
            .unwrap()
            .contains(&format!("backupctl log {}", spec.run))
    );
    let statistics = done.statistics();
    assert_eq!((statistics.files_unreadable, statistics.warnings), (1, 1));
    let kinds = done.kinds();
    assert_eq!(kinds[kinds.len() - 3..], ["stats", "failure", "done"]);
}

#[test]
fn progress_reaches_whoever_listens() {
    let bench = Bench::new();
    let path = bench.path("progress");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut spec = bench.backup(|_| ());
    spec.progress_socket = Some(path);
    let done = bench.run(&spec);
    assert_eq!(done.result(), RunResult::Success);
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    let mut told: Vec<Progress> = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        told.push(serde_json::from_slice(&buffer[..length]).unwrap());
    }
    assert!(
        told.iter()
            .all(|progress| progress.run == spec.run && progress.attempt == 1)
    );
    assert!(
        told.iter().any(|progress| progress.phase == Phase::Backup),
        "{told:?}"
    );
    assert_eq!(told.last().unwrap().phase, Phase::Verify);
}

#[test]
fn nobody_needs_to_listen() {
    let bench = Bench::new();
    let mut spec = bench.backup(|_| ());
    spec.progress_socket = Some(bench.path("nobody"));
    assert_eq!(bench.run(&spec).result(), RunResult::Success);
}

#[test]
fn a_wrong_password_and_an_absent_repository_are_told_apart() {
    let bench = Bench::new();
    bench.secret("password", "wrong");
    let failure = bench.run(&bench.backup(|_| ())).failure();
    assert_eq!(failure.class, FailureClass::Credentials);
    let hint = failure.hint.unwrap();
    assert!(hint.contains("backupctl repository test nas"), "{hint}");
    assert!(hint.contains(bench.path("password").to_str().unwrap()), "{hint}");

    let bench = Bench::empty();
    let done = bench.run(&bench.backup(|_| ()));
    assert_eq!(done.code, 1);
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::RepositoryNotFound);
    assert!(failure.hint.unwrap().contains("backupctl repository init nas"));
}

#[test]
fn damage_that_verification_finds_fails_the_backup_and_keeps_the_snapshot() {
    let bench = Bench::new();
    assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    // The packs are gone, and the index says that they are there: only a look at the repository finds it.
    fs::remove_dir_all(bench.path("repository/data")).unwrap();
    fs::create_dir(bench.path("repository/data")).unwrap();
    for number in 0..=255 {
        fs::create_dir(bench.path(&format!("repository/data/{number:02x}"))).unwrap();
    }
    fs::write(bench.path("source/three"), "third").unwrap();
    let done = bench.run(&bench.backup(|work| {
        work.verify = Verify::Structure;
        work.host = Some("elsewhere".into());
    }));
    assert_eq!(
        (done.code, done.result()),
        (1, RunResult::Failed),
        "{:?}",
        done.events
    );
    let failure = done.failure();
    assert_eq!(failure.class, FailureClass::Corrupt, "{failure}");
    let short = done.snapshot().unwrap()[..8].to_owned();
    assert!(
        failure
            .message
            .contains(&format!("`{short}` is stored but could not be verified")),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("check"));
}

#[test]
fn a_snapshot_without_files_does_not_look_well() {
    let bench = Bench::new();
    let done = bench.run(&bench.backup(|work| work.include = vec!["*.nothing-ends-like-this".into()]));
    assert_eq!((done.code, done.result()), (3, RunResult::Partial));
    assert!(done.snapshot().is_some());
    let failure = done.failure();
    assert!(failure.message.contains("holds no files"), "{failure}");
    assert!(failure.hint.unwrap().contains("mounted"));
}
