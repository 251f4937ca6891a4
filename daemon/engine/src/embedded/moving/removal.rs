//! Removes a repository's files where nobody needs them any more, and never anything else.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, Observer, Phase, Remains, RemovalReport, Result, Warning,
    embedded::{
        bars::NoBars,
        failure,
        feed::Feed,
        lock::{Claim, Held, Wait},
        lock_file::LockDirectory,
        place::Place,
        session::{Opening, Session, cancelled, version},
    },
    store::{Found, Kind, Object, Store},
};

use super::files::{Files, each};

/// Removes what is at `old`, as far as it is of the repository that is at `current` now.
pub(crate) fn remove(
    current: &Access,
    old: &Access,
    why: &Remains,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<RemovalReport> {
    observer.phase(Phase::Open);
    let place = Place::of(old)?;
    let opening = Opening {
        cancellation,
        compression: None,
        bars: NoBars,
    };
    // What is removed elsewhere must be here, and open with the password.
    let (mut session, repository) = Session::open(current, opening)?;
    session.lock(version(&repository), observer)?;
    let removal = Removal {
        current: session.place.store.until(cancellation),
        old: place.store.until(cancellation),
        place: &place,
        cancellation,
    };
    if session.place.store.location() == place.store.location() {
        return Err(removal.refuse("it is at this very place"));
    }
    let found = place
        .store
        .look()
        .map_err(|error| removal.failed("read", &error))?;
    if found == Found::Nothing && matches!(why, Remains::Moved(_)) {
        observer.warning(Warning {
            path: PathBuf::from(place.store.location()),
            reason: "nothing is there any more, or the disk that it is on is not mounted".to_owned(),
        });
    }
    let locks = || {
        LockDirectory::new(
            Arc::clone(&place.store),
            session.seal.clone(),
            version(&repository),
        )
    };
    // Others may work there still, who have not heard of the move.
    let held = if found == Found::Repository {
        removal.compare_config()?;
        let wait = Wait::begin(current.options.lock_wait, observer, cancellation);
        let run = current.options.run.as_deref();
        Some(wait.until_taken(|| Held::take(&place.name, locks(), Claim::Exclusive, run))?)
    } else {
        None
    };
    let report = removal.all(why, found, observer, || match &held {
        Some(held) => held.is_alive(),
        None => Ok(true),
    })?;
    drop(held);
    // Locks of those who are gone.
    let locks = locks();
    for (name, _) in locks.read_all(Duration::ZERO).unwrap_or_default() {
        locks.remove(&name);
    }
    if let Err(error) = place.store.remove_directories() {
        tracing::info!(place = place.store.location(), %error, "the folder stays");
    }
    Ok(report)
}

struct Removal<'a> {
    current: Arc<dyn Store>,
    old: Arc<dyn Store>,
    place: &'a Place,
    cancellation: &'a Cancellation,
}

impl Removal<'_> {
    fn compare_config(&self) -> Result<()> {
        let config = Object::config();
        let here = self.current.read(&config);
        let there = self
            .old
            .read(&config)
            .map_err(|error| self.failed("read", &error))?;
        if here.map_err(|error| self.failed("read", &error))? == there {
            return Ok(());
        }
        Err(self.refuse("another repository is there"))
    }

    fn all(
        &self,
        why: &Remains,
        found: Found,
        observer: &dyn Observer,
        is_held: impl Fn() -> io::Result<bool> + Sync,
    ) -> Result<RemovalReport> {
        observer.phase(Phase::Index);
        let (files, begun) = Files::at(&*self.old).map_err(|error| self.failed("read", &error))?;
        self.check_needless(why, found, &files)?;
        observer.phase(Phase::Prune);
        let feed = Feed::default();
        let sizes = AtomicU64::new(0);
        let parts = parts(found, &files, begun);
        let count = parts.iter().map(Vec::len).sum::<usize>() as u64;
        feed.files_total.store(count, Ordering::Relaxed);
        feed.follow(observer, || {
            for part in &parts {
                each(part, |(object, size)| {
                    if self.cancellation.is_cancelled() {
                        return Err(cancelled());
                    }
                    match is_held() {
                        Ok(true) => {}
                        Ok(false) => return Err(self.refuse("somebody else has taken it over")),
                        Err(error) => return Err(self.failed("read", &error)),
                    }
                    feed.working_on(PathBuf::from(object.path()));
                    match self.old.remove(object) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(self.failed("remove files", &error));
                        }
                        _ => {}
                    }
                    feed.files_done.fetch_add(1, Ordering::Relaxed);
                    sizes.fetch_add(*size, Ordering::Relaxed);
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        observer.progress(feed.progress());
        Ok(RemovalReport {
            files: feed.files_done.load(Ordering::Relaxed),
            bytes: sizes.into_inner(),
        })
    }

    /// Fails where something would be lost.
    fn check_needless(&self, why: &Remains, found: Found, files: &Files) -> Result<()> {
        match why {
            Remains::Moved(contents) => {
                // A try before this one has removed all else.
                let is_rest = found != Found::Repository
                    && files.keys.is_empty()
                    && files.packs.is_empty()
                    && files.indexes.is_empty();
                if is_rest || files.contents() == *contents {
                    return Ok(());
                }
                Err(self.refuse("snapshots have come or gone there since it was moved away"))
            }
            Remains::GivenUp => {
                let (here, _) = Files::at(&*self.current).map_err(|error| self.failed("read", &error))?;
                if files.in_order().all(|(object, size)| here.has(&object, size)) {
                    return Ok(());
                }
                Err(self.refuse("files are there that the repository has not"))
            }
        }
    }

    fn refuse(&self, why: &str) -> EngineError {
        let message = format!(
            "what is at `{}` is not removed: {why}",
            self.place.store.location()
        );
        EngineError::new(ErrorKind::InvalidRequest, message)
    }

    fn failed(&self, doing: &str, error: &io::Error) -> EngineError {
        if self.cancellation.is_cancelled() {
            return cancelled();
        }
        let message = format!(
            "cannot remove what repository `{}` has left: cannot {doing} at `{}`",
            self.place.name,
            self.place.store.location()
        );
        failure::system(message, error)
    }
}

/// What makes a repository of it goes first. The snapshots' files stay to the last: they show the next try whose
/// remains these are.
fn parts(found: Found, files: &Files, begun: Vec<Object>) -> Vec<Vec<(Object, u64)>> {
    let of = |kind: Kind| -> Vec<(Object, u64)> {
        files
            .in_order()
            .filter(|(object, _)| object.kind == kind)
            .collect()
    };
    let config = (found == Found::Repository).then(|| (Object::config(), 0));
    vec![
        config.into_iter().collect(),
        begun.into_iter().map(|object| (object, 0)).collect(),
        of(Kind::Index),
        of(Kind::Pack),
        of(Kind::Key),
        of(Kind::Snapshot),
    ]
}
