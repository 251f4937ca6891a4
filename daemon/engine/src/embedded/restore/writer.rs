//! Takes the nodes of a snapshot in order and makes files of them, a window at a time.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use rustic_core::{IndexedFull, repofile::Node};

use crate::{
    RestoreReport, Result,
    embedded::{failure, feed::Feed, tree::Trees},
};

use super::{contents::Window, metadata};

/// A window is written once it holds so many files or bytes: enough to read packs in long runs, few enough to
/// keep memory and open files bounded whatever the snapshot's size.
const WINDOW_FILES: usize = 4096;
const WINDOW_BYTES: u64 = 256 << 20;

/// Restores into one directory.
pub(super) struct Writer<'a, S> {
    trees: &'a Trees<'a, S>,
    target: &'a Path,
    feed: &'a Feed,
    window: Window,
    report: RestoreReport,
    /// First path of each file that has more than one name, by device and inode.
    named: HashMap<(u64, u64), PathBuf>,
    /// Second and later names in this window: (first, other).
    links: Vec<(PathBuf, PathBuf)>,
    /// Directories being filled, and those that are full but for files of this window.
    open: Vec<(PathBuf, Node)>,
    full: Vec<(PathBuf, Node)>,
}

impl<'a, S: IndexedFull + Sync> Writer<'a, S> {
    pub(super) fn new(trees: &'a Trees<'a, S>, target: &'a Path, feed: &'a Feed) -> Self {
        Self {
            trees,
            target,
            feed,
            window: Window::default(),
            report: RestoreReport::default(),
            named: HashMap::new(),
            links: Vec::new(),
            open: Vec::new(),
            full: Vec::new(),
        }
    }

    /// Takes the next node; says whether what is below it can be restored.
    pub(super) fn add(&mut self, path: &Path, node: &Node) -> Result<bool> {
        self.trees.session.check_cancelled()?;
        let path = self.target.join(path.strip_prefix("/").unwrap_or(path));
        self.close_directories(&path);
        if node.is_dir() {
            return self.directory(path, node);
        }
        if node.is_file() {
            self.file(path, node);
        } else {
            self.special(&path, node)?;
        }
        if self.window.is_full(WINDOW_FILES, WINDOW_BYTES) {
            self.flush()?;
        }
        Ok(true)
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<RestoreReport> {
        self.close_directories(Path::new(""));
        self.flush()?;
        Ok(self.report)
    }

    fn close_directories(&mut self, next: &Path) {
        while let Some(done) = self.open.pop_if(|(path, _)| !next.starts_with(path)) {
            self.full.push(done);
        }
    }

    fn directory(&mut self, path: PathBuf, node: &Node) -> Result<bool> {
        // Closed to others until its own mode is set, when everything in it is.
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {
                self.report.directories += 1;
                self.open.push((path, without_content(node)));
                Ok(true)
            }
            Err(error) => self.fail(&path, &error).map(|()| false),
        }
    }

    fn file(&mut self, path: PathBuf, node: &Node) {
        let meta = &node.meta;
        if meta.links > 1 && meta.inode != 0 && meta.device_id != 0 {
            if let Some(first) = self.named.get(&(meta.device_id, meta.inode)) {
                self.links.push((first.clone(), path));
                return;
            }
            self.named.insert((meta.device_id, meta.inode), path.clone());
        }
        self.window.add(path, node.clone());
    }

    fn special(&mut self, path: &Path, node: &Node) -> Result<()> {
        match metadata::create_special(path, node) {
            Ok(true) => {
                self.report.files += 1;
                self.dress(path, node);
            }
            Ok(false) => {}
            Err(error) => self.fail(path, &error)?,
        }
        self.feed.files_done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let written = std::mem::take(&mut self.window).write(self.trees, self.feed)?;
        self.report.files += written.files;
        self.report.bytes += written.bytes;
        for (first, other) in std::mem::take(&mut self.links) {
            match fs::hard_link(&first, &other) {
                Ok(()) => self.report.files += 1,
                Err(error) => self.fail(&other, &error)?,
            }
            self.feed.files_done.fetch_add(1, Ordering::Relaxed);
        }
        for (path, node) in std::mem::take(&mut self.full) {
            self.dress(&path, &node);
        }
        Ok(())
    }

    fn dress(&self, path: &Path, node: &Node) {
        if let Err((what, error)) = metadata::apply(path, node) {
            self.feed
                .unreadable(path.to_owned(), format!("{what}: {}", failure::reason(&error)));
        }
    }

    fn fail(&self, path: &Path, error: &io::Error) -> Result<()> {
        fatal(error, path)?;
        self.feed.unreadable(path.to_owned(), failure::reason(error));
        Ok(())
    }
}

/// With no room, or nowhere to write, all later files would fail too.
pub(super) fn fatal(error: &io::Error, path: &Path) -> Result<()> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem => Err(
            failure::system(format!("cannot write `{}`", path.display()), error),
        ),
        _ => Ok(()),
    }
}

fn without_content(node: &Node) -> Node {
    Node {
        content: None,
        ..node.clone()
    }
}
