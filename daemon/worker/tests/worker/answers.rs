use std::{ffi::OsStr, fs, fs::File, io::Read, os::unix::ffi::OsStrExt, path::Path, process::Stdio};

use backupd_core::{
    failure::FailureClass,
    protocol::{EntryRecord, ListWork, RepositoryRecord, SnapshotFilter, SnapshotRecord, Work},
    run::RunResult,
};

use crate::bench::{Bench, Finished};

fn listing(path: &Path) -> Work {
    Work::List(ListWork {
        snapshot: "latest".into(),
        filter: SnapshotFilter::default(),
        path: path.into(),
        recursive: true,
    })
}

#[test]
fn a_repository_is_made_once_and_tested_often() {
    let bench = Bench::empty();
    let made = bench.run(&bench.spec(Work::Initialize));
    assert_eq!(made.kinds(), ["hello", "phase", "done"]);
    let [record] = &made.records::<RepositoryRecord>()[..] else {
        panic!("{}", made.answer)
    };
    assert_eq!((record.version, record.snapshots), (2, 0));

    let again = bench.run(&bench.spec(Work::Initialize));
    assert_eq!(
        (again.code, again.failure().class),
        (1, FailureClass::RepositoryExists)
    );
    assert_eq!(again.answer, "");

    let tested = bench.run(&bench.spec(Work::Test));
    assert_eq!(tested.records::<RepositoryRecord>(), std::slice::from_ref(record));
}

#[test]
fn snapshots_name_their_job_and_come_oldest_first() {
    let bench = Bench::new();
    let first = bench
        .run(&bench.backup(|work| work.tags = vec!["mine".into()]))
        .snapshot()
        .unwrap();
    let mut other = bench.backup(|work| work.host = Some("elsewhere".into()));
    other.job = Some("other".parse().unwrap());
    let second = bench.run(&other).snapshot().unwrap();
    let ask = |filter| {
        bench
            .run(&bench.spec(Work::Snapshots { filter }))
            .records::<SnapshotRecord>()
    };

    let all = ask(SnapshotFilter::default());
    assert_eq!(
        all.iter().map(|record| &record.id).collect::<Vec<_>>(),
        [&first, &second]
    );
    assert_eq!(all[0].job.as_deref(), Some("home"));
    assert_eq!(all[0].repository, "nas");
    assert_eq!(all[0].tags, ["mine"]);
    assert_eq!(all[0].paths, [bench.path("source").to_str().unwrap()]);
    assert!(all[0].program.starts_with("backupd "));
    assert_eq!(all[1].host, "elsewhere");

    let one = ask(SnapshotFilter {
        job: Some("other".parse().unwrap()),
        ..SnapshotFilter::default()
    });
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].id, second);
    assert_eq!(
        ask(SnapshotFilter {
            host: Some("nowhere".into()),
            ..SnapshotFilter::default()
        }),
        []
    );
}

#[test]
fn files_are_listed_with_the_bytes_of_their_names() {
    let bench = Bench::new();
    let odd = bench.path("source").join(OsStr::from_bytes(b"odd\xff"));
    fs::write(&odd, "").unwrap();
    assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    let done = bench.run(&bench.spec(listing(&bench.path("source"))));
    assert_eq!(done.result(), RunResult::Success);
    let records: Vec<EntryRecord> = done.records();
    let one = bench.path("source/one");
    let found = records
        .iter()
        .find(|record| Path::new(&record.path) == one)
        .unwrap();
    assert_eq!((found.kind.as_str(), found.size), ("file", 5));
    assert_eq!(found.path_bytes, None);
    let found = records.iter().find(|record| record.path_bytes.is_some()).unwrap();
    assert_eq!(found.path_bytes.as_deref().unwrap(), odd.as_os_str().as_bytes());

    let absent = bench.run(&bench.spec(listing(Path::new("/absent"))));
    assert_eq!(absent.failure().class, FailureClass::SnapshotNotFound);
}

#[test]
fn a_full_disk_under_the_answer_is_a_failure() {
    let bench = Bench::new();
    let spec = bench.spec(Work::Test);
    let directory = bench.run_directory(&spec);
    let mut worker = Bench::worker(&directory);
    worker.stdout(File::options().write(true).open("/dev/full").unwrap());
    let done = Finished::of(worker.spawn().unwrap(), &directory);
    assert_eq!((done.code, done.result()), (1, RunResult::Failed));
    assert_eq!(done.failure().class, FailureClass::NoSpace);
}

#[test]
fn a_client_that_goes_away_ends_the_answer() {
    let bench = Bench::new();
    // More than the pipe and the buffer hold.
    for number in 0..1_000 {
        fs::write(bench.path(&format!("source/{number}")), "").unwrap();
    }
    assert_eq!(bench.run(&bench.backup(|_| ())).code, 0);
    let spec = bench.spec(listing(Path::new("/")));
    let directory = bench.run_directory(&spec);
    let mut child = Bench::worker(&directory).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    let mut answer = child.stdout.take().unwrap();
    answer.read_exact(&mut first).unwrap();
    drop(answer);
    let done = Finished::of(child, &directory);
    assert_eq!((done.code, done.result()), (1, RunResult::Cancelled));
    assert_eq!(done.failure().class, FailureClass::Cancelled);
}
