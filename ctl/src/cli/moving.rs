//! `backupctl repository move`

use clap::Args;

use super::{NoteArgs, ReachArgs, StayArgs};

/// Take a repository to another place
#[derive(Debug, Args)]
#[command(
    long_about = "Takes a repository to another place, such as a larger disk or a server: all of its files are brought there \
        as they are and read back, then the repository's file names that place, and everything goes on there with the same \
        password. Nothing else runs on the repository meanwhile. One that was cut off, or failed, goes on where it was when \
        it is started again.\n\n\
        What is at the place before stays until `--release` removes it: only if nobody has stored or removed snapshots there \
        since, and nothing but the repository's own files.",
    after_help = "Examples:\n  \
        backupctl repository move nas --to /mnt/large/restic\n  \
        backupctl repository move nas --to sftp:backup@host:/srv/restic --ssh-key /root/.ssh/host\n  \
        backupctl repository move nas --to s3:https://s3.example.com/bucket --login AKIA --secret-file /root/s3\n  \
        backupctl repository move nas --release\n  \
        backupctl repository move nas --give-up --to /mnt/large/restic"
)]
pub(crate) struct MoveArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// The new place: a directory, or an address as restic writes it (sftp:, rest:, s3:, azure:,
    /// gs:, b2:, webdav:, rclone:)
    #[arg(long, value_name = "PATH|URL", required_unless_present = "release")]
    pub(crate) to: Option<String>,
    /// Remove what is left at the place before
    #[arg(long, conflicts_with_all = ["to", "give_up"])]
    pub(crate) release: bool,
    /// Remove what a move that came to no end has left at the place that `--to` names
    #[arg(long)]
    pub(crate) give_up: bool,
    /// Do not ask before anything is removed
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) place: ReachArgs,
    #[command(flatten)]
    pub(crate) stay: StayArgs,
    #[command(flatten)]
    pub(crate) note: NoteArgs,
}
