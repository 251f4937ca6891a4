//! The files below `locks/`: sealed with the master key, named by the SHA-256 of their content.

use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::store::{Fault, Kind, Object, Store};

use super::{
    crypto::{self, Seal},
    lock::Lock,
};

/// Where a repository's lock files are, and what opens them.
pub(super) struct LockDirectory {
    store: Arc<dyn Store>,
    seal: Seal,
    /// Format 2 compresses files before sealing.
    compressed: bool,
}

impl fmt::Debug for LockDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockDirectory").field(&self.store).finish()
    }
}

impl LockDirectory {
    pub(super) fn new(store: Arc<dyn Store>, seal: Seal, version: u32) -> Self {
        Self {
            store,
            seal,
            compressed: version > 1,
        }
    }

    pub(super) fn is_remote(&self) -> bool {
        self.store.is_remote()
    }

    /// Writes a lock so that it is there whole or not at all; answers its name.
    pub(super) fn write(&self, lock: &Lock) -> io::Result<String> {
        let text = serde_json::to_vec(lock)?;
        let sealed = if self.compressed {
            self.seal.close_file(&text)?
        } else {
            self.seal.close(&text)?
        };
        let name = crypto::hex(&crypto::digest(&sealed));
        self.store
            .write(&Object::new(Kind::Lock, &name), &[sealed.into()])?;
        Ok(name)
    }

    /// Every lock that can be read. One that cannot be is taken for a crash's remains if older than `grace`,
    /// and is an error otherwise.
    pub(super) fn read_all(&self, grace: Duration) -> io::Result<Vec<(String, Lock)>> {
        let entries = match self.store.list(Kind::Lock) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut locks = Vec::new();
        for entry in entries {
            if entry.name.len() != 64 {
                continue;
            }
            match self.read(&entry.name) {
                Ok(lock) => locks.push((entry.name, lock)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // What is wrong with the way there says nothing of the lock.
                Err(error)
                    if Fault::within(&error).is_none()
                        && entry.modified.is_some_and(|time| is_older(time, grace)) =>
                {
                    tracing::warn!(lock = entry.name, %error, "ignoring an old lock that cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(locks)
    }

    /// Whether a lock is still there.
    pub(super) fn holds(&self, name: &str) -> io::Result<bool> {
        self.store
            .size(&Object::new(Kind::Lock, name))
            .map(|size| size.is_some())
    }

    /// Removes a lock; one that is gone already is as good.
    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = self.store.remove(&Object::new(Kind::Lock, name))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(place = self.store.location(), lock = name, %error, "cannot remove a lock");
        }
    }

    fn read(&self, name: &str) -> io::Result<Lock> {
        let sealed = self.store.read(&Object::new(Kind::Lock, name))?;
        serde_json::from_slice(&self.seal.open_file(&sealed)?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

fn is_older(time: SystemTime, age: Duration) -> bool {
    SystemTime::now()
        .duration_since(time)
        .is_ok_and(|passed| passed > age)
}
