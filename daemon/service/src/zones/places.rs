//! Where zones are kept, and what is there now.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use backupd_core::zones::LOCALTIME;

/// What decides how local times are reckoned.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The machine's zone: a link into a database, or a copy of a file there.
    pub(crate) local: PathBuf,
    /// Directories with a tz database; they need not be there.
    pub(crate) databases: Vec<PathBuf>,
}

impl Places {
    /// Those that jiff looks at.
    pub(crate) fn system() -> Self {
        let own = std::env::var_os("TZDIR").map(PathBuf::from);
        let usual = ["/usr/share/zoneinfo", "/etc/zoneinfo"].map(PathBuf::from);
        Self {
            local: PathBuf::from(LOCALTIME),
            databases: own.into_iter().chain(usual).collect(),
        }
    }

    /// The directories in which something happens when zones change.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        let mut directories = BTreeSet::new();
        for path in self.databases.iter().chain([&self.local]) {
            directories.extend(path.parent().map(Path::to_owned));
            // A link may lead out of what is watched.
            if let Ok(real) = path.canonicalize() {
                directories.extend(real.parent().map(Path::to_owned));
            }
        }
        for database in &self.databases {
            walk(database, &mut |path, is_directory| {
                if is_directory {
                    directories.insert(path.to_owned());
                }
            });
        }
        directories
    }

    /// A number that is another one when any file is another one.
    pub(super) fn look(&self) -> u64 {
        let mut seen = BTreeMap::new();
        seen.insert(
            self.local.clone(),
            (self.local.read_link().ok(), mark(&self.local)),
        );
        for database in &self.databases {
            walk(database, &mut |path, is_directory| {
                if !is_directory {
                    seen.insert(path.to_owned(), (None, mark(path)));
                }
            });
        }
        let mut hasher = DefaultHasher::new();
        seen.hash(&mut hasher);
        hasher.finish()
    }
}

/// What tells one content of a file from another; nothing where there is none.
fn mark(path: &Path) -> Option<impl std::hash::Hash + use<>> {
    let of = |found: Metadata| {
        let changed = (found.ctime(), found.ctime_nsec());
        (found.dev(), found.ino(), found.size(), changed)
    };
    path.metadata().ok().map(of)
}

/// Calls with everything at and below a directory, and whether it is a directory; links below lead nowhere.
fn walk(top: &Path, found: &mut impl FnMut(&Path, bool)) {
    let Ok(entries) = top.read_dir() else {
        return;
    };
    found(top, true);
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), found);
        } else {
            found(&entry.path(), false);
        }
    }
}
