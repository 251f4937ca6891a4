//! Removing files of a repository: under an exclusive lock, after writes that all went well, in an order that a power
//! cut does not turn around; and taking back what an operation wrote that came to nothing.

use std::{
    fs::{self, File},
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use rustic_core::{ErrorKind as Rustic, FileType, Id, RusticError, RusticResult};

use super::{Guard, listing::is_pack_directory, refused};
use crate::embedded::failure::Cause;

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
        let path = self.directory(tpe, id).join(id.to_hex().as_str());
        let size = match fs::symlink_metadata(&path) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => 0,
        };
        if tpe == FileType::Index {
            *lock(&self.changes.index_unwritten) = true;
        }
        let result = self.inner.remove(tpe, id, cacheable);
        if result.is_ok() || !path.try_exists().unwrap_or(false) {
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
        File::open(self.root.join(FileType::Snapshot.dirname()))?.sync_all()
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
                let path = self.directory(*tpe, id).join(id.to_hex().as_str());
                if let Err(error) = fs::remove_file(&path)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(path = %path.display(), %error, "cannot take back a file that is not needed");
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

    /// Removes what writes that were cut off long ago have left; answers how many bytes that frees.
    pub(in crate::embedded) fn remove_abandoned(&self) -> io::Result<u64> {
        let data = self.root.join(FileType::Pack.dirname());
        let mut directories = vec![
            self.root.join(FileType::Index.dirname()),
            self.root.join(FileType::Snapshot.dirname()),
        ];
        for entry in fs::read_dir(&data)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_pack_directory) {
                directories.push(entry.path());
            }
        }
        let mut freed = 0;
        for directory in directories {
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                if !entry.file_name().to_str().is_some_and(is_temporary) {
                    continue;
                }
                let file = entry.metadata()?;
                let age = SystemTime::now().duration_since(file.modified()?);
                if age.is_ok_and(|age| age > ABANDONED) && self.check_exclusive().is_ok() {
                    fs::remove_file(entry.path())?;
                    freed += file.len();
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
            Some(lock) if lock.is_alive() => Ok(()),
            _ => Err(self.lost_lock()),
        }
    }

    /// Packs go only once it is certain that the index files that named them are gone.
    fn write_index_directory(&self) -> io::Result<()> {
        let mut unwritten = lock(&self.changes.index_unwritten);
        if *unwritten {
            File::open(self.root.join(FileType::Index.dirname()))?.sync_all()?;
            *unwritten = false;
        }
        Ok(())
    }
}

