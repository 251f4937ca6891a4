//! What stands between the library and the files: it stops on cancellation, lists strictly, remembers the
//! first failed write, and lets a snapshot be written, or a file be removed, only when all before it went well.

mod listing;
mod removal;

use std::{
    io,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use rustic_core::{
    BytesList, ErrorKind as Rustic, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};

use crate::{Cancellation, ErrorKind, store::Store};

use super::{failure::Cause, feed::Feed, lock::Held, room::Watch};

pub(super) use removal::is_temporary;

/// The backend that the library sees.
#[derive(Debug)]
pub(super) struct Guard {
    inner: Arc<dyn WriteBackend>,
    store: Arc<dyn Store>,
    cancellation: Cancellation,
    /// Set at the end of the operation; writes hold it shared, so that none outlives the operation.
    ended: RwLock<bool>,
    /// The library keeps going after a failed write and reports something else: this is what happened.
    failure: Mutex<Option<Cause>>,
    /// Who looks at the room that is left, before a pack is written.
    room: OnceLock<Watch>,
    /// Who counts the bytes written into packs.
    counter: OnceLock<Arc<Feed>>,
    /// Stands in for the configuration file, to set what the library reads only there.
    config: OnceLock<Bytes>,
    /// Stands in for the list of snapshots, where others may add to it meanwhile.
    snapshots: OnceLock<Vec<(Id, u64)>>,
    /// The library's own snapshots are not written: whoever asked for them writes them, once all was looked at.
    holds_snapshots: AtomicBool,
    /// The lock without which no snapshot is to be written and no file to be removed.
    lock: OnceLock<Weak<Held>>,
    /// What was written and removed.
    changes: removal::Changes,
}

impl Guard {
    pub(super) fn new(
        inner: Arc<dyn WriteBackend>,
        store: Arc<dyn Store>,
        cancellation: Cancellation,
    ) -> Self {
        Self {
            inner,
            store,
            cancellation,
            ended: RwLock::new(false),
            failure: Mutex::new(None),
            room: OnceLock::new(),
            counter: OnceLock::new(),
            config: OnceLock::new(),
            snapshots: OnceLock::new(),
            holds_snapshots: AtomicBool::new(false),
            lock: OnceLock::new(),
            changes: removal::Changes::default(),
        }
    }

    /// Shows `sealed` to the library instead of the configuration file.
    pub(super) fn present_config(&self, sealed: Vec<u8>) {
        let _ = self.config.set(sealed.into());
    }

    /// Shows the library no other snapshots than those that are there now.
    pub(super) fn freeze_snapshots(&self) -> io::Result<()> {
        let _ = self.snapshots.set(self.list_strictly(FileType::Snapshot)?);
        Ok(())
    }

    /// Drops the snapshots that the library writes from now on, or writes them again.
    pub(super) fn hold_snapshots(&self, hold: bool) {
        self.holds_snapshots.store(hold, Ordering::SeqCst);
    }

    /// From now on writing a snapshot and removing anything needs this lock to be alive.
    pub(super) fn require_lock(&self, lock: Weak<Held>) {
        let _ = self.lock.set(lock);
    }

    /// From now on packs are written as long as there is room. What makes them of use, index and snapshot, is small, and
    /// may have the rest.
    pub(super) fn watch_room(&self, watch: Watch) {
        let _ = self.room.set(watch);
    }

    fn check_room(&self, tpe: FileType, size: u64) -> RusticResult<()> {
        let Some(watch) = self.room.get().filter(|_| tpe == FileType::Pack) else {
            return Ok(());
        };
        watch.before_pack(size).map_err(|out| {
            self.remember(out.cause());
            refused("there is too little room")
        })
    }

    /// Counts the bytes written into packs for this feed.
    pub(super) fn count_for(&self, feed: Arc<Feed>) {
        let _ = self.counter.set(feed);
    }

    /// The first write that failed.
    pub(super) fn failure(&self) -> Option<Cause> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for writes under way and refuses all later ones: threads of the library may outlive its calls.
    pub(super) fn end(&self) {
        *self.ended.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn check(&self) -> RusticResult<()> {
        if self.cancellation.is_cancelled() {
            Err(refused("the operation was cancelled"))
        } else {
            Ok(())
        }
    }

    /// A snapshot says that everything it needs is stored: only then may it be written.
    fn check_snapshot(&self) -> RusticResult<()> {
        if self.failure().is_some() {
            return Err(refused("an earlier write failed"));
        }
        match self.lock.get() {
            Some(lock) => match lock.upgrade() {
                Some(lock) => self.check_alive(&lock),
                None => Err(self.lost_lock()),
            },
            None => Ok(()),
        }
    }

    /// A lock that cannot be seen may be gone.
    fn check_alive(&self, lock: &Held) -> RusticResult<()> {
        match lock.is_alive() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.lost_lock()),
            Err(error) => {
                self.remember(Cause::of(&error));
                Err(RusticError::with_source(
                    Rustic::Backend,
                    "cannot see whether the repository's lock is still there",
                    error,
                ))
            }
        }
    }

    fn lost_lock(&self) -> Box<RusticError> {
        const LOST: &str = "the repository's lock was lost, and others may have changed it";
        self.remember(Cause::said(ErrorKind::Locked, LOST));
        refused(LOST)
    }

    fn remember(&self, cause: Cause) {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(cause);
    }
}

