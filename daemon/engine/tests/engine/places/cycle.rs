//! What works on a disk works on every place, beside restic.

use std::{fs, sync::Mutex};

use backupd_engine::{Cancellation, ErrorKind, Observer, Phase, Progress, Warning};

use super::site::{Place, Site};
use crate::engine::{IS_RESTIC, engine};
use crate::world::{self, noise, picture};

/// From an empty place to one that was pruned.
fn lives(place: Place) {
    let site = Site::new(place);
    let missing = engine().probe(&site.access).unwrap_err();
    assert_eq!(
        missing.kind(),
        ErrorKind::RepositoryNotFound,
        "{place:?}: {}",
        missing.chain()
    );
    site.init();
    let again = engine().init(&site.access).unwrap_err();
    assert_eq!(
        again.kind(),
        ErrorKind::RepositoryExists,
        "{place:?}: {}",
        again.chain()
    );

    site.write("small", "a few words");
    site.write("large", noise(3_000_000, 1));
    site.write("empty", "");
    let first = site
        .backup()
        .unwrap_or_else(|error| panic!("{place:?}: {}", error.chain()));
    let restored = site.restore("out");
    assert_eq!(picture(&restored), picture(&site.source()));
    site.write("large", noise(3_000_000, 2));
    site.backup().unwrap();
    assert_eq!(site.snapshots().len(), 2);
    site.is_sound();

    // restic writes beside us, and reads what we wrote.
    let source = site.source();
    site.restic_well(&["backup", source.to_str().unwrap()]);
    assert_eq!(site.snapshots().len(), 3);
    let out = site.directory.path().join("by restic");
    site.restic_well(&["restore", &first.snapshot.id, "--target", out.to_str().unwrap()]);
    let restored = world::below(&out, &source);
    assert_eq!(fs::read(restored.join("large")).unwrap(), noise(3_000_000, 1));

    let first = [first.snapshot.id];
    site.forget(&first);
    assert_eq!(site.snapshots().len(), 2);
    site.bring_back(&first);
    assert_eq!(site.snapshots().len(), 3);
    site.forget(&first);
    let pruned = site
        .prune()
        .unwrap_or_else(|error| panic!("{place:?}: {}", error.chain()));
    assert!(
        pruned.packs_removed > 0 && pruned.bytes_freed > 2_000_000,
        "{place:?}: {pruned:?}"
    );
    assert_eq!(site.snapshots().len(), 2);
    site.is_sound();
    assert_eq!(picture(&site.restore("after")), picture(&site.source()));
    assert_eq!(locks(&site), 0, "{place:?}");
}

fn locks(site: &Site) -> usize {
    let listed = site.restic_well(&["list", "locks", "--no-lock"]);
    listed.lines().filter(|line| line.len() == 64).count()
}

/// Counts locks, as restic sees them, while a backup is at work.
struct Watching<'a> {
    site: &'a Site,
    seen: Mutex<Option<usize>>,
}

impl Observer for Watching<'_> {
    fn phase(&self, phase: Phase) {
        if phase == Phase::Backup {
            *self.seen.lock().unwrap() = Some(locks(self.site));
        }
    }
    fn progress(&self, _: Progress) {}
    fn warning(&self, _: Warning) {}
}

/// Locks of either are the other's too.
fn is_locked(place: Place) {
    // restic takes its lock once it is at work, and takes care of it.
    if IS_RESTIC {
        return;
    }
    let site = Site::new(place);
    site.init();
    site.write("file", noise(10_000, 1));
    let watching = Watching {
        site: &site,
        seen: Mutex::default(),
    };
    let request = world::request(vec![site.source()]);
    engine()
        .backup(&site.access, &request, &watching, &Cancellation::default())
        .unwrap();
    assert_eq!(*watching.seen.lock().unwrap(), Some(1), "{place:?}");
    assert_eq!(locks(&site), 0);
}

#[test]
fn sftp_lives() {
    lives(Place::Sftp);
    is_locked(Place::Sftp);
}

#[test]
fn rest_lives() {
    lives(Place::Rest);
    is_locked(Place::Rest);
}

#[test]
fn s3_lives() {
    lives(Place::S3);
    is_locked(Place::S3);
}

#[test]
fn rclone_lives() {
    lives(Place::Rclone);
    is_locked(Place::Rclone);
}

#[test]
fn webdav_lives() {
    // restic knows no WebDAV.
    if IS_RESTIC {
        return;
    }
    lives(Place::WebDav);
    is_locked(Place::WebDav);
}
