//! Commands about the audit log.

use clap::{Args, Subcommand};

use super::When;

/// Show who changed what, or tried to
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    long_about = "Shows who started, stopped, restored, created, changed or deleted what, and whose calls were \
        refused, oldest first.\n\nWHEN is a time such as `2026-11-01T14:00:00+01:00`, a local date or time such as \
        `2026-11-01` or `2026-11-01 14:00`, `now`, `today`, `yesterday`, or how long ago, such as `2d` or \
        `2 days ago`.\n\nWith `--json` it writes one object a line: the record, its canonical form to the byte, and \
        its hash.",
    after_help = "Examples:\n  backupctl audit --since yesterday\n  backupctl audit --job home --json\n  \
        backupctl audit verify"
)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// Only what was done then or later
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<When>,
    /// Only what was done before
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<When>,
    /// Only what was done to this job
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// The newest so many; 0 for all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 0)]
    pub(crate) limit: u32,
}

/// `backupctl audit …`
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Find out whether the audit log is as it was written
    #[command(
        long_about = "Reads the whole audit log as it stands in the store, checks its hashes, and compares it with the \
            copy in the journal. Edited, removed, moved and inserted records break the chain of hashes; a chain that \
            was computed anew, and an end that was cut off, differ from the journal.\n\nExits with 1 when a record is \
            not as it was written, and names the first.",
        after_help = "Examples:\n  backupctl audit verify\n  backupctl audit verify --json | jq .journal"
    )]
    Verify,
}
