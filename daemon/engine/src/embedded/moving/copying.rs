//! Brings all files to another place, and looks at each there.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, MoveReport, MoveRequest, Observer, Phase, Result,
    embedded::{
        bars::NoBars,
        crypto, failure,
        feed::Feed,
        place::Place,
        room::Watch,
        session::{Opening, Session, cancelled, version},
    },
    store::{Found, Kind, Object, Store},
};

use super::files::{Files, each};

pub(crate) fn run(
    source: &Access,
    target: &Access,
    request: &MoveRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<MoveReport> {
    observer.phase(Phase::Open);
    let place = Place::of(target)?;
    let opening = Opening {
        cancellation,
        compression: None,
        bars: NoBars,
    };
    let (mut session, repository) = Session::open(source, opening)?;
    refuse_within(&session.place, &place)?;
    session.lock_exclusively(version(&repository), observer)?;
    let moving = Moving {
        from: session.place.store.until(cancellation),
        to: place.store.until(cancellation),
        session: &session,
        place: &place,
        cancellation,
    };
    moving.all(request, observer)
}

/// A repository below itself would be removed with what it was moved from.
fn refuse_within(from: &Place, to: &Place) -> Result<()> {
    let whole = |place: &Place| {
        let root = place.root.as_ref()?;
        Some(root.canonicalize().unwrap_or_else(|_| root.clone()))
    };
    let there_already = || invalid(format!("repository `{}` is there already", from.name));
    let (Some(a), Some(b)) = (whole(from), whole(to)) else {
        if from.store.location() == to.store.location() {
            return Err(there_already());
        }
        return Ok(());
    };
    if a == b {
        return Err(there_already());
    }
    if a.starts_with(&b) || b.starts_with(&a) {
        let message = format!(
            "repository `{}` cannot be moved: `{}` and `{}` lie within each other",
            from.name,
            a.display(),
            b.display()
        );
        return Err(invalid(message));
    }
    Ok(())
}

fn invalid(message: String) -> EngineError {
    EngineError::new(ErrorKind::InvalidRequest, message)
}

struct Moving<'a> {
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
    session: &'a Session,
    place: &'a Place,
    cancellation: &'a Cancellation,
}

