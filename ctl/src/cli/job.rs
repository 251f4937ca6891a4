//! Commands about jobs.

use std::path::PathBuf;

use backupd_core::config::{MAX_COMPRESSION, Verify};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Bytes, Period};

/// `backupctl job …`
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    Create(Box<CreateArgs>),
    Show(ShowJobArgs),
    ShowUnit(ShowUnitArgs),
    Validate(ValidateArgs),
    /// Let jobs run again
    #[command(after_help = "Examples:\n  backupctl job enable home")]
    Enable(NamesArgs),
    /// Switch jobs off; they are not started, and their health is not judged
    #[command(after_help = "Examples:\n  backupctl job disable home mail")]
    Disable(NamesArgs),
    Delete(DeleteArgs),
}

/// Create a job
#[derive(Debug, Args)]
#[command(
    long_about = "Creates a job: writes its file `jobs.d/NAME.toml`, from options or from a given text. The daemon \
        checks it before anything is written.",
    after_help = "Examples:\n  \
        backupctl job create home --repository nas --source /home --exclude '**/.cache' --schedule 02:00\n  \
        backupctl job create home --file home.toml"
)]
pub(crate) struct CreateArgs {
    /// Name of the new job: letters, digits, `-`, `_` and `.`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Take this file's text; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "repository", "sources", "optional_sources", "exclude", "include", "exclude_if_present", "exclude_caches",
        "exclude_larger_than", "one_file_system", "tags", "host", "description", "compression", "verify",
        "max_age", "disabled", "schedule", "groups", "after",
    ])]
    pub(crate) file: Option<PathBuf>,
    /// Repository to store into
    #[arg(long, value_name = "REPOSITORY", required_unless_present = "file")]
    pub(crate) repository: Option<String>,
    /// Directory or file to back up; it must exist when the job runs
    #[arg(long = "source", value_name = "DIR", num_args = 1.., required_unless_present_any = ["file", "optional_sources"])]
    pub(crate) sources: Vec<PathBuf>,
    /// Directory or file to back up if it exists when the job runs
    #[arg(long = "optional-source", value_name = "DIR", num_args = 1..)]
    pub(crate) optional_sources: Vec<PathBuf>,
    /// When it starts by itself, such as `02:00`, `daily`, `weekdays at 18:00` or `every 4h`; `backupctl schedule test`
    /// tries one
    #[arg(long, value_name = "EXPR")]
    pub(crate) schedule: Vec<String>,
    /// Group it belongs to; `backupctl start --group` starts all of one
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// Job whose runs its own wait for
    #[arg(long, value_name = "JOB")]
    pub(crate) after: Vec<String>,
    /// Leave out what matches this pattern, as in a `.gitignore`
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Take only files that match one of these patterns; what is excluded stays out
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// Leave out directories that hold a file of this name
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude_if_present: Vec<String>,
    /// Leave out directories that are marked with `CACHEDIR.TAG`
    #[arg(long)]
    pub(crate) exclude_caches: bool,
    /// Leave out larger files; SIZE is such as `100 MiB` or `2 GB`
    #[arg(long, value_name = "SIZE")]
    pub(crate) exclude_larger_than: Option<Bytes>,
    /// Leave out what is mounted below a source
    #[arg(long)]
    pub(crate) one_file_system: bool,
    /// Tag for the snapshots
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Host name in the snapshots; the machine's own unless given
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// One line for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Zstandard level: 0 is off, 22 is the strongest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=i64::from(MAX_COMPRESSION)))]
    pub(crate) compression: Option<i32>,
    /// What is checked after each run
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(Verify::WORDS.map(|(word, _)| word)))]
    pub(crate) verify: Option<String>,
    /// The job is late when its last good snapshot is older; such as `26h` or `8d`
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_age: Option<Period>,
    /// Create it switched off
    #[arg(long)]
    pub(crate) disabled: bool,
}

/// Show a job's file
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  backupctl job show home\n  backupctl job show home --json")]
pub(crate) struct ShowJobArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) name: String,
}

/// Show what a backup of a job may do
#[derive(Debug, Args)]
#[command(
    long_about = "Shows the unit that the job's next backup would be, as systemd is told of it: its limits, what it \
        can read and write, and what it cannot do. `RUN` stands for the id of the run.",
    after_help = "Examples:\n  backupctl job show-unit home"
)]
pub(crate) struct ShowUnitArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) name: String,
}

/// Check a job's file
#[derive(Debug, Args)]
#[command(
    long_about = "Checks a job's file without changing anything, and tells all its faults. The daemon is asked if it \
        is reachable; else the configuration directory of the scope is read.\n\nExits with 1 when there are faults.",
    after_help = "Examples:\n  backupctl job validate home\n  backupctl job validate home --file new-home.toml"
)]
pub(crate) struct ValidateArgs {
    /// The job; it need not exist if `--file` is given
    #[arg(value_name = "JOB")]
    pub(crate) name: String,
    /// Check this text in its place; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Names of jobs.
#[derive(Debug, Args)]
pub(crate) struct NamesArgs {
    /// The jobs
    #[arg(value_name = "JOB", required = true)]
    pub(crate) names: Vec<String>,
}

/// Delete jobs; their snapshots and history stay
#[derive(Debug, Args)]
#[command(
    long_about = "Deletes jobs: removes their files. Snapshots and history stay. On a terminal it asks first.",
    after_help = "Examples:\n  backupctl job delete old\n  backupctl job delete old older --yes"
)]
pub(crate) struct DeleteArgs {
    /// The jobs
    #[arg(value_name = "JOB", required = true)]
    pub(crate) names: Vec<String>,
    /// Do not ask; needed where there is no terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
}
