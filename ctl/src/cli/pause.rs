//! Commands that hold jobs back, and let them go.

use clap::Args;

use super::{Ahead, Period};

/// Which jobs.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichArgs {
    /// The jobs
    #[arg(value_name = "JOB")]
    pub(crate) jobs: Vec<String>,
    /// All jobs, also those that are yet to come
    #[arg(long)]
    pub(crate) all: bool,
}

/// Let jobs not start by themselves for a while
#[derive(Debug, Args)]
#[command(
    long_about = "Lets jobs not start by themselves, until a time or until `resume`: neither by their schedules, nor by \
        what else starts them, nor for another attempt. Runs at work go on, and `start` starts them all the same. \
        What was missed is made up for by one run afterwards. A job that gets too old in the meantime is late, \
        paused or not.\n\nWHEN is a time such as `2026-11-01T14:00:00+01:00`, a local date or time such as `2026-11-01` \
        or `2026-11-01 14:00`, `tomorrow 08:00`, `monday`, `18:00`, or a time from now such as `2h`.",
    after_help = "Examples:\n  backupctl pause home --until 'tomorrow 08:00'\n  \
        backupctl pause --all --for 2h --reason 'on a train'\n  backupctl pause home mail"
)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Until then; until `resume` unless given
    #[arg(long, value_name = "WHEN", conflicts_with = "duration")]
    pub(crate) until: Option<Ahead>,
    /// For so long, such as `2h` or `3d`
    #[arg(long = "for", id = "duration", value_name = "DURATION")]
    pub(crate) duration: Option<Period>,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Let paused jobs start by themselves again
#[derive(Debug, Args)]
#[command(
    long_about = "Lets paused jobs start by themselves again; what they missed is made up for by one run. With `--all` it \
        ends the pause of all jobs; those that were paused by name stay so.",
    after_help = "Examples:\n  backupctl resume home\n  backupctl resume --all"
)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}
