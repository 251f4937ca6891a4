//! Following a worker's event file: inotify says when to read, and nobody polls.

use std::{
    fs::File,
    future::Future,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_core::{
    failure::Failure,
    name::RunId,
    protocol::{Event, EventKind},
};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{process, rundir::RunDirectory};
use crate::{coordinator::Inbox, readiness::Readiness};

/// At most so much of the file is taken in one go.
const CHUNK: u64 = 256 * 1024;

/// The last reading is tried so often, and again after so long.
const LAST_TRIES: u32 = 12;
const AGAIN: Duration = Duration::from_secs(5);

/// Tells the inbox every event, and at last that the worker is gone; `gone` knows why, where anybody does.
pub(super) async fn follow(
    directory: RunDirectory,
    run: RunId,
    attempt: u32,
    gone: impl Future<Output = Option<Failure>>,
    inbox: Inbox,
) {
    let mut tail = Tail::new(directory.events());
    let mut pid = None;
    let watch = match Watch::new(directory.path()) {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!(%error, %run, "the event file cannot be watched: it is read when the run has ended");
            None
        }
    };
    tokio::pin!(gone);
    let why = loop {
        deliver(&mut tail, &mut pid, run, attempt, &inbox).await;
        tokio::select! {
            () = changed(watch.as_ref()) => {}
            why = &mut gone => break why,
        }
    };
    // What it said last decides: a moment without descriptors must not make a good run a lost one.
    for _ in 0..LAST_TRIES {
        if deliver(&mut tail, &mut pid, run, attempt, &inbox).await {
            break;
        }
        tokio::time::sleep(AGAIN).await;
    }
    if let Some(pid) = pid {
        process::kill_left_behind(pid);
    }
    inbox.worker_gone(run, attempt, why).await;
}

/// Answers whether the file could be read to its end.
async fn deliver(tail: &mut Tail, pid: &mut Option<u32>, run: RunId, attempt: u32, inbox: &Inbox) -> bool {
    loop {
        match tail.read() {
            Ok(Some(events)) if !events.is_empty() => {
                *pid = pid.or_else(|| pid_of(&events));
                inbox.worker_events(run, attempt, events).await;
            }
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(error) => {
                tracing::warn!(%error, %run, "the event file cannot be read");
                return false;
            }
        }
    }
}

/// The worker's process id, which its first event says.
pub(super) fn pid_of(events: &[Event]) -> Option<u32> {
    events.iter().find_map(|event| match event.kind {
        EventKind::Hello { pid, .. } => Some(pid),
        _ => None,
    })
}

async fn changed(watch: Option<&Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// Reads whole lines from where it stopped.
pub(super) struct Tail {
    path: PathBuf,
    offset: u64,
}

impl Tail {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, offset: 0 }
    }

    /// The next events; `None` at the end of the file. A last line without its line feed is not there yet.
    pub(super) fn read(&mut self) -> io::Result<Option<Vec<Event>>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut limit = CHUNK;
        loop {
            file.seek(SeekFrom::Start(self.offset))?;
            let mut bytes = Vec::new();
            let read = file.by_ref().take(limit).read_to_end(&mut bytes)? as u64;
            let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
                if read < limit {
                    return Ok(None);
                }
                // One line longer than the chunk: take more at once.
                limit = limit.saturating_mul(2);
                continue;
            };
            bytes.truncate(end + 1);
            self.offset += bytes.len() as u64;
            return Ok(Some(
                String::from_utf8_lossy(&bytes)
                    .lines()
                    .filter_map(event)
                    .collect(),
            ));
        }
    }
}

fn event(line: &str) -> Option<Event> {
    match Event::from_line(line) {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(%error, "a line of the event file is passed over");
            None
        }
    }
}

/// Tells when something in a directory was written.
pub(super) struct Watch(Readiness<Inotify>);

impl Watch {
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(directory, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE)?;
        Ok(Self(Readiness::new(inotify)?))
    }

    pub(super) async fn changed(&self) {
        // What happened is read from the file itself; here it is only taken off the queue.
        let drained = self
            .0
            .drain(|inotify| while inotify.read_events().is_ok() {})
            .await;
        if drained.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
