//! Another password for a repository, in two halves: between them the repository's file changes what it names. Whenever
//! this is cut off, the password that the file names opens the repository, and the note says how to go on.

use std::io::{self, Write};

use backupd_core::{
    config::PasswordSource,
    failure::{Failure, FailureClass},
    protocol::{EndRotationWork, RotateKeyWork, RotatedRecord, RotationEndRecord},
};
use backupd_engine::{Access, EngineError, ErrorKind, KeyInfo, NewKey, Password};
use zeroize::Zeroizing;

use super::{
    keeping::Keeping,
    query::{ended, tell},
    shelf::{Note, Shelf},
};
use crate::{
    attempt::{Context, Ended},
    failure, password,
};

/// Random bytes in a password that nobody gave.
const LENGTH: usize = 32;

/// The first half: keeps another password beside the one before, and makes a key with it.
pub(crate) fn rotate(context: &Context<'_>, work: &RotateKeyWork, answer: &mut dyn Write) -> Ended {
    match begin(context, work, context.new_password.clone()) {
        Ok(record) => ended(context, tell(answer, &record).and_then(|()| answer.flush())),
        Err(failure) => failure.into(),
    }
}

/// The second half: the key and the password before go.
pub(crate) fn end_rotation(context: &Context<'_>, work: &EndRotationWork, answer: &mut dyn Write) -> Ended {
    match end(context, work) {
        Ok(record) => ended(context, tell(answer, &record).and_then(|()| answer.flush())),
        Err(failure) => failure.into(),
    }
}

fn begin(
    context: &Context<'_>,
    work: &RotateKeyWork,
    given: Option<Password>,
) -> Result<RotatedRecord, Failure> {
    let shelf = Shelf::lock(context, &work.secrets)?;
    let keeping = Keeping {
        context,
        secrets: &work.secrets,
    };
    let now = &context.spec.repository.password;
    let old_key = current(context, context.access)?;
    if let Some(note) = shelf.note()? {
        if note.to == *now {
            if given.is_some() {
                let what = "an earlier rotation is not over, so that no other begins";
                let hint = format!(
                    "end it first: `backupctl repository key rotate {}`",
                    context.spec.repository.name
                );
                return Err(
                    Failure::new(FailureClass::Configuration, failure::about(context.spec, what)).hint(hint),
                );
            }
            return Ok(RotatedRecord {
                password: note.to,
                before: note.from,
                key: old_key,
                old_key: note.old_key,
                resumed: true,
            });
        }
        let kept = password::kept(context, &note.to)?;
        match kept {
            // The key may be there or not.
            Some(kept) if given.is_none() && note.from == *now => {
                let key = made(context, kept)?;
                shelf.write(&Note {
                    old_key: old_key.clone(),
                    ..note.clone()
                })?;
                return Ok(RotatedRecord {
                    password: note.to,
                    before: note.from,
                    key,
                    old_key,
                    resumed: true,
                });
            }
            Some(kept) => abandon(context, &keeping, &note, kept, &old_key)?,
            // It was cut off before the password was kept, and so before there was a key.
            None => {}
        }
        shelf.clear()?;
    }
    let new = match given {
        Some(given) => given,
        None => random().map_err(|error| {
            let what = format!("no password can be made: {error}");
            Failure::new(FailureClass::Engine, failure::about(context.spec, &what)).hint("try again")
        })?,
    };
    let mut announce = |to: &PasswordSource| {
        shelf.write(&Note {
            from: now.clone(),
            to: to.clone(),
            old_key: old_key.clone(),
        })
    };
    let place = keeping.keep(new.reveal(), work.keep, &mut announce)?;
    let read = password::kept(context, &place)?;
    if read.is_none_or(|read| read.reveal() != new.reveal()) {
        let what = format!("the new password cannot be read back from the {place}, and is not used");
        return Err(
            Failure::new(FailureClass::Configuration, failure::about(context.spec, &what))
                .hint("see the file system that it is on, and rotate again"),
        );
    }
    let made = context.engine.add_key(context.access, &NewKey::of(new));
    match made {
        Ok(key) => Ok(RotatedRecord {
            password: place,
            before: now.clone(),
            key: key.id,
            old_key,
            resumed: false,
        }),
        Err(error) => {
            // It is certain that no key was made: nothing is to be gone on with.
            if error.kind() == ErrorKind::InvalidRequest {
                keeping.discard(&place)?;
                shelf.clear()?;
            }
            Err(explained(context, &error))
        }
    }
}

