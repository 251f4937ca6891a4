//! What workers tell goes to the journal too, in the words of `backupctl log`.
//!
//! An event is written when the run's record, which says how far the file was taken, is kept: so a daemon that
//! takes up a worker of another one writes none twice. In the system scope warnings put names of files into the
//! system's journal, which administrators alone read. What a worker marks as private is in its file alone: a journal
//! is kept, and sent elsewhere.

use backupd_core::{
    protocol::{Event, EventKind},
    run::Run,
};

use super::start::title;
use crate::journal::{messages, of_run};

/// Warnings of an attempt that the journal takes. There may be one for each of a million files, and what else is
/// in the journal is worth more than those.
const MOST_WARNINGS: u64 = 100;

/// An event that the journal is to have.
pub(super) struct Entry {
    number: u64,
    kind: EventKind,
}

impl Entry {
    /// The entry of an event that the run has not taken yet, if it is to have one.
    pub(super) fn of(run: &Run, event: &Event) -> Option<Self> {
        let warned = run.attempts.last().map_or(0, |attempt| attempt.warned);
        let is_told = match event.kind {
            EventKind::Warning { private, .. } => !private && warned < MOST_WARNINGS,
            _ => true,
        };
        is_told.then(|| Self {
            number: event.seq,
            kind: event.kind.clone(),
        })
    }

    pub(super) fn write(&self, run: &Run) {
        let (word, text) = (self.kind.word(), self.kind.text());
        let title = title(run);
        if matches!(self.kind, EventKind::Warning { .. } | EventKind::Failure { .. }) {
            of_run!(
                warn,
                messages::WORKER_EVENT,
                run,
                BACKUPD_EVENT = word,
                BACKUPD_EVENT_NUMBER = self.number,
                "{title}: {word} {text}"
            );
        } else {
            of_run!(
                info,
                messages::WORKER_EVENT,
                run,
                BACKUPD_EVENT = word,
                BACKUPD_EVENT_NUMBER = self.number,
                "{title}: {word} {text}"
            );
        }
    }
}

/// Says how many warnings of the last attempt are in its file alone.
pub(super) fn tell_left_out(run: &Run) {
    let warned = run.attempts.last().map_or(0, |attempt| attempt.warned);
    if let Some(left_out) = warned.checked_sub(MOST_WARNINGS).filter(|left| *left > 0) {
        of_run!(
            warn,
            messages::WARNINGS_LEFT_OUT,
            run,
            "{}: {left_out} more warnings are left out here\nhint: `backupctl log {}` shows all of them",
            title(run),
            run.id
        );
    }
}
