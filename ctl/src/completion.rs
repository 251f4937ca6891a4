//! Completion of commands in shells: jobs, runs, repositories and snapshots are those that the daemon knows.
//!
//! The shell calls the program with [`VARIABLE`] set and the words so far after `--`. Whatever goes wrong, nothing is
//! said: the user is in the midst of typing.

mod candidates;

use std::{env, ffi::OsString};

use clap::{Arg, Command};
use clap_complete::{CompleteEnv, engine::ArgValueCandidates};

/// Names the shell that asks.
const VARIABLE: &str = "BACKUPCTL_COMPLETE";

/// Answers a shell, if one asks; whether it did.
pub(crate) fn answered(command: impl Fn() -> Command) -> bool {
    if env::var_os(VARIABLE).is_none_or(|shell| shell.is_empty()) {
        return false;
    }
    let words: Vec<OsString> = env::args_os().skip_while(|word| word != "--").skip(1).collect();
    let options = current(&words).is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
    let environment = CompleteEnv::with_factory(|| prepared(command(), options))
        .var(VARIABLE)
        .bin("backupctl")
        .completer("backupctl");
    // It answers, or says why not, which helps nobody here.
    let _ = environment.try_complete(env::args_os(), env::current_dir().ok().as_deref());
    true
}

/// The word at the cursor. fish does not say which it is: the last.
fn current(words: &[OsString]) -> Option<&OsString> {
    let index = env::var("_CLAP_COMPLETE_INDEX")
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    index.map_or_else(|| words.last(), |index| words.get(index))
}

/// Each value that names an object is one of those that there are. Options are offered to who has begun one, and
/// where there is nothing else.
fn prepared(mut command: Command, options: bool) -> Command {
    // `--help` is there only then.
    command.build();
    command
        .mut_args(|argument| {
            let hidden = !options && !argument.is_positional();
            let argument = completed(argument);
            if hidden { argument.hide(true) } else { argument }
        })
        .mut_subcommands(|command| prepared(command, options))
}

fn completed(argument: Arg) -> Arg {
    let names = argument.get_value_names().unwrap_or_default();
    let kinds: Vec<candidates::Kind> = names
        .iter()
        .flat_map(|name| name.split('|'))
        .filter_map(candidates::Kind::of)
        .collect();
    if kinds.is_empty() {
        argument
    } else {
        argument.add(ArgValueCandidates::new(move || candidates::all(&kinds)))
    }
}

#[cfg(test)]
mod tests;
