//! The files of a repository, by their names alone.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    EngineError, Result,
    embedded::{crypto, guard},
    store::{Kind, Object, Store},
};

/// Requests under way at once.
const AT_ONCE: usize = 4;

/// Files of one kind, by their names, with their sizes.
pub(super) type Names = BTreeMap<String, u64>;

/// All files but the configuration and locks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) keys: Names,
    pub(super) packs: Names,
    pub(super) indexes: Names,
    pub(super) snapshots: Names,
}

impl Files {
    /// What is there; also files that somebody has begun to write are in the second list.
    pub(super) fn at(store: &dyn Store) -> io::Result<(Self, Vec<Object>)> {
        let mut begun = Vec::new();
        let mut names = |kind| -> io::Result<Names> {
            let mut names = Names::new();
            let entries = match store.list(kind) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
                other => other?,
            };
            for entry in entries {
                if is_id(&entry.name) {
                    names.insert(entry.name, entry.size);
                } else if guard::is_temporary(&entry.name) {
                    begun.push(Object::new(kind, entry.name));
                }
            }
            Ok(names)
        };
        let files = Self {
            keys: names(Kind::Key)?,
            packs: names(Kind::Pack)?,
            indexes: names(Kind::Index)?,
            snapshots: names(Kind::Snapshot)?,
        };
        Ok((files, begun))
    }

    /// In the order in which they are written: what needs others comes after them.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (Object, u64)> {
        let kinds = [
            (Kind::Key, &self.keys),
            (Kind::Pack, &self.packs),
            (Kind::Index, &self.indexes),
            (Kind::Snapshot, &self.snapshots),
        ];
        kinds.into_iter().flat_map(|(kind, names)| {
            names
                .iter()
                .map(move |(name, size)| (Object::new(kind, name), *size))
        })
    }

    pub(super) fn of(&self, kind: Kind) -> Option<&Names> {
        match kind {
            Kind::Key => Some(&self.keys),
            Kind::Pack => Some(&self.packs),
            Kind::Index => Some(&self.indexes),
            Kind::Snapshot => Some(&self.snapshots),
            Kind::Config | Kind::Lock => None,
        }
    }

    pub(super) fn has(&self, object: &Object, size: u64) -> bool {
        let names = self.of(object.kind);
        names.and_then(|names| names.get(&object.name)) == Some(&size)
    }

    pub(super) fn count(&self) -> u64 {
        self.in_order().count() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.in_order().map(|(_, size)| size).sum()
    }

    /// Tells these snapshots from any others.
    pub(super) fn contents(&self) -> String {
        let names: Vec<&str> = self.snapshots.keys().map(String::as_str).collect();
        crypto::hex(&crypto::digest(names.join("\n").as_bytes()))
    }
}

fn is_id(name: &str) -> bool {
    name.len() == 64
        && name
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Does something with all of these, several at once; the first failure ends it.
pub(super) fn each<T: Sync>(all: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failure: Mutex<Option<EngineError>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(all.len()) {
            scope.spawn(|| {
                while !failed.load(Ordering::Relaxed) {
                    let Some(item) = all.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        break;
                    };
                    if let Err(error) = work(item) {
                        failed.store(true, Ordering::Relaxed);
                        failure
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert(error);
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
