//! Room at the place of a repository, what takes it, and what a backup would take.

/// Room at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that we may still write.
    pub free: u64,
    /// Bytes in all, where the place says so.
    pub total: Option<u64>,
}

/// What a place says of itself without a password. Nothing is known where it does not say so, or not cheaply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// How much there is.
    pub space: Option<Space>,
    /// Bytes of all packs; of a remote place only where they were to be counted.
    pub stored: Option<u64>,
}

/// The room that a backup may use; the default is all that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    /// So many bytes stay free at the place.
    pub keep_free: u64,
    /// Where this is less, as many hundredths of the place stay free.
    pub keep_percent: Option<u8>,
    /// The repository may have so many bytes, as packs go.
    pub quota: Option<u64>,
    /// So many it had when anybody looked last; looked at again where that costs nothing.
    pub stored: Option<u64>,
    /// The backup adds about so many, as others did before.
    pub expected: Option<u64>,
}

/// What to count in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatisticsRequest {
    /// Snapshots belong together whose tags have the same one that begins with this.
    pub group_by: String,
}

/// What a repository stores. Sizes are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatisticsReport {
    /// Snapshots.
    pub snapshots: u64,
    /// Packs that are there.
    pub packs: u64,
    /// Bytes of them.
    pub bytes_stored: u64,
    /// Blobs that snapshots need, each once.
    pub blobs: u64,
    /// Bytes that restoring every snapshot would write, each for itself; what has many names in one counts once.
    pub bytes_restored: u64,
    /// Bytes of the blobs that snapshots need, before compression.
    pub bytes_unique: u64,
    /// Bytes of them as they are stored.
    pub bytes_needed: u64,
    /// Bytes that no snapshot needs, in packs that are not marked.
    pub bytes_unused: u64,
    /// Bytes of packs that a prune has marked.
    pub bytes_marked: u64,
    /// By group; those of no group stand under no tag.
    pub groups: Vec<GroupReport>,
}

/// What the snapshots of a group need. Sizes are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupReport {
    /// What follows the beginning of its tag.
    pub group: Option<String>,
    /// Snapshots.
    pub snapshots: u64,
    /// As [`StatisticsReport::bytes_restored`].
    pub bytes_restored: u64,
    /// All that they need, as stored.
    pub bytes_needed: u64,
    /// What no other group needs, as stored.
    pub bytes_alone: u64,
}

/// What a backup would find. Sizes are bytes, before compression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// The snapshot with which files were compared (full id).
    pub parent: Option<String>,
    /// Files, links and whatever else is no directory.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Files that the parent lacks.
    pub files_new: u64,
    /// Bytes in them.
    pub bytes_new: u64,
    /// Files that differ from the parent.
    pub files_changed: u64,
    /// Bytes in them.
    pub bytes_changed: u64,
    /// Files and directories that could not be looked at; each was told as a warning.
    pub files_unreadable: u64,
}
