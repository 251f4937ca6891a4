//! What a method does, by its effect. polkit knows each action by an id, which the policy file beside the
//! interfaces describes.

use super::About;

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $id:literal, $verb:literal;)+) => {
        /// See the module.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action {
            $($(#[$doc])* $action,)+
        }

        impl Action {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$action,)+];

            /// Its id for polkit.
            pub(crate) fn id(self) -> &'static str {
                match self {
                    $(Self::$action => concat!("org.backupd.backup1.", $id),)+
                }
            }

            /// What somebody wants who asks for it, in words.
            pub(crate) fn verb(self) -> &'static str {
                match self {
                    $(Self::$action => $verb,)+
                }
            }
        }
    };
}

actions! {
    /// Look at jobs, runs and history.
    Read = "read", "look at jobs, runs and history";
    /// Start a run.
    Run = "run", "start jobs";
    /// Stop a run.
    Cancel = "cancel", "cancel runs";
    /// See which files a snapshot holds, or which files a run worked on.
    Browse = "browse", "see the files of snapshots and runs";
    /// Write files back.
    Restore = "restore", "restore";
    /// See whether a repository is whole.
    Check = "check", "check repositories";
    /// Remove snapshots, or bring them back.
    Forget = "forget", "forget snapshots";
    /// Remove what no snapshot needs.
    Prune = "prune", "prune repositories";
    /// Change configuration.
    Configure = "configure", "change the configuration";
    /// Make a repository known, create or test it.
    Repository = "repository", "add, create or test repositories";
    /// Read the password of a repository.
    Secret = "secret", "read the passwords of repositories";
    /// Read the audit log.
    Audit = "audit", "read the audit log";
}

impl Action {
    /// Whether all is known that the question in the policy file names.
    pub(super) fn can_name(self, about: &About) -> bool {
        match self {
            Self::Read | Self::Configure | Self::Audit => true,
            Self::Run | Self::Cancel | Self::Forget => about.job.is_some(),
            Self::Browse | Self::Restore | Self::Check | Self::Prune | Self::Repository | Self::Secret => {
                about.repository.is_some()
            }
        }
    }
}
