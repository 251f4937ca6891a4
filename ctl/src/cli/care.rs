//! Commands that keep repositories sound.

use backupd_core::protocol::{MaxUnused, ReadData};
use clap::Args;

use super::{Bytes, FollowArgs, NoteArgs};

/// See whether a repository is whole
#[derive(Debug, Args)]
#[command(
    long_about = "Checks a repository: every index file, pack, snapshot and tree is looked at, and of the stored data as \
        much is read as its file says, or `--read-data`. A check goes on reading where the last one stopped, so that \
        many of them read everything.\n\nWhat is wrong is told by `backupctl log`, and the exit code is the run's: 0 \
        whole, 1 not.",
    after_help = "Examples:\n  backupctl check nas\n  backupctl check nas --read-data 1/12 --follow\n  \
        backupctl check nas --read-data all --no-wait"
)]
pub(crate) struct CheckRepositoryArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// How much of the stored data is read: `none`, `all`, a part such as `1/12`, or a size such as `10 GiB`
    #[arg(long, value_name = "PART")]
    pub(crate) read_data: Option<ReadData>,
    #[command(flatten)]
    pub(crate) stay: StayArgs,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}

/// Remove from a repository what no snapshot needs
#[derive(Debug, Args)]
#[command(
    long_about = "Prunes a repository: packs that no snapshot needs are removed, and those that hold much of no use are \
        written anew. What is not needed any more stays for a day, for those who may still read it, and is removed by the \
        next prune. Nothing else runs on the repository meanwhile; a backup that is due goes first.",
    after_help = "Examples:\n  backupctl prune nas --dry-run\n  backupctl prune nas --follow\n  \
        backupctl prune nas --max-unused 0% --max-repack '20 GiB'"
)]
pub(crate) struct PruneArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// Only say what would be done
    #[arg(long, conflicts_with_all = ["wait", "follow", "no_wait", "description", "metadata"])]
    pub(crate) dry_run: bool,
    /// How much of no use may stay: a part such as `5%`, a size such as `10 GiB`, or `unlimited`
    #[arg(long, value_name = "PART")]
    pub(crate) max_unused: Option<MaxUnused>,
    /// Write at most so much anew, such as `20 GiB`
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_repack: Option<Bytes>,
    #[command(flatten)]
    pub(crate) stay: StayArgs,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}

/// How to stay with a run that people wait for.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct StayArgs {
    #[command(flatten)]
    pub(crate) follow: FollowArgs,
    /// Return as soon as the daemon has it in its queue
    #[arg(long, conflicts_with_all = ["wait", "follow"])]
    pub(crate) no_wait: bool,
}
