//! The engine without the daemon: `bare init REPO`, `bare backup REPO PATH…`, `bare restore REPO SNAPSHOT DIR`.
//! The password comes from `RESTIC_PASSWORD`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

use std::{env, path::PathBuf, process::ExitCode};

use backupd_engine::{
    Access, BackupRequest, Cancellation, Embedded, Engine, EngineError, ErrorKind, Observer, Password, Phase,
    Progress, RestoreRequest, Result, Series, SnapshotQuery, Warning,
};

const USAGE: &str = "usage: bare init REPO | bare backup REPO PATH… | bare restore REPO SNAPSHOT DIR";
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
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let engine = Embedded::new();
    let cancellation = Cancellation::default();
    match arguments {
        ["init", repository] => {
            println!("created {}", engine.init(&access(repository))?.id);
        }
        ["backup", repository, paths @ ..] if !paths.is_empty() => {
            let request = BackupRequest {
                sources: paths.iter().map(PathBuf::from).collect(),
                host: NAME.to_owned(),
                tags: vec![NAME.to_owned()],
                parent: Some(Series {
                    host: Some(NAME.to_owned()),
                    tag: NAME.to_owned(),
                    ..Series::default()
                }),
                program_version: format!("{NAME} {}", env!("CARGO_PKG_VERSION")),
                ..BackupRequest::default()
            };
            let report = engine.backup(&access(repository), &request, &Stderr, &cancellation)?;
            println!("{report:#?}");
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
        _ => return Err(EngineError::new(ErrorKind::InvalidRequest, USAGE)),
    }
    Ok(())
}

fn access(url: &str) -> Access {
    Access {
        name: NAME.to_owned(),
        url: url.to_owned(),
        password: Password::new(env::var("RESTIC_PASSWORD").unwrap_or_default()),
        cache: None,
        secrets: backupd_engine::Secrets::default(),
        options: backupd_engine::Options::default(),
    }
}
