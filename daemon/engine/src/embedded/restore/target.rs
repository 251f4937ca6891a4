//! The directory that a restore writes into.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Component, Path, PathBuf},
};

use crate::{EngineError, ErrorKind, Result, embedded::failure};

/// Fails unless the target is an empty or missing directory apart from the repository. Changes nothing.
pub(in crate::embedded) fn check(target: &Path, repository: Option<&Path>) -> Result<PathBuf> {
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
    // Root would follow it to where its maker may not write; anybody else can do no more than they can.
    if rustix::process::geteuid().is_root()
        && let Some(link) = others_link(target)
    {
        return Err(refuse(&format!(
            "`{}` is a link that somebody else can set; name the directory itself",
            link.display()
        )));
    }
    let real = real_path(target).map_err(|error| refuse(&failure::reason(&error)))?;
    if let Some(repository) = repository {
        let repository = repository.canonicalize().map_err(|error| failed(&error))?;
        if real.starts_with(&repository) {
            return Err(refuse("it lies in the repository"));
        }
        if repository.starts_with(&real) {
            return Err(refuse("the repository lies in it"));
        }
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
pub(in crate::embedded) fn create(target: &Path) -> Result<()> {
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

/// The first link of the path that is another user's, or lies where another user can put a new one. Root and we
/// ourselves are no others.
fn others_link(path: &Path) -> Option<PathBuf> {
    let own = rustix::process::geteuid().as_raw();
    let is_ours = |found: &fs::Metadata| [0, own].contains(&found.uid());
    let above: Vec<&Path> = path.ancestors().collect();
    let link = above.into_iter().rev().find(|path| {
        let Ok(found) = fs::symlink_metadata(path) else {
            return false;
        };
        let safe = path
            .parent()
            .and_then(|parent| parent.metadata().ok())
            .is_some_and(|parent| {
                // In a sticky directory nobody removes what is another's.
                let only_ours = parent.mode() & 0o022 == 0 || parent.mode() & 0o1000 != 0;
                is_ours(&parent) && only_ours
            });
        found.is_symlink() && !(is_ours(&found) && safe)
    })?;
    Some(link.to_owned())
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn a_link_of_somebody_else_is_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let shared = base.path().join("shared");
        fs::create_dir(&shared).unwrap();
        let link = shared.join("out");
        symlink("/etc", &link).unwrap();
        let target = link.join("x");
        assert_eq!(others_link(&target), None);
        for (mode, trusted) in [(0o775, false), (0o777, false), (0o1777, true), (0o755, true)] {
            fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(others_link(&target).is_none(), trusted, "{mode:o}");
        }
        // Only root gives files away.
        if rustix::process::geteuid().is_root() {
            chown(&shared, Some(1000), None).unwrap();
            assert_eq!(others_link(&target), Some(link));
            let refused = check(&target, Some(base.path())).unwrap_err();
            assert!(
                refused.to_string().contains("name the directory itself"),
                "{refused}"
            );
        }
    }
}
