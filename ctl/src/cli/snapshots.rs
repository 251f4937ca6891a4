//! Commands about what is stored.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use super::NoteArgs;

/// List snapshots, oldest first
#[derive(Debug, Default, Args)]
#[command(
    long_about = "Lists snapshots, oldest first. Without JOB and `--repository` it looks into every repository.",
    after_help = "Examples:\n  backupctl snapshots home\n  backupctl snapshots --repository nas --host laptop"
)]
pub(crate) struct SnapshotsArgs {
    /// Only snapshots of this job: those of this machine, unless `--host` names another
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// Only of this repository; the job's own where a job is given
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,
    /// Only of this host
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Only with this tag; given several times, only with all of them
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
}

/// Which repository is meant.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct PlaceArgs {
    /// Of this job, in its repository; `latest` is the newest snapshot of the job
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// In this repository; `latest` is the newest snapshot in it
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,
}

/// List files of a snapshot
#[derive(Debug, Args)]
#[command(
    long_about = "Lists files of a snapshot. Without `--job` and `--repository` it takes the only job or repository \
        there is.",
    after_help = "Examples:\n  backupctl ls latest --job home /home/me\n  backupctl ls 4f5e6a7b -R -l"
)]
pub(crate) struct ListArgs {
    /// The snapshot: its id, a unique beginning of it, or `latest`
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshot: String,
    /// Directory in the snapshot; the root unless given
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Also what lies in the directories below
    #[arg(long, short = 'R')]
    pub(crate) recursive: bool,
    /// Also mode, owner, size and time of each file
    #[arg(long, short = 'l')]
    pub(crate) long: bool,
}

/// Restore files from a snapshot
#[derive(Debug, Args)]
#[command(
    long_about = "Restores a snapshot, or paths of it, into a new or empty directory: a file `/home/me/a` becomes \
        `DIR/home/me/a`.\n\nIt waits until the run is over, and shows progress on a terminal; the exit code is the \
        run's: 0 success, 3 partial, 1 otherwise. Without `--job` and `--repository` it takes the only job or \
        repository there is.",
    after_help = "Examples:\n  backupctl restore latest --job home --to /tmp/home\n  \
        backupctl restore 4f5e6a7b /home/me/letters --to restored"
)]
pub(crate) struct RestoreArgs {
    /// The snapshot: its id, a unique beginning of it, or `latest`
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshot: String,
    /// Only these paths of the snapshot; all of it unless given
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
    /// Directory to restore into; it is made where it does not exist, and must be empty where it does
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Wait until it is over, without showing progress
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) wait: bool,
    /// Return as soon as the daemon has it in its queue
    #[arg(long, conflicts_with = "follow")]
    pub(crate) no_wait: bool,
    /// Show progress and a summary also where there is no terminal
    #[arg(long, short)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}
