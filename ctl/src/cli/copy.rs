//! `backupctl copy`

use clap::Args;

use super::{NoteArgs, StayArgs};

/// Copy the snapshots of a job into another repository
#[derive(Debug, Args)]
#[command(
    long_about = "Copies the snapshots of a job that are not there yet into the other repositories that its file names in \
        `copies`. That also happens by itself: at the copy's own time, or after each good backup.\n\nA backup that is due \
        goes first. Neither repository is pruned meanwhile.",
    after_help = "Examples:\n  backupctl copy home\n  backupctl copy home --to cloud --follow\n  \
        backupctl snapshots home --repository cloud"
)]
pub(crate) struct CopySnapshotsArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
    /// Into this repository; into all that the job's file names unless given
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) stay: StayArgs,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}
