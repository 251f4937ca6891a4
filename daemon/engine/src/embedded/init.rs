//! Creates repositories, and tells what one says of itself.

use std::sync::Arc;

use rustic_core::{
    ConfigOptions, Credentials, KeyOptions, Open, Repository, RepositoryBackends, WriteBackend,
};

use crate::{Access, Cancellation, ErrorKind, RepositoryInfo, Result};

use super::{
    bars::NoBars,
    failure::{self, Cause},
    place::Place,
    session::{self, Opening, Session},
    snapshots,
};

pub(super) fn create(access: &Access) -> Result<RepositoryInfo> {
    let place = Place::of(access)?;
    place.require_nothing()?;
    let guard = Arc::new(session::guard(&place, &Cancellation::default()));
    let backends = RepositoryBackends::new(guard as Arc<dyn WriteBackend>, None);
    let password = Credentials::password(access.password.reveal());
    let repository = Repository::new_with_progress(&session::options(access), &backends, NoBars)
        .and_then(|bare| {
            bare.init(
                &password,
                &KeyOptions::default().with_created(true),
                &ConfigOptions::default(),
            )
        })
        .map_err(|error| {
            failure::caused(
                format!(
                    "cannot create repository `{}` at `{}`",
                    place.name,
                    place.store.location()
                ),
                Cause::of(&error),
                ErrorKind::Other,
            )
        })?;
    Ok(info(&repository, 0))
}

pub(super) fn probe(access: &Access) -> Result<RepositoryInfo> {
    let opening = Opening {
        cancellation: &Cancellation::default(),
        compression: None,
        bars: NoBars,
    };
    let (session, repository) = Session::open(access, opening)?;
    Ok(info(&repository, snapshots::count(&session)?))
}

fn info<S: Open>(repository: &Repository<S>, snapshots: u64) -> RepositoryInfo {
    let config = repository.config();
    RepositoryInfo {
        id: config.id.to_hex().to_string(),
        version: config.version,
        snapshots,
    }
}
