//! An opened repository with everything that stands around it.

use std::{sync::Arc, time::Duration};

use rustic_core::{
    Credentials, FileType, Id, Open, ProgressBars, ReadBackend, Repository, RepositoryBackends,
    RepositoryOptions, RusticError, WriteBackend,
};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, Observer, Result,
    store::{Address, Kind},
};

use super::{
    backend::Backend,
    crypto::Seal,
    failure::{self, Cause},
    guard::Guard,
    lock::{self, Claim, Held, Wait},
    lock_file::LockDirectory,
    place::Place,
};

/// The library's repository, once its key is known.
pub(super) type Opened = Repository<rustic_core::OpenStatus>;

/// What stays with an operation from its first to its last step.
pub(super) struct Session {
    pub(super) place: Place,
    pub(super) guard: Arc<Guard>,
    pub(super) seal: Seal,
    /// The key that its password opened; not known where the master key was.
    pub(super) key: Option<String>,
    cancellation: Cancellation,
    /// What locks are taken for.
    run: Option<String>,
    /// How long others' locks are waited for.
    lock_wait: Duration,
    lock: Option<Arc<Held>>,
}

/// What differs between operations when they open a repository.
pub(super) struct Opening<'a, P> {
    pub(super) cancellation: &'a Cancellation,
    /// zstd level for what is written; `None` takes the repository's own.
    pub(super) compression: Option<i32>,
    pub(super) bars: P,
}

impl Session {
    /// Opens a repository with its password. Changes nothing.
    pub(super) fn open<P: ProgressBars>(access: &Access, opening: Opening<'_, P>) -> Result<(Self, Opened)> {
        let place = Place::of(access)?;
        place.require()?;
        let guard = guard(&place, opening.cancellation);
        Self::open_behind(access, place, guard, opening)
    }

    /// As [`open`](Self::open), behind a guard that is there.
    pub(super) fn open_behind<P: ProgressBars>(
        access: &Access,
        place: Place,
        guard: Guard,
        opening: Opening<'_, P>,
    ) -> Result<(Self, Opened)> {
        let guard = Arc::new(guard);
        let password = Credentials::password(access.password.reveal());
        let open = |credentials: &Credentials, bars| -> std::result::Result<Opened, Box<RusticError>> {
            let backends = RepositoryBackends::new(Arc::clone(&guard) as Arc<dyn WriteBackend>, None);
            Repository::new_with_progress(&options(access), &backends, bars)?.open(credentials)
        };
        let bars = Arc::new(opening.bars);
        // A key that does not open is another repository's that stood there before.
        let known = access.password.key_of(&access.url).map(Credentials::Masterkey);
        let remembered = known.and_then(|key| open(&key, Shared(Arc::clone(&bars))).ok());
        let mut repository = match remembered {
            Some(repository) => repository,
            None => open(&password, Shared(Arc::clone(&bars)))
                .map_err(|error| cannot_open(&place, opening.cancellation, &error))?,
        };
        let key = repository.key_id().map(|id| id.to_hex().to_string());
        let master = repository.key();
        access.password.remember(&access.url, master.clone());
        let seal = Seal::new(&master)
            .map_err(|error| failure::system(format!("cannot open repository `{}`", place.name), &error))?;
        let session = Self {
            place,
            guard: Arc::clone(&guard),
            seal,
            key,
            cancellation: opening.cancellation.clone(),
            run: access.options.run.clone(),
            lock_wait: access.options.lock_wait,
            lock: None,
        };
        if let Some(level) = opening.compression {
            session.override_compression(level)?;
            repository = open(&Credentials::Masterkey(master), Shared(bars))
                .map_err(|error| cannot_open(&session.place, opening.cancellation, &error))?;
        }
        Ok((session, repository))
    }

    /// Takes a shared lock until the session ends; a snapshot is written only while it is alive. Others who exclude it are
    /// waited for.
    pub(super) fn lock(&mut self, version: u32, observer: &dyn Observer) -> Result<()> {
        self.lock_as(version, Claim::Shared, observer)
    }

    /// Takes an exclusive lock until the session ends; files are removed only while it is alive. Others are waited for.
    pub(super) fn lock_exclusively(&mut self, version: u32, observer: &dyn Observer) -> Result<()> {
        self.lock_as(version, Claim::Exclusive, observer)
    }

    fn lock_as(&mut self, version: u32, claim: Claim, observer: &dyn Observer) -> Result<()> {
        let wait = Wait::begin(self.lock_wait, observer, &self.cancellation);
        let lock = wait.until_taken(|| {
            let directory = self.locks(version);
            Held::take(&self.place.name, directory, claim, self.run.as_deref())
        })?;
        let lock = Arc::new(lock);
        self.guard.require_lock(Arc::downgrade(&lock));
        self.lock = Some(lock);
        Ok(())
    }

    /// Waits until a lock could be taken, and takes none.
    pub(super) fn wait_for_lock(&self, version: u32, claim: Claim, observer: &dyn Observer) -> Result<()> {
        let wait = Wait::begin(self.lock_wait, observer, &self.cancellation);
        lock::until_free(&self.place.name, &self.locks(version), claim, wait)
    }

    /// The lock files of the repository.
    pub(super) fn locks(&self, version: u32) -> LockDirectory {
        LockDirectory::new(Arc::clone(&self.place.store), self.seal.clone(), version)
    }

