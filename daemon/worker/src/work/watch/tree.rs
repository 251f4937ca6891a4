//! The directories that are watched, as inotify and the file system have them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    fs, io,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    path::{Path, PathBuf},
    rc::Rc,
};

use backupd_engine::Wanted;
use jiff::Timestamp;
use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
};

use super::{mounts::Mounts, news::News};

/// Room for some hundred events.
const BUFFER: usize = 64 * 1024;

/// Events that are taken in one go.
const MOST_EVENTS: u32 = 100_000;

/// What counts in a directory that is stored. Writing through a memory map is told by nothing but the close.
const STORED: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(NAMES);
/// What counts in a directory above a source.
const NAMES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// What is to be watched.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) sources: BTreeSet<PathBuf>,
    pub(super) wanted: Wanted,
    /// Directories of our own.
    pub(super) own: Vec<PathBuf>,
    pub(super) one_file_system: bool,
}

/// All watches.
pub(super) struct Tree<'a> {
    scope: &'a Scope,
    inotify: OwnedFd,
    mounts: Mounts,
    watches: HashMap<i32, Watched>,
    /// The same by path, so that all below one are found.
    paths: BTreeMap<Rc<Path>, i32>,
    unwatched: u64,
}

struct Watched {
    path: Rc<Path>,
    /// What is in it is stored; if not, it only leads to a source.
    is_stored: bool,
}

/// What became of a watch on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    At(i32),
    /// The kernel has none left.
    NoneLeft,
    /// The path is gone, or nobody lets us.
    Refused,
}

/// What was seen of the events so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Something that is stored has changed.
    pub(super) changed: bool,
    /// What is watched is not what should be: events were lost.
    pub(super) lost: bool,
}

impl<'a> Tree<'a> {
    /// Watches all there is; answers also whether something has changed since then, which it has where nobody says.
    pub(super) fn build(scope: &'a Scope, since: Option<Timestamp>) -> io::Result<(Self, bool)> {
        let mut tree = Self {
            scope,
            inotify: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?,
            mounts: Mounts::now(),
            watches: HashMap::new(),
            paths: BTreeMap::new(),
            unwatched: 0,
        };
        let mut news = News::since(since);
        for source in &scope.sources {
            tree.place(source, &mut news);
        }
        Ok((tree, news.found()))
    }

    pub(super) fn directories(&self) -> u64 {
        self.watches.len() as u64
    }

    /// Directories for which there was no watch left.
    pub(super) fn unwatched(&self) -> u64 {
        self.unwatched
    }

    /// Becomes readable when something happens.
    pub(super) fn events(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Takes all events that are there. `told` is when a change was told the last time.
    pub(super) fn take(&mut self, told: Timestamp) -> Seen {
        let mut seen = Seen::default();
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let Ok(inotify) = self.inotify.try_clone() else {
            return Seen { lost: true, ..seen };
        };
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        // Who writes without end must not keep us from telling; what is left is there the next time.
        let mut taken = 0;
        while taken < MOST_EVENTS || !reader.is_buffer_empty() {
            taken += 1;
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    self.one(event.wd(), event.events(), name, told, &mut seen);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return seen,
                Err(_) => return Seen { lost: true, ..seen },
            }
        }
        seen
    }

