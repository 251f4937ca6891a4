//! Removing files of a repository: under an exclusive lock, after writes that all went well, in an order that a power
//! cut does not turn around; and taking back what an operation wrote that came to nothing.

#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    io,
    sync::{
        Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use rustic_core::{ErrorKind as Rustic, FileType, Id, RusticError, RusticResult};

use super::{Guard, refused};
use crate::{
    embedded::{backend, failure::Cause},
    store::{Kind, Object},
};

/// A temporary file of nobody any more: no write takes a day.
const ABANDONED: Duration = Duration::from_hours(24);

/// What an operation has written and removed so far.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Index and pack files; also those whose write failed half-way.
    written: Mutex<Vec<(FileType, Id)>>,
    removed: AtomicU64,
    packs: AtomicU64,
    bytes: AtomicU64,
    /// Whether index files were removed whose directory was not written yet.
    index_unwritten: Mutex<bool>,
}

/// Packs that were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::embedded) struct Removed {
    pub(in crate::embedded) packs: u64,
    pub(in crate::embedded) bytes: u64,
}

impl Changes {
    pub(super) fn about_to_write(&self, tpe: FileType, id: Id) {
        if matches!(tpe, FileType::Index | FileType::Pack) {
            lock(&self.written).push((tpe, id));
        }
    }
}

impl Guard {
    /// The packs that this operation removed.
    pub(in crate::embedded) fn removed(&self) -> Removed {
        Removed {
            packs: self.changes.packs.load(Ordering::SeqCst),
            bytes: self.changes.bytes.load(Ordering::SeqCst),
        }
    }

    /// The files of a type that this operation has written, or began to.
    pub(in crate::embedded) fn written(&self, wanted: FileType) -> Vec<Id> {
        let written = lock(&self.changes.written);
        let of_type = written.iter().filter(|(tpe, _)| *tpe == wanted);
        of_type.map(|(_, id)| *id).collect()
    }

