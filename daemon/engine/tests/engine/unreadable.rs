//! What cannot be read is told and counted, and the rest is stored.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path};

use backupd_engine::{Cancellation, Observer, Phase, Progress, Warning};

use crate::engine::{IS_RESTIC, engine};
use crate::{
    child,
    world::{Log, World, is_root, noise},
};

fn close(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
}

#[test]
fn unreadable_files_and_directories_make_a_partial_backup() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let world = World::new();
    world.write("open", "x");
    close(&world.write("secret", "y"));
    world.write("closed/inside", "z");
    close(&world.source().join("closed"));
    let answer = child::as_nobody(&world);
    assert_eq!(
        answer,
        r#"unreadable 2, new 1, ["closed: Permission denied", "secret: Permission denied"]"#
    );
    // restic leaves a directory out that it cannot read.
    let stored = if IS_RESTIC {
        &["open"][..]
    } else {
        &["closed", "open"]
    };
    assert_eq!(world.stored(), stored);
    world.restic_well(&["check", "--read-data"]);
}

#[test]
fn a_source_of_which_nothing_can_be_read_is_an_error() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let world = World::new();
    world.write("file", "x");
    close(&world.source());
    let answer = child::as_nobody(&world);
    assert!(answer.starts_with("SourceUnreadable: "), "{answer}");
    assert!(answer.contains("Permission denied"), "{answer}");
    assert_eq!(world.snapshots(), 0);
}

/// Changes files once the walk has seen them, while large files in front keep every reader busy.
struct Meddler<'a> {
    log: Log,
    world: &'a World,
}

impl Observer for Meddler<'_> {
    fn phase(&self, _phase: Phase) {}
    fn progress(&self, progress: Progress) {
        if progress.files_total > 0 && self.world.source().join("z-gone").exists() {
            fs::remove_file(self.world.source().join("z-gone")).unwrap();
            fs::File::options()
                .write(true)
                .open(self.world.source().join("z-shrunk"))
                .unwrap()
                .set_len(3)
                .unwrap();
            let mut grown = fs::File::options()
                .append(true)
                .open(self.world.source().join("z-grown"))
                .unwrap();
            grown.write_all(b" and more").unwrap();
        }
    }
    fn warning(&self, warning: Warning) {
        self.log.warning(warning);
    }
}

#[test]
fn files_that_change_meanwhile_do_not_fail_the_run() {
    // When restic lists a directory and when it says how far it is hangs on nothing that a test could wait for.
    if IS_RESTIC {
        return;
    }
    let world = World::new();
    // With a parent the totals come from the walk itself: once known, every file has been looked at.
    world.write("z-old", "x");
    world.backup();
    let readers = std::thread::available_parallelism().unwrap().get();
    for number in 0..=readers {
        let large = fs::File::create(world.source().join(format!("a-large-{number}"))).unwrap();
        large.set_len(512 << 20).unwrap();
    }
    world.write("z-gone", "x");
    world.write("z-grown", "as it was");
    world.write("z-shrunk", noise(1000, 5));
    let meddler = Meddler {
        log: Log::default(),
        world: &world,
    };
    let report = engine()
        .backup(
            &world.access(),
            &world.request(),
            &meddler,
            &Cancellation::default(),
        )
        .unwrap();
    assert_eq!(
        meddler.log.warned(),
        [
            "z-gone: vanished before it was read",
            "z-shrunk: shrank while it was read"
        ]
    );
    assert_eq!(report.files_unreadable, 0);
    let stored = world.stored();
    assert_eq!(stored[readers + 1..], ["z-grown", "z-old", "z-shrunk"]);
    let source = world.source();
    world
        .restore_paths("out", &[source.join("z-grown"), source.join("z-shrunk")])
        .unwrap();
    let out = crate::world::below(&world.path("out"), &source);
    assert_eq!(fs::read(out.join("z-grown")).unwrap(), b"as it was");
    let shrunk = fs::read(out.join("z-shrunk")).unwrap();
    assert_eq!((shrunk.len(), &shrunk[..3]), (1000, &noise(3, 5)[..]));
    world.restic_well(&["check", "--read-data"]);
}