fn end(context: &Context<'_>, work: &EndRotationWork) -> Result<RotationEndRecord, Failure> {
    let shelf = Shelf::lock(context, &work.secrets)?;
    let now = &context.spec.repository.password;
    let Some(note) = shelf.note()?.filter(|note| note.to == *now) else {
        return Ok(RotationEndRecord::default());
    };
    let keys = keys(context, context.access)?;
    let old = keys.iter().find(|key| key.id == note.old_key);
    let removed = match old {
        Some(key) => {
            let removed = context.engine.remove_key(context.access, &key.id);
            Some(removed.map_err(|error| explained(context, &error))?.id)
        }
        None => None,
    };
    if !work.spare {
        let keeping = Keeping {
            context,
            secrets: &work.secrets,
        };
        keeping.discard(&note.from)?;
    }
    shelf.clear()?;
    Ok(RotationEndRecord {
        removed,
        spared: work.spare.then_some(note.from),
    })
}

/// Takes back what an earlier rotation has made and nobody uses: its key, and then its password.
fn abandon(
    context: &Context<'_>,
    keeping: &Keeping<'_>,
    note: &Note,
    kept: Password,
    in_use: &str,
) -> Result<(), Failure> {
    let access = with(context, kept);
    match context.engine.keys(&access) {
        Ok(keys) => {
            for key in keys.iter().filter(|key| key.current && key.id != in_use) {
                context
                    .engine
                    .remove_key(context.access, &key.id)
                    .map_err(|error| explained(context, &error))?;
            }
        }
        Err(error) if error.kind() == ErrorKind::WrongPassword => {}
        Err(error) => return Err(explained(context, &error)),
    }
    keeping.discard(&note.to)
}

/// The key that opens with the password, which is made unless it is there.
fn made(context: &Context<'_>, kept: Password) -> Result<String, Failure> {
    match context.engine.keys(&with(context, kept.clone())) {
        Ok(keys) => in_use(context, keys),
        Err(error) if error.kind() == ErrorKind::WrongPassword => context
            .engine
            .add_key(context.access, &NewKey::of(kept))
            .map(|key| key.id)
            .map_err(|error| explained(context, &error)),
        Err(error) => Err(explained(context, &error)),
    }
}

fn with(context: &Context<'_>, password: Password) -> Access {
    Access {
        password,
        ..context.access.clone()
    }
}

fn current(context: &Context<'_>, access: &Access) -> Result<String, Failure> {
    in_use(context, keys(context, access)?)
}

fn keys(context: &Context<'_>, access: &Access) -> Result<Vec<KeyInfo>, Failure> {
    context
        .engine
        .keys(access)
        .map_err(|error| failure::explain(&error, context.spec, context.cancellation))
}

fn in_use(context: &Context<'_>, keys: Vec<KeyInfo>) -> Result<String, Failure> {
    let current = keys.into_iter().find(|key| key.current);
    current.map(|key| key.id).ok_or_else(|| {
        let what = "the key that has opened it is there no more";
        Failure::new(FailureClass::Locked, failure::about(context.spec, what))
            .hint("somebody else changes its keys: try again when that is done")
    })
}

fn explained(context: &Context<'_>, error: &EngineError) -> Failure {
    let explained = failure::explain(error, context.spec, context.cancellation);
    if error.kind() == ErrorKind::InvalidRequest {
        return explained.hint("give a password that is new, or none: a random one is made then");
    }
    explained
}

/// 256 random bits, as `repository add --generate-password` has them.
fn random() -> io::Result<Password> {
    let mut bytes = Zeroizing::new([0_u8; LENGTH]);
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    let mut text = String::with_capacity(2 * LENGTH);
    for byte in bytes.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    Ok(Password::new(text))
}
