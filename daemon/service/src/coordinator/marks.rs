//! What people say of single snapshots. It stands in the repository's file.

use backupd_core::{
    audit::{Action, Who},
    config::{SnapshotMark, edit, parse_repository},
    name::RepositoryName,
    retention::Pin,
    run::Operation,
};
use jiff::Timestamp;

use super::{
    Coordinator, Handle,
    configure::refuse_faults,
    message::Message,
    refusal::{Refusal, RefusalKind},
};
use crate::{
    audit::daemon,
    configuration::{EditError, Kind},
};

/// What is to be said of a snapshot; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct MarkWish {
    /// Full id.
    pub(crate) snapshot: String,
    pub(crate) pinned: Option<Pin>,
    pub(crate) expires: Option<Expiry>,
    /// An empty one takes it away.
    pub(crate) note: Option<String>,
}

/// When no rule keeps a snapshot any more.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expiry {
    Never,
    At(Timestamp),
}

impl Handle {
    pub(crate) async fn mark_snapshot(
        &self,
        repository: RepositoryName,
        wish: MarkWish,
    ) -> Result<(), Refusal> {
        self.request(|answer| Message::Mark(repository, wish, self.who(), answer))
            .await
    }
}

impl Coordinator {
    /// Says something else of a snapshot.
    pub(super) async fn mark_snapshot(
        &mut self,
        name: &RepositoryName,
        wish: MarkWish,
        who: &Who,
    ) -> Result<(), Refusal> {
        self.with_file(name, "in which that could stand")?;
        // It was told before which snapshots stay.
        let unfinished = self.unfinished.iter().filter_map(|id| self.runs.get(id));
        let at_work = unfinished.map(|live| &live.run).find(|run| {
            run.operation == Operation::Forget && run.repository == *name && run.state.has_worker()
        });
        if let Some(run) = at_work {
            return Err(Refusal::new(
                RefusalKind::AlreadyRunning,
                format!(
                    "run {} removes snapshots of the repository `{name}` just now",
                    run.id
                ),
            )
            .hint("say it again when that is over"));
        }
        let text = self.editor.read_unchanged(Kind::Repository, name, None)?;
        // As the file says now, which may not be in force yet.
        let path = self.editor.path(Kind::Repository, name);
        let marks = parse_repository(&path, name, &text)
            .map_err(EditError::Faults)?
            .marks;
        let before = marks.into_iter().find(|mark| mark.id == wish.snapshot);
        let before = before.unwrap_or_else(|| SnapshotMark::none(&wish.snapshot));
        let after = SnapshotMark {
            id: wish.snapshot,
            pinned: wish.pinned.unwrap_or(before.pinned),
            expires: match wish.expires {
                None => before.expires,
                Some(Expiry::Never) => None,
                Some(Expiry::At(time)) => Some(time),
            },
            note: match wish.note {
                None => before.note.clone(),
                Some(note) => Some(note).filter(|note| !note.is_empty()),
            },
        };
        if after.is_none() && before.is_none() && after.note.is_some() {
            return Err(
                Refusal::new(RefusalKind::InvalidArgument, "a note alone keeps no snapshot")
                    .hint("pin the snapshot, or let it expire"),
            );
        }
        self.write_marks(name, &text, &[(before, after)], who).await
    }

    /// Of snapshots that are gone nothing need be said any more. If that cannot be written it stands there, and harms nobody.
    pub(super) async fn drop_marks(&mut self) {
        for (name, gone) in std::mem::take(&mut self.forgotten) {
            let Some(repository) = self.catalog.repositories.get(&name) else {
                continue;
            };
            let marks = repository.marks.iter();
            let dropped: Vec<(SnapshotMark, SnapshotMark)> = marks
                .filter(|mark| gone.contains(&mark.id))
                .map(|mark| (mark.clone(), SnapshotMark::none(&mark.id)))
                .collect();
            if dropped.is_empty() {
                continue;
            }
            let written = match self.editor.read_unchanged(Kind::Repository, &name, None) {
                Ok(text) => self.write_marks(&name, &text, &dropped, &daemon()).await,
                Err(error) => Err(error.into()),
            };
            if let Err(refusal) = written {
                tracing::warn!(
                    "what the file of the repository `{name}` says of snapshots that are gone stays there: {}",
                    refusal.message
                );
            }
        }
    }

    async fn write_marks(
        &mut self,
        name: &RepositoryName,
        text: &str,
        marks: &[(SnapshotMark, SnapshotMark)],
        who: &Who,
    ) -> Result<(), Refusal> {
        let kind = Kind::Repository;
        let path = self.editor.path(kind, name);
        let mut changed = text.to_owned();
        for (_, after) in marks {
            changed = edit::set_mark(&changed, after)
                .map_err(|fault| EditError::Faults(vec![fault.in_file(&path)]))?;
        }
        if changed == text {
            return Ok(());
        }
        refuse_faults(self.editor.check_repository(&self.catalog, name, &changed))?;
        let prepared = self
            .editor
            .replace(kind, name, &changed, Some(&edit::revision(text)))?;
        let entry = self.entry(Action::SnapshotMark, who).repository(Some(name));
        let (old, new): (Vec<String>, Vec<String>) =
            marks.iter().map(|(old, new)| (words(old), words(new))).unzip();
        let entry = entry.values(&old.join("; "), &new.join("; "));
        self.change(entry, (kind.file(name), Some(&changed)), || prepared.commit())
            .await?;
        self.apply_configuration().await;
        Ok(())
    }
}

/// A mark for the audit log: the id, and what is said.
fn words(mark: &SnapshotMark) -> String {
    let pinned = match mark.pinned {
        Pin::No => None,
        Pin::Until(until) => Some(format!("pinned until {until:.0}")),
        Pin::Forever => Some("pinned".to_owned()),
    };
    let expires = mark.expires.map(|time| format!("expires {time:.0}"));
    let said: Vec<String> = pinned.into_iter().chain(expires).collect();
    format!("{} {}", mark.id, said.join(", ")).trim_end().to_owned()
}