    fn one(&mut self, wd: i32, what: ReadFlags, name: Option<&OsStr>, told: Timestamp, seen: &mut Seen) {
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            seen.changed = true;
            seen.lost = true;
            return;
        }
        if what.contains(ReadFlags::IGNORED) {
            self.drop_watch(wd);
            return;
        }
        let Some(watched) = self.watches.get(&wd) else {
            return;
        };
        let (directory, is_stored) = (Rc::clone(&watched.path), watched.is_stored);
        // Who opens a file for writing and writes nothing changes nothing.
        let only_closed = what.contains(ReadFlags::CLOSE_WRITE);
        let is_news = |path: &Path| !only_closed || News::since(Some(told)).is(path);
        let Some(name) = name else {
            seen.changed |= is_stored && is_news(&directory);
            return;
        };
        let path = directory.join(name);
        if self.leads_to_source(&path) {
            seen.changed = true;
            self.replace(&path);
            return;
        }
        if !is_stored {
            return;
        }
        if !what.contains(ReadFlags::ISDIR) {
            seen.changed |= self.scope.wanted.takes(&path) && is_news(&path);
            return;
        }
        if !self.enters(&path) {
            return;
        }
        seen.changed = true;
        if what.intersects(ReadFlags::MOVED_FROM | ReadFlags::DELETE) {
            self.forget(&path);
        } else if what.intersects(ReadFlags::MOVED_TO | ReadFlags::CREATE) {
            self.forget(&path);
            self.add(path, device_of(&directory), &mut News::known());
        }
    }

    /// Looks at what is mounted; answers whether that changed what is stored.
    pub(super) fn remounted(&mut self) -> bool {
        let before = std::mem::replace(&mut self.mounts, Mounts::now());
        let mut changed = false;
        for place in before.differences(&self.mounts) {
            let above = self.scope.sources.iter().any(|source| source.starts_with(&place));
            let within = !self.scope.one_file_system
                && self.scope.sources.iter().any(|source| place.starts_with(source))
                && place.ancestors().all(|path| self.enters_or_leads(path));
            if above || within {
                changed = true;
                self.forget(&place);
                self.replace(&place);
                if within && !self.scope.sources.contains(&place) {
                    self.add(place, None, &mut News::known());
                }
            }
        }
        changed
    }

    /// What a path leads to, or is, may be another thing now.
    fn replace(&mut self, path: &Path) {
        let scope = self.scope;
        self.forget(path);
        for source in scope.sources.iter().filter(|source| source.starts_with(path)) {
            self.place(source, &mut News::known());
        }
    }

    /// Watches a source, and the way to it, as far as they are there.
    fn place(&mut self, source: &Path, news: &mut News) {
        let mut above: Vec<&Path> = source.ancestors().skip(1).collect();
        above.reverse();
        for directory in above {
            // One that is stored is watched for more already.
            if !self.is_stored(directory) {
                self.watch(directory, NAMES | WatchFlags::ONLYDIR, false);
            }
        }
        match fs::symlink_metadata(source) {
            Ok(metadata) if metadata.is_dir() => self.add(source.to_owned(), Some(metadata.dev()), news),
            Ok(_) => {
                self.watch(source, STORED | WatchFlags::DONT_FOLLOW, true);
                news.look(source);
            }
            Err(_) => {}
        }
    }

    /// Watches a directory with all below. It is watched before it is read, so that nothing comes unseen.
    fn add(&mut self, top: PathBuf, device: Option<u64>, news: &mut News) {
        let mut waiting = vec![top];
        while let Some(directory) = waiting.pop() {
            let is_source = self.scope.sources.contains(&directory);
            if self.is_own(&directory) || self.mounts.is_made_up(&directory) {
                continue;
            }
            if !is_source && self.scope.one_file_system && device.is_some() && device_of(&directory) != device
            {
                continue;
            }
            let flags = STORED | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
            let placed = self.watch(&directory, flags, true);
            if placed == Placed::Refused {
                // Gone, or not ours to see; the backup tells of that.
                continue;
            }
            news.look(&directory);
            let Ok(entries) = fs::read_dir(&directory) else {
                continue;
            };
            let entries: Vec<fs::DirEntry> = entries.flatten().collect();
            let mut names: Vec<OsString> = entries.iter().map(fs::DirEntry::file_name).collect();
            if self.scope.wanted.is_tagged(&directory, &mut names) {
                if let Placed::At(wd) = placed {
                    let _ = inotify::remove_watch(&self.inotify, wd);
                    self.drop_watch(wd);
                }
                continue;
            }
            for entry in entries {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    // Sources in what is left out are placed by themselves.
                    if self.enters(&path) {
                        waiting.push(path);
                    }
                } else if !news.found() && self.scope.wanted.takes(&path) {
                    news.look(&path);
                }
            }
        }
    }

    fn watch(&mut self, path: &Path, flags: WatchFlags, is_stored: bool) -> Placed {
        match inotify::add_watch(&self.inotify, path, flags) {
            Ok(wd) => {
                let path: Rc<Path> = path.into();
                let watched = Watched {
                    path: Rc::clone(&path),
                    is_stored,
                };
                // The same directory under another path: that is where it is now.
                if let Some(before) = self.watches.insert(wd, watched)
                    && before.path != path
                {
                    self.paths.remove(&before.path);
                }
                self.paths.insert(path, wd);
                Placed::At(wd)
            }
            Err(Errno::NOSPC) => {
                self.unwatched += 1;
                Placed::NoneLeft
            }
            Err(_) => Placed::Refused,
        }
    }

    /// Gives up the watches on a path and all below.
    fn forget(&mut self, path: &Path) {
        let below: Vec<i32> = self
            .paths
            .range::<Path, _>((std::ops::Bound::Included(path), std::ops::Bound::Unbounded))
            .take_while(|(other, _)| other.starts_with(path))
            .map(|(_, wd)| *wd)
            .collect();
        for wd in below {
            let _ = inotify::remove_watch(&self.inotify, wd);
            self.drop_watch(wd);
        }
    }

    fn drop_watch(&mut self, wd: i32) {
        if let Some(watched) = self.watches.remove(&wd)
            && self.paths.get(&watched.path) == Some(&wd)
        {
            self.paths.remove(&watched.path);
        }
    }

    fn is_stored(&self, path: &Path) -> bool {
        let watched = self.paths.get(path).and_then(|wd| self.watches.get(wd));
        watched.is_some_and(|watched| watched.is_stored)
    }

    /// Whether the path is a source, or leads to one.
    fn leads_to_source(&self, path: &Path) -> bool {
        let mut from = self
            .scope
            .sources
            .range::<Path, _>((std::ops::Bound::Included(path), std::ops::Bound::Unbounded));
        from.next().is_some_and(|source| source.starts_with(path))
    }

    fn enters(&self, directory: &Path) -> bool {
        !self.is_own(directory) && self.scope.wanted.enters(directory)
    }

    fn enters_or_leads(&self, directory: &Path) -> bool {
        self.leads_to_source(directory) || self.enters(directory)
    }

    fn is_own(&self, directory: &Path) -> bool {
        self.scope.own.iter().any(|own| directory.starts_with(own))
    }
}

fn device_of(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.dev())
}
