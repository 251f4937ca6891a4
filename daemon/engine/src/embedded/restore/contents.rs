//! Fills the files of a window: reads packs in long runs, opens each blob once, writes it wherever it belongs.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use bytes::Bytes;
use rustic_core::{DataId, FileType, Id, IndexedFull, ReadBackend, repofile::Node};

use crate::{
    EngineError, Result,
    embedded::{failure, feed::Feed, session::Session, tree::Trees},
};

use super::{metadata, writer::fatal};

/// Bytes of a pack read at once, and how many unwanted ones are read rather than skipped.
const RUN: u32 = 4 << 20;
const GAP: u32 = 64 << 10;
/// Each thread holds a run and a blob; more than a few only wait for the disk.
const THREADS: usize = 4;

/// Files that are written together.
#[derive(Default)]
pub(super) struct Window {
    files: Vec<Target>,
    bytes: u64,
}

/// What a window wrote.
pub(super) struct Written {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

struct Target {
    path: PathBuf,
    node: Node,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<Arc<File>>,
    size: u64,
    pieces_left: usize,
    failed: bool,
}

/// One blob in one place of one file.
struct Piece {
    pack: Id,
    offset: u32,
    length: u32,
    /// Bytes of the blob once opened; `None` in the index means that it is not compressed.
    unpacked: Option<u32>,
    id: DataId,
    file: usize,
    at: u64,
}

impl Window {
    pub(super) fn add(&mut self, path: PathBuf, node: Node) {
        self.bytes += node.meta.size;
        self.files.push(Target {
            path,
            node,
            state: Mutex::default(),
        });
    }

    pub(super) fn is_full(&self, files: usize, bytes: u64) -> bool {
        self.files.len() >= files || self.bytes >= bytes
    }

    /// Writes all files. Single ones that fail are told to the feed.
    pub(super) fn write<S: IndexedFull + Sync>(self, trees: &Trees<'_, S>, feed: &Feed) -> Result<Written> {
        let pieces = self.pieces(trees, feed);
        let runs: Vec<&[Piece]> = runs(&pieces);
        let empty: Vec<&Target> = self
            .files
            .iter()
            .filter(|file| file.lock().pieces_left == 0)
            .collect();
        let work = Work {
            session: trees.session,
            files: &self.files,
            feed,
            next_run: AtomicUsize::new(0),
            next_empty: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            fatal: Mutex::new(None),
            written: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        };
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .clamp(1, THREADS);
        thread::scope(|scope| {
            for _ in 0..threads.min(runs.len().max(1)) {
                scope.spawn(|| work.run(&runs, &empty));
            }
        });
        trees.session.check_cancelled()?;
        match work.fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(Written {
                files: work.written.into_inner(),
                bytes: work.bytes.into_inner(),
            }),
        }
    }

    /// What is needed for all files, in the order of packs.
    fn pieces<S: IndexedFull>(&self, trees: &Trees<'_, S>, feed: &Feed) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let mut state = file.lock();
            for id in file.node.content.iter().flatten() {
                let Ok(entry) = trees.repository.get_index_entry(id) else {
                    let reason = format!(
                        "its blob `{}` is not in the repository's index",
                        id.to_hex().as_str()
                    );
                    state.fail(&file.path, reason, feed);
                    continue;
                };
                let location = entry.location;
                let unpacked = location.uncompressed_length.map(u32::from);
                let (offset, length) = (location.offset, location.length);
                pieces.push(Piece {
                    pack: *entry.pack,
                    offset,
                    length,
                    unpacked,
                    id: *id,
                    file: number,
                    at: state.size,
                });
                state.size += u64::from(unpacked.unwrap_or(length.saturating_sub(32)));
                state.pieces_left += 1;
            }
        }
        pieces.sort_unstable_by_key(|piece| (piece.pack, piece.offset));
        pieces
    }
}

/// Pieces that lie close together in one pack.
fn runs(mut pieces: &[Piece]) -> Vec<&[Piece]> {
    let mut runs = Vec::new();
    while let Some(first) = pieces.first() {
        let mut end = first.offset.saturating_add(first.length);
        let together = pieces.iter().position(|piece| {
            let next = piece.offset.saturating_add(piece.length);
            let apart = piece.pack != first.pack
                || piece.offset > end.saturating_add(GAP)
                || (next.saturating_sub(first.offset) > RUN && next > end && piece.offset != first.offset);
            end = end.max(next);
            apart
        });
        let (run, rest) = pieces
            .split_at_checked(together.unwrap_or(pieces.len()))
            .unwrap_or((pieces, &[]));
        runs.push(run);
        pieces = rest;
    }
    runs
}

/// The work of one window, shared by its threads.
struct Work<'a> {
    session: &'a Session,
    files: &'a [Target],
    feed: &'a Feed,
    next_run: AtomicUsize,
    next_empty: AtomicUsize,
    stop: AtomicBool,
    fatal: Mutex<Option<EngineError>>,
    written: AtomicU64,
    bytes: AtomicU64,
}