impl ReadBackend for Guard {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.check()?;
        if tpe == FileType::Config {
            return self.inner.list_with_size(tpe);
        }
        let list = match self.snapshots.get() {
            Some(list) if tpe == FileType::Snapshot => Ok(list.clone()),
            _ => self.list_strictly(tpe),
        };
        let list = list.map_err(|error| {
            RusticError::with_source(Rustic::Backend, "cannot list the files of type `{type}`", error)
                .attach_context("type", tpe.dirname())
        })?;
        Ok(list
            .into_iter()
            .map(|(id, size)| (id, u32::try_from(size).unwrap_or(u32::MAX)))
            .collect())
    }

    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        self.check()?;
        match self.config.get() {
            Some(config) if tpe == FileType::Config => Ok(config.clone()),
            _ => self
                .inner
                .read_full(tpe, id)
                .map_err(|error| named(*error, tpe, id)),
        }
    }

    fn read_partial(
        &self,
        tpe: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.check()?;
        self.inner
            .read_partial(tpe, id, cacheable, offset, length)
            .map_err(|error| named(*error, tpe, id))
    }

    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        self.inner.warmup_path(tpe, id)
    }
}

impl WriteBackend for Guard {
    fn create(&self) -> RusticResult<()> {
        self.inner.create()
    }

    fn write_bytes(&self, tpe: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return Err(refused("the operation has ended"));
        }
        self.check()?;
        if tpe == FileType::Snapshot {
            self.check_snapshot()?;
            if self.holds_snapshots.load(Ordering::SeqCst) {
                return Ok(());
            }
        }
        let size = content.size() as u64;
        self.check_room(tpe, size)?;
        self.changes.about_to_write(tpe, *id);
        let written = self.inner.write_bytes(tpe, id, cacheable, content);
        if let Some(watch) = self.room.get().filter(|_| tpe == FileType::Pack) {
            watch.after_pack(size, written.is_ok());
        }
        written.inspect_err(|error| self.remember(Cause::of(&**error)))?;
        if tpe == FileType::Pack
            && let Some(feed) = self.counter.get()
        {
            feed.bytes_added.fetch_add(size, Ordering::Relaxed);
        }
        Ok(())
    }

    fn remove(&self, tpe: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return Err(refused("the operation has ended"));
        }
        self.check()?;
        self.remove_if_allowed(tpe, id, cacheable)
    }
}

fn refused(why: &str) -> Box<RusticError> {
    RusticError::new(Rustic::Backend, why)
}

/// A failed read says which file of the repository it was.
fn named(error: RusticError, tpe: FileType, id: &Id) -> Box<RusticError> {
    RusticError::with_source(
        Rustic::Backend,
        "cannot read the {type} file `{id}`",
        Box::new(error),
    )
    .attach_context(
        "type",
        match tpe {
            FileType::Config => "config",
            FileType::Index => "index",
            FileType::Key => "key",
            FileType::Snapshot => "snapshot",
            FileType::Pack => "pack",
        },
    )
    .attach_context("id", id.to_hex().as_str())
}
