//! A repository goes to another place: it is brought there, its file names that place, and what is at the one before stays
//! until somebody releases it.

use backupd_core::{
    audit::{Action, Who},
    config::{Repository, edit, parse_repository},
    failure::{Failure, FailureClass},
    name::{RepositoryName, RunId},
    protocol::{CareWork, MoveStep, MoveWork, Moving, Work},
    resources::Resources,
    retry::Retry,
    run::{Operation, Run, RunResult, Trigger},
};

use super::{
    Coordinator, Handle, StartOptions,
    configure::refuse_faults,
    handle::repository_spec,
    message::Message,
    record::of_text,
    refusal::{Refusal, RefusalKind},
    spec::gone,
};
use crate::{
    audit::daemon,
    configuration::{EditError, Kind},
    ports::{CareKey, MovedFrom},
};

/// What somebody wants of a move. A place is the keys of a repository's file that say where it is, as TOML.
#[derive(Debug, Clone)]
pub(crate) enum MoveWish {
    /// The repository at this place.
    Bring(String),
    /// Nothing more at the place before.
    Release,
    /// Nothing more at this place, to which it was not brought wholly.
    GiveUp(String),
}

impl Handle {
    pub(crate) async fn move_repository(
        &self,
        repository: RepositoryName,
        wish: MoveWish,
        options: StartOptions,
    ) -> Result<RunId, Refusal> {
        self.request(|answer| Message::Move(repository, wish, options, self.who(), answer))
            .await
    }
}

impl Coordinator {
    /// Queues a step of a move.
    pub(super) async fn move_repository(
        &mut self,
        name: &RepositoryName,
        wish: MoveWish,
        options: StartOptions,
        who: &Who,
    ) -> Result<RunId, Refusal> {
        let repository = self.with_file(name, "that could name another place")?;
        let key = CareKey {
            repository: name.clone(),
            operation: Operation::Move,
            job: None,
        };
        if let Some((active, _)) = self.active_care(&key) {
            return Err(Refusal::new(
                RefusalKind::AlreadyRunning,
                format!("the repository `{name}` is being moved already, by run {active}"),
            )
            .hint(format!(
                "`backupctl show {active}` shows how far it is, `backupctl cancel {active}` stops it"
            )));
        }
        let moving = self.moving(name, wish, repository.url.clone())?;
        let mut run = Run::new(
            self.ids.next(),
            None,
            name.clone(),
            Operation::Move,
            Trigger::Manual,
            self.parts.clock.now(),
        );
        // What was brought is not brought again.
        run.retry = (moving.step == MoveStep::Bring).then(Retry::default);
        run.care = Some(CareWork::Move(moving));
        run.description = options.description;
        run.metadata = options.metadata;
        let id = self.accept(run, who).await?;
        self.pump().await;
        Ok(id)
    }

    fn moving(&self, name: &RepositoryName, wish: MoveWish, from: String) -> Result<Moving, Refusal> {
        let left = self.moves.get(name);
        match wish {
            MoveWish::Release => {
                let left = left.ok_or_else(|| {
                    Refusal::new(
                        RefusalKind::InvalidArgument,
                        format!("there is no place before from which the repository `{name}` was moved"),
                    )
                    .hint(format!(
                        "`backupctl repository show {name}` says where it was; what was released is gone"
                    ))
                })?;
                Ok(Moving {
                    step: MoveStep::Release,
                    from,
                    place: left.place.clone(),
                    contents: Some(left.contents.clone()),
                })
            }
            MoveWish::Bring(place) => {
                self.elsewhere(name, &place)?;
                if left.is_some() {
                    return Err(Refusal::new(
                        RefusalKind::InvalidArgument,
                        format!("what the repository `{name}` has left at its place before is there still"),
                    )
                    .hint(format!(
                        "`backupctl repository move {name} --release` removes it; then it can be moved again"
                    )));
                }
                Ok(Moving {
                    step: MoveStep::Bring,
                    from,
                    place,
                    contents: None,
                })
            }
            MoveWish::GiveUp(place) => {
                self.elsewhere(name, &place)?;
                Ok(Moving {
                    step: MoveStep::GiveUp,
                    from,
                    place,
                    contents: None,
                })
            }
        }
    }

    /// The repository as it is at another place, by its file as that stands now.
    fn elsewhere(&self, name: &RepositoryName, place: &str) -> Result<Repository, Refusal> {
        let path = self.editor.path(Kind::Repository, name);
        let text = self.editor.read_unchanged(Kind::Repository, name, None)?;
        let changed =
            edit::set_place(&text, place).map_err(|fault| EditError::Faults(vec![fault.in_file(&path)]))?;
        refuse_faults(self.editor.check_repository(&self.catalog, name, &changed))?;
        let parse = |text: &str| parse_repository(&path, name, text).map_err(EditError::Faults);
        let there = parse(&changed)?;
        if parse(&text)?.url == there.url {
            return Err(Refusal::new(
                RefusalKind::InvalidArgument,
                format!("the repository `{name}` is at `{}` already", there.url),
            )
            .hint(format!(
                "how it is reached is changed in its file, `{}`",
                path.display()
            )));
        }
        Ok(there)
    }

