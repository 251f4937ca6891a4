//! What the commands do.

mod audit;
mod cancel;
mod care;
mod config;
mod confirm;
mod contents;
mod copy;
mod history;
mod job;
mod jobs;
mod keys;
mod limit;
mod locks;
mod log;
mod ls;
mod mark;
mod moving;
mod offline;
mod password;
mod pause;
mod place;
mod recovery;
mod repair;
mod repository;
mod restore;
mod retention;
mod runs;
mod schedule;
mod secret;
mod set_password;
mod show;
mod snapshots;
mod space;
mod start;
mod status;
mod text;
mod trigger;
mod validate;
mod why;

use backupd_dbus::Interaction;

use crate::{
    cli::{Cli, Command},
    errors::Done,
    output::Output,
    scope::Scope,
};

/// Where a command works.
pub(crate) struct Context<'a> {
    pub(crate) scope: Scope,
    pub(crate) interaction: Interaction,
    pub(crate) output: &'a Output,
}

/// Runs a command; answers the exit code.
pub(crate) async fn run(cli: Cli, output: &Output) -> Done {
    let context = Context {
        scope: Scope::of(&cli.global)?,
        interaction: cli.global.interaction(),
        output,
    };
    match cli.command {
        Command::Status(arguments) => status::run(&context, &arguments).await,
        Command::Jobs => jobs::run(&context).await,
        Command::Schedule(arguments) => schedule::run(&context, &arguments).await,
        Command::Why(arguments) => why::run(&context, &arguments).await,
        Command::Start(arguments) => start::run(&context, &arguments).await,
        Command::Cancel(arguments) => cancel::run(&context, &arguments).await,
        Command::Pause(arguments) => pause::pause(&context, &arguments).await,
        Command::Resume(arguments) => pause::resume(&context, &arguments).await,
        Command::Limit(arguments) => limit::run(&context, &arguments).await,
        Command::Runs => runs::run(&context).await,
        Command::Show(arguments) => show::run(&context, &arguments).await,
        Command::History(arguments) => history::run(&context, &arguments).await,
        Command::Log(arguments) => log::run(&context, &arguments).await,
        Command::Snapshots(arguments) => snapshots::run(&context, &arguments).await,
        Command::Ls(arguments) => ls::run(&context, &arguments).await,
        Command::Restore(arguments) => restore::run(&context, &arguments).await,
        Command::Check(arguments) => care::check(&context, &arguments).await,
        Command::Prune(arguments) => care::prune(&context, &arguments).await,
        Command::Copy(arguments) => copy::run(&context, &arguments).await,
        Command::Forget(arguments) => retention::forget(&context, &arguments).await,
        Command::Repair(command) => repair::run(&context, command).await,
        Command::Pin(arguments) => mark::pin(&context, &arguments).await,
        Command::Unpin(arguments) => mark::unpin(&context, &arguments).await,
        Command::Expire(arguments) => mark::expire(&context, &arguments).await,
        Command::Retention(command) => retention::run(&context, command).await,
        Command::Job(command) => job::run(&context, command).await,
        Command::Repository(command) => repository::run(&context, command).await,
        Command::Config(command) => config::run(&context, command).await,
        Command::Audit(arguments) => audit::run(&context, &arguments).await,
        Command::Trigger(arguments) => trigger::run(&context, &arguments).await,
    }
}
