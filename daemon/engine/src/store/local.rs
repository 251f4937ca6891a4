//! A directory on this machine.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use nix::{errno::Errno, sys::statvfs::statvfs};

use crate::{Cancellation, Space};

use super::{Entry, Found, Kind, Object, Store, is_kind_directory, is_pack_directory};

/// The files below a directory.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    root: PathBuf,
}

impl Local {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, object: &Object) -> PathBuf {
        self.root.join(object.path())
    }

    /// restic's mode of locks: for the owner alone, and for the group where the repository is open to it.
    fn lock_mode(&self) -> u32 {
        let config = fs::metadata(self.root.join("config")).map(|config| config.permissions().mode());
        if config.is_ok_and(|mode| mode & 0o040 != 0) {
            0o440
        } else {
            0o400
        }
    }
}

impl Store for Local {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn is_remote(&self) -> bool {
        false
    }

    /// A call for a file of this machine is short.
    fn until(&self, _cancellation: &Cancellation) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    fn look(&self) -> io::Result<Found> {
        match fs::symlink_metadata(self.root.join("config")) {
            Ok(_) => return Ok(Found::Repository),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Found::SomethingElse),
            Err(error) => return Err(error),
        }
        match is_bare(&self.root, is_kind_directory) {
            Ok(true) => Ok(Found::Nothing),
            Ok(false) => Ok(Found::SomethingElse),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    /// For the owner alone, unless the directory is there.
    fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
        for kind in Kind::IN_DIRECTORIES {
            fs::create_dir_all(self.root.join(kind.directory()))?;
        }
        let packs = self.root.join(Kind::Pack.directory());
        for first in 0..=u8::MAX {
            fs::create_dir_all(packs.join(format!("{first:02x}")))?;
        }
        Ok(())
    }

    fn list(&self, kind: Kind) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        let top = self.root.join(kind.directory());
        if kind == Kind::Pack {
            for entry in fs::read_dir(&top)? {
                let entry = entry?;
                // Whatever else has such a name and is no directory is an error, not an empty one.
                if entry.file_name().to_str().is_some_and(is_pack_directory) {
                    list_directory(&entry.path(), &mut found)?;
                }
            }
        } else {
            list_directory(&top, &mut found)?;
        }
        Ok(found)
    }

    fn size(&self, object: &Object) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(self.path(object)) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, object: &Object) -> io::Result<Bytes> {
        fs::read(self.path(object)).map(Bytes::from)
    }

    fn read_part(&self, object: &Object, offset: u64, length: u64) -> io::Result<Bytes> {
        let mut file = File::open(self.path(object))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    fn write(&self, object: &Object, content: &[Bytes]) -> io::Result<()> {
        let path = self.path(object);
        let directory = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory)?;
        // As the library names them; nobody else takes such a file for one of the repository.
        let mut temporary = path.clone().into_os_string();
        temporary.push("-tmp-");
        let temporary = PathBuf::from(temporary);
        let mode = match object.kind {
            Kind::Lock => self.lock_mode(),
            _ => 0o666,
        };
        let written = write_file(&temporary, mode, content).and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        // Locks do not have to survive.
        if object.kind == Kind::Lock {
            return Ok(());
        }
        // A renamed file survives a power cut only when its directory was written too.
        File::open(directory)?.sync_all()
    }

    fn remove(&self, object: &Object) -> io::Result<()> {
        fs::remove_file(self.path(object))
    }

    /// What is kept for root alone is not for us either.
    fn space(&self) -> io::Result<Option<Space>> {
        match statvfs(&self.root) {
            Ok(about) => {
                let unit = about.fragment_size();
                Ok(Some(Space {
                    free: unit.saturating_mul(about.blocks_available()),
                    total: Some(unit.saturating_mul(about.blocks())),
                }))
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn settle(&self, kind: Kind) -> io::Result<()> {
        File::open(self.root.join(kind.directory()))?.sync_all()
    }

    fn remove_directories(&self) -> io::Result<()> {
        let packs = self.root.join(Kind::Pack.directory());
        for first in 0..=u8::MAX {
            remove_empty(&packs.join(format!("{first:02x}")))?;
        }
        for kind in Kind::IN_DIRECTORIES {
            remove_empty(&self.root.join(kind.directory()))?;
        }
        remove_empty(&self.root)
    }
}

/// Whether nothing is there but directories of such names, in which there is nothing but the directories of packs.
fn is_bare(directory: &Path, is_known: fn(&str) -> bool) -> io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_known = entry.file_name().to_str().is_some_and(is_known);
        if !is_known || !entry.file_type()?.is_dir() || !is_bare(&entry.path(), is_pack_directory)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A folder in which something is stays, and one that is gone is as good.
fn remove_empty(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

fn write_file(path: &Path, mode: u32, content: &[Bytes]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    for bytes in content {
        file.write_all(bytes)?;
    }
    file.sync_all()
}

fn list_directory(directory: &Path, found: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let file = match entry.metadata() {
            Ok(file) => file,
            // Somebody removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.push(Entry {
            name,
            size: file.len(),
            modified: file.modified().ok(),
        });
    }
    Ok(())
}