/// As restic and the library name a file while they write it: `ID-tmp-…`.
fn is_temporary(name: &str) -> bool {
    name.split_at_checked(64).is_some_and(|(id, rest)| {
        id.bytes().all(|digit| digit.is_ascii_hexdigit()) && rest.starts_with("-tmp-")
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::Arc};

    use rustic_core::{WriteBackend, repofile::MasterKey};
    use tempfile::TempDir;

    use super::*;
    use crate::{
        Access, Cancellation, ErrorKind, Password,
        embedded::{
            crypto::Seal,
            lock::{Claim, Held},
            lock_file::LockDirectory,
            place::Place,
            session,
        },
    };

    /// Something like a repository, with one pack in it.
    struct Scene {
        guard: Guard,
        pack: Id,
        path: PathBuf,
        root: TempDir,
    }

    impl Scene {
        fn new() -> Self {
            let root = TempDir::new().unwrap();
            let access = Access {
                name: "test".to_owned(),
                url: root.path().to_str().unwrap().to_owned(),
                password: Password::new(String::new()),
                cache: None,
            };
            let place = Place::of(&access).unwrap();
            let pack = Id::new([0xab; 32]);
            let path = root.path().join("data/ab").join(pack.to_hex().as_str());
            for directory in ["data/ab", "index", "snapshots", "locks"] {
                fs::create_dir_all(root.path().join(directory)).unwrap();
            }
            fs::write(&path, "pack").unwrap();
            Self {
                guard: session::guard(&place, &Cancellation::default()).unwrap(),
                pack,
                path,
                root,
            }
        }

        fn lock(&self, claim: Claim) -> Arc<Held> {
            let seal = Seal::new(&MasterKey::new()).unwrap();
            let directory = LockDirectory::new(self.root.path().to_owned(), seal, 2);
            let held = Arc::new(Held::take("test", directory, claim).unwrap());
            self.guard.require_lock(Arc::downgrade(&held));
            held
        }

        /// Whether the pack may be removed, and is.
        fn removes(&self) -> bool {
            let removed = self.guard.remove(FileType::Pack, &self.pack, false).is_ok();
            assert_eq!(removed, !self.path.exists());
            removed
        }
    }

    #[test]
    fn files_go_under_an_exclusive_lock_alone() {
        let scene = Scene::new();
        assert!(!scene.removes(), "there is no lock");
        let scene = Scene::new();
        let _shared = scene.lock(Claim::Shared);
        assert!(!scene.removes(), "others may be there");
        let scene = Scene::new();
        let exclusive = scene.lock(Claim::Exclusive);
        assert!(scene.removes());
        assert_eq!(scene.guard.removed(), Removed { packs: 1, bytes: 4 });
        // What is gone is gone, and is not counted.
        scene.guard.remove(FileType::Pack, &scene.pack, false).unwrap();
        assert_eq!(scene.guard.removed().packs, 1);
        drop(exclusive);
        fs::write(&scene.path, "pack").unwrap();
        assert!(!scene.removes(), "the lock is gone");
        assert_eq!(scene.guard.failure().unwrap().kind(), Some(ErrorKind::Locked));
    }

    #[test]
    fn nothing_goes_after_a_failed_write_a_cancellation_or_the_end() {
        let scene = Scene::new();
        let _lock = scene.lock(Claim::Exclusive);
        fs::remove_dir(scene.root.path().join("index")).unwrap();
        fs::write(scene.root.path().join("index"), "in the way").unwrap();
        let content = b"index".to_vec();
        assert!(
            scene
                .guard
                .write_bytes(FileType::Index, &Id::new([1; 32]), false, content.into())
                .is_err()
        );
        assert!(!scene.removes());
        let scene = Scene::new();
        let _lock = scene.lock(Claim::Exclusive);
        scene.guard.end();
        assert!(!scene.removes());
        let mut scene = Scene::new();
        let _lock = scene.lock(Claim::Exclusive);
        scene.guard.cancellation.cancel();
        assert!(!scene.removes());
        scene.guard.cancellation = Cancellation::default();
        assert!(scene.removes());
    }

    #[test]
    fn what_came_to_nothing_is_taken_back_unless_something_was_removed() {
        let write = |scene: &Scene, tpe, first: u8| {
            let id = Id::new([first; 32]);
            scene
                .guard
                .write_bytes(tpe, &id, false, vec![first].into())
                .unwrap();
            scene.guard.directory(tpe, &id).join(id.to_hex().as_str())
        };
        for removes in [false, true] {
            let scene = Scene::new();
            let _lock = scene.lock(Claim::Exclusive);
            let pack = write(&scene, FileType::Pack, 0xcd);
            let index = write(&scene, FileType::Index, 0xef);
            if removes {
                assert!(scene.removes());
            }
            scene.guard.end();
            scene.guard.take_back();
            assert_eq!((pack.exists(), index.exists()), (removes, removes));
            assert_eq!(scene.path.exists(), !removes);
        }
    }

    #[test]
    fn temporary_files_are_told_by_their_names() {
        let id = "0123456789abcdef".repeat(4);
        assert!(is_temporary(&format!("{id}-tmp-")) && is_temporary(&format!("{id}-tmp-123")));
        for other in [
            &id,
            "-tmp-",
            "notes-tmp-",
            &format!("{id}.tmp"),
            &format!("{}-tmp-", &id[1..]),
        ] {
            assert!(!is_temporary(other), "{other}");
        }
    }
}