    /// Removes a file, unless something speaks against it. One that is gone already is as good.
    pub(super) fn remove_if_allowed(&self, tpe: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        if self.failure().is_some() {
            return Err(refused("an earlier step failed"));
        }
        self.check_exclusive()?;
        if tpe == FileType::Pack {
            self.write_index_directory().map_err(|error| {
                RusticError::with_source(Rustic::Backend, "cannot write the repository's directory", error)
            })?;
        }
        let object = backend::object(tpe, id);
        let size = match self.store.size(&object) {
            Ok(Some(size)) => size,
            Ok(None) => return Ok(()),
            Err(_) => 0,
        };
        if tpe == FileType::Index {
            *lock(&self.changes.index_unwritten) = true;
        }
        let result = self.inner.remove(tpe, id, cacheable);
        if result.is_ok() || !matches!(self.store.size(&object), Ok(Some(_))) {
            self.changes.removed.fetch_add(1, Ordering::SeqCst);
        }
        result.inspect_err(|error| self.remember(Cause::of(&**error)))?;
        if tpe == FileType::Pack {
            self.changes.packs.fetch_add(1, Ordering::SeqCst);
            self.changes.bytes.fetch_add(size, Ordering::SeqCst);
            if let Some(feed) = self.counter.get() {
                feed.files_done.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Removes a snapshot's file. Unlike the library's calls it goes on after a cancellation: of what belongs together
    /// all goes.
    pub(in crate::embedded) fn remove_snapshot(&self, id: &Id) -> RusticResult<()> {
        let _running = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        self.remove_if_allowed(FileType::Snapshot, id, true)
    }

    /// Makes removals of snapshots last through a power cut.
    pub(in crate::embedded) fn write_snapshot_directory(&self) -> io::Result<()> {
        self.store.settle(Kind::Snapshot)
    }

    /// Once the operation has ended without success: removes the index files and packs that it wrote, if nothing was
    /// removed before and nobody else can have come to rely on them.
    pub(in crate::embedded) fn take_back(&self) {
        if self.changes.removed.load(Ordering::SeqCst) > 0 || self.check_exclusive().is_err() {
            return;
        }
        let written = std::mem::take(&mut *lock(&self.changes.written));
        let remove = |wanted: FileType| {
            for (tpe, id) in written.iter().filter(|(tpe, _)| *tpe == wanted) {
                let object = backend::object(*tpe, id);
                if let Err(error) = self.store.remove(&object)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(file = object.path(), %error, "cannot take back a file that is not needed");
                    return false;
                }
            }
            true
        };
        *lock(&self.changes.index_unwritten) = true;
        if remove(FileType::Index) && self.write_index_directory().is_ok() {
            remove(FileType::Pack);
        }
    }

    /// Once a backup has ended for want of room: removes the packs that it wrote and no index file names, so that what came
    /// to nothing does not keep others from theirs. `named` says which ones an index file of this backup has.
    ///
    /// As long as its lock is alive nobody else can have come to know of them: who makes a new index excludes all others.
    pub(in crate::embedded) fn take_back_unnamed(&self, named: impl Fn(&Id) -> io::Result<Vec<Id>>) {
        let held = self.lock.get().and_then(Weak::upgrade);
        if !held.is_some_and(|held| matches!(held.is_alive(), Ok(true))) {
            tracing::warn!("packs of a backup that found no room are left for a prune: its lock is gone");
            return;
        }
        let written = std::mem::take(&mut *lock(&self.changes.written));
        let (packs, indexes): (Vec<_>, Vec<_>) =
            written.into_iter().partition(|(tpe, _)| *tpe == FileType::Pack);
        let mut stay = HashSet::new();
        for (_, index) in indexes {
            let object = backend::object(FileType::Index, &index);
            if matches!(self.store.size(&object), Ok(None)) {
                continue;
            }
            // What cannot be read may name all of them.
            match named(&index) {
                Ok(packs) => stay.extend(packs),
                Err(error) => {
                    tracing::warn!(%error, "packs of a backup that found no room are left for a prune");
                    return;
                }
            }
        }
        for (_, id) in packs.iter().filter(|(_, id)| !stay.contains(id)) {
            let object = backend::object(FileType::Pack, id);
            if let Err(error) = self.store.remove(&object)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(file = object.path(), %error, "cannot take back a file that is not needed");
                return;
            }
        }
    }

    /// Removes what writes that were cut off long ago have left; answers how many bytes that frees.
    pub(in crate::embedded) fn remove_abandoned(&self) -> io::Result<u64> {
        let mut freed = 0;
        for kind in [Kind::Lock, Kind::Index, Kind::Snapshot, Kind::Pack] {
            for entry in self.store.list(kind)? {
                let age = entry
                    .modified
                    .filter(|_| is_temporary(&entry.name))
                    .and_then(|time| SystemTime::now().duration_since(time).ok());
                if age.is_some_and(|age| age > ABANDONED) && self.check_exclusive().is_ok() {
                    self.store.remove(&Object::new(kind, entry.name))?;
                    freed += entry.size;
                }
            }
        }
        Ok(freed)
    }

    fn check_exclusive(&self) -> RusticResult<()> {
        let Some(lock) = self.lock.get() else {
            return Err(refused("nothing may be removed without a lock"));
        };
        match lock.upgrade() {
            Some(lock) if !lock.is_exclusive() => {
                Err(refused("nothing may be removed without an exclusive lock"))
            }
            Some(lock) => self.check_alive(&lock),
            _ => Err(self.lost_lock()),
        }
    }

    /// Packs go only once it is certain that the index files that named them are gone.
    fn write_index_directory(&self) -> io::Result<()> {
        let mut unwritten = lock(&self.changes.index_unwritten);
        if *unwritten {
            self.store.settle(Kind::Index)?;
            *unwritten = false;
        }
        Ok(())
    }
}

/// As restic and the library name a file while they write it: `ID-tmp-…`.
pub(in crate::embedded) fn is_temporary(name: &str) -> bool {
    name.split_at_checked(64).is_some_and(|(id, rest)| {
        id.bytes().all(|digit| digit.is_ascii_hexdigit()) && rest.starts_with("-tmp-")
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
