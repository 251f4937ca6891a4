//! The files below `locks/`: sealed with the master key, named by the SHA-256 of their content.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    crypto::{self, Seal},
    lock::Lock,
};

/// Where a repository's lock files are, and what opens them.
pub(super) struct LockDirectory {
    root: PathBuf,
    seal: Seal,
    /// Format 2 compresses files before sealing.
    compressed: bool,
}

impl fmt::Debug for LockDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockDirectory").field(&self.root).finish()
    }
}

impl LockDirectory {
    pub(super) fn new(root: PathBuf, seal: Seal, version: u32) -> Self {
        Self {
            root,
            seal,
            compressed: version > 1,
        }
    }

    /// Writes a lock so that it is there whole or not at all.
    pub(super) fn write(&self, lock: &Lock) -> io::Result<PathBuf> {
        let text = serde_json::to_vec(lock)?;
        let sealed = if self.compressed {
            self.seal.close_file(&text)?
        } else {
            self.seal.close(&text)?
        };
        let directory = self.directory();
        fs::create_dir_all(&directory)?;
        let path = directory.join(crypto::hex(&crypto::digest(&sealed)));
        let temporary = path.with_extension("tmp");
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(self.mode())
            .open(&temporary)
            .and_then(|mut file| file.write_all(&sealed).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        Ok(path)
    }

    /// Every lock that can be read. One that cannot be is taken for a crash's remains if older than `grace`,
    /// and is an error otherwise.
    pub(super) fn read_all(&self, grace: Duration) -> io::Result<Vec<(PathBuf, Lock)>> {
        let entries = match fs::read_dir(self.directory()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut locks = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.file_name().is_none_or(|name| name.len() != 64) {
                continue;
            }
            match self.read(&path) {
                Ok(lock) => locks.push((path, lock)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if is_older(&path, grace) => {
                    tracing::warn!(path = %path.display(), %error, "ignoring an old lock that cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(locks)
    }

    fn read(&self, path: &Path) -> io::Result<Lock> {
        Ok(serde_json::from_slice(&self.seal.open_file(&fs::read(path)?)?)?)
    }

    fn directory(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// restic's: for the owner alone, and for the group where the repository is open to it.
    fn mode(&self) -> u32 {
        let config = fs::metadata(self.root.join("config")).map(|config| config.permissions().mode());
        if config.is_ok_and(|mode| mode & 0o040 != 0) {
            0o440
        } else {
            0o400
        }
    }
}

/// Removes a lock file; one that is gone already is as good.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove a lock");
    }
}

fn is_older(path: &Path, age: Duration) -> bool {
    fs::metadata(path)
        .and_then(|file| file.modified())
        .is_ok_and(|time| {
            SystemTime::now()
                .duration_since(time)
                .is_ok_and(|passed| passed > age)
        })
}
