//! `backupctl`: the command line client of backupd. It talks to the daemon over D-Bus, links no engine, and opens
//! no repository.

mod activation;
mod agent;
mod cli;
mod commands;
mod completion;
mod connect;
mod errors;
mod fault;
mod find;
mod follow;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "the page is made by a test")]
mod man;
mod objects;
mod output;
mod records;
mod scope;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::{cli::Cli, errors::Failure, output::Output};

fn main() -> ExitCode {
    if completion::answered(Cli::command) {
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    let output = Output::new(&cli.global);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli, &output)),
        Err(error) => Err(Failure::internal(format!("cannot start the runtime: {error}"))),
    };
    let code = done.unwrap_or_else(|failure| {
        output.report(&failure);
        failure.code
    });
    // What could not be written to the end has failed, whatever was done before.
    let code = output.close().map_or_else(
        |failure| {
            output.report(&failure);
            if failure.quiet { code } else { failure.code }
        },
        |()| code,
    );
    ExitCode::from(code)
}
