//! Commands about keys of repositories, and about what one needs to get in without backupd.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::repository::RepositoryName;

/// `backupctl repository key …`
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys of a repository
    #[command(
        long_about = "Lists the keys of a repository, the oldest first. Each opens it with a password of its own; the one \
            that backupd opens it with is marked.",
        after_help = "Examples:\n  backupctl repository key list nas\n  backupctl repository key list nas --json"
    )]
    List(RepositoryName),
    Add(AddKeyArgs),
    Remove(RemoveKeyArgs),
    Rotate(RotateKeyArgs),
}

/// Where a new password is read from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct GivenArgs {
    /// Read the new password from standard input
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Read the new password from a file, which is not used afterwards
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Make another key, with a password of its own
#[derive(Debug, Args)]
#[command(
    long_about = "Makes another key, so that the repository opens with another password too, for backupd and stock restic \
        alike: one for a safe, or for somebody who is to restore alone. backupd goes on with the password that it has. \
        Asks for the new password, twice, unless it is told where that is.",
    after_help = "Examples:\n  \
        backupctl repository key add nas --username alice --hostname safe\n  \
        pass show backup/spare | backupctl repository key add nas --stdin"
)]
pub(crate) struct AddKeyArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// Whose key it is, as `key list` shows it; the user that backupd runs as if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Where it is used, as `key list` shows it; this machine if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
}

/// Remove a key, so that its password opens the repository no more
#[derive(Debug, Args)]
#[command(
    long_about = "Removes a key, so that its password opens the repository no more. Never removes the one that backupd opens \
        it with, and so never the last one. Whoever has opened the repository before may have kept the key of its data, \
        which stays the same: see backupd's page on keys.",
    after_help = "Examples:\n  \
        backupctl repository key remove nas 5f3a91c2\n  \
        backupctl repository key remove nas 5f3a91c2 --yes"
)]
pub(crate) struct RemoveKeyArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// The key, given by the beginning of its id
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Replace the password that backupd opens a repository with, and its key
#[derive(Debug, Args)]
#[command(
    long_about = "Replaces the password that backupd opens a repository with by a random one, or by one that is given: keeps \
        the new password, makes a key with it, lets the repository's file name it, and removes the key and the password \
        before. At any moment the file names a password that opens the repository; called again, this goes on with what \
        was cut off.\n\n\
        The password has to be kept by backupd: in a file in `secrets` of the configuration directory, or in an encrypted \
        credential that `set-password` made. Data is not sealed anew.",
    after_help = "Examples:\n  \
        backupctl repository key rotate nas\n  \
        backupctl repository key rotate nas --prompt"
)]
pub(crate) struct RotateKeyArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// Ask for the new password, instead of making a random one
    #[arg(long, conflicts_with_all = ["stdin", "password_file"])]
    pub(crate) prompt: bool,
}

/// Write what one needs to restore without backupd, to be printed
#[derive(Debug, Args)]
#[command(
    long_about = "Writes a sheet with what one needs to restore on another machine with stock restic and without backupd: \
        the address of the repository, its id and keys, which credentials its place asks for, and the commands. Print it, \
        and keep it where a fire does not take it and the machine.\n\n\
        With `--with-secret` the password is on it: whoever has the sheet and can reach the repository can read all \
        backups. Who has read the password stands in the audit log.",
    after_help = "Examples:\n  \
        backupctl repository recovery-sheet nas\n  \
        backupctl repository recovery-sheet nas --with-secret | lpr\n  \
        backupctl repository recovery-sheet nas --with-secret --output /media/usb/nas.txt"
)]
pub(crate) struct RecoverySheetArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: String,
    /// Put the password of the repository on the sheet
    #[arg(long)]
    pub(crate) with_secret: bool,
    /// Write a file for its owner's eyes only, instead of to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace that file if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}
