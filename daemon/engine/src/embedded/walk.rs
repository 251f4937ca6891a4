//! Walks the sources in the order in which trees are stored, and tells what cannot be read.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsString,
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::Cancellation;

use super::{
    failure,
    feed::Feed,
    patterns::{Included, Patterns},
};

/// What a `CACHEDIR.TAG` begins with.
const CACHE_TAG: &str = "CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Which files belong to a backup.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// Absolute, without `.` or `..`.
    pub(super) sources: BTreeSet<PathBuf>,
    pub(super) patterns: Patterns,
    pub(super) exclude_if_present: Vec<OsString>,
    pub(super) exclude_caches: bool,
    pub(super) exclude_larger_than: Option<u64>,
    pub(super) one_file_system: bool,
}

/// One file or directory that belongs to the backup.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) metadata: Metadata,
}

/// Depth first, names in the order of their bytes.
pub(super) struct Walk {
    selection: Arc<Selection>,
    cancellation: Cancellation,
    /// Who hears of what cannot be read; a mere count says nothing.
    feed: Option<Arc<Feed>>,
    stack: Vec<Level>,
    ready: VecDeque<Found>,
}

/// A directory being walked.
struct Level {
    path: PathBuf,
    names: std::vec::IntoIter<OsString>,
    /// Whether its entries belong to a source; if not, it only leads to one.
    within: bool,
    device: u64,
    /// Whether the include patterns took it as a whole.
    included: bool,
    /// Not yet handed out: it is only when something below is.
    held_back: Option<Found>,
}

impl Walk {
    pub(super) fn new(
        selection: Arc<Selection>,
        cancellation: Cancellation,
        feed: Option<Arc<Feed>>,
    ) -> Self {
        let root = PathBuf::from("/");
        let mut walk = Self {
            selection,
            cancellation,
            feed,
            stack: Vec::new(),
            ready: VecDeque::new(),
        };
        let within = walk.selection.sources.contains(&root);
        let device = fs::metadata(&root).map_or(0, |metadata| metadata.dev());
        let names = if within {
            walk.names(&root)
        } else {
            walk.names_leading_on(&root)
        };
        let included = !walk.selection.patterns.selects();
        walk.stack.push(Level {
            path: root,
            names,
            within,
            device,
            included,
            held_back: None,
        });
        walk
    }

    fn visit(&mut self, path: PathBuf, within: bool, device: u64, included: bool) {
        let is_source = self.selection.sources.contains(&path);
        let leads = self.leads_to_source(&path);
        // Above the sources a link to a directory is as good as one; below, links are stored as what they are.
        let metadata = if within || is_source {
            fs::symlink_metadata(&path)
        } else {
            fs::metadata(&path)
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => return self.tell(path, &error),
        };
        let is_directory = metadata.is_dir();
        let foreign = within && self.selection.one_file_system && metadata.dev() != device;
        let left_out = within && !is_source && self.leaves_out(&path, &metadata);
        if !is_source && !leads && (left_out || (foreign && !is_directory)) {
            return;
        }
        let included = match self.selection.patterns.includes(&path, is_directory) {
            Included::Yes => true,
            Included::No => false,
            Included::Inherited => included,
        };
        if !is_directory {
            if included {
                self.hand_out_directories();
                self.ready.push_back(Found { path, metadata });
            }
            return;
        }
        let inside = is_source || (within && !left_out && !foreign);
        let names = if inside {
            self.names(&path)
        } else {
            self.names_leading_on(&path)
        };
        let device = metadata.dev();
        let found = Found {
            path: path.clone(),
            metadata,
        };
        let held_back = if included || is_source || leads {
            self.hand_out_directories();
            self.ready.push_back(found);
            None
        } else {
            Some(found)
        };
        self.stack.push(Level {
            path,
            names,
            within: inside,
            device,
            included,
            held_back,
        });
    }

    fn hand_out_directories(&mut self) {
        self.ready
            .extend(self.stack.iter_mut().filter_map(|level| level.held_back.take()));
    }

    fn leads_to_source(&self, path: &Path) -> bool {
        use std::ops::Bound::{Excluded, Unbounded};
        let next = self
            .selection
            .sources
            .range::<Path, _>((Excluded(path), Unbounded))
            .next();
        next.is_some_and(|source| source.starts_with(path))
    }

    fn leaves_out(&self, path: &Path, metadata: &Metadata) -> bool {
        let limit = self.selection.exclude_larger_than;
        self.selection.patterns.excludes(path, metadata.is_dir())
            || (metadata.is_file() && limit.is_some_and(|limit| metadata.len() > limit))
    }

    /// Names in a directory, but for what tags in it leave out.
    fn names(&self, directory: &Path) -> std::vec::IntoIter<OsString> {
        let read = fs::read_dir(directory).and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect()
        });
        let mut names: Vec<OsString> = match read {
            Ok(names) => names,
            Err(error) => {
                self.tell(directory.to_owned(), &error);
                return self.names_leading_on(directory);
            }
        };
        names.sort_unstable();
        if let Some(tag) = self.tag(directory, &names) {
            names = self.names_leading_on(directory).chain([tag]).collect();
            names.sort_unstable();
            names.dedup();
        }
        names.into_iter()
    }

    /// Only the names on the way to sources below.
    fn names_leading_on(&self, directory: &Path) -> std::vec::IntoIter<OsString> {
        let below = self
            .selection
            .sources
            .iter()
            .filter_map(|source| source.strip_prefix(directory).ok());
        let names: BTreeSet<OsString> = below
            .filter_map(|rest| rest.iter().next().map(ToOwned::to_owned))
            .collect();
        names.into_iter().collect::<Vec<_>>().into_iter()
    }

    fn tag(&self, directory: &Path, names: &[OsString]) -> Option<OsString> {
        let selection = &self.selection;
        tag(
            &selection.exclude_if_present,
            selection.exclude_caches,
            directory,
            names,
        )
    }

    fn tell(&self, path: PathBuf, error: &io::Error) {
        let Some(feed) = &self.feed else { return };
        if error.kind() == io::ErrorKind::NotFound {
            feed.warning(path, "vanished before it was read".to_owned());
        } else {
            feed.unreadable(path, failure::reason(error));
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if self.cancellation.is_cancelled() {
                return None;
            }
            if let Some(found) = self.ready.pop_front() {
                return Some(found);
            }
            let level = self.stack.last_mut()?;
            let Some(name) = level.names.next() else {
                self.stack.pop();
                continue;
            };
            let (path, within, device, included) =
                (level.path.join(name), level.within, level.device, level.included);
            self.visit(path, within, device, included);
        }
    }
}

/// The file that says that the rest of its directory is not wanted; `names` are sorted.
pub(super) fn tag(
    exclude_if_present: &[OsString],
    exclude_caches: bool,
    directory: &Path,
    names: &[OsString],
) -> Option<OsString> {
    let there = |name: &OsString| names.binary_search(name).is_ok();
    if let Some(name) = exclude_if_present.iter().find(|name| there(name)) {
        return Some(name.clone());
    }
    let tag = OsString::from(CACHE_TAG);
    (exclude_caches && there(&tag) && is_cache_tag(&directory.join(&tag))).then_some(tag)
}

fn is_cache_tag(path: &Path) -> bool {
    let mut start = Vec::with_capacity(CACHE_SIGNATURE.len());
    let length = CACHE_SIGNATURE.len() as u64;
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
        && fs::File::open(path).is_ok_and(|file| file.take(length).read_to_end(&mut start).is_ok())
        && start == CACHE_SIGNATURE
}