    /// As [`lock`](Self::lock), for work that only reads: a place that is full or cannot be written must not
    /// keep people from their data.
    pub(super) fn lock_for_reading(&mut self, version: u32, observer: &dyn Observer) -> Result<()> {
        match self.lock(version, observer) {
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NoSpace) => {
                tracing::warn!(error = error.chain(), "reading the repository without a lock");
                Ok(())
            }
            other => other,
        }
    }

    /// Fails with `Locked` if there was a lock and it was lost: what was seen since may be others' work.
    pub(super) fn check_lock(&self) -> Result<()> {
        match &self.lock {
            Some(lock)
                if !lock
                    .is_alive()
                    .map_err(|error| self.failed_because("look for the lock of", Cause::of(&error)))? =>
            {
                Err(EngineError::new(
                    ErrorKind::Locked,
                    format!(
                        "the lock of repository `{}` was lost, and others may have changed it",
                        self.place.name
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Fails where nothing may ever be removed.
    pub(super) fn check_removable<S: Open>(&self, repository: &Repository<S>) -> Result<()> {
        if repository.config().append_only == Some(true) {
            return Err(EngineError::new(
                ErrorKind::PermissionDenied,
                format!(
                    "repository `{}` is marked as one to which only is added: nothing may be removed from it",
                    self.place.name
                ),
            ));
        }
        Ok(())
    }

    /// Fails with `Cancelled` once somebody asked.
    pub(super) fn check_cancelled(&self) -> Result<()> {
        if self.cancellation.is_cancelled() {
            Err(cancelled())
        } else {
            Ok(())
        }
    }

    /// The error of an operation that the library ended; `doing` completes "cannot …".
    pub(super) fn failed(&self, doing: &str, error: &RusticError) -> EngineError {
        self.failed_because(doing, Cause::of(error))
    }

    pub(super) fn failed_because(&self, doing: &str, cause: Cause) -> EngineError {
        if self.cancellation.is_cancelled() {
            return cancelled();
        }
        let cause = self.guard.failure().unwrap_or(cause);
        failure::caused(
            format!("cannot {doing} repository `{}`", self.place.name),
            cause,
            ErrorKind::Other,
        )
    }

    /// The library takes the level from the configuration file alone: it is shown one with ours in it.
    fn override_compression(&self, level: i32) -> Result<()> {
        let sealed = self
            .guard
            .read_full(FileType::Config, &Id::default())
            .map_err(|error| self.failed("read the configuration of", &error))?;
        let rewrite = || -> std::io::Result<Vec<u8>> {
            let mut config: serde_json::Value = serde_json::from_slice(&self.seal.open_file(&sealed)?)?;
            if let Some(fields) = config.as_object_mut() {
                fields.insert("compression".to_owned(), level.into());
            }
            self.seal.close(&serde_json::to_vec(&config)?)
        };
        let config =
            rewrite().map_err(|error| self.failed_because("read the configuration of", Cause::of(&error)))?;
        self.guard.present_config(config);
        Ok(())
    }
}

impl Drop for Session {
    /// The lock goes only after the last write.
    fn drop(&mut self) {
        self.guard.end();
        self.lock = None;
    }
}

/// Both openings of a session report to the same place.
#[derive(Debug)]
struct Shared<P>(Arc<P>);

impl<P: ProgressBars> ProgressBars for Shared<P> {
    fn progress(&self, kind: rustic_core::ProgressType, prefix: &str) -> rustic_core::Progress {
        self.0.progress(kind, prefix)
    }
}

/// The files of a place as the library sees them, behind our guard.
pub(super) fn guard(place: &Place, cancellation: &Cancellation) -> Guard {
    let place = Place {
        store: place.store.until(cancellation),
        ..place.clone()
    };
    Guard::new(backend(&place), place.store, cancellation.clone())
}

/// The files of a place as the library sees them.
pub(super) fn backend(place: &Place) -> Arc<dyn WriteBackend> {
    Arc::new(Backend::new(Arc::clone(&place.store)))
}

/// How the library keeps its cache.
pub(super) fn options(access: &Access) -> RepositoryOptions {
    let options = RepositoryOptions::default();
    // A copy of a local file would only cost space.
    let is_local = matches!(Address::parse(&access.url), Ok(Address::Local(_)));
    match access.cache.as_ref().filter(|_| !is_local) {
        Some(cache) => options.cache_dir(cache.clone()),
        None => options.no_cache(true),
    }
}

fn cannot_open(place: &Place, cancellation: &Cancellation, error: &RusticError) -> EngineError {
    if cancellation.is_cancelled() {
        return cancelled();
    }
    if error.is_incorrect_password() {
        // A server that answers all with nothing lists none, too.
        if matches!(place.store.list(Kind::Key), Ok(keys) if keys.is_empty()) {
            return EngineError::new(
                ErrorKind::Corrupt,
                format!(
                    "repository `{}` has no key any more, and nothing opens it",
                    place.name
                ),
            );
        }
        return EngineError::new(
            ErrorKind::WrongPassword,
            format!("no key of repository `{}` opens with this password", place.name),
        );
    }
    failure::caused(
        format!("cannot open repository `{}`", place.name),
        Cause::of(error),
        ErrorKind::Other,
    )
}

pub(crate) fn cancelled() -> EngineError {
    EngineError::new(ErrorKind::Cancelled, "the operation was cancelled")
}

/// The format version of an opened repository.
pub(super) fn version<S: Open>(repository: &Repository<S>) -> u32 {
    repository.config().version
}
