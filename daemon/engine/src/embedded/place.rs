//! Where a repository lies, and what is there before it is opened.

use std::{path::PathBuf, sync::Arc};

use crate::{
    Access, EngineError, ErrorKind, Result,
    store::{self, Address, Found, Store},
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
        let address = Address::parse(&access.url).map_err(|why| refuse(&why))?;
        let root = match &address {
            Address::Local(root) => Some(root.clone()),
            _ => None,
        };
        let store = store::open(access, address).map_err(|fault| refuse(&fault.to_string()))?;
        Ok(Self {
            name: access.name.clone(),
            store,
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
