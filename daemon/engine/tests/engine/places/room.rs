//! Places that say how much room they have are not filled to the end.

use std::path::Path;

use backupd_engine::{Allowance, BackupRequest, Cancellation, ErrorKind, Room};
use nix::sys::statvfs::statvfs;
use tempfile::TempDir;

use super::site::{Place, Site};
use crate::engine::engine;
use crate::{
    selection::Mounted,
    world::{self, Log, is_root, noise},
};

const MIB: u64 = 1 << 20;

fn free(path: &Path) -> u64 {
    let about = statvfs(path).unwrap();
    about.fragment_size() * about.blocks_available()
}

#[test]
fn a_server_that_says_how_much_room_there_is_is_not_filled() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for place in [Place::Sftp, Place::Rclone] {
        let directory = TempDir::new().unwrap();
        let stored = directory.path().join("small");
        std::fs::create_dir(&stored).unwrap();
        let _mounted = Mounted::tmpfs(&stored, "64m");
        let site = Site::storing(place, directory, &stored);
        site.init();
        site.write("old", noise(500_000, 1));
        site.backup().unwrap();
        let room = engine().room(&site.access, false).unwrap();
        let space = room.space.unwrap();
        assert_eq!(
            (space.total, space.free),
            (Some(64 * MIB), free(&stored)),
            "{place:?}"
        );
        assert_eq!(room.stored, None, "that would be a list");
        let counted = engine().room(&site.access, true).unwrap().stored.unwrap();
        assert!((500_000..600_000).contains(&counted), "{place:?}: {counted}");

        site.write("large", noise(90_000_000, 3));
        let request = BackupRequest {
            allowance: Allowance {
                keep_free: 8 * MIB,
                ..Allowance::default()
            },
            ..world::request(vec![site.source()])
        };
        let backup = || engine().backup(&site.access, &request, &Log::default(), &Cancellation::default());
        let error = backup().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{place:?}: {}", error.chain());
        assert!(
            error.chain().contains("so that a prune can work"),
            "{}",
            error.chain()
        );
        // What came to nothing is gone, here too.
        assert!(free(&stored) > 60 * MIB, "{place:?}: {}", free(&stored));
        site.write("large", "");
        backup().unwrap();
        site.is_sound();
    }
}

#[test]
fn a_place_that_does_not_say_it_has_no_limit_but_a_quota() {
    for place in [Place::Rest, Place::S3] {
        let site = Site::new(place);
        site.init();
        assert_eq!(
            engine().room(&site.access, false).unwrap(),
            Room::default(),
            "{place:?}"
        );
        site.write("old", noise(3_000_000, 1));
        let backup = |quota, stored| {
            let request = BackupRequest {
                allowance: Allowance {
                    keep_free: u64::MAX,
                    quota: Some(quota),
                    stored,
                    ..Allowance::default()
                },
                ..world::request(vec![site.source()])
            };
            engine().backup(&site.access, &request, &Log::default(), &Cancellation::default())
        };
        backup(4 * MIB, None).unwrap();
        site.write("new", noise(3_000_000, 2));
        // What is there is counted where nobody knows; else what is known is believed.
        let said = backup(4 * MIB, None).unwrap_err();
        assert_eq!(said.kind(), ErrorKind::NoSpace, "{place:?}");
        assert!(
            said.chain().contains("it stores 2.8 MiB and may have 4 MiB"),
            "{}",
            said.chain()
        );
        backup(4 * MIB, Some(0)).unwrap();
        site.is_sound();
    }
}
