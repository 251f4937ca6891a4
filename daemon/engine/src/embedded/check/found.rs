//! What a check has found wrong so far: told at once, kept as long as it is not too much, counted.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustic_core::Id;

use crate::{CheckError, Damage, embedded::feed::Feed};

/// One bit for each damage that is kept, and the last for all others.
pub(super) type Mask = u128;
const KEPT: u8 = 127;

/// Grows from several threads.
#[derive(Debug)]
pub(super) struct Found<'a> {
    feed: &'a Feed,
    total: AtomicU64,
    errors: Mutex<Vec<CheckError>>,
    pub(super) broken: Mutex<Broken>,
}

/// What cannot be read, and by which damage.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// Packs, by number.
    pub(super) packs: HashMap<u32, (Mask, Extent)>,
    /// Trees and blobs that are nowhere.
    pub(super) missing: HashMap<Id, Mask>,
    /// Trees that cannot be read wherever they are, or as a whole.
    pub(super) trees: HashMap<Id, Mask>,
}

/// How much of a pack is broken.
#[derive(Debug)]
pub(super) enum Extent {
    Whole,
    /// All from this byte on.
    From(u64),
    /// These blobs.
    Blobs(HashSet<Id>),
}

impl<'a> Found<'a> {
    pub(super) fn new(feed: &'a Feed) -> Self {
        Self {
            feed,
            total: AtomicU64::new(0),
            errors: Mutex::default(),
            broken: Mutex::default(),
        }
    }

    /// Tells of a damage: in which file of the repository (its folder and id), or to which blob.
    pub(super) fn add(&self, kind: Damage, folder: Option<&str>, id: &Id, message: String) -> Mask {
        self.total.fetch_add(1, Ordering::SeqCst);
        let hex = id.to_hex();
        let path = folder.map(|folder| match folder {
            "data" => PathBuf::from(folder)
                .join(hex.as_str().get(..2).unwrap_or_default())
                .join(hex.as_str()),
            _ => PathBuf::from(folder).join(hex.as_str()),
        });
        let mut errors = lock(&self.errors);
        let number = u8::try_from(errors.len()).unwrap_or(KEPT);
        if number >= KEPT {
            self.feed.untold();
            return 1 << KEPT;
        }
        let told = path.clone().unwrap_or_else(|| PathBuf::from(hex.as_str()));
        self.feed.unreadable(told, message.clone());
        errors.push(CheckError {
            kind,
            id: hex.as_str().to_owned(),
            path,
            message,
            snapshots: Vec::new(),
            snapshots_total: 0,
        });
        1 << number
    }

    pub(super) fn broken(&self) -> MutexGuard<'_, Broken> {
        lock(&self.broken)
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::SeqCst)
    }

    /// What is kept; the damage of a [`Mask`]'s bit stands at its number.
    pub(super) fn into_errors(self) -> Vec<CheckError> {
        self.errors.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Broken {
    pub(super) fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.missing.is_empty() && self.trees.is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
