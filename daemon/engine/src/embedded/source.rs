//! The sources of a backup: checked before anything is stored, then walked ahead of the archiver.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver},
    },
    thread,
};

use rustic_core::{ReadSource, ReadSourceEntry, RusticResult};

use crate::{BackupRequest, Cancellation, EngineError, ErrorKind, Result};

use super::{
    failure,
    feed::Feed,
    node::Nodes,
    patterns::Patterns,
    reader::Opener,
    walk::{Found, Selection, Walk},
};

/// Entries go to the archiver in lots, since handing over single ones costs more than finding them; so many
/// lots may wait.
const LOT: usize = 128;
const LOTS_AHEAD: usize = 32;

type Entry = ReadSourceEntry<Opener>;

/// What the archiver walks.
pub(super) struct Source {
    pub(super) selection: Arc<Selection>,
    pub(super) cancellation: Cancellation,
    pub(super) feed: Arc<Feed>,
}

impl Selection {
    /// Reads a request; fails if sources are missing, or if nothing of any can be read.
    pub(super) fn of(request: &BackupRequest, feed: &Feed) -> Result<Self> {
        let patterns = Patterns::parse(request)?;
        let sources = absolute(&request.sources)?;
        require_all(&sources)?;
        require_one_readable(&sources)?;
        for link in sources.iter().filter(|path| is_link_to_directory(path)) {
            let reason = "is a symbolic link: stored as a link, not what it points to";
            feed.warning(link.clone(), reason.to_owned());
        }
        Ok(Self {
            sources,
            patterns,
            exclude_if_present: request.exclude_if_present.iter().map(Into::into).collect(),
            exclude_caches: request.exclude_caches,
            exclude_larger_than: request.exclude_larger_than,
            one_file_system: request.one_file_system,
        })
    }
}

impl ReadSource for Source {
    type Open = Opener;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Entries {
        let (sender, receiver) = mpsc::sync_channel(LOTS_AHEAD);
        let walk = Walk::new(
            Arc::clone(&self.selection),
            self.cancellation.clone(),
            Some(Arc::clone(&self.feed)),
        );
        let (feed, cancellation) = (Arc::clone(&self.feed), self.cancellation.clone());
        thread::spawn(move || {
            let mut maker = Maker {
                nodes: Nodes::default(),
                feed,
                cancellation,
                files: 0,
                bytes: 0,
            };
            let mut lot = Vec::with_capacity(LOT);
            for found in walk {
                lot.extend(maker.entry(found));
                if lot.len() == LOT
                    && sender
                        .send(std::mem::replace(&mut lot, Vec::with_capacity(LOT)))
                        .is_err()
                {
                    return;
                }
            }
            maker.finish();
            let _ = sender.send(lot);
        });
        Entries {
            receiver,
            lot: Vec::new().into_iter(),
            feed: Arc::clone(&self.feed),
        }
    }
}

/// Counts what there is, beside a backup that reads everything and so leaves time for it.
pub(super) fn count(source: &Source) {
    let (mut files, mut bytes) = (0, 0);
    for found in Walk::new(Arc::clone(&source.selection), source.cancellation.clone(), None) {
        if source.feed.has_ended() {
            return;
        }
        if !found.metadata.is_dir() {
            files += 1;
            bytes += if found.metadata.is_file() {
                found.metadata.len()
            } else {
                0
            };
        }
    }
    publish(&source.feed, &source.cancellation, files, bytes);
}

fn publish(feed: &Feed, cancellation: &Cancellation, files: u64, bytes: u64) {
    if !cancellation.is_cancelled() {
        feed.bytes_total.store(bytes, Ordering::Relaxed);
        feed.files_total.store(files, Ordering::Relaxed);
    }
}

/// Makes entries of what was found, and knows the totals at the end.
struct Maker {
    nodes: Nodes,
    feed: Arc<Feed>,
    cancellation: Cancellation,
    files: u64,
    bytes: u64,
}

impl Maker {
    fn entry(&mut self, found: Found) -> Option<Entry> {
        let Found { path, metadata } = found;
        let node = match self.nodes.make(&path, &metadata) {
            Ok((node, trouble)) => {
                if let Some(error) = trouble {
                    let reason = format!("extended attributes: {}", failure::reason(&error));
                    self.feed.warning(path.clone(), reason);
                }
                node
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.feed.warning(path, "vanished before it was read".to_owned());
                return None;
            }
            Err(error) => {
                self.feed.unreadable(path, failure::reason(&error));
                return None;
            }
        };
        if !node.is_dir() {
            self.files += 1;
            self.bytes += node.meta.size;
        }
        let open = node.is_file().then(|| Opener {
            path: path.clone(),
            size: node.meta.size,
            feed: Arc::clone(&self.feed),
            cancellation: self.cancellation.clone(),
        });
        Some(Entry { path, node, open })
    }

    fn finish(self) {
        publish(&self.feed, &self.cancellation, self.files, self.bytes);
    }
}

/// The entries as the archiver takes them.
pub(super) struct Entries {
    receiver: Receiver<Vec<Entry>>,
    lot: std::vec::IntoIter<Entry>,
    feed: Arc<Feed>,
}

impl Iterator for Entries {
    type Item = RusticResult<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.lot.next() {
                if !entry.node.is_dir() {
                    self.feed.files_done.fetch_add(1, Ordering::Relaxed);
                }
                return Some(Ok(entry));
            }
            self.lot = self.receiver.recv().ok()?.into_iter();
        }
    }
}

fn absolute(sources: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let refuse = |why: String| Err(EngineError::new(ErrorKind::InvalidRequest, why));
    if sources.is_empty() {
        return refuse("a backup needs at least one source".to_owned());
    }
    for source in sources {
        let strange = source.components().any(|part| part == Component::ParentDir);
        if !source.is_absolute() || strange || source.to_str().is_none() {
            return refuse(format!(
                "the source `{}` is not a plain absolute path in UTF-8",
                source.display()
            ));
        }
    }
    Ok(sources
        .iter()
        .map(|source| source.components().collect())
        .collect())
}

fn require_all(sources: &BTreeSet<PathBuf>) -> Result<()> {
    let is_missing = |path: &&PathBuf| {
        fs::symlink_metadata(path).is_err_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            )
        })
    };
    let missing: Vec<_> = sources
        .iter()
        .filter(is_missing)
        .map(|path| format!("`{}`", path.display()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let verb = if missing.len() > 1 {
        "sources do"
    } else {
        "source does"
    };
    Err(EngineError::new(
        ErrorKind::SourceMissing,
        format!("the {verb} not exist: {}", missing.join(", ")),
    ))
}

fn require_one_readable(sources: &BTreeSet<PathBuf>) -> Result<()> {
    let mut reasons = Vec::new();
    for source in sources {
        match try_read(source) {
            Ok(()) => return Ok(()),
            Err(error) => reasons.push(format!("`{}` ({})", source.display(), failure::reason(&error))),
        }
    }
    Err(EngineError::new(
        ErrorKind::SourceUnreadable,
        format!("nothing can be read of {}", reasons.join(", ")),
    ))
}

fn try_read(source: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(source)?;
    if metadata.is_dir() {
        fs::read_dir(source).map(drop)
    } else if metadata.is_file() {
        fs::File::open(source).map(drop)
    } else {
        Ok(())
    }
}

fn is_link_to_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) && path.is_dir()
}
