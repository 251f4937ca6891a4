//! From the engine's many threads to the one observer, at a pace that it can take.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::{EngineError, ErrorKind, Observer, Progress, Result, Warning};

/// Ten calls a second are enough for eyes.
const PACE: Duration = Duration::from_millis(100);

/// Counters that any thread may move, and warnings on their way.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) files_done: AtomicU64,
    pub(super) files_total: AtomicU64,
    pub(super) bytes_done: AtomicU64,
    pub(super) bytes_total: AtomicU64,
    pub(super) bytes_added: AtomicU64,
    /// Bytes that came out of files.
    pub(super) bytes_read: AtomicU64,
    unreadable: AtomicU64,
    ended: AtomicBool,
    current: Mutex<Option<PathBuf>>,
    warnings: Mutex<Vec<Warning>>,
}

impl Feed {
    /// Something could not be read or restored: told, and counted.
    pub(super) fn unreadable(&self, path: PathBuf, reason: String) {
        self.unreadable.fetch_add(1, Ordering::SeqCst);
        self.warning(path, reason);
    }

    /// As [`unreadable`](Self::unreadable), where too much was told already.
    pub(super) fn untold(&self) {
        self.unreadable.fetch_add(1, Ordering::SeqCst);
    }

    /// Something worth telling that does not count.
    pub(super) fn warning(&self, path: PathBuf, reason: String) {
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Warning { path, reason });
    }

    /// How many were [`unreadable`](Self::unreadable).
    pub(super) fn count_unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::SeqCst)
    }

    /// What is worked on now.
    pub(super) fn working_on(&self, path: PathBuf) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
    }

    /// Says that the operation is over.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Whether the operation is over; helpers beside it stop then.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// The sums now.
    pub(super) fn progress(&self) -> Progress {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            files_done: get(&self.files_done),
            files_total: get(&self.files_total),
            bytes_done: get(&self.bytes_done),
            bytes_total: get(&self.bytes_total),
            bytes_added: get(&self.bytes_added),
            unreadable: self.count_unreadable(),
            current: self
                .current
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// Runs `work` on a thread of its own, and tells the observer from this one until it is done.
    pub(super) fn follow<T: Send>(
        &self,
        observer: &dyn Observer,
        work: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        thread::scope(|scope| {
            let (running, done) = mpsc::channel::<()>();
            let worker = scope.spawn(move || {
                let _running = running;
                work()
            });
            let mut last = None;
            while let Err(RecvTimeoutError::Timeout) = done.recv_timeout(PACE) {
                self.tell_warnings(observer);
                let progress = self.progress();
                if last.as_ref() != Some(&progress) {
                    observer.progress(progress.clone());
                    last = Some(progress);
                }
            }
            let result = worker.join();
            self.end();
            self.tell_warnings(observer);
            result.unwrap_or_else(|_| {
                Err(EngineError::new(
                    ErrorKind::Other,
                    "the engine failed within itself",
                ))
            })
        })
    }

    /// What was not told yet.
    pub(super) fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell_warnings(&self, observer: &dyn Observer) {
        for warning in self.take_warnings() {
            observer.warning(warning);
        }
    }
}
