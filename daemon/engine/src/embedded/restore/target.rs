//! The directory that a restore writes into.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Component, Path, PathBuf},
};

use crate::{EngineError, ErrorKind, Result, embedded::failure};

/// Fails unless the target is an empty or missing directory apart from the repository. Changes nothing.
pub(super) fn check(target: &Path, repository: &Path) -> Result<PathBuf> {
    let refuse = |why: &str| {
        EngineError::new(
            ErrorKind::TargetUnusable,
            format!("cannot restore to `{}`: {why}", target.display()),
        )
    };
    let failed =
        |error: &io::Error| failure::system(format!("cannot restore to `{}`", target.display()), error);
    if !target.is_absolute() || target.components().any(|part| part == Component::ParentDir) {
        return Err(refuse("it is not a plain absolute path"));
    }
    let real = real_path(target).map_err(|error| refuse(&failure::reason(&error)))?;
    let repository = repository.canonicalize().map_err(|error| failed(&error))?;
    if real.starts_with(&repository) {
        return Err(refuse("it lies in the repository"));
    }
    if repository.starts_with(&real) {
        return Err(refuse("the repository lies in it"));
    }
    match fs::read_dir(&real).map(|mut entries| entries.next()) {
        Ok(None) => Ok(real),
        Ok(Some(_)) => Err(refuse("it is not empty")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(refuse("it is not a directory")),
        Err(error) => Err(failed(&error)),
    }
}

/// Makes the target, for its owner alone until the metadata of what is restored says otherwise.
pub(super) fn create(target: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(target)
        .map_err(|error| {
            failure::system(
                format!("cannot create the directory `{}`", target.display()),
                &error,
            )
        })
}

/// The path without links, also where its end does not exist yet.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let mut rest = Vec::new();
    for above in path.ancestors() {
        match above.canonicalize() {
            Ok(real) => {
                return Ok(rest
                    .into_iter()
                    .rev()
                    .fold(real, |path: PathBuf, name| path.join(name)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(above).is_err() => {
                rest.extend(above.file_name());
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}
