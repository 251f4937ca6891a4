//! Why the daemon cannot start, or had to end: what people are told, and what systemd makes of it.

use std::{io::ErrorKind, path::PathBuf};

use crate::{
    journal::messages, launch::Unavailable, ports::StoreError, scope::DirectoryError, store::OpenError,
};

/// The end of a daemon that nobody told to end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Another daemon of this scope.
    #[error(
        "another backupd takes care of `{}` already\nhint: `backupctl --{scope} status` talks to it; stop it \
         before you start this one", .state.display()
    )]
    AnotherDaemon {
        /// The state directory that it holds.
        state: PathBuf,
        /// Its scope.
        scope: &'static str,
    },
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store, while history was read.
    #[error("the history in the store cannot be read: {0}\nhint: see the disk of the state directory")]
    Store(#[from] StoreError),
    /// No bus.
    #[error("{0}")]
    Bus(String),
    /// The bus is there, and forbids us the name.
    #[error(
        "the bus does not let us own the name `{name}`: {reason}\nhint: in the system scope backupd has to be \
         root, without `User=` in its unit; the bus's policy, `{name}.conf`, belongs to the backupd package: install \
         it again, and let the bus read it with `systemctl reload dbus`"
    )]
    Forbidden {
        /// The name.
        name: &'static str,
        /// What the bus says.
        reason: String,
    },
    /// No systemd, and children cannot serve in its place.
    #[error(
        "workers cannot be started through systemd: {0}\nhint: look at `systemctl status` and `busctl list`; where \
         there is no systemd and `launcher` is `auto`, they are plain children of a daemon that is not in a sandbox"
    )]
    Launcher(Unavailable),
    /// Children are wanted, and would be in our sandbox.
    #[error(
        "`launcher` is `child`, and children would share the sandbox of `backupd.service`: they could not read what \
         they are to back up, and would end with it\nhint: write `launcher = \"auto\"`, or take the sandbox away in a \
         drop-in with `systemctl edit backupd`"
    )]
    Confined,
    /// A system call.
    #[error("{0}: {1}\nhint: the machine may lack memory, descriptors or space; look at `journalctl -k`")]
    System(&'static str, std::io::Error),
    /// A part that works for as long as the daemon lives has ended.
    #[error("{0} has ended: {1}\nhint: runs go on; start backupd again and it takes them up")]
    Ended(&'static str, String),
}

/// Codes of sysexits(3). The units name those after which a restart is of no use: 64, 77 and 78.
mod code {
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const SOFTWARE: u8 = 70;
    pub(super) const OS_ERROR: u8 = 71;
    pub(super) const IO_ERROR: u8 = 74;
    pub(super) const TRY_AGAIN: u8 = 75;
    pub(super) const NO_PERMISSION: u8 = 77;
    pub(super) const CONFIGURATION: u8 = 78;
}

impl Failure {
    /// The code that the daemon exits with.
    pub(crate) fn code(&self) -> u8 {
        match self {
            // Room may come back by itself; an owner or a mode does not change.
            Self::Directory(DirectoryError::Unusable { error, .. })
                if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                code::IO_ERROR
            }
            Self::Directory(_) | Self::Open(OpenError::Newer { .. }) | Self::Confined => code::CONFIGURATION,
            Self::Open(OpenError::Unusable { .. }) | Self::Store(_) => code::IO_ERROR,
            // It may be about to end.
            Self::AnotherDaemon { .. } => code::TRY_AGAIN,
            Self::Bus(_) | Self::Launcher(_) => code::UNAVAILABLE,
            Self::Forbidden { .. } => code::NO_PERMISSION,
            Self::System(..) => code::OS_ERROR,
            Self::Ended(..) => code::SOFTWARE,
        }
    }

    /// The id of the journal's entry.
    pub(crate) fn message_id(&self) -> &'static str {
        match self {
            Self::Directory(_)
            | Self::AnotherDaemon { .. }
            | Self::Launcher(_)
            | Self::Confined
            | Self::System(..) => messages::START_FAILED,
            Self::Open(OpenError::Newer { .. }) => messages::STORE_NEWER,
            Self::Open(OpenError::Unusable { .. }) | Self::Store(_) => messages::STORE_TROUBLE,
            Self::Bus(_) | Self::Forbidden { .. } => messages::BUS_TROUBLE,
            Self::Ended(..) => messages::PART_ENDED,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    fn directory(error: Error) -> Failure {
        DirectoryError::Unusable {
            purpose: "state",
            path: "/var/lib/backupd".into(),
            error,
        }
        .into()
    }

    fn newer() -> Failure {
        OpenError::Newer {
            path: "/var/lib/backupd/backupd.db".into(),
            found: 9,
            known: 2,
        }
        .into()
    }

    #[test]
    fn what_a_restart_cannot_mend_is_not_restarted_and_all_else_is() {
        let forbidden = Failure::Forbidden {
            name: "org.backupd.Backup1",
            reason: "no".to_owned(),
        };
        let another = Failure::AnotherDaemon {
            state: "/var/lib/backupd".into(),
            scope: "system",
        };
        let permanent = [
            directory(ErrorKind::PermissionDenied.into()),
            directory(ErrorKind::NotADirectory.into()),
            newer(),
            forbidden,
            Failure::Confined,
        ];
        let transient = [
            directory(ErrorKind::StorageFull.into()),
            another,
            Failure::Store(StoreError("disk I/O error".to_owned())),
            Failure::Launcher(Unavailable::Silent("no".to_owned())),
            Failure::Launcher(Unavailable::NotOnBus),
            Failure::Bus("it does not answer\nhint: is it there?".to_owned()),
            Failure::System("no", Error::other("no")),
            Failure::Ended("the store", "no".to_owned()),
        ];
        let units = [
            include_str!("../../../systemd/system/backupd.service"),
            include_str!("../../../systemd/user/backupd.service"),
        ];
        for unit in units {
            let prevented: Vec<u8> = unit
                .lines()
                .find_map(|line| line.strip_prefix("RestartPreventExitStatus="))
                .unwrap()
                .split(' ')
                .map(|code| code.parse().unwrap())
                .collect();
            for failure in &permanent {
                assert!(prevented.contains(&failure.code()), "{failure}");
            }
            for failure in &transient {
                assert!(!prevented.contains(&failure.code()), "{failure}");
            }
        }
        for failure in permanent.iter().chain(&transient) {
            assert!(failure.to_string().contains("\nhint: "), "{failure}");
        }
    }
}
