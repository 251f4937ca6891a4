//! Commands about runs: how things are, starting, stopping, looking.

use backupd_core::resources::MOST_WEIGHT;
use clap::Args;

use super::{Bytes, When};

/// Show how the backups are
#[derive(Debug, Args)]
#[command(
    long_about = "Shows how the backups are: the daemon, faults of the configuration, and each job; with JOB, \
        that job with all that is known of it.\n\nExits with 7 when some job or repository is late or failed.",
    after_help = "Examples:\n  backupctl status\n  backupctl status home\n  \
        backupctl status --json | jq .health"
)]
pub(crate) struct StatusArgs {
    /// The job to look at closely; without it, all in a table
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<String>,
}

/// Start jobs now
#[derive(Debug, Args)]
#[command(
    long_about = "Starts jobs now: by name, all of a group, or all there are. Several are started together: each waits \
        for those that its file says it comes `after`. Without `--wait` or `--follow` it returns as soon as the \
        daemon has them in its queue.\n\nWhoever starts a job by hand overrides its conditions and its pause; the run \
        says what it overrode.\n\nWith `--wait` or `--follow` the exit code is the run's: 0 success, 3 partial (a \
        snapshot is stored, some files could not be read), 1 otherwise; of several jobs the worst. Ctrl-C while \
        waiting leaves the run going.",
    after_help = "Examples:\n  backupctl start home --follow\n  backupctl start home mail --wait\n  \
        backupctl start --group nightly --wait\n  backupctl start home --description 'before the upgrade'"
)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) which: StartWhichArgs,
    #[command(flatten)]
    pub(crate) follow: FollowArgs,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}

/// Which jobs to start.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct StartWhichArgs {
    /// The jobs
    #[arg(value_name = "JOB")]
    pub(crate) jobs: Vec<String>,
    /// All jobs that are in this group by their files; those that are switched off are left out
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// All jobs; those that are switched off are left out
    #[arg(long)]
    pub(crate) all: bool,
}

/// How to stay with a run.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct FollowArgs {
    /// Wait until it is over, without showing progress
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait until it is over, and show progress and a summary
    #[arg(long, short)]
    pub(crate) follow: bool,
}

/// What is noted with a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct NoteArgs {
    /// Free text to keep with the run
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Free data to keep with the run: a JSON object
    #[arg(long, value_name = "JSON", value_parser = super::values::json_object)]
    pub(crate) metadata: Option<String>,
}

/// Change the limits of a run at work
#[derive(Debug, Args)]
#[command(
    long_about = "Changes limits of a run while it is at work, until its end, and prints those that are in force \
        then. What its job's file says stays as it is.",
    after_help = "Examples:\n  backupctl limit home --cpu-weight 10 --io-weight 10\n  \
        backupctl limit 01JD3V --memory-max '1 GiB'"
)]
pub(crate) struct LimitArgs {
    /// The run: its id, a unique beginning of it, or its job
    #[arg(value_name = "RUN|JOB")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) limits: LimitValues,
}

/// Limits; at least one.
#[derive(Debug, Clone, Copy, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct LimitValues {
    /// Share of the processor, 1 to 10000; everybody else has 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_WEIGHT))]
    pub(crate) cpu_weight: Option<u64>,
    /// Share of the disks, 1 to 10000; everybody else has 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_WEIGHT))]
    pub(crate) io_weight: Option<u64>,
    /// Memory from which on the worker is slowed down, such as `512 MiB`
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_high: Option<Bytes>,
    /// Memory at which the worker is killed, such as `1 GiB`
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_max: Option<Bytes>,
}

/// Stop runs
#[derive(Debug, Args)]
#[command(
    long_about = "Stops runs that are queued or at work. What a run has stored so far stays in the repository, and \
        the next run need not store it again.",
    after_help = "Examples:\n  backupctl cancel home\n  backupctl cancel 01JD3V --wait"
)]
pub(crate) struct CancelArgs {
    /// Runs, by id or a unique beginning of it, or jobs, whose active run is meant
    #[arg(value_name = "RUN|JOB", required = true)]
    pub(crate) runs: Vec<String>,
    /// Wait until they are over
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Show runs, jobs or repositories with all that is known of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  backupctl show home\n  backupctl show 01JD3V --json")]
pub(crate) struct ShowArgs {
    /// Runs, by id or a unique beginning of it, jobs, or repositories
    #[arg(value_name = "RUN|JOB|REPOSITORY", required = true)]
    pub(crate) objects: Vec<String>,
}

/// List past runs, newest first
#[derive(Debug, Args)]
#[command(
    long_about = "Lists past runs, newest first.\n\nWHEN is a time such as `2026-11-01T14:00:00+01:00`, a local date \
        or time such as `2026-11-01` or `2026-11-01 14:00`, `now`, `today`, `yesterday`, or how long ago, such as \
        `2d` or `2 days ago`.",
    after_help = "Examples:\n  backupctl history home --limit 50\n  \
        backupctl history --result failed --since '2 weeks ago'\n  \
        backupctl history --operation check --repository nas"
)]
pub(crate) struct HistoryArgs {
    /// Only runs of this job
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// At most this many; 0 for all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Only runs on this repository
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,
    /// Only runs that do this
    #[arg(long, value_name = "OPERATION", value_parser = super::values::operation())]
    pub(crate) operation: Option<String>,
    /// Only runs that ended like this
    #[arg(long, value_name = "RESULT", value_parser = super::values::result())]
    pub(crate) result: Option<String>,
    /// Only runs that began for this reason
    #[arg(long, value_name = "TRIGGER", value_parser = super::values::trigger())]
    pub(crate) trigger: Option<String>,
    /// Only runs that were queued then or later
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<When>,
    /// Only runs that were queued before
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<When>,
}

/// Show what a run told
#[derive(Debug, Args)]
#[command(
    long_about = "Shows what a run told: its phases, warnings with the paths they are about, its snapshot and how it \
        ended. `--json` passes the events through, one JSON object a line.",
    after_help = "Examples:\n  backupctl log home\n  backupctl log 01JD3V --attempt 1"
)]
pub(crate) struct LogArgs {
    /// The run, by id or a unique beginning of it, or a job, whose active or else last run is meant
    #[arg(value_name = "RUN|JOB")]
    pub(crate) run: String,
    /// Which attempt of the run, from 1; the last one unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempt: Option<u32>,
}

/// Say why a job runs or does not, why it is not well, and what to do
#[derive(Debug, Args)]
#[command(
    long_about = "Says why a job runs or does not: whether it is switched off or paused, what it waits for and what would \
        clear that, when it starts next and by which of its schedules, when it is tried again and how the attempts \
        before went; why its health is what it is; and what to do.",
    after_help = "Examples:\n  backupctl why home\n  backupctl why home --json | jq -r '.reasons[]'"
)]
pub(crate) struct WhyArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
}
