//! Where a repository lies, and what is there before it is opened.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use crate::{
    Access, EngineError, ErrorKind, Result,
    store::{Found, Local, Store},
};

use super::failure;

/// A place that holds, or shall hold, a repository.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What people call it.
    pub(super) name: String,
    pub(super) store: Arc<dyn Store>,
    /// The directory, if it is one of this machine.
    pub(super) root: Option<PathBuf>,
}

impl Place {
    /// Reads the address.
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
            store: Arc::new(Local::new(root.clone())),
            root: Some(root),
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
                    self.store.location()
                ),
            )),
            Found::SomethingElse => Err(EngineError::new(
                ErrorKind::NotARepository,
                format!(
                    "`{}` is not a repository (it has no `config` file)",
                    self.store.location()
                ),
            )),
        }
    }

    /// Fails unless nothing is there.
    pub(super) fn require_nothing(&self) -> Result<()> {
        match self.look()? {
            Found::Nothing => Ok(()),
            Found::Repository => Err(EngineError::new(
                ErrorKind::RepositoryExists,
                format!("a repository is at `{}` already", self.store.location()),
            )),
            Found::SomethingElse => Err(EngineError::new(
                ErrorKind::NotARepository,
                format!("`{}` is not empty and is not a repository", self.store.location()),
            )),
        }
    }

    fn look(&self) -> Result<Found> {
        self.store.look().map_err(|error| {
            failure::system(
                format!(
                    "cannot look for repository `{}` at `{}`",
                    self.name,
                    self.store.location()
                ),
                &error,
            )
        })
    }
}

/// As RFC 3986 spells schemes; what else stands before a colon is part of a path.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}
