//! The two scopes: the machine's daemon, and a user's own.

use std::{env, fmt, path::PathBuf};

use crate::{cli::GlobalArgs, errors::Failure};

/// Whose daemon it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The machine's, on the system bus.
    System,
    /// The user's, on the session bus.
    User,
}

impl Scope {
    /// As asked; else root has the machine's, and everyone else his own.
    pub(crate) fn of(options: &GlobalArgs) -> Result<Self, Failure> {
        match (options.system, options.user) {
            // The parser sees no conflict where one stands before the command and one after it.
            (true, true) => Err(Failure::usage("`--system` and `--user` cannot both be meant")),
            (true, false) => Ok(Self::System),
            (false, true) => Ok(Self::User),
            (false, false) => Ok(Self::usual()),
        }
    }

    /// The one that is meant by who names none.
    pub(crate) fn usual() -> Self {
        if rustix::process::geteuid().is_root() {
            Self::System
        } else {
            Self::User
        }
    }

    /// The option that means it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::System => "--system",
            Self::User => "--user",
        }
    }

    /// Its bus.
    pub(crate) fn bus(self) -> &'static str {
        match self {
            Self::System => "system bus",
            Self::User => "session bus",
        }
    }

    /// How its daemon is started.
    pub(crate) fn start_hint(self) -> String {
        match self {
            Self::System => {
                "start it with `systemctl start backupd`; your own daemon is reached with `--user`".into()
            }
            Self::User => {
                "start it with `systemctl --user start backupd`, or run `backupd --user`; the machine's \
                daemon is reached with `--system`"
                    .into()
            }
        }
    }

    /// Where its daemon's log is.
    pub(crate) fn log_hint(self) -> String {
        match self {
            Self::System => "the daemon's log is shown by `journalctl -u backupd`".into(),
            Self::User => "the daemon's log is shown by `journalctl --user -u backupd`".into(),
        }
    }

    /// The command to type for more, in the same scope.
    pub(crate) fn command(self, arguments: &str) -> String {
        if self == Self::usual() {
            format!("backupctl {arguments}")
        } else {
            format!("backupctl {} {arguments}", self.option())
        }
    }

    /// Where its configuration is, without asking the daemon.
    pub(crate) fn configuration_directory(self) -> Option<PathBuf> {
        let absolute = |name| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        // Where systemd sets several, they are parted by colons, and the first is ours.
        if let Some(directory) = env::var("CONFIGURATION_DIRECTORY")
            .ok()
            .and_then(|list| list.split(':').next().map(PathBuf::from))
            .filter(|path| path.is_absolute())
        {
            return Some(directory);
        }
        match self {
            Self::System => Some(PathBuf::from("/etc/backupd")),
            Self::User => absolute("XDG_CONFIG_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".config")))
                .map(|base| base.join("backupd")),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::User => "user",
        })
    }
}
