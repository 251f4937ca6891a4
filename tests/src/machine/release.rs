//! The systems that tests run on.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Debian 12, with systemd 252.
    Bookworm,
    /// Debian 13, with systemd 257.
    Trixie,
}

impl Release {
    /// As the archive calls it.
    pub fn codename(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// Where its files are, or would be.
    pub(super) fn tree(self) -> PathBuf {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("system/tree.sh");
        let output = Command::new(&script)
            .args(["path", self.codename()])
            .output()
            .unwrap_or_else(|error| panic!("`{}` cannot be run: {error}", script.display()));
        assert!(output.status.success(), "{}: {output:?}", script.display());
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
    }
}
