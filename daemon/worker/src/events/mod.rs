//! `events.jsonl`: what must not be lost of the attempt.

mod lines;

use std::{
    io,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use backupd_core::{
    protocol::{Event, EventKind},
    run::RunResult,
};
use jiff::Timestamp;
use tracing::{error, info, warn};

use self::lines::Lines;
pub(crate) use self::lines::Target;

/// Warnings that are written down; the rest are counted.
const MAX_WARNINGS: u64 = 10_000;

/// While the disk is full, warnings beyond this many waiting lines are counted only.
const MAX_WAITING: usize = 1_000;

/// How often, and how long apart, the end is written again when the disk is full.
const LAST_TRIES: u32 = 10;
const LAST_PAUSE: Duration = Duration::from_millis(300);

/// The event file. A failure to write it does not stop the work: lines wait in memory for better times.
pub(crate) struct EventLog {
    inner: Mutex<Inner>,
}

struct Inner {
    lines: Lines<Box<dyn Target>>,
    seq: u64,
    /// A line that must last was not synced yet.
    owed: bool,
    /// The last try failed, and that was said.
    complained: bool,
    warnings: u64,
    kept: u64,
}

impl EventLog {
    /// Writes to `target`, which is empty.
    pub(crate) fn new(target: impl Target + 'static) -> Self {
        Self {
            inner: Mutex::new(Inner {
                lines: Lines::new(Box::new(target)),
                seq: 0,
                owed: false,
                complained: false,
                warnings: 0,
                kept: 0,
            }),
        }
    }

    /// Appends an event.
    pub(crate) fn record(&self, kind: EventKind) {
        let mut inner = self.inner();
        inner.push(kind);
        inner.settle();
    }

    /// Appends a warning, or only counts it when there are too many.
    pub(crate) fn warning(&self, path: Option<&Path>, reason: &str) {
        self.warn(path, reason, false);
    }

    /// The same of what another program said, which may be a secret and goes nowhere but into the file.
    pub(crate) fn private_warning(&self, path: Option<&Path>, reason: &str) {
        self.warn(path, reason, true);
    }

    fn warn(&self, path: Option<&Path>, reason: &str, private: bool) {
        let mut inner = self.inner();
        inner.warnings += 1;
        if inner.kept >= MAX_WARNINGS || inner.lines.waiting() >= MAX_WAITING {
            return;
        }
        inner.kept += 1;
        inner.push(EventKind::Warning {
            path: path.map(|path| path.to_string_lossy().into_owned()),
            path_bytes: path.filter(|path| path.to_str().is_none()).map(bytes),
            reason: reason.to_owned(),
            private,
        });
        inner.settle();
    }

    /// Says how many warnings were only counted, and how many there were in all.
    pub(crate) fn end_warnings(&self) -> u64 {
        let mut inner = self.inner();
        let more = inner.warnings - inner.kept;
        if more > 0 {
            inner.push(EventKind::Warning {
                path: None,
                path_bytes: None,
                reason: format!("{more} more warnings are not listed"),
                private: false,
            });
            inner.settle();
        }
        inner.warnings
    }

    /// The last event. An error means that the file does not hold all events, or may lose some.
    pub(crate) fn finish(&self, result: RunResult) -> io::Result<()> {
        let mut inner = self.inner();
        inner.push(EventKind::Done { result });
        let mut last = inner.write();
        for _ in 1..LAST_TRIES {
            if last.is_ok() {
                break;
            }
            thread::sleep(LAST_PAUSE);
            last = inner.write();
        }
        last
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push(&mut self, kind: EventKind) {
        let lasting = matches!(
            kind,
            EventKind::Hello { .. }
                | EventKind::Snapshot { .. }
                | EventKind::Failure { .. }
                | EventKind::Done { .. }
        );
        let event = Event {
            seq: self.seq + 1,
            time: Timestamp::now(),
            kind,
        };
        match event.to_line() {
            Ok(line) => {
                self.seq += 1;
                self.owed |= lasting;
                self.lines.push(line.into_bytes());
            }
            Err(error) => error!("cannot put an event into words: {error}"),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.lines.flush()?;
        if self.owed {
            self.lines.sync()?;
            self.owed = false;
        }
        Ok(())
    }

    fn settle(&mut self) {
        match self.write() {
            Ok(()) if self.complained => {
                self.complained = false;
                info!("`events.jsonl` can be written again");
            }
            Err(error) if !self.complained => {
                self.complained = true;
                warn!("cannot write `events.jsonl`, keeping events in memory: {error}");
            }
            _ => {}
        }
    }
}

/// The exact bytes of a path, for a reader of JSON.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(test)]
mod tests;
