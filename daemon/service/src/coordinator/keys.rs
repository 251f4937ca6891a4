//! Keys of a repository: made, removed, and replaced together with the password that the daemon has kept.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    os::fd::OwnedFd,
    path::Path,
};

use backupd_core::{
    audit::{Action, Entry, Outcome},
    config::{PasswordSource, Repository},
    name::{CredentialName, RepositoryName},
    protocol::{
        AddKeyWork, EndRotationWork, Keep, KeyRecord, RemoveKeyWork, RotateKeyWork, RotatedRecord,
        RotationEndRecord, StoredCredential, Work,
    },
};
use serde::de::DeserializeOwned;

use super::{
    Handle,
    message::Message,
    password::{Before, PasswordWish, Prepared},
    questions::{unfold, why},
    refusal::{Refusal, RefusalKind},
};
use crate::ports::AskError;

/// An answer of more is none.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// What a question came to, or why it was not put.
type Asked<T> = Result<Result<T, AskError>, Refusal>;

/// A password that replaces another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRotated {
    /// Where it is.
    pub(crate) now: PasswordSource,
    /// Where the one before was, and is still if it is not removed.
    pub(crate) before: PasswordSource,
    pub(crate) key: String,
    pub(crate) old_key: String,
    /// Whether it is that of a rotation that was cut off.
    pub(crate) resumed: bool,
    /// Why the key and the password before are there still.
    pub(crate) left: Option<String>,
    /// Whether the place of the password before stays, for others have it too.
    pub(crate) spared: bool,
}

