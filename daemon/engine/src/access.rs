//! Where a repository is and how it is opened.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustic_core::repofile::MasterKey;
use zeroize::Zeroizing;

use crate::store::Pace;

/// Everything needed to open a repository.
#[derive(Debug, Clone)]
pub struct Access {
    /// What people call the repository; used in messages only.
    pub name: String,
    /// A local path, or a URL as restic writes it, without credentials.
    pub url: String,
    /// Opens the key file.
    pub password: Password,
    /// Directory of the engine's cache; `None` works without one.
    pub cache: Option<PathBuf>,
    /// What a remote place asks for before it lets anybody in.
    pub secrets: Secrets,
    /// How a remote place is reached.
    pub options: Options,
}

/// Credentials of a remote place, by the names that its kind has for them; none shows itself in a log.
///
/// `rest:` and `webdav:` have `username` and `password`; `s3:` and `b2:` have `access_key_id`, `secret_access_key` and
/// perhaps `session_token`; `azure:` has `account_name` with `account_key` or `account_sas`; `gs:` has `service_account`,
/// the JSON of its key, or `access_token`.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Zeroizing<String>>);

impl Secrets {
    /// Takes over a value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Zeroizing<String>>) {
        self.0.insert(name.into(), value.into());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How a remote place is reached. The defaults are good for most.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a request may stand still before it is given up.
    pub timeout: Duration,
    /// How often a request that was cut off or given up is made again.
    pub retries: u32,
    /// Limits of bandwidth; none without.
    pub pace: Option<Arc<dyn Pace>>,
    /// Certificates in PEM that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The region of an S3 server that asks for one, and of Backblaze.
    pub region: Option<String>,
    /// `azure:`, `gs:` and `b2:`: where the service answers, if not where all others find it.
    pub endpoint: Option<String>,
    /// `sftp:`: the private key; those that `ssh` finds by itself without.
    pub ssh_key: Option<PathBuf>,
    /// `sftp:`: the only keys that hosts may have; those that `ssh` knows without.
    pub ssh_known_hosts: Option<PathBuf>,
    /// `rclone:`: its configuration; the one that it finds by itself without.
    pub rclone_config: Option<PathBuf>,
    /// How long an operation waits for the locks of others before it fails with `Locked`.
    pub lock_wait: Duration,
    /// What all this is for, in the words of whoever asks; stands in locks, for those who wait for them.
    pub run: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(2),
            retries: 4,
            pace: None,
            ca_file: None,
            region: None,
            endpoint: None,
            ssh_key: None,
            ssh_known_hosts: None,
            rclone_config: None,
            lock_wait: Duration::ZERO,
            run: None,
        }
    }
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A repository called `test`.
    pub(crate) fn access(url: &str) -> Access {
        Access {
            name: "test".to_owned(),
            url: url.to_owned(),
            password: Password::new("correct horse".to_owned()),
            cache: None,
            secrets: Secrets::default(),
            options: Options::default(),
        }
    }
}
