//! The keys of the repository, and what one needs to get in without us.

use std::{fs::File, io::Write};

use backupd_core::{
    failure::{Failure, FailureClass},
    protocol::{AddKeyWork, KeyRecord, RecoveryRecord, RemoveKeyWork},
    recovery,
};
use backupd_engine::{EngineError, ErrorKind, KeyInfo, NewKey};
use jiff::Timestamp;
use rustix::stdio;

use super::query::{ended, tell};
use crate::{
    attempt::{Context, Ended},
    failure, surroundings,
};

/// Lists keys, the oldest first.
pub(crate) fn keys(context: &Context<'_>, answer: &mut dyn Write) -> Ended {
    match context.engine.keys(context.access) {
        Ok(keys) => {
            let told = keys.into_iter().try_for_each(|key| tell(answer, &record(key)));
            ended(context, told.and_then(|()| answer.flush()))
        }
        Err(error) => explained(context, &error).into(),
    }
}

/// Makes a key.
pub(crate) fn add_key(context: &Context<'_>, work: &AddKeyWork, answer: &mut dyn Write) -> Ended {
    let Some(password) = context.new_password.clone() else {
        let what = "no password was given for the new key";
        return Failure::new(FailureClass::Configuration, failure::about(context.spec, what)).into();
    };
    let new = NewKey {
        password,
        host: work.host.clone(),
        user: work.user.clone(),
    };
    told(context, context.engine.add_key(context.access, &new), answer)
}

/// Removes a key.
pub(crate) fn remove_key(context: &Context<'_>, work: &RemoveKeyWork, answer: &mut dyn Write) -> Ended {
    told(
        context,
        context.engine.remove_key(context.access, &work.key),
        answer,
    )
}

/// What one needs to restore elsewhere.
pub(crate) fn recovery(context: &Context<'_>, answer: &mut dyn Write) -> Ended {
    let seen = context.engine.probe(context.access);
    let seen = seen.and_then(|info| Ok((info, context.engine.keys(context.access)?)));
    match seen {
        Ok((info, keys)) => {
            let repository = &context.spec.repository;
            let record = RecoveryRecord {
                repository: repository.name.to_string(),
                id: info.id,
                version: info.version,
                snapshots: info.snapshots,
                time: Timestamp::now(),
                host: surroundings::host(),
                keys: keys.into_iter().map(record).collect(),
                way: recovery::way(repository),
            };
            ended(context, tell(answer, &record).and_then(|()| answer.flush()))
        }
        Err(error) => explained(context, &error).into(),
    }
}

/// Writes the password into what standard input is, and nowhere else.
pub(crate) fn reveal(context: &Context<'_>) -> Ended {
    let written = stdio::stdin()
        .try_clone_to_owned()
        .map(File::from)
        .and_then(|mut file| file.write_all(context.access.password.reveal().as_bytes()));
    match written {
        Ok(()) => Ended::success(None),
        Err(error) => {
            let what = format!("the password cannot be handed over: {error}");
            Failure::new(FailureClass::Configuration, failure::about(context.spec, &what))
                .hint("hand over a file or a pipe that can be written")
                .into()
        }
    }
}

fn told(context: &Context<'_>, key: Result<KeyInfo, EngineError>, answer: &mut dyn Write) -> Ended {
    match key {
        Ok(key) => ended(context, tell(answer, &record(key)).and_then(|()| answer.flush())),
        Err(error) => explained(context, &error).into(),
    }
}

fn explained(context: &Context<'_>, error: &EngineError) -> Failure {
    let explained = failure::explain(error, context.spec, context.cancellation);
    if error.kind() == ErrorKind::InvalidRequest {
        let name = &context.spec.repository.name;
        return explained.hint(format!(
            "`backupctl repository key list {name}` shows the keys, and `backupctl repository key rotate {name}` \
             replaces the one in use"
        ));
    }
    explained
}

fn record(key: KeyInfo) -> KeyRecord {
    KeyRecord {
        id: key.id,
        current: key.current,
        host: key.host,
        user: key.user,
        created: key.created,
        damaged: key.damaged,
    }
}
