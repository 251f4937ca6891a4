//! Real directories: what happened is in the queue when the call that did it has returned, so nobody waits.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use backupd_engine::{BackupRequest, Wanted};
use jiff::{SignedDuration, Timestamp};

use super::tree::{Scope, Seen, Tree};

/// A directory with a source `home` in it.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(stage.path("home/deep/down")).unwrap();
        fs::write(stage.path("home/deep/file"), "1").unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn scope(&self, sources: &[&str]) -> Scope {
        let request = BackupRequest {
            exclude: vec!["*.tmp".to_owned(), "cache/".to_owned()],
            exclude_if_present: vec![".nobackup".to_owned()],
            ..BackupRequest::default()
        };
        Scope {
            sources: sources.iter().map(|source| self.path(source)).collect(),
            wanted: Wanted::of(&request).unwrap(),
            own: vec![self.path("home/own")],
            one_file_system: false,
        }
    }

    fn write(&self, name: &str) {
        fs::write(self.path(name), "2").unwrap();
    }

    fn make(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }
}

fn watched(scope: &Scope) -> Tree<'_> {
    let (tree, changed) = Tree::build(scope, Some(later())).unwrap();
    assert!(!changed);
    tree
}

/// After all that a test does.
fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

fn changed(tree: &mut Tree<'_>) -> bool {
    let seen = tree.take(later());
    assert!(!seen.lost);
    seen.changed
}

#[test]
fn every_kind_of_change_is_seen() {
    let stage = Stage::new();
    let scope = stage.scope(&["home"]);
    let mut tree = watched(&scope);
    assert!(!changed(&mut tree));
    let mut shows = |what: &str, change: &dyn Fn()| {
        change();
        assert!(changed(&mut tree), "{what}");
        assert!(!changed(&mut tree), "{what}, once");
    };
    shows("a new file", &|| stage.write("home/new"));
    shows("a write", &|| stage.write("home/deep/file"));
    shows("a file's removal", &|| {
        fs::remove_file(stage.path("home/new")).unwrap();
    });
    shows("a mode", &|| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(stage.path("home/deep/file"), mode).unwrap();
    });
    shows("a link", &|| symlink("x", stage.path("home/deep/link")).unwrap());
    shows("a new name", &|| {
        stage.rename("home/deep/file", "home/deep/other");
    });
    shows("a tree at once", &|| stage.make("home/a/b/c/d"));
    shows("a file deep in it", &|| stage.write("home/a/b/c/d/file"));
    shows("a tree's removal", &|| {
        fs::remove_dir_all(stage.path("home/a")).unwrap();
    });
}

#[test]
fn a_tree_that_comes_or_goes_by_its_name_is_followed() {
    let stage = Stage::new();
    stage.make("elsewhere/x/y");
    let scope = stage.scope(&["home"]);
    let mut tree = watched(&scope);
    stage.rename("elsewhere", "home/come");
    assert!(changed(&mut tree));
    stage.write("home/come/x/y/file");
    assert!(changed(&mut tree));
    stage.rename("home/come", "home/deep/moved");
    assert!(changed(&mut tree));
    stage.write("home/deep/moved/x/y/file");
    assert!(changed(&mut tree));
    stage.rename("home/deep/moved", "gone");
    assert!(changed(&mut tree));
    let before = tree.directories();
    stage.write("gone/x/y/file");
    assert!(!changed(&mut tree));
    assert_eq!(tree.directories(), before);
}

#[test]
fn what_is_left_out_is_not_watched() {
    let stage = Stage::new();
    for directory in ["home/cache/x", "home/own/runs", "home/tagged/x"] {
        stage.make(directory);
    }
    stage.write("home/tagged/.nobackup");
    let scope = stage.scope(&["home"]);
    let mut tree = watched(&scope);
    for file in [
        "home/some.tmp",
        "home/deep/other.tmp",
        "home/cache/file",
        "home/cache/x/file",
        "home/own/runs/file",
        "home/tagged/file",
        "home/tagged/x/file",
        "beside",
    ] {
        stage.write(file);
        assert!(!changed(&mut tree), "{file}");
    }
    stage.make("home/deep/cache/y");
    assert!(!changed(&mut tree));
    stage.write("home/deep/cache/y/file");
    assert!(!changed(&mut tree));
}

