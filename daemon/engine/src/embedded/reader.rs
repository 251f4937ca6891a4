//! Reads one file of a backup: stops on cancellation, and tells what goes wrong, which the library only logs.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use rustic_core::{ErrorKind as Rustic, ReadSourceOpen, RusticError, RusticResult};
use rustix::fs::{Mode, OFlags};

use crate::Cancellation;

use super::{failure, feed::Feed};

/// A file to be opened when its turn comes.
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) path: PathBuf,
    /// As its node says; what is read has the same length, whatever happens to the file meanwhile.
    pub(super) size: u64,
    pub(super) feed: Arc<Feed>,
    pub(super) cancellation: Cancellation,
}

/// An opened file.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    left: u64,
    /// The file ended early; zeros follow, as tar does it.
    short: bool,
    source: Opener,
}

impl ReadSourceOpen for Opener {
    type Reader = Reader;

    fn open(self) -> RusticResult<Reader> {
        if self.cancellation.is_cancelled() {
            return Err(unread(cancelled()));
        }
        self.feed.working_on(self.path.clone());
        // Neither through a link nor waiting for a writer, if another kind of file took the place.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let opened = rustix::fs::open(&self.path, flags, Mode::empty()).map(File::from);
        match opened.map_err(io::Error::from) {
            Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Ok(Reader {
                file,
                left: self.size,
                short: false,
                source: self,
            }),
            Ok(_) => {
                self.feed
                    .warning(self.path.clone(), "was replaced before it was read".to_owned());
                Err(unread(io::Error::other("not a regular file any more")))
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::NotFound {
                    self.feed
                        .warning(self.path.clone(), "vanished before it was read".to_owned());
                } else {
                    self.feed.unreadable(self.path.clone(), failure::reason(&error));
                }
                Err(unread(error))
            }
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.source.cancellation.is_cancelled() {
            return Err(cancelled());
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let read = if self.short {
            buffer.fill(0);
            wanted
        } else {
            match self.file.read(buffer) {
                Ok(0) => {
                    self.short = true;
                    self.source
                        .feed
                        .warning(self.source.path.clone(), "shrank while it was read".to_owned());
                    buffer.fill(0);
                    wanted
                }
                Ok(read) => {
                    self.source
                        .feed
                        .bytes_read
                        .fetch_add(read as u64, Ordering::Relaxed);
                    read
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => {
                    self.source
                        .feed
                        .unreadable(self.source.path.clone(), failure::reason(&error));
                    return Err(error);
                }
            }
        };
        self.left -= read as u64;
        Ok(read)
    }
}

fn cancelled() -> io::Error {
    io::Error::other("cancelled")
}

fn unread(error: io::Error) -> Box<RusticError> {
    RusticError::with_source(Rustic::InputOutput, "cannot read a source file", error)
}
