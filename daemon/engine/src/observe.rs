//! How a caller follows an operation, and how it stops one.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::LockInfo;

/// Who is told what happens. Called from several threads; must be quick.
pub trait Observer: Sync {
    /// A new part of the work has begun.
    fn phase(&self, phase: Phase);
    /// How far the work is. Called at most a few times a second.
    fn progress(&self, progress: Progress);
    /// Something could not be read, restored or kept as it was; the work goes on.
    fn warning(&self, warning: Warning);
    /// A check has read all packs up to this one (a full id), in its order, and they are well. Called now and then, and once
    /// more when the check fails.
    fn read_up_to(&self, _pack: &str) {}
    /// Somebody else's lock is in the way and is waited for, as long as [`Options::lock_wait`](crate::Options::lock_wait)
    /// says. Called again when it is another's, and with nothing once nobody is waited for any more.
    fn locked(&self, _by: Option<&LockInfo>) {}
}

/// For work that is over before anybody would look.
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn phase(&self, _: Phase) {}
    fn progress(&self, _: Progress) {}
    fn warning(&self, _: Warning) {}
}

/// The parts of an operation, in the order in which they may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Opening the repository: configuration, key, locks.
    Open,
    /// Reading the index.
    Index,
    /// Walking the sources or a snapshot to learn how much there is.
    Scan,
    /// Reading files and storing what is new.
    Backup,
    /// Checking what was stored.
    Verify,
    /// Writing files back.
    Restore,
    /// Checking the repository: bytes are those of trees and packs, files are packs.
    Check,
    /// Writing packs anew (bytes), and removing packs (files).
    Prune,
    /// Keeping files of snapshots elsewhere, and removing them.
    Forget,
    /// Looking into what is damaged, and mending it: files are packs or snapshots.
    Repair,
    /// Reading from one repository and storing in another (bytes as they are read; files are snapshots).
    Copy,
}

/// Sums since the phase began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files finished.
    pub files_done: u64,
    /// Files in all; 0 while unknown.
    pub files_total: u64,
    /// Bytes finished.
    pub bytes_done: u64,
    /// Bytes in all; 0 while unknown.
    pub bytes_total: u64,
    /// Bytes newly stored, where it applies: as written so far, and before compression in the last call.
    pub bytes_added: u64,
    /// Files that could not be read so far.
    pub unreadable: u64,
    /// The file worked on, where known.
    pub current: Option<PathBuf>,
}

/// One file or directory that could not be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub path: PathBuf,
    /// Why, in the operating system's words ("Permission denied").
    pub reason: String,
}

/// Asks a running operation to stop. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Asks; safe in a signal handler's thread, and more than once.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
