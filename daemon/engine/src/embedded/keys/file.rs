//! The files below `keys/`: JSON for everybody to read, with the master key sealed in it, named by their SHA-256.

use std::io;

use rustic_core::repofile;

use crate::{
    KeyInfo, Password,
    embedded::crypto,
    store::{Kind, Object, Store},
};

/// Deriving a key takes as much memory as its file says. No program that makes keys asks for so much.
const MOST_MEMORY: u64 = 1 << 30;

/// A key's file.
pub(super) struct KeyFile {
    pub(super) id: String,
    /// Nothing where it is no key, or not the one of that name.
    content: Option<repofile::KeyFile>,
}

impl KeyFile {
    fn new(id: String, bytes: &[u8]) -> Self {
        let is_whole = crypto::hex(&crypto::digest(bytes)) == id;
        let content = serde_json::from_slice(bytes)
            .ok()
            .filter(|content| is_whole && is_usable(content));
        Self { id, content }
    }

    /// The beginning of its id.
    pub(super) fn short(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.content.is_none()
    }

    /// Whether the password opens it; takes a good part of a second.
    pub(super) fn opens_with(&self, password: &Password) -> bool {
        self.content
            .as_ref()
            .is_some_and(|content| content.key_from_password(&password.reveal()).is_ok())
    }

    pub(super) fn info(&self, current: bool) -> KeyInfo {
        let content = self.content.as_ref();
        KeyInfo {
            id: self.id.clone(),
            current,
            host: content
                .and_then(|content| content.hostname.clone())
                .unwrap_or_default(),
            user: content
                .and_then(|content| content.username.clone())
                .unwrap_or_default(),
            created: content.and_then(|content| Some(content.created.as_ref()?.timestamp())),
            damaged: self.is_damaged(),
        }
    }
}

/// Whether its numbers are such that a password can be tried.
fn is_usable(content: &repofile::KeyFile) -> bool {
    let memory = u64::from(content.n)
        .saturating_mul(u64::from(content.r))
        .saturating_mul(128);
    content.kdf == "scrypt" && content.n.is_power_of_two() && content.n > 1 && memory <= MOST_MEMORY
}

/// All of them. One that somebody removes meanwhile is not there.
pub(super) fn read_all(store: &dyn Store) -> io::Result<Vec<KeyFile>> {
    let mut files = Vec::new();
    for entry in store.list(Kind::Key)? {
        if entry.name.len() != 64 {
            continue;
        }
        match store.read(&Object::new(Kind::Key, &entry.name)) {
            Ok(bytes) => files.push(KeyFile::new(entry.name, &bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}
