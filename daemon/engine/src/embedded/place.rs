//! Where a repository lies, and what is there before it is opened.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Component, Path, PathBuf},
};

use crate::{Access, EngineError, ErrorKind, Result};

use super::failure;

/// A directory that holds, or shall hold, a repository.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What people call it.
    pub(super) name: String,
    /// The directory.
    pub(super) root: PathBuf,
}

enum Found {
    Nothing,
    Repository,
    SomethingElse,
}

impl Place {
    /// Reads the address. Only absolute local paths are served.
    pub(super) fn of(access: &Access) -> Result<Self> {
        let refuse = |why: &str| {
            EngineError::new(
                ErrorKind::InvalidRequest,
                format!("cannot use repository `{}`: {why}", access.name),
            )
        };
        let path = match access.url.split_once(':') {
            Some(("local", path)) => path,
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(refuse(&format!(
                    "remote places (`{scheme}:`) are not served by this build"
                )));
            }
            _ => access.url.as_str(),
        };
        let root: PathBuf = Path::new(path).components().collect();
        if !root.is_absolute() || root.components().any(|part| part == Component::ParentDir) {
            return Err(refuse("its path is not absolute"));
        }
        Ok(Self {
            name: access.name.clone(),
            root,
        })
    }

    /// Fails unless a repository is there.
    pub(super) fn require(&self) -> Result<()> {
        match self.look()? {
            Found::Repository => Ok(()),
            Found::Nothing => Err(EngineError::new(
                ErrorKind::RepositoryNotFound,
                format!(
                    "there is no repository `{}` at `{}`",
                    self.name,
                    self.root.display()
                ),
            )),
            Found::SomethingElse => Err(EngineError::new(
                ErrorKind::NotARepository,
                format!(
                    "`{}` is not a repository (it has no `config` file)",
                    self.root.display()
                ),
            )),
        }
    }

    /// Makes the directory, for its owner alone; fails unless nothing was there.
    pub(super) fn prepare(&self) -> Result<()> {
        match self.look()? {
            Found::Nothing => fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.root)
                .map_err(|error| {
                    failure::system(
                        format!("cannot create the directory `{}`", self.root.display()),
                        &error,
                    )
                }),
            Found::Repository => Err(EngineError::new(
                ErrorKind::RepositoryExists,
                format!("a repository is at `{}` already", self.root.display()),
            )),
            Found::SomethingElse => Err(EngineError::new(
                ErrorKind::NotARepository,
                format!("`{}` is not empty and is not a repository", self.root.display()),
            )),
        }
    }

    fn look(&self) -> Result<Found> {
        let failed = |error: &io::Error| {
            failure::system(
                format!(
                    "cannot look for repository `{}` at `{}`",
                    self.name,
                    self.root.display()
                ),
                error,
            )
        };
        match fs::symlink_metadata(self.root.join("config")) {
            Ok(_) => return Ok(Found::Repository),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Found::SomethingElse),
            Err(error) => return Err(failed(&error)),
        }
        match fs::read_dir(&self.root).map(|mut entries| entries.next()) {
            Ok(None) => Ok(Found::Nothing),
            Ok(Some(_)) => Ok(Found::SomethingElse),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// As RFC 3986 spells schemes; what else stands before a colon is part of a path.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}
