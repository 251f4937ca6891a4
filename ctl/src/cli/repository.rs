//! Commands about repositories.

use std::path::PathBuf;

use backupd_core::config::{EngineName, parse_size};
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};

use super::{
    key::{KeyCommand, RecoverySheetArgs},
    moving::MoveArgs,
};

/// `backupctl repository …`
#[derive(Debug, Subcommand)]
pub(crate) enum RepositoryCommand {
    Add(Box<AddArgs>),
    Adopt(Box<AdoptArgs>),
    /// Create a repository at its place
    #[command(after_help = "Examples:\n  backupctl repository init nas")]
    Init(RepositoryName),
    Move(Box<MoveArgs>),
    /// List the repositories
    #[command(after_help = "Examples:\n  backupctl repository list\n  backupctl repository list --json")]
    List,
    /// Open a repository with its password, and say what is in it
    #[command(after_help = "Examples:\n  backupctl repository test nas")]
    Test(RepositoryName),
    /// Show who is at work on a repository, and what others left there
    #[command(after_help = "Examples:\n  backupctl repository locks nas")]
    Locks(RepositoryName),
    Unlock(UnlockArgs),
    SetPassword(SetPasswordArgs),
    /// List, make, remove and replace the keys of a repository
    #[command(
        subcommand,
        after_help = "Examples:\n  backupctl repository key list nas\n  backupctl repository key rotate nas"
    )]
    Key(KeyCommand),
    RecoverySheet(RecoverySheetArgs),
    /// Show a repository and its file
    #[command(after_help = "Examples:\n  backupctl repository show nas")]
    Show(RepositoryName),
    /// Count what a repository stores, for which jobs, and how long its room lasts
    #[command(
        long_about = "Counts what a repository stores: what its snapshots hold and need, what a prune would remove, how \
            much of it each job needs, alone and with others, how it grows, and how long its room lasts at that pace. All \
            directories of all snapshots are read for it, each once, and no file; it takes no lock, and nothing has to wait \
            for it.\n\n\
            ALONE is what nobody but this job needs: as much would be of no use without its snapshots.",
        after_help = "Examples:\n  backupctl repository stats nas\n  backupctl repository stats nas --json"
    )]
    Stats(RepositoryName),
    /// List snapshots that no job here owns, and those that should be there and are gone
    #[command(
        long_about = "Lists what nobody looks after: snapshots in a repository that no job here owns, by host, paths and \
            tags, for which no retention is applied; and snapshots that jobs have stored, that backupd has not removed, \
            and that are gone all the same. Nothing is changed.",
        after_help = "Examples:\n  backupctl repository orphans nas\n  backupctl repository orphans nas --json"
    )]
    Orphans(RepositoryName),
}

/// Take over a repository that exists, with its snapshots
#[derive(Debug, Args)]
#[command(
    long_about = "Takes over a repository that exists, such as one that stock restic has made: tells the daemon of it as \
        `add` does, opens it, lists whose snapshots are there, and says how jobs go on with them. Nothing in it is changed. \
        Without a way to the password it is asked for, tried, and kept.\n\n\
        Without `--url` it looks into one that the daemon knows already.",
    after_help = "Examples:\n  \
        backupctl repository adopt old --url /mnt/restic\n  \
        backupctl repository adopt old --url /mnt/restic --password-file /root/restic-password\n  \
        backupctl repository adopt nas --url sftp:backup@nas:/srv/backup --ssh-key /root/.ssh/nas\n  \
        backupctl repository adopt old"
)]
pub(crate) struct AdoptArgs {
    /// Name of the repository: a new one with `--url`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Directory of the repository, or an address as restic writes it (sftp:, rest:, s3:, azure:,
    /// gs:, b2:, webdav:, rclone:)
    #[arg(long, value_name = "PATH|URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) place: ReachArgs,
    /// Read the password from standard input instead of asking for it
    #[arg(long, group = "password", requires = "url")]
    pub(crate) stdin: bool,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", group = "password", requires = "url")]
    pub(crate) password_file: Option<PathBuf>,
    /// Program that prints the password, with its arguments; takes all that follows
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true, group = "password", requires = "url")]
    pub(crate) password_command: Vec<String>,
    /// Name of a systemd credential that holds the password
    #[arg(long, value_name = "NAME", group = "password", requires = "url")]
    pub(crate) password_credential: Option<String>,
    /// What reads and writes it: the engine that is built in, or the restic program
    #[arg(long, value_name = "ENGINE", requires = "url", value_parser = PossibleValuesParser::new(["embedded", "restic"])
        .try_map(|word| word.parse::<EngineName>()))]
    pub(crate) engine: Option<EngineName>,
    /// One line for people
    #[arg(long, value_name = "TEXT", requires = "url")]
    pub(crate) description: Option<String>,
}

impl AdoptArgs {
    /// What `add` would be told; nothing for a repository that is known already.
    pub(crate) fn addition(&self) -> Option<AddArgs> {
        Some(AddArgs {
            name: self.name.clone(),
            url: self.url.clone()?,
            place: self.place.clone(),
            password: PasswordArgs {
                password_file: self.password_file.clone(),
                password_command: self.password_command.clone(),
                password_credential: self.password_credential.clone(),
                generate_password: false,
            },
            engine: self.engine,
            description: self.description.clone(),
            init: false,
        })
    }
}

