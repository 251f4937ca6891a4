//! What is stored and what is left out.

use std::{fs, os::unix::fs as unix, process::Command};

use backupd_engine::{BackupRequest, Cancellation, ErrorKind};

use crate::engine::{IS_RESTIC, engine};
use crate::world::{Log, World, is_root, request};

fn tree() -> World {
    let world = World::new();
    for name in [
        "keep.txt",
        "junk.tmp",
        "sub/junk.tmp",
        "sub/keep.txt",
        "sub/.cache/data",
        "node/cache/x",
        "z/node/cache/y",
    ] {
        world.write(name, name);
    }
    world
}

fn stored(world: &World, change: impl FnOnce(&mut BackupRequest)) -> Vec<String> {
    let mut request = world.request();
    change(&mut request);
    world.backup_as(&request).unwrap();
    world.stored()
}

#[test]
fn excluded_patterns_are_left_out_at_every_depth() {
    let world = tree();
    let left = stored(&world, |request| {
        request.exclude = ["*.tmp", "**/.cache", "node/cache"].map(str::to_owned).to_vec();
    });
    assert_eq!(left, ["keep.txt", "node", "sub", "sub/keep.txt", "z", "z/node"]);
}

#[test]
fn a_leading_slash_anchors_and_negation_brings_back() {
    let world = tree();
    let anchored = format!("{}/node", world.source().display());
    let left = stored(&world, |request| {
        request.exclude = vec![
            anchored,
            "*.tmp".to_owned(),
            "!sub/junk.tmp".to_owned(),
            "sub/.cache/".to_owned(),
        ];
    });
    // restic keeps the directory of which a pattern with a slash at its end leaves out what is in it.
    let left: Vec<String> = left
        .into_iter()
        .filter(|path| !IS_RESTIC || path != "sub/.cache")
        .collect();
    assert_eq!(
        left,
        [
            "keep.txt",
            "sub",
            "sub/junk.tmp",
            "sub/keep.txt",
            "z",
            "z/node",
            "z/node/cache",
            "z/node/cache/y"
        ]
    );
}

#[test]
fn only_included_files_are_stored_and_exclude_wins() {
    let world = tree();
    if IS_RESTIC {
        let mut request = world.request();
        request.include = vec!["*.txt".to_owned()];
        let error = world.backup_as(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        return;
    }
    let left = stored(&world, |request| {
        request.include = vec!["*.txt".to_owned(), "z".to_owned()];
        request.exclude = vec!["sub/keep.txt".to_owned()];
    });
    assert_eq!(
        left,
        ["keep.txt", "z", "z/node", "z/node/cache", "z/node/cache/y"]
    );
}

#[test]
fn tagged_directories_are_kept_empty_but_for_the_tag() {
    let world = tree();
    world.write("sub/.nobackup", "");
    world.write(
        "z/CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test",
    );
    world.write("node/CACHEDIR.TAG", "no signature");
    let left = stored(&world, |request| {
        request.exclude_if_present = vec![".nobackup".to_owned()];
        request.exclude_caches = true;
    });
    assert_eq!(
        left,
        [
            "junk.tmp",
            "keep.txt",
            "node",
            "node/CACHEDIR.TAG",
            "node/cache",
            "node/cache/x",
            "sub",
            "sub/.nobackup",
            "z",
            "z/CACHEDIR.TAG"
        ]
    );
}

#[test]
fn large_files_are_left_out() {
    let world = World::new();
    world.write("at", [0; 100]);
    world.write("above", [0; 101]);
    assert_eq!(
        stored(&world, |request| request.exclude_larger_than = Some(100)),
        ["at"]
    );
}

#[test]
fn other_file_systems_are_not_entered() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let world = World::new();
    world.write("here", "x");
    let mount = world.source().join("mount");
    fs::create_dir(&mount).unwrap();
    let _mounted = Mounted::tmpfs(&mount, "1m");
    fs::write(mount.join("there"), "y").unwrap();
    assert_eq!(
        stored(&world, |request| request.one_file_system = true),
        ["here", "mount"]
    );
    assert_eq!(stored(&world, |_| {}), ["here", "mount", "mount/there"]);
    // A mount point that is a source of its own is wanted.
    let both = stored(&world, |request| {
        request.one_file_system = true;
        request.sources.push(mount.clone());
    });
    assert_eq!(both, ["here", "mount", "mount/there"]);
}

/// A mounted tmpfs, until dropped.
pub(crate) struct Mounted(std::path::PathBuf);

impl Mounted {
    pub(crate) fn tmpfs(path: &std::path::Path, size: &str) -> Self {
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .status()
            .unwrap();
        assert!(mounted.success(), "cannot mount a tmpfs");
        Self(path.to_owned())
    }
}

/// A repository whose disk has no byte left.
pub(crate) struct Full {
    theirs: std::path::PathBuf,
    _mounted: Mounted,
}

impl Full {
    /// Takes it to a small file system, and fills that.
    pub(crate) fn of(world: &World) -> Self {
        let place = world.repository();
        fs::rename(&place, world.path("aside")).unwrap();
        fs::create_dir(&place).unwrap();
        let mounted = Mounted::tmpfs(&place, "8m");
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(world.path("aside/.")).arg(&place);
        assert!(copy.status().unwrap().success());
        let theirs = place.join("theirs");
        let mut file = fs::File::create(&theirs).unwrap();
        for size in [4096, 1] {
            while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
        }
        Self {
            theirs,
            _mounted: mounted,
        }
    }

    pub(crate) fn has_room(&self) {
        fs::remove_file(&self.theirs).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn several_and_nested_sources_are_stored_once() {
    let world = tree();
    let other = world.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "x").unwrap();
    let mut request = request(vec![
        world.source(),
        world.source().join("sub"),
        other.join("file"),
    ]);
    // The second source is wanted though the first leaves it out.
    request.exclude = vec!["sub".to_owned(), "node".to_owned()];
    if IS_RESTIC {
        // It would leave the second source out, and say nothing.
        let error = world.backup_as(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains("/sub`"), "{error}");
        return;
    }
    let report = world.backup_as(&request).unwrap();
    assert_eq!(report.snapshot.paths.len(), 3);
    assert_eq!(
        world.stored(),
        [
            "junk.tmp",
            "keep.txt",
            "sub",
            "sub/.cache",
            "sub/.cache/data",
            "sub/junk.tmp",
            "sub/keep.txt",
            "z"
        ]
    );
    world.restic_well(&["check"]);
}

#[test]
fn a_source_that_is_a_link_to_a_directory_is_told_of() {
    let world = tree();
    let link = world.path("link");
    unix::symlink(world.source(), &link).unwrap();
    let log = Log::default();
    let report = engine()
        .backup(
            &world.access(),
            &request(vec![link]),
            &log,
            &Cancellation::default(),
        )
        .unwrap();
    // restic counts no links.
    assert_eq!(report.files_new, u64::from(!IS_RESTIC));
    assert!(
        log.warned()[0].starts_with("link: is a symbolic link"),
        "{:?}",
        log.warned()
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let world = tree();
    let refused = |change: &dyn Fn(&mut BackupRequest)| {
        let mut request = world.request();
        change(&mut request);
        let error = world.backup_as(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{}", error.chain());
        error.to_string()
    };
    assert!(refused(&|request| request.exclude = vec!["a[".to_owned(), "{x".to_owned()]).contains("`{x`"));
    refused(&|request| request.sources = vec!["relative".into()]);
    refused(&|request| request.sources.clear());
    refused(&|request| request.exclude_if_present = vec!["a/b".to_owned()]);
    assert_eq!(world.snapshots(), 0);
}
