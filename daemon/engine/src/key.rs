//! Keys of a repository.

use jiff::Timestamp;

use crate::Password;

/// A key: with its password it opens what all data is sealed with, which is the same for all keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name; 64 hex digits.
    pub id: String,
    /// Whether it is the one that opened the repository just now.
    pub current: bool,
    /// The host on which it was made; may be empty, as all that it says.
    pub host: String,
    /// Who made it.
    pub user: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether its file cannot be read as a key, so that it opens nothing.
    pub damaged: bool,
}

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What opens it.
    pub password: Password,
    /// What it says of its host; this one where `None`.
    pub host: Option<String>,
    /// What it says of its user; that of this process where `None`.
    pub user: Option<String>,
}

impl NewKey {
    /// One that this process makes for its own.
    pub fn of(password: Password) -> Self {
        Self {
            password,
            host: None,
            user: None,
        }
    }
}
