//! The library's progress bars, as far as they say something that we want: the bytes of a backup, how far the search
//! for what is used is, and the bytes that a prune writes anew or a copy reads.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use rustic_core::{HiddenProgress, Progress, ProgressBars, ProgressType, RusticProgress};

use super::feed::Feed;

/// Counts the bytes that the archiver has done with.
#[derive(Clone)]
pub(super) struct Bars(pub(super) Arc<Feed>);

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bars")
    }
}

impl ProgressBars for Bars {
    fn progress(&self, kind: ProgressType, _prefix: &str) -> Progress {
        match kind {
            ProgressType::Bytes => Progress::new(self.clone()),
            _ => Progress::new(HiddenProgress),
        }
    }
}

impl RusticProgress for Bars {
    fn is_hidden(&self) -> bool {
        false
    }

    fn set_length(&self, _length: u64) {}

    fn set_title(&self, _title: &str) {}

    fn inc(&self, bytes: u64) {
        self.0.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn finish(&self) {}
}

/// Follows the plan of a prune, and its work.
#[derive(Clone)]
pub(super) struct PruneBars(pub(super) Arc<Feed>);

impl fmt::Debug for PruneBars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PruneBars")
    }
}

impl ProgressBars for PruneBars {
    fn progress(&self, kind: ProgressType, prefix: &str) -> Progress {
        let feed = Arc::clone(&self.0);
        match kind {
            ProgressType::Bytes => Progress::new(PruneBar { feed, bytes: true }),
            // Snapshots whose trees are all read.
            ProgressType::Counter if prefix.contains("used blobs") => {
                Progress::new(PruneBar { feed, bytes: false })
            }
            _ => Progress::new(HiddenProgress),
        }
    }
}

/// One of them.
struct PruneBar {
    feed: Arc<Feed>,
    bytes: bool,
}

impl fmt::Debug for PruneBar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PruneBar")
    }
}

impl RusticProgress for PruneBar {
    fn is_hidden(&self) -> bool {
        false
    }

    fn set_length(&self, length: u64) {
        let total = if self.bytes {
            &self.feed.bytes_total
        } else {
            &self.feed.files_total
        };
        total.store(length, Ordering::Relaxed);
    }

    fn set_title(&self, _title: &str) {}

    fn inc(&self, more: u64) {
        let done = if self.bytes {
            &self.feed.bytes_done
        } else {
            &self.feed.files_done
        };
        done.fetch_add(more, Ordering::Relaxed);
    }

    fn finish(&self) {}
}

/// Counts the bytes that a copy has read, of all that it has found to read so far.
#[derive(Clone)]
pub(super) struct CopyBars(pub(super) Arc<Feed>);

impl fmt::Debug for CopyBars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CopyBars")
    }
}

impl ProgressBars for CopyBars {
    fn progress(&self, kind: ProgressType, _prefix: &str) -> Progress {
        match kind {
            ProgressType::Bytes => Progress::new(self.clone()),
            _ => Progress::new(HiddenProgress),
        }
    }
}

impl RusticProgress for CopyBars {
    fn is_hidden(&self) -> bool {
        false
    }

    // Pieces of files and trees have a bar each.
    fn set_length(&self, length: u64) {
        self.0.bytes_total.fetch_add(length, Ordering::Relaxed);
    }

    fn set_title(&self, _title: &str) {}

    fn inc(&self, bytes: u64) {
        self.0.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn finish(&self) {}
}

/// No bars at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoBars;

impl ProgressBars for NoBars {
    fn progress(&self, _kind: ProgressType, _prefix: &str) -> Progress {
        Progress::new(HiddenProgress)
    }
}
