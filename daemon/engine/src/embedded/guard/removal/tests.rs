use std::{fs, path::PathBuf, sync::Arc};

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
            secrets: crate::Secrets::default(),
            options: crate::Options::default(),
        };
        let place = Place::of(&access).unwrap();
        let pack = Id::new([0xab; 32]);
        let path = root.path().join("data/ab").join(pack.to_hex().as_str());
        for directory in ["data/ab", "index", "snapshots", "locks"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(&path, "pack").unwrap();
        Self {
            guard: session::guard(&place, &Cancellation::default()),
            pack,
            path,
            root,
        }
    }

    fn lock(&self, claim: Claim) -> Arc<Held> {
        let seal = Seal::new(&MasterKey::new()).unwrap();
        let directory = LockDirectory::new(Arc::clone(&self.guard.store), seal, 2);
        let held = Arc::new(Held::take("test", directory, claim, None).unwrap());
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

/// Writes a file, and answers where it is.
fn write(scene: &Scene, tpe: FileType, first: u8) -> PathBuf {
    let id = Id::new([first; 32]);
    scene
        .guard
        .write_bytes(tpe, &id, false, vec![first].into())
        .unwrap();
    scene.root.path().join(backend::object(tpe, &id).path())
}

#[test]
fn packs_that_no_index_names_are_taken_back_while_the_lock_is_alive() {
    let named = |index: &Id| -> io::Result<Vec<Id>> {
        if *index == Id::new([0x11; 32]) {
            Ok(vec![Id::new([0xcd; 32])])
        } else {
            Err(io::Error::other("unreadable"))
        }
    };
    let stay = |index: Option<u8>, lock_lives: bool| {
        let scene = Scene::new();
        let lock = scene.lock(Claim::Shared);
        let packs = [0xcd, 0xce].map(|first| write(&scene, FileType::Pack, first));
        if let Some(first) = index {
            write(&scene, FileType::Index, first);
        }
        scene.guard.end();
        let _alive = lock_lives.then_some(lock);
        scene.guard.take_back_unnamed(named);
        // What others wrote stays whatever happens.
        assert!(scene.path.exists());
        packs.map(|pack| pack.exists())
    };
    assert_eq!(stay(None, true), [false, false]);
    assert_eq!(stay(Some(0x11), true), [true, false]);
    assert_eq!(
        stay(Some(0x22), true),
        [true, true],
        "what cannot be read may name them"
    );
    assert_eq!(stay(None, false), [true, true], "others may know of them");
}

#[test]
fn what_came_to_nothing_is_taken_back_unless_something_was_removed() {
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
