//! Files of forgotten snapshots, kept outside of the repository as they were stored.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustic_core::Id;

use crate::{EngineError, ErrorKind, Result};

use super::failure::Cause;

/// A directory of such files, each under its snapshot's id.
#[derive(Debug)]
pub(super) struct Kept<'a>(pub(super) &'a Path);

impl Kept<'_> {
    /// Makes the directory, for its owner alone.
    pub(super) fn prepare(&self) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.0)
            .map_err(|error| self.failed("cannot make the directory", &error))
    }

    /// Keeps a file, so that it is there whole or not at all.
    pub(super) fn write(&self, id: &Id, raw: &[u8]) -> Result<()> {
        let path = self.path(id);
        let temporary = path.with_extension("tmp");
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(raw).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            let what = format!("cannot keep snapshot `{:.8}` in", id.to_hex().as_str());
            self.failed(&what, &error)
        })
    }

    /// Makes what was kept last through a power cut.
    pub(super) fn sync(&self) -> Result<()> {
        let above = self.0.parent().filter(|path| !path.as_os_str().is_empty());
        [Some(self.0), above]
            .into_iter()
            .flatten()
            .try_for_each(|path| File::open(path)?.sync_all())
            .map_err(|error| self.failed("cannot write the directory", &error))
    }

    pub(super) fn read(&self, id: &Id) -> io::Result<Vec<u8>> {
        fs::read(self.path(id))
    }

    /// The ids of all that is kept, sorted.
    pub(super) fn list(&self) -> Result<Vec<Id>> {
        let list = || -> io::Result<Vec<Id>> {
            let mut found = Vec::new();
            for entry in fs::read_dir(self.0)? {
                let name = entry?.file_name();
                let id = name.to_str().filter(|name| name.len() == 64);
                found.extend(id.and_then(|name| name.parse::<Id>().ok()));
            }
            Ok(found)
        };
        let mut found = list().map_err(|error| self.failed("cannot list the directory", &error))?;
        found.sort_unstable();
        Ok(found)
    }

    fn path(&self, id: &Id) -> PathBuf {
        self.0.join(id.to_hex().as_str())
    }

    /// Nothing here says anything of the repository.
    fn failed(&self, what: &str, error: &io::Error) -> EngineError {
        let cause = Cause::of(error);
        let kind = match cause.kind() {
            Some(kind @ (ErrorKind::NoSpace | ErrorKind::PermissionDenied)) => kind,
            _ => ErrorKind::Other,
        };
        EngineError::new(kind, format!("{what} `{}`", self.0.display())).caused_by(cause)
    }
}

/// Full ids, each once.
pub(super) fn parse(ids: &[String]) -> Result<Vec<Id>> {
    let mut parsed = Vec::with_capacity(ids.len());
    for id in ids {
        let id = Some(id)
            .filter(|id| id.len() == 64)
            .and_then(|id| id.parse::<Id>().ok())
            .ok_or_else(|| {
                EngineError::new(
                    ErrorKind::InvalidRequest,
                    format!("`{id}` is not the full id of a snapshot"),
                )
            })?;
        if !parsed.contains(&id) {
            parsed.push(id);
        }
    }
    Ok(parsed)
}
