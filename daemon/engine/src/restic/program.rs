//! The restic program: found, and asked for its version.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::{EngineError, ErrorKind, Result};

use super::environment;

/// The oldest that reads and writes all that we need.
const OLDEST: Version = Version(0, 14, 0);
/// Where whoever has none, or too old a one, gets it.
const ADVICE: &str =
    "install it (Debian: `apt install restic`), or download it from restic.net to `/usr/local/bin`";

/// major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32, pub(super) u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A restic, whose version is asked for once.
#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    version: OnceLock<Version>,
}

impl Program {
    /// A name is looked for in `PATH`.
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            version: OnceLock::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails where there is none, or one that is too old.
    pub(super) fn version(&self) -> Result<Version> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let version = ask(&self.path)?;
        if version < OLDEST {
            return Err(refused(format!(
                "`{}` is restic {version}, and {OLDEST} is the oldest that can be used: {ADVICE}",
                self.path.display()
            )));
        }
        Ok(*self.version.get_or_init(|| version))
    }
}

fn ask(path: &Path) -> Result<Version> {
    let output = Command::new(path)
        .arg("version")
        .env_clear()
        .envs(environment::kept())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refused(format!(
                "the program `{}` is not installed: {ADVICE}",
                path.display()
            )),
            _ => refused(format!(
                "the program `{}` cannot be started: {error}",
                path.display()
            )),
        })?;
    let said = String::from_utf8_lossy(&output.stdout);
    parse(&said).filter(|_| output.status.success()).ok_or_else(|| {
        refused(format!(
            "`{}` does not say which version of restic it is: {ADVICE}",
            path.display()
        ))
    })
}

/// "restic 0.14.0 compiled with go1.19.8 on linux/amd64"; of a version that is not released, such as
/// "0.19.0-dev (compiled manually)", the numbers.
fn parse(said: &str) -> Option<Version> {
    let mut words = said.split_ascii_whitespace();
    if words.next()? != "restic" {
        return None;
    }
    let numbers = words.next()?.split(['-', '+']).next()?;
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    Some(Version(
        numbers.next()??,
        numbers.next()??,
        numbers.next().unwrap_or(Some(0))?,
    ))
}

fn refused(why: String) -> EngineError {
    EngineError::new(ErrorKind::InvalidRequest, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_restic_says_them() {
        for (said, version) in [
            (
                "restic 0.14.0 compiled with go1.19.8 on linux/amd64\n",
                Some(Version(0, 14, 0)),
            ),
            (
                "restic 0.19.0-dev (compiled manually) compiled with go1.26",
                Some(Version(0, 19, 0)),
            ),
            ("restic 1.2", Some(Version(1, 2, 0))),
            ("rustic 0.14.0", None),
            ("restic", None),
            ("restic x.y", None),
            ("", None),
        ] {
            assert_eq!(parse(said), version, "{said}");
        }
        assert!(Version(0, 9, 6) < OLDEST && Version(0, 14, 1) > OLDEST);
    }
}