/// Remove locks that nobody holds any more
#[derive(Debug, Args)]
#[command(
    long_about = "Removes locks of a repository that nobody holds any more: those of workers of this machine that are gone, \
        and those that were not refreshed in time. It shows all locks first, and asks. What was left by workers of this \
        machine is removed by itself; this is for what others left.",
    after_help = "Examples:\n  \
        backupctl repository unlock nas\n  \
        backupctl repository unlock nas --dry-run\n  \
        backupctl repository unlock nas --lock 5f3a91c2 --force"
)]
pub(crate) struct UnlockArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// Remove this lock alone, given by the beginning of its id; may be repeated
    #[arg(long = "lock", value_name = "ID")]
    pub(crate) locks: Vec<String>,
    /// Remove it even if somebody may hold it: make sure first that nobody is at work there
    #[arg(long, requires = "locks")]
    pub(crate) force: bool,
    /// Show what would be removed, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Name of a repository.
#[derive(Debug, Args)]
pub(crate) struct RepositoryName {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
}

/// Tell the daemon of a repository
#[derive(Debug, Args)]
#[command(
    long_about = "Tells the daemon of a repository: writes its file `repositories.d/NAME.toml`. The repository itself \
        may exist; `--init` creates it.",
    after_help = "Examples:\n  \
        backupctl repository add nas --url /srv/backup --generate-password --init\n  \
        backupctl repository add new --url /srv/new && backupctl repository set-password new\n  \
        backupctl repository add old --url /mnt/restic --password-file /root/restic-password\n  \
        backupctl repository add nas --url sftp:backup@nas:/srv/backup --ssh-key /root/.ssh/nas --generate-password\n  \
        backupctl repository add s3 --url s3:https://s3.example.com/bucket --login AKIA --secret-file /root/s3 \\\n    \
        --generate-password --init\n  \
        backupctl repository add safe --url /srv/safe --password-command pass show backup/safe"
)]
pub(crate) struct AddArgs {
    /// Name of the new repository: letters, digits, `-`, `_` and `.`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Directory of the repository, or an address as restic writes it (sftp:, rest:, s3:, azure:,
    /// gs:, b2:, webdav:, rclone:)
    #[arg(long, value_name = "PATH|URL")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) place: ReachArgs,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// What reads and writes it: the engine that is built in, or the restic program
    #[arg(long, value_name = "ENGINE", value_parser = PossibleValuesParser::new(["embedded", "restic"])
        .try_map(|word| word.parse::<EngineName>()))]
    pub(crate) engine: Option<EngineName>,
    /// One line for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Also create the repository at its place
    #[arg(long)]
    pub(crate) init: bool,
}

/// How a remote place is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Remote places")]
pub(crate) struct ReachArgs {
    /// Who logs in: user name, id of a key, or storage account (rest:, webdav:, s3:, b2:, azure:)
    #[arg(long, value_name = "NAME")]
    pub(crate) login: Option<String>,
    /// File that holds what shows it; of `gs:` the JSON key of a service account
    #[arg(long, value_name = "FILE", conflicts_with = "secret_credential")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Name of a systemd credential that holds it
    #[arg(long, value_name = "NAME")]
    pub(crate) secret_credential: Option<String>,
    /// Private key with which `ssh` logs in (sftp:)
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_key: Option<PathBuf>,
    /// The only keys that hosts may have (sftp:)
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_known_hosts: Option<PathBuf>,
    /// Configuration of rclone (rclone:)
    #[arg(long, value_name = "FILE")]
    pub(crate) rclone_config: Option<PathBuf>,
    /// Certificates that are trusted beside the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Region of the server or the bucket (s3:, b2:)
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Where the service answers, if not where all others find it (azure:, gs:, b2:)
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// No more bytes a second to the place, such as `5MiB`
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    pub(crate) limit_upload: Option<u64>,
    /// No more bytes a second from the place
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    pub(crate) limit_download: Option<u64>,
}

fn rate(text: &str) -> Result<u64, String> {
    parse_size(text.strip_suffix("/s").unwrap_or(text))
}

/// Where the password of a new repository comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct PasswordArgs {
    /// File whose first line is the password
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Program that prints the password, with its arguments; takes all that follows
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true)]
    pub(crate) password_command: Vec<String>,
    /// Name of a systemd credential that holds the password; without any of these, the one that `set-password` makes
    #[arg(long, value_name = "NAME")]
    pub(crate) password_credential: Option<String>,
    /// Make a strong password and keep it in `secrets/NAME` of the configuration directory
    #[arg(long)]
    pub(crate) generate_password: bool,
}

impl PasswordArgs {
    /// Whether nothing is said of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.password_file.is_none()
            && self.password_command.is_empty()
            && self.password_credential.is_none()
            && !self.generate_password
    }
}

/// Set the password that opens a repository
#[derive(Debug, Args)]
#[command(
    long_about = "Sets the password that opens a repository, and lets the repository's file say where it is kept: in an \
        encrypted credential of systemd where there is one to be had, else in a file for its owner's eyes only. What is \
        kept already stays. The key of a repository that exists is not changed: a password that does not open it is \
        refused.",
    after_help = "Examples:\n  \
        backupctl repository set-password nas\n  \
        pass show backup/nas | backupctl repository set-password nas --stdin"
)]
pub(crate) struct SetPasswordArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// Read the password from standard input instead of asking for it
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) stdin: bool,
    /// Read the password from a file, which is not used afterwards
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Keep it even if the repository cannot be reached to try it
    #[arg(long)]
    pub(crate) unchecked: bool,
}

/// In what a password is kept.
#[derive(Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct KeepArgs {
    /// Keep it as an encrypted credential of systemd, or not at all
    #[arg(long)]
    pub(crate) credential: bool,
    /// Keep it in `secrets/NAME` of the configuration directory
    #[arg(long)]
    pub(crate) file: bool,
}
