//! Commands about what is said of single snapshots.

use clap::Args;

use super::Ahead;

/// Keep a snapshot, whatever the retention of its job says
#[derive(Debug, Args)]
#[command(
    long_about = "Pins a snapshot: it stays whatever the retention of its job says, until it is unpinned, or until WHEN. A pin \
        takes no place from other snapshots. It stands in the repository's file, and holds for backupd on this machine: stock \
        restic does not know it.",
    after_help = "Examples:\n  backupctl pin 5f3a91c2 --note 'before the move'\n  backupctl pin 5f3a91c2 --until 2027-04-01"
)]
pub(crate) struct PinArgs {
    #[command(flatten)]
    pub(crate) which: SnapshotArgs,
    /// Only until then: `2027-04-01`, `monday`, `90d`
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Ahead>,
    /// One line about why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

/// Leave a pinned snapshot to the retention of its job again
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  backupctl unpin 5f3a91c2")]
pub(crate) struct UnpinArgs {
    #[command(flatten)]
    pub(crate) which: SnapshotArgs,
}

/// Let a snapshot go at a time, whatever the retention of its job says
#[derive(Debug, Args)]
#[command(
    long_about = "From WHEN on no rule of its job's retention keeps the snapshot, so that it goes with the next forget. A pin \
        keeps it all the same, and so does being the newest. The time stands in the repository's file.",
    after_help = "Examples:\n  backupctl expire 5f3a91c2 --at 2027-04-01\n  backupctl expire 5f3a91c2 --at 30d\n  \
        backupctl expire 5f3a91c2 --never"
)]
#[command(group(clap::ArgGroup::new("when").required(true)))]
pub(crate) struct ExpireArgs {
    #[command(flatten)]
    pub(crate) which: SnapshotArgs,
    /// From then on: `2027-04-01`, `monday`, `30d`
    #[arg(long, value_name = "WHEN", group = "when")]
    pub(crate) at: Option<Ahead>,
    /// It does not go by itself any more
    #[arg(long, group = "when")]
    pub(crate) never: bool,
}

/// Which snapshot is meant.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// The snapshot: its id, or a unique beginning of it
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshot: String,
    /// Look for it in this repository alone
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,
}
