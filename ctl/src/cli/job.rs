//! Commands about jobs.

use std::path::PathBuf;

use backupd_core::{
    config::{MAX_COMPRESSION, Template, Verify},
    retention::Rules,
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Bytes, Period};

/// `backupctl job …`
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    Create(Box<CreateArgs>),
    Copy(CopyArgs),
    Show(ShowJobArgs),
    ShowUnit(ShowUnitArgs),
    Estimate(EstimateArgs),
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
    long_about = "Creates a job: writes its file `jobs.d/NAME.toml`, from options, a template or a given text. The daemon \
        checks it before anything is written.\n\nA template says what most people want for a purpose; options win over \
        it. `home`: the files of people, each day; `system`: configuration and data of the machine, each night and before \
        packages are upgraded; `databases`: dumps, each four hours; `documents`: what somebody works on, also soon after \
        it changes.",
    after_help = "Examples:\n  \
        backupctl job create home --template home --repository nas\n  \
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
        "max_age", "disabled", "schedule", "groups", "after", "template", "keep_last", "keep_hourly", "keep_daily",
        "keep_weekly", "keep_monthly", "keep_yearly", "adopt", "adopt_paths", "adopt_tags",
    ])]
    pub(crate) file: Option<PathBuf>,
    /// What it is for: the rest is filled in for that, as far as nothing else is said
    #[arg(long, value_name = "TEMPLATE", value_parser = PossibleValuesParser::new(Template::WORDS.map(|(word, _)| word)))]
    pub(crate) template: Option<String>,
    /// Repository to store into
    #[arg(long, value_name = "REPOSITORY", required_unless_present = "file")]
    pub(crate) repository: Option<String>,
    /// Directory or file to back up; it must exist when the job runs
    #[arg(long = "source", value_name = "DIR", num_args = 1.., required_unless_present_any = ["file", "optional_sources", "template"])]
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
    #[command(flatten)]
    pub(crate) keep: KeepRules,
    /// Go on with the snapshots that another program has made of this host: what is new is compared with them, and
    /// retention counts them
    #[arg(long, value_name = "HOST")]
    pub(crate) adopt: Option<String>,
    /// Only with those of exactly these paths
    #[arg(long = "adopt-path", value_name = "PATH", num_args = 1.., requires = "adopt")]
    pub(crate) adopt_paths: Vec<PathBuf>,
    /// Only with those that have exactly these tags
    #[arg(long = "adopt-tag", value_name = "TAG", requires = "adopt")]
    pub(crate) adopt_tags: Vec<String>,
    /// Create it switched off
    #[arg(long)]
    pub(crate) disabled: bool,
}

/// Which snapshots are kept; all of them without any of these, unless a template says so.
#[derive(Debug, Clone, Copy, Args)]
#[allow(clippy::struct_field_names, reason = "as they are in the job's file")]
pub(crate) struct KeepRules {
    /// Keep the newest N snapshots
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<u32>,
    /// Keep the newest of each hour, for N hours
    #[arg(long, value_name = "N")]
    pub(crate) keep_hourly: Option<u32>,
    /// Keep the newest of each day, for N days
    #[arg(long, value_name = "N")]
    pub(crate) keep_daily: Option<u32>,
    /// Keep the newest of each week, for N weeks
    #[arg(long, value_name = "N")]
    pub(crate) keep_weekly: Option<u32>,
    /// Keep the newest of each month, for N months
    #[arg(long, value_name = "N")]
    pub(crate) keep_monthly: Option<u32>,
    /// Keep the newest of each year, for N years
    #[arg(long, value_name = "N")]
    pub(crate) keep_yearly: Option<u32>,
}

impl KeepRules {
    /// The rules, where one is given.
    pub(crate) fn rules(self) -> Option<Rules> {
        let rules = Rules {
            keep_last: self.keep_last.unwrap_or(0),
            keep_hourly: self.keep_hourly.unwrap_or(0),
            keep_daily: self.keep_daily.unwrap_or(0),
            keep_weekly: self.keep_weekly.unwrap_or(0),
            keep_monthly: self.keep_monthly.unwrap_or(0),
            keep_yearly: self.keep_yearly.unwrap_or(0),
            ..Rules::default()
        };
        (rules != Rules::default()).then_some(rules)
    }
}

/// Create a job that is as another one
#[derive(Debug, Args)]
#[command(
    long_about = "Creates a job with the file of another one, comments and all. With `--repository` the same sources go into \
        another repository: a second copy, with a schedule of its own once its file says so.",
    after_help = "Examples:\n  backupctl job copy home home-offsite --repository offsite\n  \
        backupctl job copy home home-test --disabled"
)]
pub(crate) struct CopyArgs {
    /// The job that is copied
    #[arg(value_name = "JOB")]
    pub(crate) from: String,
    /// Name of the new job
    #[arg(value_name = "NAME")]
    pub(crate) to: String,
    /// Repository that the new one stores into
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,
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

/// Say what a backup would add, and whether there is room for it
#[derive(Debug, Args)]
#[command(
    long_about = "Says what a backup of a job would add to its repository, from what the last ones have added, beside the \
        room that there is and how long it lasts. With `--scan` the sources are walked as the backup would, and held \
        against the job's last snapshot; no file is read, so that what is found counts before compression, and whole files \
        where pieces of them have changed.",
    after_help = "Examples:\n  backupctl job estimate home\n  backupctl job estimate home --scan"
)]
pub(crate) struct EstimateArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) name: String,
    /// Walk the sources, and count what is new or changed
    #[arg(long)]
    pub(crate) scan: bool,
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
