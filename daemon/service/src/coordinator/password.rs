//! A new password for a repository. The daemon hands it on as a file descriptor and never reads it.

use std::{fs::File, io::Read as _, os::fd::OwnedFd, path::PathBuf};

use backupd_core::{
    audit::{Action, Outcome, Who},
    config::{PasswordSource, Secret, edit},
    name::{RepositoryName, RunId},
    protocol::{Keep, StorePasswordWork, StoredRecord, Work},
};

use super::{
    Coordinator, Handle,
    configure::refuse_faults,
    message::{Answer, Message},
    questions::{unfold, why},
    record::of_text,
    refusal::Refusal,
};
use crate::{
    configuration::{EditError, Kind, Prepared as PreparedFile},
    ports::AskError,
};

/// An answer of more is none.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// How a password is to be kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct PasswordRequest {
    pub(crate) keep: Keep,
    /// Keep it even if the repository cannot be asked whether it opens it.
    pub(crate) unchecked: bool,
    /// Of the repository's file.
    pub(crate) revision: Option<String>,
}

/// A password that is kept, and a file that says where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordKept {
    pub(crate) now: PasswordSource,
    pub(crate) before: PasswordSource,
    /// Whether it has opened the repository.
    pub(crate) opens: bool,
    pub(crate) revision: String,
}

/// What the file was when it was seen that it can be changed.
pub(crate) struct Prepared {
    pub(super) revision: String,
    pub(super) before: PasswordSource,
    pub(super) secrets: PathBuf,
}

/// Who hangs on the password that a repository had before.
pub(crate) struct Before {
    /// Another repository, or a place, has the same.
    pub(super) shared: bool,
    /// The run that is at work on the repository, and may have been told of it.
    pub(super) at_work: Option<RunId>,
}

/// What the coordinator is asked about a password.
pub(crate) enum PasswordWish {
    /// Who hangs on the password before.
    Before(RepositoryName, PasswordSource, Answer<Before>),
    /// Whether a new one can be written into the repository's file.
    Prepare(RepositoryName, Option<String>, Answer<Prepared>),
    /// That the file says where it is.
    Set(RepositoryName, PasswordSource, String, Who, Answer<String>),
}

impl Handle {
    /// Has a worker keep what it reads from `password`, then lets the repository's file say where that is.
    pub(crate) async fn set_password(
        &self,
        repository: RepositoryName,
        password: OwnedFd,
        request: PasswordRequest,
    ) -> Result<Result<PasswordKept, AskError>, Refusal> {
        let (name, revision) = (repository.clone(), request.revision);
        let prepared = self
            .request(|answer| Message::Password(PasswordWish::Prepare(name, revision, answer)))
            .await?;
        let work = Work::StorePassword(StorePasswordWork {
            keep: request.keep,
            secrets: prepared.secrets.clone(),
            unchecked: request.unchecked,
        });
        // What changes is the file that names the password: that is recorded, by the coordinator. One that is kept and
        // named by no file is in force nowhere.
        let kept = self.keep(&repository, password, work).await;
        let record = match kept {
            Ok(record) => record,
            Err(error) => {
                let entry = self.entry(Action::RepositoryPassword);
                let entry = entry.repository(Some(&repository));
                self.record_failure(entry, &why(&error)).await;
                return unfold(Err(error));
            }
        };
        let (now, who) = (record.password.clone(), self.who());
        let revision = self
            .request(|answer| {
                let wish = PasswordWish::Set(repository, now, prepared.revision, who, answer);
                Message::Password(wish)
            })
            .await
            .map_err(|refusal| {
                let message = format!(
                    "the new password is kept as {}, but the repository's file does not say so: {}",
                    record.password, refusal.message
                );
                Refusal { message, ..refusal }
            })?;
        Ok(Ok(PasswordKept {
            now: record.password,
            before: prepared.before,
            opens: record.opens,
            revision,
        }))
    }

