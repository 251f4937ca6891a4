//! restic's keys: each seals the one master key with a password of its own.

mod file;

use std::io;

use nix::unistd::{User, gethostname, getuid};
use rustic_core::KeyOptions;

use crate::{
    Access, Cancellation, EngineError, ErrorKind, KeyInfo, NewKey, Password, Result,
    observe::Nobody,
    store::{Kind, Object},
};

use self::file::KeyFile;
use super::{
    bars::NoBars,
    failure,
    session::{self, Opened, Opening, Session},
};

/// All keys, the oldest first.
pub(crate) fn list(access: &Access) -> Result<Vec<KeyInfo>> {
    let (session, _) = open(access)?;
    let files = read(&session)?;
    let current = current(&session, access, &files);
    let mut keys: Vec<KeyInfo> = files
        .iter()
        .map(|file| file.info(current == Some(file.id.as_str())))
        .collect();
    keys.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    Ok(keys)
}

/// Makes a key under a shared lock, and opens the repository with it.
///
/// A password that opens a key already is refused: nobody could tell which of the two is in use.
pub(crate) fn add(access: &Access, new: &NewKey) -> Result<KeyInfo> {
    let (mut session, repository) = open(access)?;
    session.lock(session::version(&repository), &Nobody)?;
    let files = read(&session)?;
    if let Some(file) = files.iter().find(|file| file.opens_with(&new.password)) {
        return Err(refused(
            &session,
            &format!("its key {} opens with this password already", file.short()),
        ));
    }
    let options = KeyOptions::default()
        .hostname(new.host.clone().or_else(host))
        .username(new.user.clone().or_else(user))
        .with_created(true);
    session.check_lock()?;
    let id = repository
        .add_key(new.password.reveal(), &options)
        .map_err(|error| session.failed("add a key to", &error))?
        .to_hex()
        .to_string();
    proven(access, &session, &new.password, &id).inspect_err(|_| {
        // It is no key of anybody's: nobody was told of it.
        if let Err(error) = session.place.store.remove(&Object::new(Kind::Key, &id)) {
            tracing::warn!(key = id, %error, "cannot remove a key that does not open the repository");
        }
    })
}

/// Removes a key under an exclusive lock, and answers what it was. The one that opened the repository just now stays,
/// and so one always does.
pub(crate) fn remove(access: &Access, id: &str) -> Result<KeyInfo> {
    let (mut session, repository) = open(access)?;
    session.check_removable(&repository)?;
    session.lock_exclusively(session::version(&repository), &Nobody)?;
    let files = read(&session)?;
    let Some(file) = files.iter().find(|file| file.id == id) else {
        return Err(refused(&session, &format!("it has no key `{id}`")));
    };
    // Under the lock, for somebody may have removed that one since it has opened the repository.
    let current = current(&session, access, &files).filter(|current| {
        files
            .iter()
            .any(|file| file.id == *current && file.opens_with(&access.password))
    });
    let Some(current) = current else {
        return Err(refused(
            &session,
            "the key that has opened it is there no more, and no other was removed",
        ));
    };
    if current == id {
        let others = files.iter().any(|file| file.id != id && !file.is_damaged());
        let why = if others {
            format!(
                "its key {} is the one that backupd opens it with, and stays",
                file.short()
            )
        } else {
            format!("its key {} is the only one, and stays", file.short())
        };
        return Err(refused(&session, &why));
    }
    session.check_lock()?;
    let store = &session.place.store;
    let failed = |error: io::Error| {
        failure::system(
            format!("cannot remove a key of repository `{}`", session.place.name),
            &error,
        )
    };
    store.remove(&Object::new(Kind::Key, id)).map_err(failed)?;
    store.settle(Kind::Key).map_err(failed)?;
    Ok(file.info(false))
}

fn open(access: &Access) -> Result<(Session, Opened)> {
    let opening = Opening {
        cancellation: &Cancellation::default(),
        compression: None,
        bars: NoBars,
    };
    Session::open(access, opening)
}

/// Opens the repository anew, by the password alone; the key that does it must be that one.
fn proven(access: &Access, session: &Session, password: &Password, id: &str) -> Result<KeyInfo> {
    let access = Access {
        password: Password::new(password.reveal().to_owned()),
        ..access.clone()
    };
    let (opened, _) = open(&access)?;
    let files = read(session)?;
    files
        .iter()
        .find(|file| file.id == id && opened.key.as_deref() == Some(id))
        .map(|file| file.info(false))
        .ok_or_else(|| {
            EngineError::new(
                ErrorKind::Corrupt,
                format!(
                    "the new key of repository `{}` does not open it, and is not kept",
                    session.place.name
                ),
            )
        })
}

/// The key that opened the session.
fn current<'a>(session: &'a Session, access: &Access, files: &'a [KeyFile]) -> Option<&'a str> {
    session.key.as_deref().or_else(|| {
        let file = files.iter().find(|file| file.opens_with(&access.password));
        file.map(|file| file.id.as_str())
    })
}

fn read(session: &Session) -> Result<Vec<KeyFile>> {
    file::read_all(session.place.store.as_ref()).map_err(|error| {
        failure::system(
            format!("cannot read the keys of repository `{}`", session.place.name),
            &error,
        )
    })
}

fn refused(session: &Session, why: &str) -> EngineError {
    EngineError::new(
        ErrorKind::InvalidRequest,
        format!("repository `{}`: {why}", session.place.name),
    )
}

fn host() -> Option<String> {
    gethostname().ok()?.into_string().ok()
}

fn user() -> Option<String> {
    Some(User::from_uid(getuid()).ok()??.name)
}
