//! The library's progress bars, of which only the bytes of a backup say something that we want.

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

/// No bars at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoBars;

impl ProgressBars for NoBars {
    fn progress(&self, _kind: ProgressType, _prefix: &str) -> Progress {
        Progress::new(HiddenProgress)
    }
}
