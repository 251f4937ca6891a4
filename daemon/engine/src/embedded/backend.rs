//! The files of a place as the library sees them.

use std::{io, sync::Arc};

use bytes::Bytes;
use rustic_core::{
    BytesList, ErrorKind as Rustic, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};

use crate::store::{Kind, Object, Store};

/// A store behind the library's traits.
#[derive(Debug)]
pub(super) struct Backend {
    store: Arc<dyn Store>,
}

impl Backend {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

/// The library's kind of file as ours.
pub(super) fn kind(tpe: FileType) -> Kind {
    match tpe {
        FileType::Config => Kind::Config,
        FileType::Index => Kind::Index,
        FileType::Key => Kind::Key,
        FileType::Snapshot => Kind::Snapshot,
        FileType::Pack => Kind::Pack,
    }
}

/// A file that the library names.
pub(super) fn object(tpe: FileType, id: &Id) -> Object {
    match tpe {
        FileType::Config => Object::config(),
        _ => Object::new(kind(tpe), id.to_hex().as_str()),
    }
}

/// All files of a kind with their sizes; what has no id for its name is none of the repository's.
pub(super) fn list(store: &dyn Store, tpe: FileType) -> io::Result<Vec<(Id, u64)>> {
    let entries = store.list(kind(tpe))?;
    let ids = entries.into_iter().filter_map(|entry| {
        let id = Some(&entry.name)
            .filter(|name| name.len() == 64)
            .and_then(|name| name.parse().ok())?;
        Some((id, entry.size))
    });
    Ok(ids.collect())
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        self.store.location()
    }

    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if tpe == FileType::Config {
            let size = self
                .store
                .size(&Object::config())
                .map_err(|error| failed("look for the configuration", error))?;
            return Ok(size
                .map(|size| (Id::default(), small(size)))
                .into_iter()
                .collect());
        }
        let list = list(&*self.store, tpe).map_err(|error| failed("list files", error))?;
        Ok(list.into_iter().map(|(id, size)| (id, small(size))).collect())
    }

    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        self.store
            .read(&object(tpe, id))
            .map_err(|error| failed("read a file", error))
    }

    fn read_partial(
        &self,
        tpe: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.store
            .read_part(&object(tpe, id), offset.into(), length.into())
            .map_err(|error| failed("read a file", error))
    }

    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        object(tpe, id).path()
    }
}

impl WriteBackend for Backend {
    fn create(&self) -> RusticResult<()> {
        self.store
            .create()
            .map_err(|error| failed("create the repository's directories", error))
    }

    fn write_bytes(&self, tpe: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.store
            .write(&object(tpe, id), content.slice())
            .map_err(|error| failed("write a file", error))
    }

    fn remove(&self, tpe: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.store
            .remove(&object(tpe, id))
            .map_err(|error| failed("remove a file", error))
    }
}

/// Packs are smaller; the library refuses what is not.
fn small(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn failed(doing: &str, error: io::Error) -> Box<RusticError> {
    RusticError::with_source(Rustic::Backend, "cannot {doing} of the repository", error)
        .attach_context("doing", doing)
}
