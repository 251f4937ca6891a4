//! What the command line looks like.

mod audit;
mod care;
mod config;
mod copy;
mod job;
mod key;
mod mark;
mod moment;
mod moving;
mod pause;
mod repair;
mod repository;
mod retention;
mod runs;
mod schedule;
mod snapshots;
mod trigger;
mod values;

use backupd_dbus::Interaction;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::{
    audit::{AuditArgs, AuditCommand},
    care::{CheckRepositoryArgs, PruneArgs, StayArgs},
    config::{CheckArgs, ConfigCommand},
    copy::CopySnapshotsArgs,
    job::{CopyArgs, CreateArgs, DeleteArgs, EstimateArgs, JobCommand, NamesArgs, ShowJobArgs, ValidateArgs},
    key::{AddKeyArgs, GivenArgs, KeyCommand, RecoverySheetArgs, RemoveKeyArgs, RotateKeyArgs},
    mark::{ExpireArgs, PinArgs, SnapshotArgs, UnpinArgs},
    moment::{Ahead, Toward, When, moment, usec},
    moving::MoveArgs,
    pause::{PauseArgs, ResumeArgs},
    repair::{RepairArgs, RepairCommand},
    repository::{AddArgs, AdoptArgs, KeepArgs, ReachArgs, RepositoryCommand, SetPasswordArgs, UnlockArgs},
    retention::{ForgetArgs, PreviewArgs, RetentionCommand},
    runs::{
        CancelArgs, FollowArgs, HistoryArgs, LimitArgs, LimitValues, LogArgs, NoteArgs, ShowArgs, StartArgs,
        StartWhichArgs, StatusArgs, WhyArgs,
    },
    schedule::{ScheduleArgs, ScheduleCommand, TestArgs},
    snapshots::{ListArgs, PlaceArgs, RestoreArgs, SnapshotsArgs},
    trigger::TriggerArgs,
    values::{Bytes, Period},
};

/// Runs backups, looks at them, and restores them.
#[derive(Debug, Parser)]
#[command(
    name = "backupctl",
    version,
    about = "Command line client of backupd",
    long_about = "backupctl talks to backupd, the daemon that runs backup jobs, and shows what it does.\n\n\
        Exit codes: 0 well, 1 failed, 2 wrong usage, 3 partial, 4 not authorised, 5 daemon not reachable, \
        6 no such object, 7 (`status`) some job or repository is late or failed.",
    after_help = "Examples:\n  \
        backupctl status                     how are my backups\n  \
        backupctl schedule                   what ran, and what comes\n  \
        backupctl why home                   why it runs, or does not\n  \
        backupctl start home --follow        run the job `home` now and watch it\n  \
        backupctl pause --all --for 2h       let nothing start by itself\n  \
        backupctl restore latest --job home --to /tmp/home",
    arg_required_else_help = true,
    subcommand_required = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command knows.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Talk to the daemon of the machine, on the system bus; the default for root
    #[arg(long, global = true, conflicts_with = "user")]
    pub(crate) system: bool,
    /// Talk to your own daemon, on the session bus; the default for everyone but root
    #[arg(long, global = true)]
    pub(crate) user: bool,
    /// Write JSON for programs; errors become JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not show long output in a pager; the pager is `$PAGER`, or else `less`
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// Never ask for a password; what needs one is refused
    #[arg(long, global = true)]
    pub(crate) no_ask_password: bool,
    /// When to use colours; `auto` is on a terminal unless `NO_COLOR` is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    pub(crate) color: ColorWhen,
}

impl GlobalArgs {
    /// Whether somebody may be asked for a password.
    pub(crate) fn interaction(&self) -> Interaction {
        if self.no_ask_password {
            Interaction::Forbidden
        } else {
            Interaction::Allowed
        }
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Status(StatusArgs),
    /// List the jobs
    #[command(after_help = "Examples:\n  backupctl jobs\n  backupctl jobs --json | jq -r '.jobs[].name'")]
    Jobs,
    Schedule(ScheduleArgs),
    Why(WhyArgs),
    Start(StartArgs),
    Cancel(CancelArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
    Limit(LimitArgs),
    /// List runs: those at work, those in the queue, and the last finished ones
    #[command(after_help = "Examples:\n  backupctl runs\n  backupctl runs --json\n\n\
        `backupctl history` goes further back.")]
    Runs,
    Show(ShowArgs),
    History(HistoryArgs),
    Log(LogArgs),
    Snapshots(SnapshotsArgs),
    Ls(ListArgs),
    Restore(RestoreArgs),
    Check(CheckRepositoryArgs),
    Prune(PruneArgs),
    Forget(ForgetArgs),
    /// Mend what a check has found
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Examples:\n  backupctl repair index nas --dry-run\n  backupctl repair snapshots nas --dry-run"
    )]
    Repair(RepairCommand),
    Copy(CopySnapshotsArgs),
    Pin(PinArgs),
    Unpin(UnpinArgs),
    Expire(ExpireArgs),
    /// Show which snapshots stay, and why
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Examples:\n  backupctl retention preview home\n  backupctl retention show 01JD3V"
    )]
    Retention(RetentionCommand),
    /// Create, show, check and change jobs
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Examples:\n  \
        backupctl job create home --repository nas --source /home --schedule 02:00\n  \
        backupctl job show home"
    )]
    Job(JobCommand),
    /// Add, create, list and test repositories
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Examples:\n  \
        backupctl repository add nas --url /srv/backup --generate-password --init\n  \
        backupctl repository test nas"
    )]
    Repository(RepositoryCommand),
    /// Check, show and reload the configuration
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Examples:\n  \
        backupctl config check\n  \
        backupctl config reload"
    )]
    Config(ConfigCommand),
    Audit(AuditArgs),
    Trigger(TriggerArgs),
}

#[cfg(test)]
mod tests;
