//! Errors on the bus: names that a client can branch on, and a text for people.
//!
//! The text may have a second line `hint: …` that says what to do next.

/// Exit codes of `backupctl`; scripts lean on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All went well.
    Success = 0,
    /// It failed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A snapshot is stored or files are restored, but not all of them.
    Partial = 3,
    /// The caller may not do this.
    NotAuthorised = 4,
    /// The daemon cannot be reached.
    Unreachable = 5,
    /// No such job, repository, run, snapshot or path.
    NoSuchObject = 6,
    /// `status`: some job is late or failed.
    Unhealthy = 7,
}

macro_rules! errors {
    ($(#[doc = $doc:literal] $variant:ident => $code:ident,)+) => {
        /// Every error that the daemon answers with, as `org.backupd.Backup1.Error.VARIANT`.
        #[derive(Debug, Clone, zbus::DBusError)]
        #[zbus(prefix = "org.backupd.Backup1.Error")]
        pub enum Error {
            /// An error of the bus itself, or one that this version does not know.
            #[zbus(error)]
            ZBus(zbus::Error),
            $(#[doc = $doc] $variant(String),)+
        }

        impl Error {
            /// Every error name without its prefix.
            pub const NAMES: &[&str] = &[$(stringify!($variant)),+];

            /// What each of them means, for the manual.
            pub const MEANINGS: &[&str] = &[$($doc),+];

            /// What `backupctl` exits with.
            pub fn exit_code(&self) -> ExitCode {
                match self {
                    Self::ZBus(_) => ExitCode::Failed,
                    $(Self::$variant(_) => ExitCode::$code,)+
                }
            }

            /// The text for people, with its `hint:` line if there is one.
            pub fn text(&self) -> String {
                match self {
                    Self::ZBus(error) => error.to_string(),
                    $(Self::$variant(text) => text.clone(),)+
                }
            }

            /// One of each, for tests that go over them all.
            pub fn samples() -> Vec<Self> {
                vec![$(Self::$variant(stringify!($variant).to_owned())),+]
            }
        }
    };
}

errors! {
    /// No job of that name.
    JobNotFound => NoSuchObject,
    /// No repository of that name in the configuration.
    UnknownRepository => NoSuchObject,
    /// No run of that id.
    RunNotFound => NoSuchObject,
    /// No such snapshot, or more than one begins like that.
    SnapshotNotFound => NoSuchObject,
    /// No such path in the snapshot.
    PathNotFound => NoSuchObject,
    /// The job is queued or running already.
    AlreadyRunning => Failed,
    /// The job is switched off.
    JobDisabled => Failed,
    /// The run is over.
    NotRunning => Failed,
    /// Something of that name exists.
    AlreadyExists => Failed,
    /// An argument or option has a value that makes no sense.
    InvalidArgument => Usage,
    /// An option that the method does not know.
    UnknownOption => Usage,
    /// A job or repository file with faults; each is named.
    InvalidConfiguration => Failed,
    /// The file was changed since the revision that the caller read.
    StaleRevision => Failed,
    /// The caller may not do this.
    NotAuthorized => NotAuthorised,
    /// The caller may do this after authenticating.
    NotAuthorizedCanObtain => NotAuthorised,
    /// The caller was asked to authenticate and declined.
    NotAuthorizedDismissed => NotAuthorised,
    /// Too much is queued or asked at once.
    LimitsExceeded => Failed,
    /// Nothing, or no repository, at the repository's place.
    RepositoryNotFound => Failed,
    /// A repository is at that place already.
    RepositoryExists => Failed,
    /// The repository's password is wrong or could not be had.
    Credentials => Failed,
    /// Another process holds the repository.
    Locked => Failed,
    /// The network, or the server on it.
    Network => Failed,
    /// No room left.
    NoSpace => Failed,
    /// The repository is damaged.
    Corrupt => Failed,
    /// The worker could not be started, or ended without an answer.
    WorkerFailed => Failed,
    /// The daemon could not keep or read its state.
    StateUnavailable => Failed,
    /// Not in the way this daemon starts its workers.
    NotSupported => Failed,
    /// The daemon is going down.
    ShuttingDown => Unreachable,
    /// Anything else.
    Failed => Failed,
}

#[cfg(test)]
mod tests {
    use zbus::DBusError as _;

    use super::*;

    #[test]
    fn every_error_has_its_own_name_below_the_prefix() {
        let mut names: Vec<String> = Error::samples().iter().map(|e| e.name().to_string()).collect();
        assert_eq!(names.len(), Error::NAMES.len());
        for (name, short) in names.iter().zip(Error::NAMES) {
            assert_eq!(name, &format!("org.backupd.Backup1.Error.{short}"));
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Error::NAMES.len());
    }

    #[test]
    fn exit_codes_tell_kinds_apart() {
        let code = |error: Error| error.exit_code() as u8;
        assert_eq!(code(Error::JobNotFound(String::new())), 6);
        assert_eq!(code(Error::NotAuthorizedDismissed(String::new())), 4);
        assert_eq!(code(Error::UnknownOption(String::new())), 2);
        assert_eq!(code(Error::ShuttingDown(String::new())), 5);
        assert_eq!(code(Error::Failed(String::new())), 1);
    }

    #[test]
    fn the_text_survives() {
        for error in Error::samples() {
            assert_eq!(error.description(), Some(error.text().as_str()));
        }
    }
}
