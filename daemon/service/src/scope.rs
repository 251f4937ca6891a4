//! The two scopes, and the directories of each.

use std::{env, fs::DirBuilder, io, os::unix::fs::DirBuilderExt as _, path::PathBuf};

use backupd_core::protocol::CredentialStores;

/// Whose backups the daemon takes care of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The machine's, on the system bus.
    System,
    /// One user's, on the session bus.
    User,
}

impl Scope {
    /// `system` or `user`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
        }
    }
}

/// The directories of a scope.
#[derive(Debug, Clone)]
pub(crate) struct Directories {
    /// `backupd.toml`, `conf.d`, `jobs.d`, `repositories.d`.
    pub(crate) configuration: PathBuf,
    /// The store and the run directories.
    pub(crate) state: PathBuf,
    /// What may be lost at any time.
    pub(crate) cache: PathBuf,
    /// Sockets; gone after a restart of the machine.
    pub(crate) runtime: PathBuf,
    /// systemd's folders of credentials.
    pub(crate) credentials: CredentialStores,
}

/// No place for one of the directories.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// Neither variable is set.
    #[error(
        "there is no place for the {purpose} directory: neither `{variable}` nor `HOME` is set\n\
         hint: set `HOME`, or start backupd from the user's systemd"
    )]
    NoPlace {
        /// What the directory is for.
        purpose: &'static str,
        /// The variable that would say.
        variable: &'static str,
    },
    /// It cannot be made or written.
    #[error(
        "the {purpose} directory `{path}` cannot be used: {error}\n\
         hint: backupd must own it and be able to write there",
        path = .path.display()
    )]
    Unusable {
        /// What the directory is for.
        purpose: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl Directories {
    /// The directories of `scope`; what systemd says wins.
    pub(crate) fn of(scope: Scope) -> Result<Self, DirectoryError> {
        Ok(Self {
            configuration: place(
                scope,
                "configuration",
                "CONFIGURATION_DIRECTORY",
                "/etc",
                "XDG_CONFIG_HOME",
                ".config",
            )?,
            state: place(
                scope,
                "state",
                "STATE_DIRECTORY",
                "/var/lib",
                "XDG_STATE_HOME",
                ".local/state",
            )?,
            cache: place(
                scope,
                "cache",
                "CACHE_DIRECTORY",
                "/var/cache",
                "XDG_CACHE_HOME",
                ".cache",
            )?,
            runtime: runtime(scope)?,
            credentials: credentials(scope)?,
        })
    }

    /// Where workers keep what they have seen of remote repositories.
    pub(crate) fn repositories(&self) -> PathBuf {
        self.cache.join("repositories")
    }

    /// Makes those that the daemon writes to, for its own eyes only, and tries that it can write there.
    ///
    /// A configuration that is not there is an empty one; one that cannot be read must not look like that.
    pub(crate) fn create(&self) -> Result<(), DirectoryError> {
        match std::fs::read_dir(&self.configuration) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DirectoryError::Unusable {
                    purpose: "configuration",
                    path: self.configuration.clone(),
                    error,
                });
            }
            _ => {}
        }
        for (purpose, path) in [
            ("state", &self.state),
            ("cache", &self.cache),
            ("runtime", &self.runtime),
            ("cache of repositories", &self.repositories()),
        ] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .and_then(|()| tempfile::tempfile_in(path).map(drop))
                .map_err(|error| DirectoryError::Unusable {
                    purpose,
                    path: path.clone(),
                    error,
                })?;
        }
        Ok(())
    }
}

fn place(
    scope: Scope,
    purpose: &'static str,
    from_systemd: &str,
    system: &str,
    xdg: &'static str,
    below_home: &str,
) -> Result<PathBuf, DirectoryError> {
    if let Some(path) = absolute(from_systemd) {
        return Ok(path);
    }
    if scope == Scope::System {
        return Ok(PathBuf::from(system).join("backupd"));
    }
    absolute(xdg)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        .map(|base| base.join("backupd"))
        .ok_or(DirectoryError::NoPlace {
            purpose,
            variable: xdg,
        })
}

fn runtime(scope: Scope) -> Result<PathBuf, DirectoryError> {
    if let Some(path) = absolute("RUNTIME_DIRECTORY") {
        return Ok(path);
    }
    if scope == Scope::System {
        return Ok(PathBuf::from("/run/backupd"));
    }
    // Without a login manager there is none; the cache serves, for what stands there is made anew each time.
    match absolute("XDG_RUNTIME_DIR") {
        Some(base) => Ok(base.join("backupd")),
        None => place(
            scope,
            "runtime",
            "CACHE_DIRECTORY",
            "/run",
            "XDG_CACHE_HOME",
            ".cache",
        )
        .map(|cache| cache.join("run")),
    }
}

/// What our directories are called does not matter here: these are systemd's own.
fn credentials(scope: Scope) -> Result<CredentialStores, DirectoryError> {
    if scope == Scope::System {
        return Ok(CredentialStores::system());
    }
    let configuration = absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .ok_or(DirectoryError::NoPlace {
            purpose: "configuration",
            variable: "XDG_CONFIG_HOME",
        })?;
    Ok(CredentialStores::user(configuration, absolute("XDG_RUNTIME_DIR")))
}

/// The first path of a variable; systemd separates several by `:`.
fn absolute(variable: &str) -> Option<PathBuf> {
    let value = env::var_os(variable)?;
    let first = value
        .to_str()
        .and_then(|text| text.split(':').next())
        .map(PathBuf::from);
    first
        .or_else(|| Some(PathBuf::from(&value)))
        .filter(|path| path.is_absolute())
}
