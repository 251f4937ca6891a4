//! What a backup would find: the sources walked as it does, and held against the snapshot that would be its parent.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use rustic_core::{IndexedTree, TreeId, repofile::Node};

use crate::{Access, BackupRequest, Cancellation, Observer, Phase, Result, ScanReport};

use super::{
    bars::NoBars,
    feed::Feed,
    node,
    session::{Opening, Session},
    snapshots,
    tree::Trees,
    walk::{Selection, Walk},
};

pub(super) fn run(
    access: &Access,
    request: &BackupRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<ScanReport> {
    let feed = Arc::new(Feed::default());
    let selection = Arc::new(Selection::of(request, &feed)?);
    observer.phase(Phase::Open);
    let opening = Opening {
        cancellation,
        compression: None,
        bars: NoBars,
    };
    // Nothing is written, and a snapshot that goes meanwhile leaves its directories for a while: no lock is needed.
    let (session, repository) = Session::open(access, opening)?;
    observer.phase(Phase::Index);
    let parent = match &request.parent {
        Some(query) => snapshots::newest(&session, &repository, query)?,
        None => None,
    };
    let repository = repository
        .to_indexed_ids()
        .map_err(|error| session.failed("read the index of", &error))?;
    observer.phase(Phase::Scan);
    feed.follow(observer, || {
        let mut before = Before {
            trees: Trees {
                session: &session,
                repository: &repository,
            },
            levels: Vec::new(),
        };
        let mut report = ScanReport::default();
        if let Some(parent) = &parent {
            report.parent = Some(parent.id.to_hex().to_string());
            before.enter(Path::new("/"), Some(parent.tree))?;
        }
        for found in Walk::new(selection, cancellation.clone(), Some(Arc::clone(&feed))) {
            let known = before.find(&found.path);
            if found.metadata.is_dir() {
                let tree = known.and_then(|known| known.tree);
                before.enter(&found.path, tree)?;
                continue;
            }
            let bytes = if found.metadata.is_file() {
                found.metadata.len()
            } else {
                0
            };
            report.files += 1;
            report.bytes += bytes;
            match known {
                Some(known) if known.is(&found.metadata) => {}
                Some(_) => {
                    report.files_changed += 1;
                    report.bytes_changed += bytes;
                }
                None => {
                    report.files_new += 1;
                    report.bytes_new += bytes;
                }
            }
        }
        session.check_cancelled()?;
        report.files_unreadable = feed.count_unreadable();
        Ok(report)
    })
}

/// The parent's directories on the way to where the walk is.
struct Before<'a, S> {
    trees: Trees<'a, S>,
    levels: Vec<(PathBuf, HashMap<OsString, Known>)>,
}

/// What the parent says of a file or directory.
#[derive(Debug, Clone, Copy)]
struct Known {
    is_file: bool,
    size: u64,
    modified: Option<Timestamp>,
    changed: Option<Timestamp>,
    inode: u64,
    tree: Option<TreeId>,
}

impl Known {
    fn of(node: &Node) -> Self {
        let meta = &node.meta;
        Self {
            is_file: node.is_file(),
            size: meta.size,
            modified: meta.mtime,
            changed: meta.ctime,
            inode: meta.inode,
            tree: node.subtree.filter(|_| node.is_dir()),
        }
    }

    /// Whether a backup would take the file for the same, as the library compares them.
    fn is(&self, metadata: &Metadata) -> bool {
        let size = if metadata.is_file() { metadata.len() } else { 0 };
        let changed = node::time(metadata.ctime(), metadata.ctime_nsec());
        self.tree.is_none()
            && self.is_file == metadata.is_file()
            && self.size == size
            && self.modified == node::time(metadata.mtime(), metadata.mtime_nsec())
            && self.changed.zip(changed).is_none_or(|(one, other)| one == other)
            && (self.inode == 0 || metadata.ino() == 0 || self.inode == metadata.ino())
    }
}

impl<S: IndexedTree> Before<'_, S> {
    /// What there was at a path, whose directory was entered.
    fn find(&mut self, path: &Path) -> Option<Known> {
        while self
            .levels
            .last()
            .is_some_and(|(above, _)| !path.starts_with(above))
        {
            self.levels.pop();
        }
        let (above, names) = self.levels.last()?;
        let is_above = path.parent() == Some(above.as_path());
        names.get(path.file_name()?).filter(|_| is_above).copied()
    }

    fn enter(&mut self, path: &Path, tree: Option<TreeId>) -> Result<()> {
        let Some(tree) = tree else { return Ok(()) };
        let nodes = self.trees.get(tree)?.nodes;
        let names = nodes
            .iter()
            .map(|node| (node.name().into_owned(), Known::of(node)))
            .collect();
        self.levels.push((path.to_owned(), names));
        Ok(())
    }
}