impl Moving<'_> {
    fn all(&self, request: &MoveRequest, observer: &dyn Observer) -> Result<MoveReport> {
        observer.phase(Phase::Index);
        let (files, _) = Files::at(&*self.from).map_err(|error| self.reading(&error))?;
        let config = self
            .from
            .read(&Object::config())
            .map_err(|error| self.reading(&error))?;
        let there = self.look(&files, &config)?;
        let left: Vec<(Object, u64)> = files
            .in_order()
            .filter(|(object, size)| !there.has(object, *size))
            .collect();
        let needed: u64 = left.iter().map(|(_, size)| size).sum();
        let mut allowance = request.allowance.clone();
        allowance.expected = Some(needed);
        let watch = Watch::begin_move(self.place, &allowance, self.cancellation)?;
        self.to.create().map_err(|error| self.writing(&error))?;

        observer.phase(Phase::Copy);
        let feed = Feed::default();
        feed.files_total.store(left.len() as u64, Ordering::Relaxed);
        feed.bytes_total.store(needed, Ordering::Relaxed);
        feed.follow(observer, || {
            // One kind after the other: what needs others is written after them.
            for part in left.chunk_by(|(a, _), (b, _)| a.kind == b.kind) {
                each(part, |(object, size)| self.copy(object, *size, &watch, &feed))?;
            }
            Ok(())
        })?;
        observer.progress(feed.progress());

        observer.phase(Phase::Verify);
        let feed = Feed::default();
        feed.files_total.store(files.count(), Ordering::Relaxed);
        feed.bytes_total.store(files.bytes(), Ordering::Relaxed);
        feed.follow(observer, || self.verify(&files, &feed))?;
        observer.progress(feed.progress());
        self.end(&files, &config)?;
        Ok(MoveReport {
            files: files.count() + 1,
            bytes: files.bytes() + config.len() as u64,
            files_there: files.count() - left.len() as u64,
            bytes_written: needed,
            contents: files.contents(),
        })
    }

    /// What an earlier try has brought there. Fails where something else is.
    fn look(&self, files: &Files, config: &[u8]) -> Result<Files> {
        let found = self.to.look().map_err(|error| self.listing(&error))?;
        let location = self.to.location();
        if found == Found::Repository {
            let theirs = self.to.read(&Object::config());
            if theirs.map_err(|error| self.listing(&error))? != config {
                return Err(EngineError::new(
                    ErrorKind::RepositoryExists,
                    format!("another repository is at `{location}` already"),
                ));
            }
        }
        let (there, begun) = Files::at(&*self.to).map_err(|error| self.listing(&error))?;
        let is_ours = there.in_order().all(|(object, _)| {
            let names = files.of(object.kind);
            names.is_some_and(|names| names.contains_key(&object.name))
        });
        if !is_ours {
            return Err(EngineError::new(
                ErrorKind::TargetUnusable,
                format!(
                    "`{location}` has files of a repository that are not of `{}`",
                    self.place.name
                ),
            ));
        }
        if found == Found::SomethingElse && there == Files::default() && begun.is_empty() {
            return Err(EngineError::new(
                ErrorKind::TargetUnusable,
                format!("`{location}` is not empty and is not a repository"),
            ));
        }
        Ok(there)
    }

    fn copy(&self, object: &Object, size: u64, watch: &Watch, feed: &Feed) -> Result<()> {
        self.check()?;
        feed.working_on(PathBuf::from(object.path()));
        let content = self.from.read(object).map_err(|error| self.reading(&error))?;
        if crypto::hex(&crypto::digest(&content)) != object.name {
            return Err(EngineError::new(
                ErrorKind::Corrupt,
                format!(
                    "cannot move repository `{}`: its file `{}` is damaged",
                    self.place.name,
                    object.path()
                ),
            ));
        }
        let is_pack = object.kind == Kind::Pack;
        if is_pack {
            watch.before_pack(size).map_err(|out| {
                let message = format!("cannot move repository `{}`", self.place.name);
                failure::caused(message, out.cause(), ErrorKind::NoSpace)
            })?;
        }
        let written = self.to.write(object, &[content]);
        if is_pack {
            watch.after_pack(size, written.is_ok());
        }
        written.map_err(|error| self.writing(&error))?;
        feed.files_done.fetch_add(1, Ordering::Relaxed);
        feed.bytes_done.fetch_add(size, Ordering::Relaxed);
        feed.bytes_added.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    /// Reads everything at the new place.
    fn verify(&self, files: &Files, feed: &Feed) -> Result<()> {
        let (there, _) = Files::at(&*self.to).map_err(|error| self.listing(&error))?;
        if there != *files {
            return Err(self.is_not(
                "the new place does not list the files that were written",
                ErrorKind::Corrupt,
            ));
        }
        let wrong = AtomicU64::new(0);
        let all: Vec<(Object, u64)> = files.in_order().collect();
        each(&all, |(object, size)| {
            self.check()?;
            feed.working_on(PathBuf::from(object.path()));
            let content = self.to.read(object).map_err(|error| self.listing(&error))?;
            if crypto::hex(&crypto::digest(&content)) != object.name {
                wrong.fetch_add(1, Ordering::Relaxed);
                // The next try writes it again.
                let _ = self.to.remove(object);
            }
            feed.files_done.fetch_add(1, Ordering::Relaxed);
            feed.bytes_done.fetch_add(*size, Ordering::Relaxed);
            Ok(())
        })?;
        match wrong.into_inner() {
            0 => Ok(()),
            wrong => Err(self.is_not(
                &format!("{wrong} files read at the new place are not what was written"),
                ErrorKind::Corrupt,
            )),
        }
    }

    /// Writes what makes a repository of it, once it is certain that nobody has changed anything meanwhile.
    fn end(&self, files: &Files, config: &[u8]) -> Result<()> {
        self.check()?;
        self.session.check_lock()?;
        let (now, _) = Files::at(&*self.from).map_err(|error| self.reading(&error))?;
        if now != *files {
            return Err(self.is_not("somebody has changed it meanwhile", ErrorKind::Locked));
        }
        let object = Object::config();
        self.to
            .write(&object, &[config.to_vec().into()])
            .map_err(|error| self.writing(&error))?;
        let there = self.to.read(&object).map_err(|error| self.listing(&error))?;
        if there != config {
            let _ = self.to.remove(&object);
            return Err(self.is_not(
                "the configuration read at the new place is not what was written",
                ErrorKind::Corrupt,
            ));
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if self.cancellation.is_cancelled() {
            return Err(cancelled());
        }
        Ok(())
    }

    fn is_not(&self, why: &str, kind: ErrorKind) -> EngineError {
        EngineError::new(
            kind,
            format!("repository `{}` was not moved: {why}", self.place.name),
        )
    }

    fn reading(&self, error: &io::Error) -> EngineError {
        self.failed("read", &*self.from, error)
    }

    fn listing(&self, error: &io::Error) -> EngineError {
        self.failed("read what is", &*self.to, error)
    }

    fn writing(&self, error: &io::Error) -> EngineError {
        self.failed("write", &*self.to, error)
    }

    fn failed(&self, doing: &str, store: &dyn Store, error: &io::Error) -> EngineError {
        if self.cancellation.is_cancelled() {
            return cancelled();
        }
        let message = format!(
            "cannot move repository `{}`: cannot {doing} at `{}`",
            self.place.name,
            store.location()
        );
        failure::system(message, error)
    }
}
