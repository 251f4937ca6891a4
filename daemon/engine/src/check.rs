//! What a check is asked for, and what it answers.

use std::{path::PathBuf, time::Duration};

/// How much of a repository is checked. Its structure always is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckRequest {
    /// How many packs are read as a whole.
    pub read_data: ReadData,
    /// Packs are read in the order of their ids, from the one after this one (a full id) on; from the first where `None`.
    pub after: Option<String>,
    /// No pack is begun once so much time has passed with reading packs.
    pub max_time: Option<Duration>,
}

/// The packs of which every byte is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadData {
    /// None: the structure alone.
    #[default]
    None,
    /// As many as are one of so many parts of all bytes, or less if the last pack comes before. Parts count from 1.
    Part(u32),
    /// As many as are so many bytes, or less if the last pack comes before; one at least.
    Bytes(u64),
    /// Every pack: those after the last are the first.
    All,
}

/// Up to where packs were read, for the next check to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadUpTo {
    /// To the last.
    End,
    /// To the one with this full id.
    Pack(String),
}

/// What a check looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Snapshot files.
    pub snapshots: u64,
    /// Directories that snapshots need, each counted once.
    pub trees: u64,
    /// Pieces of files that snapshots need, each counted once.
    pub blobs: u64,
    /// Packs that the index names.
    pub packs: u64,
    /// Packs that a prune has marked and not removed yet.
    pub packs_marked: u64,
    /// Packs that no index names: left by what was interrupted, and collected by the next prune.
    pub packs_unreferenced: u64,
    /// Packs of which every byte was read.
    pub packs_read: u64,
    /// Packs that were asked for and not begun, since `max_time` had passed.
    pub packs_left: u64,
    /// Up to where packs were read and nothing was wrong with one; `None` if none was. A check that begins after it
    /// finds again what this one found.
    pub read_up_to: Option<ReadUpTo>,
    /// Bytes of all packs that the index names and that are there, without those that are marked.
    pub bytes_total: u64,
    /// Bytes read from trees and packs.
    pub bytes_read: u64,
    /// What is wrong; of very much, the beginning.
    pub errors: Vec<CheckError>,
    /// How much is wrong in all.
    pub errors_total: u64,
    /// Snapshots that cannot be restored as a whole (full ids); of very many, some.
    pub hurt: Vec<String>,
    /// How many snapshots cannot be restored as a whole.
    pub hurt_total: u64,
}

/// One thing that is wrong with a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckError {
    /// What kind of damage.
    pub kind: Damage,
    /// The file, blob or tree that it is about (full id).
    pub id: String,
    /// The file of the repository, relative to its root, where there is one.
    pub path: Option<PathBuf>,
    /// A sentence for people.
    pub message: String,
    /// Snapshots that cannot be restored as a whole because of it (full ids), where that is known; of very many, some.
    pub snapshots: Vec<String>,
    /// How many those are.
    pub snapshots_total: u64,
}

/// Kinds of damage; what helps differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// A pack that the index names is not there.
    MissingPack,
    /// A pack is shorter or longer than the index says.
    PackSize,
    /// An index file cannot be read, or says what is not so.
    DamagedIndex,
    /// A pack does not hold what was stored.
    DamagedPack,
    /// A snapshot needs a blob that no index names.
    MissingBlob,
    /// A snapshot needs a blob that is only in a pack which a prune has marked for removal.
    MarkedBlob,
    /// A directory cannot be read.
    DamagedTree,
    /// A snapshot's own file cannot be read.
    DamagedSnapshot,
}

impl Damage {
    /// The kind in a word or two, as in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingPack => "missing-pack",
            Self::PackSize => "pack-size",
            Self::DamagedIndex => "damaged-index",
            Self::DamagedPack => "damaged-pack",
            Self::MissingBlob => "missing-blob",
            Self::MarkedBlob => "marked-blob",
            Self::DamagedTree => "damaged-tree",
            Self::DamagedSnapshot => "damaged-snapshot",
        }
    }

    /// What mends it.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::DamagedIndex => Remedy::Index,
            Self::MissingPack | Self::PackSize | Self::DamagedPack => Remedy::IndexAndSnapshots,
            Self::MissingBlob | Self::DamagedTree => Remedy::Snapshots,
            Self::MarkedBlob => Remedy::Prune,
            Self::DamagedSnapshot => Remedy::Forget,
        }
    }
}

/// What is to be done about damage, in restic's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remedy {
    /// `repair index` (`rebuild-index` before restic 0.16): all data is there, the index does not say so.
    Index,
    /// `repair index`, so that what is lost is known to be; then a backup, which stores again what the sources still
    /// have; then `repair snapshots`.
    IndexAndSnapshots,
    /// A backup, which stores again what the sources still have; then `repair snapshots`, which takes what is lost
    /// out of the snapshots.
    Snapshots,
    /// The next prune, which takes the mark away.
    Prune,
    /// Nothing reads that file any more: it can only be removed.
    Forget,
}
