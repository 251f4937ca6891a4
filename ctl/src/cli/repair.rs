//! Commands that mend a repository.

use clap::{Args, Subcommand};

use super::{NoteArgs, StayArgs};

/// `backupctl repair …`
#[derive(Debug, Subcommand)]
pub(crate) enum RepairCommand {
    Index(RepairIndexArgs),
    /// Take out of the snapshots what is lost
    #[command(
        long_about = "Looks at every directory of every snapshot. Where something is lost, what is left of the snapshot is \
            stored in its place, with its tags and `repaired`; a file that is not whole has `.repaired` behind its name. \
            `backupctl log` names each file that is lost. The snapshots that go can be brought back with `backupctl forget \
            --undo RUN`, should what they lack turn up.\n\nStart a backup of each job before: it stores again what the \
            sources still have, and then that is not lost any more. An index that names packs which are gone has to be \
            repaired first. Nothing else runs on the repository meanwhile.",
        after_help = "Examples:\n  backupctl repair snapshots nas --dry-run\n  backupctl repair snapshots nas"
    )]
    Snapshots(RepairArgs),
}

/// Make the index say again what is there
#[derive(Debug, Args)]
#[command(
    long_about = "Makes the index of a repository anew where it is damaged, says nothing of a pack that is there, or names \
        one that is not. No data is removed.\n\nWith `--read-data` every pack is read: what is whole in a damaged one is \
        written into another, and the damaged one is removed, so that the next backup stores again what is lost and \
        still there in the sources. Nothing else runs on the repository meanwhile.",
    after_help = "Examples:\n  backupctl repair index nas --dry-run\n  backupctl repair index nas\n  \
        backupctl repair index nas --read-data --follow"
)]
pub(crate) struct RepairIndexArgs {
    /// Read all packs, and save what is whole in damaged ones
    #[arg(long)]
    pub(crate) read_data: bool,
    #[command(flatten)]
    pub(crate) repair: RepairArgs,
}

/// Which repository, and how.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// Only say what would be done
    #[arg(long, conflicts_with_all = ["wait", "follow", "no_wait", "description", "metadata"])]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) stay: StayArgs,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}
