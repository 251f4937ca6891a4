//! Commands about which snapshots stay.

use clap::{Args, Subcommand};

use super::{Ahead, NoteArgs, StayArgs};

/// Remove the snapshots of a job that its retention lets go, or bring them back
#[derive(Debug, Args)]
#[command(
    long_about = "Applies the `retention` of a job, as it is applied after each good backup: removes the snapshots that \
        it lets go. Their data stays in the repository until a prune.\n\nA guard refuses where dates, clocks or sources \
        seem wrong, or most of the history would go at once; `backupctl retention preview JOB` shows what it says. An \
        administrator may `--force` it, on record. Pinned snapshots and the newest stay all the same.\n\nWith `--undo` \
        the snapshots that a run removed come back, as long as no prune has removed what they need.",
    after_help = "Examples:\n  backupctl retention preview home\n  backupctl forget home\n  \
        backupctl history home --operation forget\n  backupctl forget --undo 01JD3V"
)]
pub(crate) struct ForgetArgs {
    /// The job
    #[arg(value_name = "JOB", required_unless_present = "undo", conflicts_with = "undo")]
    pub(crate) job: Option<String>,
    /// Whatever the guard says, as far as anybody may
    #[arg(long, conflicts_with = "undo")]
    pub(crate) force: bool,
    /// Bring back what this run removed: its id, or a unique beginning of it
    #[arg(long, value_name = "RUN", conflicts_with_all = ["wait", "follow", "no_wait", "description", "metadata"])]
    pub(crate) undo: Option<String>,
    /// Bring back this one alone: its id, or a unique beginning of it; given several times, these
    #[arg(long = "snapshot", value_name = "SNAPSHOT", requires = "undo")]
    pub(crate) snapshots: Vec<String>,
    #[command(flatten)]
    pub(crate) stay: StayArgs,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}

/// `backupctl retention …`
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    Preview(PreviewArgs),
    /// Show what a run that forgot has decided of each snapshot, and why
    #[command(after_help = "Examples:\n  backupctl retention show 01JD3V")]
    Show(RetentionShowArgs),
}

/// Show which snapshots of a job stay and which go, and why
#[derive(Debug, Args)]
#[command(
    long_about = "Shows which snapshots of a job stay by its `retention` and which go, each with all its reasons, and what \
        the guard says. Nothing is changed.\n\nWHEN is a time as `backupctl schedule` takes it: with `--at` it shows what \
        would be then of the snapshots that there are now.",
    after_help = "Examples:\n  backupctl retention preview home\n  backupctl retention preview home --at 'in 30 days'\n  \
        backupctl retention preview home --json | jq -r '.snapshots[] | select(.verdict == \"forget\").id'"
)]
pub(crate) struct PreviewArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
    /// As if it were then
    #[arg(long, value_name = "WHEN")]
    pub(crate) at: Option<Ahead>,
}

/// Which run is shown.
#[derive(Debug, Args)]
pub(crate) struct RetentionShowArgs {
    /// The run: its id, or a unique beginning of it
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}
