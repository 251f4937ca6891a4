//! What tells the daemon that something has happened.

use clap::{Args, builder::PossibleValuesParser};

use super::Period;

/// Start the jobs that wait for something to happen; for hooks
#[derive(Debug, Args)]
#[command(
    long_about = "Starts the jobs whose files say that they start when this happens, such as `package_upgrade = true` \
        below `[triggers]`. It is what the hooks of package managers call. There being no such job is no \
        error.\n\nWith `--wait` the exit code is the worst of the runs: 0 success, 3 partial, 1 otherwise, also when \
        the time is up; the runs go on then.",
    after_help = "Examples:\n  backupctl trigger package-upgrade\n  \
        backupctl trigger package-upgrade --if-running --wait --timeout 10m --metadata '{\"packages\":[\"bash\"]}'"
)]
pub(crate) struct TriggerArgs {
    /// What has happened
    #[arg(value_name = "EVENT", value_parser = PossibleValuesParser::new(["package-upgrade", "shutdown"]))]
    pub(crate) trigger: String,
    /// Free data to keep with the runs: a JSON object
    #[arg(long, value_name = "JSON", value_parser = super::values::json_object)]
    pub(crate) metadata: Option<String>,
    /// Wait until the runs are over
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "DURATION", requires = "wait")]
    pub(crate) timeout: Option<Period>,
    /// Do nothing, and be well, where the daemon is not running; it is not started
    #[arg(long)]
    pub(crate) if_running: bool,
}