impl Handle {
    /// Has a worker make a key with the password that it reads; the answer is a file to read from the start.
    pub(crate) async fn add_key(
        &self,
        repository: RepositoryName,
        password: OwnedFd,
        work: AddKeyWork,
    ) -> Asked<File> {
        let known = self.repository(repository.clone()).await?;
        refuse_variable(&known, "gets no key by this")?;
        let entry = self.entry(Action::RepositoryKeyAdd).repository(Some(&repository));
        let act = self.asked(repository, Work::AddKey(work), Some(password));
        let mut file = match unfold(self.recorded(entry.clone(), act, why).await?)? {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        // Which it is is known only now.
        if let Ok(key) = read::<KeyRecord>(&mut file) {
            self.append(entry.values("", &key.id)).await;
        }
        Ok(file.rewind().map(|()| file).map_err(no_answer))
    }

    /// Has a worker remove a key; the answer is a file to read from the start.
    pub(crate) async fn remove_key(&self, repository: RepositoryName, key: String) -> Asked<File> {
        self.repository(repository.clone()).await?;
        let entry = self
            .entry(Action::RepositoryKeyRemove)
            .repository(Some(&repository))
            .values(&key, "");
        let act = self.asked(repository, Work::RemoveKey(RemoveKeyWork { key }), None);
        unfold(self.recorded(entry, act, why).await?)
    }

    /// Has a worker write the password of a repository into what the caller has opened. Nobody else sees it.
    pub(crate) async fn reveal(&self, repository: RepositoryName, into: OwnedFd) -> Asked<()> {
        let known = self.repository(repository.clone()).await?;
        refuse_variable(&known, "is told to nobody")?;
        let entry = self.entry(Action::RepositoryReveal).repository(Some(&repository));
        let act = self.asked(repository, Work::Reveal, Some(into));
        Ok(unfold(self.recorded(entry, act, why).await?)?.map(drop))
    }

    /// Replaces the password of a repository, and the key that it opens, by others.
    ///
    /// First the new password is kept and its key made, then the repository's file names it, then the key and the password
    /// before are removed. The file names a password that opens the repository all the time; what is cut off is gone on
    /// with by the next call.
    pub(crate) async fn rotate_key(
        &self,
        repository: RepositoryName,
        password: Option<OwnedFd>,
    ) -> Asked<KeyRotated> {
        let known = self.repository(repository.clone()).await?;
        let name = repository.clone();
        let prepared = self
            .request(|answer| Message::Password(PasswordWish::Prepare(name, None, answer)))
            .await?;
        let work = Work::RotateKey(RotateKeyWork {
            keep: self.kept_by_us(&known, &prepared)?,
            secrets: prepared.secrets.clone(),
            given: password.is_some(),
        });
        let entry = self
            .entry(Action::RepositoryKeyRotate)
            .repository(Some(&repository));
        let act = async {
            let mut answer = self.asked(repository.clone(), work, password).await?;
            let record: RotatedRecord = read(&mut answer).map_err(|error| Ok(no_answer(error)))?;
            self.name_it(&repository, &prepared, &record).await.map_err(Err)?;
            Ok(record)
        };
        let record = match unfold(self.recorded(entry.clone(), act, why).await?)? {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        // From here on the new password is in force, whatever becomes of the one before.
        let (left, spared) = match self.end_rotation(&repository, &prepared, &record).await {
            Ok(end) => (None, end.spared.is_some()),
            Err(why) => (Some(why), false),
        };
        let entry = entry.values(&record.old_key, &record.key);
        self.append(match &left {
            Some(why) => entry.result(Outcome::Failed, why),
            None => entry,
        })
        .await;
        Ok(Ok(KeyRotated {
            now: record.password,
            before: record.before,
            key: record.key,
            old_key: record.old_key,
            resumed: record.resumed,
            left,
            spared,
        }))
    }

    /// Lets the repository's file name the new password.
    async fn name_it(
        &self,
        repository: &RepositoryName,
        prepared: &Prepared,
        record: &RotatedRecord,
    ) -> Result<(), Refusal> {
        if prepared.before == record.password {
            return Ok(());
        }
        let (name, now, revision) = (
            repository.clone(),
            record.password.clone(),
            prepared.revision.clone(),
        );
        let who = self.who();
        let named = self
            .request(|answer| Message::Password(PasswordWish::Set(name, now, revision, who, answer)))
            .await;
        named.map(drop).map_err(|refusal| {
            let message = format!(
                "the new password is kept as {}, but the repository's file does not say so, and the one before is in \
                 force: {}",
                record.password, refusal.message
            );
            let hint = format!("`backupctl repository key rotate {repository}` goes on from there");
            Refusal {
                message,
                hint: refusal.hint.or(Some(hint)),
                ..refusal
            }
        })
    }

    /// Removes what was replaced; or says why not.
    async fn end_rotation(
        &self,
        repository: &RepositoryName,
        prepared: &Prepared,
        record: &RotatedRecord,
    ) -> Result<RotationEndRecord, String> {
        let (name, source) = (repository.clone(), record.before.clone());
        let Before { shared, at_work } = self
            .request(|answer| Message::Password(PasswordWish::Before(name, source, answer)))
            .await
            .map_err(|refusal| refusal.message)?;
        if let Some(run) = at_work {
            return Err(format!("run {run} is at work, and may need it"));
        }
        let work = Work::EndRotation(EndRotationWork {
            secrets: prepared.secrets.clone(),
            spare: shared || !is_made_here(&record.before, repository, &prepared.secrets),
        });
        let answer = self.asked(repository.clone(), work, None).await;
        let mut file = answer.map_err(|error| why(&error))?;
        read(&mut file).map_err(|error| error.to_string())
    }

    /// How the password in force is kept, if it is by us: nothing else can be replaced.
    fn kept_by_us(&self, repository: &Repository, prepared: &Prepared) -> Result<Keep, Refusal> {
        let stores = &self.common.credentials;
        let why = match &repository.password {
            PasswordSource::File(path) if path.parent() == Some(&prepared.secrets) => return Ok(Keep::File),
            PasswordSource::File(_) => format!("does not lie in `{}`", prepared.secrets.display()),
            PasswordSource::Credential(name) => {
                let encrypted = stores.encrypted.first();
                match stores.find(name, Path::exists) {
                    Some(StoredCredential::Encrypted(path))
                        if path.parent() == encrypted.map(|path| &**path) =>
                    {
                        return Ok(Keep::Credential);
                    }
                    _ => "is not one that backupd can write".to_owned(),
                }
            }
            PasswordSource::Command(_) | PasswordSource::Environment(_) => {
                "is not one that backupd can write".to_owned()
            }
        };
        let name = &repository.name;
        Err(Refusal::new(
            RefusalKind::NotSupported,
            format!(
                "the password of the repository `{name}` is not changed: its {} {why}",
                repository.password
            ),
        )
        .hint(format!(
            "do it by hand: `backupctl repository key add {name}`, put the new password where the one before is, \
             `backupctl repository test {name}`, and `backupctl repository key remove {name} KEY` for the key before; or \
             have backupd keep the password: `backupctl repository set-password {name}`"
        )))
    }

    async fn asked(
        &self,
        repository: RepositoryName,
        work: Work,
        input: Option<OwnedFd>,
    ) -> Result<File, Result<AskError, Refusal>> {
        self.ask(repository, work, input).await.map_err(Err)?.map_err(Ok)
    }

    /// Records what has come of something that was recorded before it began.
    async fn append(&self, mut entry: Entry) {
        let action = entry.action;
        entry.time_usec = self.clock.now().as_microsecond();
        if let Err(error) = self.store.append(entry).await {
            tracing::error!(%error, "what came of `{action}` cannot be recorded");
        }
    }
}

/// Whether a password was kept by us for this repository, by its name: others may be anybody's.
fn is_made_here(source: &PasswordSource, repository: &RepositoryName, secrets: &Path) -> bool {
    let is_named = |name: &str, base: &str| {
        name.strip_prefix(base).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('+').is_some_and(|n| n.parse::<u32>().is_ok())
        })
    };
    match source {
        PasswordSource::File(path) => {
            let name = path.file_name().and_then(|name| name.to_str());
            path.parent() == Some(secrets) && name.is_some_and(|name| is_named(name, repository.as_str()))
        }
        PasswordSource::Credential(name) => {
            is_named(name.as_str(), CredentialName::of_repository(repository).as_str())
        }
        PasswordSource::Command(_) | PasswordSource::Environment(_) => false,
    }
}

/// What stands in a variable of the daemon comes to a worker on the way that what a caller hands over takes.
fn refuse_variable(repository: &Repository, what: &str) -> Result<(), Refusal> {
    match &repository.password {
        PasswordSource::Environment(variable) => Err(Refusal::new(
            RefusalKind::NotSupported,
            format!(
                "the repository `{}` {what}: its password is in the variable `{variable}`",
                repository.name
            ),
        )
        .hint("whoever sets the daemon's environment has it: use `restic` with that")),
        _ => Ok(()),
    }
}

fn read<T: DeserializeOwned>(answer: &mut File) -> io::Result<T> {
    let mut text = String::new();
    answer.take(LONGEST_ANSWER).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is the function given to `map_err`"
)]
fn no_answer(error: io::Error) -> AskError {
    AskError::NoAnswer(error.to_string())
}

#[cfg(test)]
mod tests;