    /// Has a worker keep it.
    async fn keep(
        &self,
        repository: &RepositoryName,
        password: OwnedFd,
        work: Work,
    ) -> Result<StoredRecord, Result<AskError, Refusal>> {
        let answer = self.ask(repository.clone(), work, Some(password)).await;
        read(answer.map_err(Err)?.map_err(Ok)?).map_err(|why| Ok(AskError::NoAnswer(why)))
    }
}

fn read(answer: File) -> Result<StoredRecord, String> {
    let mut text = String::new();
    answer
        .take(LONGEST_ANSWER)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

impl Coordinator {
    pub(super) async fn take_password(&mut self, wish: PasswordWish) {
        match wish {
            PasswordWish::Before(name, source, answer) => {
                let _ = answer.send(Ok(self.before(&name, &source)));
            }
            PasswordWish::Prepare(name, revision, answer) => {
                let _ = answer.send(self.prepare_password(&name, revision.as_deref()));
            }
            PasswordWish::Set(name, source, revision, who, answer) => {
                let outcome = self.set_password(&name, &source, &revision, &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
        }
    }

    fn before(&self, name: &RepositoryName, source: &PasswordSource) -> Before {
        let repositories = self.catalog.repositories.values();
        let shared = repositories
            .flat_map(|one| {
                let own = (one.name != *name).then_some(&one.password);
                let secrets = one.credentials.values().filter_map(Secret::source);
                own.into_iter().chain(secrets)
            })
            .any(|other| other == source);
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        let mut at_work = unfinished.filter(|run| run.run.repository == *name && run.run.state.has_worker());
        Before {
            shared,
            at_work: at_work.next().map(|run| run.run.id),
        }
    }

    /// Sees that the repository's file can be changed, before anything is kept.
    fn prepare_password(&self, name: &RepositoryName, revision: Option<&str>) -> Result<Prepared, Refusal> {
        let repository = self.with_file(name, "that could say where another password is")?;
        let text = self.editor.read_unchanged(Kind::Repository, name, revision)?;
        let secrets = self.parts.configuration.join("secrets");
        self.with_password(name, &text, &PasswordSource::File(secrets.join(name.as_str())))?;
        Ok(Prepared {
            revision: edit::revision(&text),
            before: repository.password.clone(),
            secrets,
        })
    }

    /// Lets the repository's file name another source, if it is as it was. Answers its new revision.
    async fn set_password(
        &mut self,
        name: &RepositoryName,
        source: &PasswordSource,
        revision: &str,
        who: &Who,
    ) -> Result<String, Refusal> {
        let kind = Kind::Repository;
        let entry = self.entry(Action::RepositoryPassword, who).repository(Some(name));
        let (text, changed, prepared) = match self.ready_to_set(name, source, revision) {
            Ok(ready) => ready,
            Err(refusal) => {
                // What is told is why, whatever becomes of this.
                let _ = self.record(entry.result(Outcome::Failed, &refusal.message)).await;
                return Err(refusal);
            }
        };
        let entry = of_text(entry, Some(&text), Some(&changed));
        self.change(entry, (kind.file(name), Some(&changed)), || prepared.commit())
            .await?;
        self.apply_configuration().await;
        Ok(edit::revision(&changed))
    }

    /// What the file is and will be, and its new text beside it.
    fn ready_to_set(
        &self,
        name: &RepositoryName,
        source: &PasswordSource,
        revision: &str,
    ) -> Result<(String, String, PreparedFile), Refusal> {
        let kind = Kind::Repository;
        let text = self.editor.read_unchanged(kind, name, Some(revision))?;
        let changed = self.with_password(name, &text, source)?;
        let prepared = self.editor.replace(kind, name, &changed, Some(revision))?;
        Ok((text, changed, prepared))
    }

    fn with_password(
        &self,
        name: &RepositoryName,
        text: &str,
        source: &PasswordSource,
    ) -> Result<String, Refusal> {
        let path = self.editor.path(Kind::Repository, name);
        let changed = edit::set_password(text, source)
            .map_err(|fault| EditError::Faults(vec![fault.in_file(&path)]))?;
        refuse_faults(self.editor.check_repository(&self.catalog, name, &changed))?;
        Ok(changed)
    }
}