    /// What its worker is told.
    pub(super) fn move_work(&self, run: &Run) -> Result<(Work, Resources), Failure> {
        let Some(CareWork::Move(moving)) = &run.care else {
            return Err(gone("where the repository was to be moved is not known any more"));
        };
        let repository = self.catalog.repositories.get(&run.repository);
        if repository.is_some_and(|repository| repository.url != moving.from) {
            return Err(gone(
                "the repository's file names another place since the move was asked for",
            ));
        }
        let other = self
            .elsewhere(&run.repository, &moving.place)
            .map_err(|refusal| gone(&refusal.message))?;
        let work = MoveWork {
            step: moving.step,
            other: repository_spec(&other, &self.parts.common),
            contents: moving.contents.clone(),
        };
        Ok((Work::Move(Box::new(work)), Resources::default()))
    }

    /// A worker has done its part of a move: now the repository's file names the place where it is. Done twice it is the
    /// same.
    pub(super) async fn settle_move(&mut self, run: &Run) -> Result<(), Failure> {
        let good = run.attempts.last().and_then(|attempt| attempt.outcome);
        if run.operation != Operation::Move || !good.is_some_and(RunResult::is_good) {
            return Ok(());
        }
        let name = &run.repository;
        let settled = match &run.care {
            Some(CareWork::Move(Moving {
                step: MoveStep::Bring,
                from,
                place,
                contents: Some(contents),
            })) => self.name_place(name, from, place, contents).await,
            Some(CareWork::Move(Moving {
                step: MoveStep::Release,
                ..
            })) => self.keep_move(name, None).await,
            Some(CareWork::Move(Moving {
                step: MoveStep::GiveUp,
                ..
            })) => Ok(()),
            _ => Err(Refusal::new(
                RefusalKind::Failed,
                "to which place is not known any more",
            )),
        };
        settled.map_err(|refusal| unsettled(name, run, &refusal))
    }

    async fn name_place(
        &mut self,
        name: &RepositoryName,
        from: &str,
        place: &str,
        contents: &str,
    ) -> Result<(), Refusal> {
        let kind = Kind::Repository;
        let path = self.editor.path(kind, name);
        let fault = |fault: backupd_core::config::Fault| EditError::Faults(vec![fault.in_file(&path)]);
        let text = self.editor.read_unchanged(kind, name, None)?;
        let changed = edit::set_place(&text, place).map_err(fault)?;
        if changed == text {
            return Ok(());
        }
        // Whoever has changed it meanwhile knows better; what was brought is not what lies there.
        let now = parse_repository(&path, name, &text)
            .map_err(EditError::Faults)?
            .url;
        if now != from {
            return Err(Refusal::new(
                RefusalKind::Failed,
                "it names another place since the move began",
            ));
        }
        let before = MovedFrom {
            place: edit::place_of(&text).map_err(fault)?,
            contents: contents.to_owned(),
            moved: self.parts.clock.now(),
        };
        refuse_faults(self.editor.check_repository(&self.catalog, name, &changed))?;
        let prepared = self
            .editor
            .replace(kind, name, &changed, Some(&edit::revision(&text)))?;
        // First where it was: whoever stops here still has a file that names it.
        self.keep_move(name, Some(before)).await?;
        let entry = self
            .entry(Action::RepositoryMove, &daemon())
            .repository(Some(name));
        let entry = of_text(entry, Some(&text), Some(&changed));
        let written = self
            .change(entry, (kind.file(name), Some(&changed)), || prepared.commit())
            .await;
        if let Err(refusal) = written {
            let _ = self.keep_move(name, None).await;
            return Err(refusal);
        }
        self.apply_configuration().await;
        Ok(())
    }

    async fn keep_move(&mut self, name: &RepositoryName, from: Option<MovedFrom>) -> Result<(), Refusal> {
        self.parts.store.keep_move(name.clone(), from.clone()).await?;
        match from {
            Some(from) => drop(self.moves.insert(name.clone(), from)),
            None => drop(self.moves.remove(name)),
        }
        self.touch_repository(name);
        Ok(())
    }

    /// The address at which a repository was, and still lies.
    pub(super) fn moved_from(&self, repository: &Repository) -> Option<String> {
        let left = self.moves.get(&repository.name)?;
        let path = self.editor.path(Kind::Repository, &repository.name);
        // Of a place that is no file the password is missing, and the address is all the same.
        let text = format!("password_file = \"/\"\n{}", left.place);
        let url = parse_repository(&path, &repository.name, &text).ok()?.url;
        // It was brought back by hand.
        (url != repository.url).then_some(url)
    }
}

/// What was to follow from the worker's part has failed.
fn unsettled(name: &RepositoryName, run: &Run, refusal: &Refusal) -> Failure {
    let why = &refusal.message;
    let step = match &run.care {
        Some(CareWork::Move(moving)) => moving.step,
        _ => MoveStep::Bring,
    };
    if step == MoveStep::Release {
        let message = format!(
            "what the repository `{name}` had left at its place before is removed, which cannot be noted: {why}"
        );
        return Failure::new(FailureClass::Configuration, message).hint(format!(
            "`backupctl repository move {name} --release` notes it, once the store can be written"
        ));
    }
    let message =
        format!("all of the repository `{name}` is at its new place, but its file does not say so: {why}");
    Failure::new(FailureClass::Configuration, message).hint(format!(
        "the place before is in use until the file names another one; `backupctl repository move {name} --to …` sees \
         what is there, and writes it"
    ))
}

#[cfg(test)]
mod tests;
