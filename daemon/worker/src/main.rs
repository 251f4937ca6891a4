//! The process of one attempt: reads `spec.json` in its run directory, does what stands there, and leaves
//! events behind. It needs no daemon to end well.

mod attempt;
mod child;
mod credential;
mod deadline;
mod events;
mod failure;
mod log;
mod password;
mod place;
mod progress;
mod rundir;
mod signals;
mod surroundings;
#[cfg(test)]
mod testing;
mod witness;
mod work;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use backupd_core::{config::EngineName, run::RunResult};
use backupd_engine::Cancellation;
use tracing::error;

use crate::{events::EventLog, rundir::RunDir};

/// Name and version, in events and snapshots.
const VERSION: &str = env!("CARGO_PKG_VERSION");

const USAGE: &str = "usage: backupd-worker RUN_DIR";

const HELP: &str = "\
Does one attempt of a run of backupd, as `spec.json` in RUN_DIR says, and appends
what happens to `events.jsonl` there. The daemon starts it; people seldom do.

usage: backupd-worker RUN_DIR
       backupd-worker --engine NAME
       backupd-worker --help | --version

--engine says which version of an engine is here: `embedded`, or `restic`, which is a program of its own.
BACKUPD_LOG sets what is told on standard error: `error`, `warn`, `info` (default), `debug`.

exit status: 0 success, 1 failed or cancelled, 3 partial, 64 wrong usage
";

/// `EX_USAGE` of sysexits(3).
const EXIT_USAGE: u8 = 64;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Help,
    Version,
    /// Whether this engine can be used, and which version it is.
    Engine(EngineName),
    Run(PathBuf),
    Wrong(String),
}

impl Request {
    fn read(mut arguments: impl Iterator<Item = OsString>) -> Self {
        let Some(first) = arguments.next() else {
            return Self::Wrong("the run directory is missing".to_owned());
        };
        let second = arguments.next();
        if first == "--engine" {
            return match second.as_deref().and_then(|name| name.to_str()?.parse().ok()) {
                Some(engine) if arguments.next().is_none() => Self::Engine(engine),
                _ => Self::Wrong("`--engine` takes `embedded` or `restic`".to_owned()),
            };
        }
        if let Some(more) = second {
            return Self::Wrong(format!("unexpected argument `{}`", more.display()));
        }
        match first.to_str() {
            Some("--help" | "-h") => Self::Help,
            Some("--version" | "-V") => Self::Version,
            Some("") => Self::Wrong("the run directory is missing".to_owned()),
            Some(option) if option.starts_with('-') => Self::Wrong(format!("unknown option `{option}`")),
            _ => Self::Run(first.into()),
        }
    }
}

fn main() -> ExitCode {
    match Request::read(std::env::args_os().skip(1)) {
        Request::Help => say(HELP),
        Request::Version => say(&format!("backupd-worker {VERSION}\n")),
        Request::Engine(name) => match attempt::version(name) {
            Ok(version) => say(&format!("{version}\n")),
            Err(why) => {
                let _ = writeln!(io::stderr(), "{why}");
                ExitCode::FAILURE
            }
        },
        Request::Wrong(what) => {
            let _ = writeln!(io::stderr(), "backupd-worker: {what}\n{USAGE}");
            ExitCode::from(EXIT_USAGE)
        }
        Request::Run(directory) => {
            log::start();
            run(&directory).unwrap_or_else(|message| {
                error!("{message}");
                ExitCode::FAILURE
            })
        }
    }
}

fn say(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Everything between the command line and the exit code. An error here is one that the event file cannot
/// tell of.
fn run(directory: &Path) -> Result<ExitCode, String> {
    let cancellation = Cancellation::default();
    signals::watch(cancellation.clone()).map_err(|error| format!("cannot watch signals: {error}"))?;
    // The directory is made absolute before the current one changes.
    let directory = RunDir::open(directory)?;
    surroundings::settle()?;
    let _lock = directory.lock()?;
    let events = EventLog::new(directory.events()?);
    let result = attempt::run(&directory, &events, &cancellation);
    events.finish(result).map_err(|error| {
        format!("the attempt ended with `{result}`, which `events.jsonl` does not say: {error}")
    })?;
    Ok(match result {
        RunResult::Success => ExitCode::SUCCESS,
        RunResult::Partial => ExitCode::from(3),
        _ => ExitCode::FAILURE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Request {
        Request::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn one_argument_is_taken_and_everything_else_is_named() {
        assert_eq!(read(&["/run/x"]), Request::Run("/run/x".into()));
        assert_eq!(read(&["--help"]), Request::Help);
        assert_eq!(read(&["-V"]), Request::Version);
        for (wrong, named) in [
            (&[][..], "missing"),
            (&[""], "missing"),
            (&["--frobnicate"], "`--frobnicate`"),
            (&["/a", "/b"], "`/b`"),
        ] {
            match read(wrong) {
                Request::Wrong(what) => assert!(what.contains(named), "{what}"),
                other => panic!("{wrong:?} gave {other:?}"),
            }
        }
    }
}
