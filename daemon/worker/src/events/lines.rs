//! Lines that are appended in order, and wait in memory while they cannot be.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
};

/// Where lines end up.
pub(crate) trait Target: Write + Send {
    /// Makes what was written last.
    fn sync(&mut self) -> io::Result<()>;
}

impl Target for File {
    fn sync(&mut self) -> io::Result<()> {
        match self.sync_data() {
            // A device has nothing to sync.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            other => other,
        }
    }
}

impl<T: Target + ?Sized> Target for Box<T> {
    fn sync(&mut self) -> io::Result<()> {
        (**self).sync()
    }
}

/// A queue in front of a target.
#[derive(Debug)]
pub(super) struct Lines<T> {
    target: T,
    waiting: VecDeque<Vec<u8>>,
    /// Bytes of the first waiting line that the target has already.
    written: usize,
}

impl<T: Target> Lines<T> {
    pub(super) fn new(target: T) -> Self {
        Self {
            target,
            waiting: VecDeque::new(),
            written: 0,
        }
    }

    /// Queues a line; [`flush`](Self::flush) writes it.
    pub(super) fn push(&mut self, line: Vec<u8>) {
        self.waiting.push_back(line);
    }

    /// Lines that are not, or not wholly, written.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Writes what waits, one call a line, as far as possible. A line that was cut goes on where it ended.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while let Some(line) = self.waiting.front() {
            let rest = line.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.waiting.pop_front();
                self.written = 0;
                continue;
            }
            match self.target.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes what was written last.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.target.sync()
    }
}
