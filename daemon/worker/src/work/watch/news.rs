//! What has changed while nobody watched: the file system keeps a time that nobody can set.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use jiff::{SignedDuration, Timestamp};

/// Whether something has changed since a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct News {
    since: Option<Timestamp>,
    found: bool,
}

impl News {
    /// Times in file systems may be behind: FAT knows every other second.
    const COARSE: SignedDuration = SignedDuration::from_secs(2);

    pub(super) fn since(since: Option<Timestamp>) -> Self {
        Self {
            since: since.and_then(|since| since.checked_sub(Self::COARSE).ok()),
            found: since.is_none(),
        }
    }

    /// It is known already: nobody has to look.
    pub(super) fn known() -> Self {
        Self::since(None)
    }

    pub(super) fn found(self) -> bool {
        self.found
    }

    /// Looks at a path, unless something was found before.
    pub(super) fn look(&mut self, path: &Path) {
        self.found = self.found || self.is(path);
    }

    /// Whether the path is news. Its contents, its names and all that is kept with it move this time.
    pub(super) fn is(self, path: &Path) -> bool {
        let Some(since) = self.since else { return true };
        let Ok(metadata) = fs::symlink_metadata(path) else {
            return false;
        };
        let nanoseconds = i32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        Timestamp::new(metadata.ctime(), nanoseconds).map_or(true, |changed| changed >= since)
    }
}
