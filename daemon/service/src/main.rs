//! `backupd`: runs backup jobs, and shows them on the bus.

mod alarm;
mod app;
mod audit;
mod bus;
mod clock;
mod conditions;
mod configuration;
mod coordinator;
mod dense;
mod failure;
mod ids;
mod journal;
mod launch;
mod logging;
mod notify;
mod ports;
mod power;
mod readiness;
mod scope;
mod settings;
#[cfg(test)]
mod simulator;
mod store;
#[cfg(test)]
mod testing;
mod triggers;
mod zones;

use std::{
    ffi::OsString,
    fs::File,
    io::{Write as _, stdout},
    process::ExitCode,
    time::Duration,
};

use failure::Failure;
use logging::LogLevel;
use notify::{Notifier as _, Systemd};
use scope::{Directories, Scope};

const HELP: &str = "\
backupd - runs backup jobs and shows them on D-Bus

Usage: backupd [--system | --user]

Options:
  --system   the machine's backups, on the system bus (default for root)
  --user     your own backups, on the session bus (default for everybody else)
  --version  print the version
  --help     print this help

Configuration: /etc/backupd, or ~/.config/backupd with --user.
Started by systemd as a rule: `systemctl start backupd`, `systemctl --user start backupd`.
`backupctl` is the client.
";

/// `EX_USAGE` of sysexits(3).
const USAGE: u8 = 64;

enum Wish {
    Run(Scope),
    Print(String),
    Wrong(String),
}

fn main() -> ExitCode {
    match wish(std::env::args_os().skip(1)) {
        Wish::Run(scope) => run(scope),
        Wish::Print(text) => match stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Wish::Wrong(text) => {
            let _ = writeln!(
                std::io::stderr(),
                "error: {text}\nhint: `backupd --help` shows what there is"
            );
            ExitCode::from(USAGE)
        }
    }
}

fn wish(arguments: impl Iterator<Item = OsString>) -> Wish {
    let mut scope = None;
    for argument in arguments {
        let wanted = match argument.to_str() {
            Some("--system") => Scope::System,
            Some("--user") => Scope::User,
            Some("--help" | "-h") => return Wish::Print(HELP.to_owned()),
            Some("--version" | "-V") => {
                return Wish::Print(format!("backupd {}\n", env!("CARGO_PKG_VERSION")));
            }
            _ => return Wish::Wrong(format!("unknown argument `{}`", argument.display())),
        };
        if scope.replace(wanted).is_some_and(|before| before != wanted) {
            return Wish::Wrong("`--system` and `--user` exclude each other".to_owned());
        }
    }
    let default = if nix::unistd::geteuid().is_root() {
        Scope::System
    } else {
        Scope::User
    };
    Wish::Run(scope.unwrap_or(default))
}

/// The directories of the scope, and what keeps other daemons away from them.
fn alone(scope: Scope) -> Result<(Directories, File), Failure> {
    let directories = Directories::of(scope)?;
    directories.create()?;
    let alone = app::claim(scope, &directories)?;
    Ok((directories, alone))
}

fn run(scope: Scope) -> ExitCode {
    // Nothing that we make is anybody else's business.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let log = logging::start("info");
    // One thread serves all: the daemon waits, it does not work.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&log, &Failure::System("the runtime cannot be started", error));
        }
    };
    let outcome = alone(scope).and_then(|(directories, alone)| {
        let outcome = runtime.block_on(app::run(scope, directories, log.clone()));
        // The next daemon may come when nothing of this one can touch a file any more. Threads that wait for
        // the locks of workers are nobody to wait for.
        runtime.shutdown_timeout(Duration::from_secs(1));
        drop(alone);
        outcome
    });
    match outcome {
        Ok(()) => {
            log.flush();
            ExitCode::SUCCESS
        }
        Err(error) => fail(&log, &error),
    }
}

/// Tells why the daemon ends: the journal, and those who ask systemd.
fn fail(log: &LogLevel, error: &Failure) -> ExitCode {
    tracing::error!(MESSAGE_ID = error.message_id(), "{error}");
    let text = error.to_string();
    // The journal may not know any more whose last words they were; systemd keeps these, in one line.
    Systemd.status(&text.replace('\n', "; "));
    log.flush();
    journal::settle();
    ExitCode::from(error.code())
}
