//! Commands about the configuration as a whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `backupctl config …`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    Check(CheckArgs),
    /// Show the daemon's own settings as they are in force
    #[command(after_help = "Examples:\n  backupctl config show")]
    Show,
    /// Let the daemon read all files again, and tell their faults
    #[command(
        long_about = "Lets the daemon read all files again, and tells their faults. A file with faults stays in \
            force as it was before.\n\nExits with 1 when there are faults.",
        after_help = "Examples:\n  backupctl config reload\n  backupctl config check && backupctl config reload"
    )]
    Reload,
}

/// Check all job and repository files without a daemon
#[derive(Debug, Args)]
#[command(
    long_about = "Checks all files in `jobs.d` and `repositories.d`, without a daemon, and tells all their faults at \
        once as FILE:LINE:COLUMN.\n\nExits with 1 when there are faults.",
    after_help = "Examples:\n  backupctl config check\n  backupctl config check ./etc/backupd"
)]
pub(crate) struct CheckArgs {
    /// Configuration directory; that of the scope unless given
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}
