//! Keys of a repository.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Keep;
use crate::config::PasswordSource;

/// A key. Its members are part of the public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its id; 64 hex digits.
    pub id: String,
    /// Whether it is the one that backupd opens the repository with.
    pub current: bool,
    /// The host on which it was made, as it says itself; may be empty.
    pub host: String,
    /// Who made it, as it says itself; may be empty.
    pub user: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether its file is damaged, so that it opens nothing.
    pub damaged: bool,
}

/// A key that is to be made; its password stands on standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddKeyWork {
    /// What it says of its host; the machine's name where `None`.
    pub host: Option<String>,
    /// What it says of its user; that of the worker where `None`.
    pub user: Option<String>,
}

/// A key that is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveKeyWork {
    /// Its id, in full.
    pub key: String,
}

/// The first half of a rotation: a key with another password is made, and the password kept beside the one before. The
/// repository's file still names that one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateKeyWork {
    /// In what the new password is kept.
    pub keep: Keep,
    /// Folder of plain password files, and of the note that says how far the rotation is.
    pub secrets: PathBuf,
    /// Whether the new password stands on standard input; a random one is made otherwise.
    pub given: bool,
}

/// What the first half of a rotation answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedRecord {
    /// What the repository's file is to say.
    pub password: PasswordSource,
    /// What it says until then, or said before it was changed.
    pub before: PasswordSource,
    /// The new key.
    pub key: String,
    /// The key that it replaces.
    pub old_key: String,
    /// Whether this goes on with a rotation that was cut off.
    pub resumed: bool,
}

/// The second half: the repository is opened with the new password, and the key and the password before it go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndRotationWork {
    /// As in [`RotateKeyWork`].
    pub secrets: PathBuf,
    /// Whether the place of the password before stays, since somebody else has it too.
    pub spare: bool,
}

/// What the second half of a rotation answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationEndRecord {
    /// The key that was removed; nothing where it was gone already.
    pub removed: Option<String>,
    /// The place of the password before, where it stays.
    pub spared: Option<PasswordSource>,
}

/// What one needs to restore with stock restic on another machine, but for secrets. Its members are part of the public
/// contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// The repository, as configured.
    pub repository: String,
    /// Its own id.
    pub id: String,
    /// restic format version.
    pub version: u32,
    /// How many snapshots it holds.
    pub snapshots: u64,
    /// When this was looked at.
    pub time: Timestamp,
    /// The machine that looked.
    pub host: String,
    /// All keys, the oldest first.
    pub keys: Vec<KeyRecord>,
    /// How restic finds it.
    #[serde(flatten)]
    pub way: RecoveryWay,
}

/// How stock restic finds a repository. No secret is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryWay {
    /// The address, as `RESTIC_REPOSITORY` and `-r` have it.
    pub address: String,
    /// Variables that restic needs beside that and the password.
    pub variables: Vec<RecoveryVariable>,
    /// What each call of restic needs, such as `--cacert FILE`.
    pub arguments: Vec<String>,
    /// What is to be done before, in sentences.
    pub notes: Vec<String>,
}

/// A variable in the environment of restic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryVariable {
    /// Its name.
    pub name: String,
    /// What is in it, in words.
    pub meaning: String,
    /// Its value, where that is no secret and no name of a user.
    pub value: Option<String>,
}