impl Work<'_> {
    fn run(&self, runs: &[&[Piece]], empty: &[&Target]) {
        while let Some(file) = empty.get(self.next_empty.fetch_add(1, Ordering::Relaxed)) {
            if self.is_over() {
                return;
            }
            let mut state = file.lock();
            if let Err(error) = state.open(&file.path) {
                self.failed(file, &mut state, &error);
            }
            self.close(file, &mut state);
        }
        while let Some(run) = runs.get(self.next_run.fetch_add(1, Ordering::Relaxed)) {
            if self.is_over() {
                return;
            }
            self.read(run);
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.session.check_cancelled().is_err()
    }

    fn read(&self, run: &[Piece]) {
        let Some(first) = run.first() else { return };
        let end = run
            .iter()
            .map(|piece| piece.offset.saturating_add(piece.length))
            .max()
            .unwrap_or_default();
        let data = self
            .session
            .guard
            .read_partial(
                FileType::Pack,
                &first.pack,
                false,
                first.offset,
                end.saturating_sub(first.offset),
            )
            .map_err(|error| io::Error::other(self.session.failed("read", &error).chain()));
        for same in run.chunk_by(|a, b| a.offset == b.offset) {
            if self.is_over() {
                return;
            }
            let Some(piece) = same.first() else { continue };
            let blob = match &data {
                Ok(data) => self.open_blob(data, first.offset, piece),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            for piece in same {
                self.put(piece, blob.as_deref());
            }
        }
    }

    /// Opens a blob, and makes sure that it is the one that was asked for.
    fn open_blob(&self, data: &Bytes, start: u32, piece: &Piece) -> io::Result<Vec<u8>> {
        let from = (piece.offset - start) as usize;
        let sealed = data.get(from..from + piece.length as usize).unwrap_or_default();
        self.session
            .seal
            .open_blob(sealed, piece.unpacked, &piece.id)
            .map_err(|error| damaged(piece, &error.to_string()))
    }

    fn put(&self, piece: &Piece, blob: std::result::Result<&[u8], &io::Error>) {
        let Some(file) = self.files.get(piece.file) else {
            return;
        };
        let opened = {
            let mut state = file.lock();
            if state.failed {
                None
            } else {
                Some(state.open(&file.path))
            }
        };
        let result = match (opened, blob) {
            (None, _) => Ok(()),
            (Some(_), Err(error)) => Err(io::Error::other(error.to_string())),
            (Some(Err(error)), _) => Err(error),
            // The file has its size already: zeros stay holes.
            (Some(Ok(_)), Ok(blob)) if blob.iter().all(|byte| *byte == 0) => Ok(()),
            (Some(Ok(opened)), Ok(blob)) => opened.write_all_at(blob, piece.at),
        };
        let mut state = file.lock();
        match result {
            Ok(()) if !state.failed => {
                let size = blob.map_or(0, <[u8]>::len) as u64;
                self.bytes.fetch_add(size, Ordering::Relaxed);
                self.feed.bytes_done.fetch_add(size, Ordering::Relaxed);
            }
            Ok(()) => {}
            Err(error) => self.failed(file, &mut state, &error),
        }
        state.pieces_left = state.pieces_left.saturating_sub(1);
        if state.pieces_left == 0 {
            self.close(file, &mut state);
        }
    }

    fn failed(&self, file: &Target, state: &mut State, error: &io::Error) {
        if let Err(error) = fatal(error, &file.path) {
            self.stop.store(true, Ordering::Relaxed);
            self.fatal
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
        }
        state.fail(&file.path, failure::reason(error), self.feed);
    }

    fn close(&self, file: &Target, state: &mut State) {
        state.file = None;
        self.feed.files_done.fetch_add(1, Ordering::Relaxed);
        self.feed.working_on(file.path.clone());
        if !state.failed {
            self.written.fetch_add(1, Ordering::Relaxed);
        }
        if let Err((what, error)) = metadata::apply(&file.path, &file.node) {
            state.fail(
                &file.path,
                format!("{what}: {}", failure::reason(&error)),
                self.feed,
            );
        }
    }
}

impl Target {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The file, created when its first blob is there.
    fn open(&mut self, path: &Path) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.set_len(self.size)?;
        let file = Arc::new(file);
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Tells of a file once.
    fn fail(&mut self, path: &Path, reason: String, feed: &Feed) {
        if !self.failed {
            self.failed = true;
            feed.unreadable(path.to_owned(), reason);
        }
    }
}

fn damaged(piece: &Piece, why: &str) -> io::Error {
    let (blob, pack) = (piece.id.to_hex(), piece.pack.to_hex());
    io::Error::other(format!(
        "its blob `{}` in pack `{}` is damaged: {why}",
        blob.as_str(),
        pack.as_str()
    ))
}
