//! The engine without the daemon, for benchmarks: see the usage below. The password comes from `RESTIC_PASSWORD`, and with
//! `--restic` the program of that name does the work, with `BENCH_CACHE` for its cache.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

use std::{env, path::PathBuf, process::ExitCode};

use backupd_engine::{
    Access, BackupRequest, Cancellation, CheckRequest, Embedded, Engine, EngineError, ErrorKind,
    ForgetRequest, Observer, Password, Phase, Progress, ReadData, Restic, RestoreRequest, Result, Series,
    SnapshotQuery, Warning,
};

const USAGE: &str = "usage: bare [--restic] init REPO | backup REPO PATH… | restore REPO SNAPSHOT DIR |\n\
                     check REPO [--read-data] | forget REPO DIR KEEP | repeat REPO PATH COUNT";
const NAME: &str = "bare";

struct Stderr;

impl Observer for Stderr {
    fn phase(&self, _phase: Phase) {}
    fn progress(&self, _progress: Progress) {}
    fn warning(&self, warning: Warning) {
        eprintln!("{}: {}", warning.path.display(), warning.reason);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments.as_slice() {
        ["--restic", rest @ ..] => run(&Restic::new(), rest),
        rest => run(&Embedded::new(), rest),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(engine: &dyn Engine, arguments: &[&str]) -> Result<()> {
    let cancellation = Cancellation::default();
    match arguments {
        ["init", repository] => {
            println!("created {}", engine.init(&access(repository))?.id);
        }
        ["backup", repository, paths @ ..] if !paths.is_empty() => {
            let request = BackupRequest {
                parent: Some(Series {
                    host: Some(NAME.to_owned()),
                    tag: NAME.to_owned(),
                    ..Series::default()
                }),
                ..request(paths)
            };
            let report = engine.backup(&access(repository), &request, &Stderr, &cancellation)?;
            println!("{report:#?}");
        }
        ["repeat", repository, path, count] => {
            let access = access(repository);
            for _ in 0..number(count)? {
                engine.backup(&access, &request(&[path]), &Stderr, &cancellation)?;
            }
        }
        ["restore", repository, snapshot, directory] => {
            let request = RestoreRequest {
                snapshot: (*snapshot).to_owned(),
                query: SnapshotQuery::default(),
                paths: Vec::new(),
                target: PathBuf::from(directory),
            };
            println!(
                "{:#?}",
                engine.restore(&access(repository), &request, &Stderr, &cancellation)?
            );
        }
        ["check", repository, rest @ ..] => {
            let request = CheckRequest {
                read_data: match rest {
                    ["--read-data"] => ReadData::All,
                    _ => ReadData::None,
                },
                ..CheckRequest::default()
            };
            let report = engine.check(&access(repository), &request, &Stderr, &cancellation)?;
            println!("{report:#?}");
        }
        ["forget", repository, directory, keep] => {
            let access = access(repository);
            let mut snapshots = engine.snapshots(&access, &SnapshotQuery::default())?;
            snapshots.sort_by_key(|snapshot| snapshot.time);
            let gone = snapshots.len().saturating_sub(number(keep)?);
            let request = ForgetRequest {
                snapshots: snapshots
                    .into_iter()
                    .take(gone)
                    .map(|snapshot| snapshot.id)
                    .collect(),
                keep: PathBuf::from(directory),
            };
            let report = engine.forget(&access, &request, &Stderr, &cancellation)?;
            println!("{} forgotten", report.forgotten.len());
        }
        _ => return Err(EngineError::new(ErrorKind::InvalidRequest, USAGE)),
    }
    Ok(())
}

fn number(text: &str) -> Result<usize> {
    text.parse()
        .map_err(|_| EngineError::new(ErrorKind::InvalidRequest, USAGE))
}

fn request(paths: &[&str]) -> BackupRequest {
    BackupRequest {
        sources: paths.iter().map(PathBuf::from).collect(),
        host: NAME.to_owned(),
        tags: vec![NAME.to_owned()],
        program_version: format!("{NAME} {}", env!("CARGO_PKG_VERSION")),
        ..BackupRequest::default()
    }
}

fn access(url: &str) -> Access {
    Access {
        name: NAME.to_owned(),
        url: url.to_owned(),
        password: Password::new(env::var("RESTIC_PASSWORD").unwrap_or_default()),
        cache: env::var_os("BENCH_CACHE").map(PathBuf::from),
        secrets: backupd_engine::Secrets::default(),
        options: backupd_engine::Options::default(),
    }
}