#[test]
fn a_source_that_vanishes_and_comes_back_is_watched_again() {
    let stage = Stage::new();
    let scope = stage.scope(&["not/yet/there", "home"]);
    let mut tree = watched(&scope);
    stage.rename("home", "away");
    assert!(changed(&mut tree));
    stage.write("away/file");
    assert!(!changed(&mut tree));
    stage.rename("away", "home");
    assert!(changed(&mut tree));
    stage.write("home/deep/file");
    assert!(changed(&mut tree));
    fs::remove_dir_all(stage.path("home")).unwrap();
    assert!(changed(&mut tree));
    stage.make("home/anew");
    assert!(changed(&mut tree));
    stage.write("home/anew/file");
    assert!(changed(&mut tree));

    stage.make("not/yet");
    assert!(changed(&mut tree));
    stage.write("not/yet/other");
    assert!(!changed(&mut tree), "what is beside the way to a source");
    stage.make("not/yet/there/below");
    assert!(changed(&mut tree));
    stage.write("not/yet/there/below/file");
    assert!(changed(&mut tree));
}

#[test]
fn a_source_may_be_a_file_or_a_link() {
    let stage = Stage::new();
    stage.write("file");
    symlink("home", stage.path("link")).unwrap();
    let scope = stage.scope(&["file", "link"]);
    let mut tree = watched(&scope);
    stage.write("file");
    assert!(changed(&mut tree));
    stage.write("file.new");
    assert!(!changed(&mut tree));
    // As editors do it.
    stage.rename("file.new", "file");
    assert!(changed(&mut tree));
    stage.write("file");
    assert!(changed(&mut tree));
    // The link is stored, and not what it points to.
    stage.write("home/deep/file");
    assert!(!changed(&mut tree));
    symlink("deep", stage.path("link.new")).unwrap();
    stage.rename("link.new", "link");
    assert!(changed(&mut tree));
}

#[test]
fn opening_a_file_for_writing_is_no_change() {
    let stage = Stage::new();
    let scope = stage.scope(&["home"]);
    let mut tree = watched(&scope);
    drop(
        File::options()
            .write(true)
            .open(stage.path("home/deep/file"))
            .unwrap(),
    );
    assert!(!changed(&mut tree));
    // Since it was told the last time, somebody has written through a memory map.
    drop(
        File::options()
            .write(true)
            .open(stage.path("home/deep/file"))
            .unwrap(),
    );
    assert!(tree.take(Timestamp::UNIX_EPOCH).changed);
}

#[test]
fn what_changed_while_nobody_watched_is_found() {
    let stage = Stage::new();
    let scope = stage.scope(&["home", "file"]);
    let news = |since| Tree::build(&scope, since).unwrap().1;
    let hour = SignedDuration::from_hours(1);
    assert!(news(None), "nothing was ever stored");
    assert!(news(Some(Timestamp::now() - hour)));
    assert!(!news(Some(Timestamp::now() + hour)));
    let only = |name: &str| {
        let mut scope = stage.scope(&[name]);
        scope.wanted = Wanted::of(&BackupRequest {
            exclude: vec!["*".to_owned()],
            ..BackupRequest::default()
        })
        .unwrap();
        Tree::build(&scope, Some(Timestamp::now() - hour)).unwrap().1
    };
    assert!(only("home"), "a directory has a time of its own");
    assert!(!only("nowhere"));
}

#[test]
fn a_lost_event_is_a_change_and_said() {
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: u32 = most.trim().parse().unwrap();
    let stage = Stage::new();
    let scope = stage.scope(&["home"]);
    let mut tree = watched(&scope);
    // Two names in turn: equal events one after the other are one.
    let pair = ["home/deep/a", "home/deep/b"].map(|name| stage.path(name));
    for _ in 0..most {
        for path in &pair {
            drop(File::create(path).unwrap());
        }
    }
    let seen = tree.take(later());
    let all = Seen {
        changed: true,
        lost: true,
    };
    assert_eq!(seen, all);
}

#[test]
fn sources_may_lie_in_one_another() {
    let stage = Stage::new();
    stage.make("home/cache/kept/deep");
    let scope = stage.scope(&["home", "home/cache/kept"]);
    let mut tree = watched(&scope);
    stage.write("home/cache/file");
    assert!(!changed(&mut tree), "it is left out, but for the source below");
    stage.write("home/cache/kept/deep/file");
    assert!(changed(&mut tree));
    fs::remove_dir_all(stage.path("home/cache")).unwrap();
    assert!(changed(&mut tree));
    stage.make("home/cache/kept");
    assert!(changed(&mut tree));
    stage.write("home/cache/kept/file");
    assert!(changed(&mut tree));
    stage.write("home/deep/file");
    assert!(changed(&mut tree));
}

#[test]
fn the_way_to_a_source_is_no_more_than_that() {
    let stage = Stage::new();
    let scope = stage.scope(&["home/deep"]);
    assert_eq!(scope.sources, BTreeSet::from([stage.path("home/deep")]));
    let mut tree = watched(&scope);
    stage.write("home/file");
    stage.make("home/other");
    fs::set_permissions(
        stage.path("home"),
        fs::metadata(Path::new("/")).unwrap().permissions(),
    )
    .unwrap();
    assert!(!changed(&mut tree));
}
