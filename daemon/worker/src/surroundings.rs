//! What of the process itself must not depend on who started it.

use std::{env, fs::File};

use backupd_core::resources::Resources;
use rustix::{
    fs::Mode,
    process::{self, DumpableBehavior, Resource, Rlimit},
    stdio,
};

/// Files of the worker are its user's alone, no directory is held by it, and its memory, which holds the
/// password, is written to no file and shown to no other process.
pub(crate) fn settle() -> Result<(), String> {
    process::umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Where a sandbox does not let us it has done so itself.
    let _ = process::setrlimit(Resource::Core, none);
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("cannot hide its memory: {error}"))?;
    // A session of its own: what a terminal or the daemon's group is told is not meant for it, and whatever it
    // leaves behind can be found by it. The leader of a group cannot have one, and has a group of its own.
    let _ = process::setsid();
    env::set_current_dir("/").map_err(|error| format!("cannot change to `/`: {error}"))
}

/// From here on nothing is read from standard input.
pub(crate) fn close_input() -> Result<(), String> {
    let null = File::open("/dev/null").map_err(|error| format!("cannot open `/dev/null`: {error}"))?;
    stdio::dup2_stdin(null).map_err(|error| format!("cannot replace standard input: {error}"))
}

/// Takes the niceness that the job has. Under systemd it has it already.
pub(crate) fn be_nice(resources: &Resources) {
    let Some(nice) = resources.nice else { return };
    if process::getpriority_process(None) == Ok(nice) {
        return;
    }
    if let Err(error) = process::setpriority_process(None, nice) {
        tracing::warn!(nice, %error, "the niceness cannot be set; the work goes on without it");
    }
}

/// The machine's own name.
pub(crate) fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}
