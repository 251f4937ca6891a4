//! What a backup would store, asked one path at a time: for who watches files and does not read them.

use std::{ffi::OsString, path::Path};

use super::{
    patterns::{Included, Patterns},
    walk,
};
use crate::{BackupRequest, Result};

/// The selection of a [`BackupRequest`], whatever there is of its sources.
#[derive(Debug, Clone)]
pub struct Wanted {
    patterns: Patterns,
    exclude_if_present: Vec<OsString>,
    exclude_caches: bool,
}

impl Wanted {
    /// Parses the patterns of a request.
    pub fn of(request: &BackupRequest) -> Result<Self> {
        Ok(Self {
            patterns: Patterns::parse(request)?,
            exclude_if_present: request.exclude_if_present.iter().map(Into::into).collect(),
            exclude_caches: request.exclude_caches,
        })
    }

    /// Whether a directory below a source may hold what is wanted.
    pub fn enters(&self, directory: &Path) -> bool {
        !self.patterns.excludes(directory, true)
    }

    /// Whether a file that is in a directory which is entered is wanted, but for its size.
    pub fn takes(&self, file: &Path) -> bool {
        if self.patterns.excludes(file, false) {
            return false;
        }
        if !self.patterns.selects() {
            return true;
        }
        // The nearest that says something decides.
        file.ancestors()
            .find_map(|path| match self.patterns.includes(path, path != file) {
                Included::Yes => Some(true),
                Included::No => Some(false),
                Included::Inherited => None,
            })
            .unwrap_or(false)
    }

    /// Whether a directory with these names in it is left out, but for the file that says so.
    pub fn is_tagged(&self, directory: &Path, names: &mut [OsString]) -> bool {
        names.sort_unstable();
        walk::tag(&self.exclude_if_present, self.exclude_caches, directory, names).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(include: &[&str], exclude: &[&str]) -> Wanted {
        let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Wanted::of(&BackupRequest {
            include: owned(include),
            exclude: owned(exclude),
            exclude_if_present: vec![".nobackup".to_owned()],
            ..BackupRequest::default()
        })
        .unwrap()
    }

    #[test]
    fn excludes_win_and_includes_are_inherited() {
        let all = wanted(&[], &["*.tmp", ".cache/"]);
        assert!(all.takes(Path::new("/home/a")) && all.enters(Path::new("/home/u")));
        assert!(!all.takes(Path::new("/home/a.tmp")) && !all.enters(Path::new("/home/u/.cache")));
        let some = wanted(&["documents", "*.txt"], &["secret.txt"]);
        for (file, expected) in [
            ("/home/documents/deep/x", true),
            ("/home/a.txt", true),
            ("/home/secret.txt", false),
            ("/home/other", false),
        ] {
            assert_eq!(some.takes(Path::new(file)), expected, "{file}");
        }
    }

    #[test]
    fn a_tag_leaves_a_directory_out() {
        let wanted = wanted(&[], &[]);
        let mut names = ["z", ".nobackup", "a"].map(OsString::from);
        assert!(wanted.is_tagged(Path::new("/x"), &mut names));
        assert!(!wanted.is_tagged(Path::new("/x"), &mut names[1..]));
    }
}
