//! Where a repository is and how it is opened.

use std::{fmt, path::PathBuf};

/// Everything needed to open a repository.
#[derive(Debug, Clone)]
pub struct Access {
    /// What people call the repository; used in messages only.
    pub name: String,
    /// A local path, or (later) a URL as the backend reads it.
    pub url: String,
    /// Opens the key file.
    pub password: Password,
    /// Directory of the engine's cache; `None` works without one.
    pub cache: Option<PathBuf>,
}

/// A password that never shows itself in a log.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes over a password.
    pub fn new(password: String) -> Self {
        Self(password)
    }

    /// The password itself, for the engine alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
