//! Where a repository is and how it is opened.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rustic_core::repofile::MasterKey;
use zeroize::Zeroizing;

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
///
/// Its clones remember together which keys it has opened: deriving one from a password takes a good part of a
/// second and 128 MiB by design, and an attempt opens its repository more than once.
#[derive(Clone)]
pub struct Password {
    text: Zeroizing<String>,
    keys: Arc<Mutex<BTreeMap<String, MasterKey>>>,
}

impl Password {
    /// Takes over a password.
    pub fn new(password: String) -> Self {
        Self {
            text: Zeroizing::new(password),
            keys: Arc::default(),
        }
    }

    /// The password itself, for the engine alone.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The key that it opened at this place before.
    pub(crate) fn key_of(&self, url: &str) -> Option<MasterKey> {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(url)
            .cloned()
    }

    /// Remembers the key that it opened.
    pub(crate) fn remember(&self, url: &str, key: MasterKey) {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(url.to_owned(), key);
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
