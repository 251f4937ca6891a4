//! A repository goes to every place, and comes back from it.

use std::path::Path;

use backupd_engine::{Access, Cancellation, ErrorKind, MoveRequest, Remains};

use super::site::{Place, Site};
use crate::{
    engine::{IS_RESTIC, engine},
    world::{self, Log, noise, picture},
};

pub(super) fn moves(place: Place) {
    // It is the same for both.
    if IS_RESTIC {
        return;
    }
    let mut site = Site::new(place);
    let remote = site.access.clone();
    let local = |name: &str| Access {
        url: site.directory.path().join(name).to_str().unwrap().to_owned(),
        ..remote.clone()
    };
    let (old, back) = (local("local"), local("back"));
    site.access = old.clone();
    site.init();
    site.write("large", noise(2_000_000, 1));
    site.backup().unwrap();

    let (log, never) = (Log::default(), Cancellation::default());
    let moved = |from: &Access, to: &Access| {
        engine()
            .move_to(from, to, &MoveRequest::default(), &log, &never)
            .unwrap_or_else(|error| panic!("{place:?}: {}", error.chain()))
    };
    let report = moved(&old, &remote);
    let again = moved(&old, &remote);
    assert_eq!(
        (again.bytes_written, again.files_there),
        (0, report.files - 1),
        "{place:?}"
    );
    let removed = engine().remove_remains(&remote, &old, &Remains::Moved(report.contents), &log, &never);
    assert_eq!(removed.unwrap().files, report.files, "{place:?}");
    assert!(!site.directory.path().join("local").exists());
    site.access = remote.clone();
    site.is_whole();
    site.write("small", "a few words");
    site.backup().unwrap();
    assert_eq!(picture(&site.restore("out")), picture(&site.source()));

    let report = moved(&remote, &back);
    let removed = engine().remove_remains(&back, &remote, &Remains::Moved(report.contents), &log, &never);
    assert_eq!(removed.unwrap().files, report.files, "{place:?}");
    let gone = engine().probe(&remote).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::RepositoryNotFound, "{place:?}");
    // The place is as good as new.
    assert!(moved(&back, &remote).bytes_written > 2_000_000);
    site.is_whole();
    // restic sees all of it on a disk.
    site.access = back;
    let restic = world::restic(Path::new(&site.access.url), &["check", "--read-data"]);
    assert!(restic.status.success(), "{place:?}: {restic:?}");
}

#[test]
fn to_sftp_and_back() {
    moves(Place::Sftp);
}

#[test]
fn to_rest_and_back() {
    moves(Place::Rest);
}

#[test]
fn to_s3_and_back() {
    moves(Place::S3);
}

#[test]
fn to_rclone_and_back() {
    moves(Place::Rclone);
}

#[test]
fn to_webdav_and_back() {
    moves(Place::WebDav);
}
