//! Devices, and whatever else may appear at a path: the nearest directory that is there is watched.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use backupd_core::condition::{Condition, Standing};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{
    patience::{Pace, look},
    teller::{Teller, standing},
};
use crate::readiness::Readiness;

/// Follows the paths that are wanted.
pub(super) async fn follow(mounts: &Path, teller: &mut Teller) -> io::Result<()> {
    // What is mounted brings paths with it, of which nobody else tells.
    let mounts = Readiness::urgent(File::open(mounts)?)?;
    loop {
        let pace = Pace::begin();
        let wanted = teller.wanted().into_iter();
        let paths = wanted.filter_map(|condition| match condition {
            Condition::Device(path) => Some(path),
            _ => None,
        });
        let paths = paths.collect();
        let watch = Arc::new(Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?);
        let watching = Arc::clone(&watch);
        // Of a place that does not answer nobody can tell.
        let seen = look(move || see(&watching, paths)).await.unwrap_or_default();
        teller.tell(|condition| judge(condition, &seen)).await;
        let changes = Readiness::new(watch)?;
        tokio::select! {
            () = teller.changed() => continue,
            change = changes.readable() => change?,
            change = mounts.happened() => change?,
        }
        tokio::select! {
            () = teller.changed() => {}
            () = pace.over() => {}
        }
    }
}

fn judge(condition: &Condition, seen: &BTreeMap<PathBuf, bool>) -> Standing {
    let what = match condition {
        Condition::Device(path) if seen.get(path) == Some(&false) => {
            Some(format!("`{}` is not there", path.display()))
        }
        _ => None,
    };
    standing(condition, what)
}

/// Whether each path is there. It is watched before it is looked at, so that no change is missed.
fn see(watch: &Inotify, paths: Vec<PathBuf>) -> BTreeMap<PathBuf, bool> {
    let mut watched = BTreeMap::new();
    paths
        .into_iter()
        .map(|path| {
            watch_ground(watch, &mut watched, &path);
            let there = path.exists();
            (path, there)
        })
        .collect()
}

/// Watches the directories above the path: the nearest that is there for what comes and goes in it, each for its own end.
fn watch_ground(watch: &Inotify, watched: &mut BTreeMap<PathBuf, AddWatchFlags>, path: &Path) {
    let own = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_ONLYDIR;
    let within = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
    let mut last = None;
    while let Some(ground) = ground(path).filter(|ground| last != Some(*ground)) {
        for above in ground.ancestors() {
            // A new watch replaces the one that another path has of the same directory.
            let changes = watched.entry(above.to_owned()).or_insert(own);
            if above == ground {
                *changes |= within;
            }
            if let Err(error) = watch.add_watch(above, *changes) {
                tracing::debug!(%error, "`{}` cannot be watched", above.display());
            }
        }
        // What lies below may have come in the meantime.
        last = Some(ground);
    }
}

fn ground(path: &Path) -> Option<&Path> {
    let mut above = path.ancestors().skip(1);
    above.find(|path| fs::metadata(path).is_ok_and(|found| found.is_dir()))
}
