//! What people have decided about single snapshots.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        fault::{Complaint, quoted},
        place::Position,
        reader::{Part, Reader},
    },
    retention::Pin,
};

/// Somebody's word about a snapshot. It stands in the repository's file, so that it outlives what the daemon remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotMark {
    /// Full id.
    pub id: String,
    /// Whether it stays whatever the rules say.
    #[serde(default)]
    pub pinned: Pin,
    /// From then on no rule keeps it.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// One line for people.
    #[serde(default)]
    pub note: Option<String>,
}

impl SnapshotMark {
    /// Nothing was said of it.
    pub fn none(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            pinned: Pin::No,
            expires: None,
            note: None,
        }
    }

    /// Whether it says nothing that is worth keeping: a note alone is of no use.
    pub fn is_none(&self) -> bool {
        self.pinned == Pin::No && self.expires.is_none()
    }
}

/// The key of the list, as in the file.
pub(in crate::config) const KEY: &str = "snapshots";

const HINT: &str =
    "write `[[snapshots]]`, and below it `id = \"…\"` and `pinned = true`; `backupctl pin` does that";
const TIME: &str = "write a time such as `2027-01-31T00:00:00Z`";

pub(super) fn marks(reader: &mut Reader<'_>) -> Vec<SnapshotMark> {
    let marks = reader.each(KEY, HINT, |reader, part| {
        if part.value != Part::Table {
            let complaint = Complaint::new("what is said of a snapshot is a table").hint(HINT);
            reader.fault(KEY, part.position, complaint);
            return None;
        }
        let is_named = reader.has("snapshots.id");
        let id = reader.parsed("snapshots.id", id);
        let forever = reader.boolean("snapshots.pinned", false);
        let until = reader.parsed("snapshots.pinned_until", time);
        let expires = reader.parsed("snapshots.expires", time);
        let note = reader.string("snapshots.note");
        if forever && let Some(until) = &until {
            let complaint = Complaint::new("it is pinned for ever, and until a time")
                .hint("remove `pinned` or `pinned_until`");
            reader.fault("snapshots.pinned_until", until.position, complaint);
        }
        if !is_named {
            let complaint = Complaint::new("the `id` of the snapshot is missing").hint(HINT);
            reader.fault(KEY, part.position, complaint);
        }
        let pinned = match until {
            Some(until) => Pin::Until(until.value),
            None if forever => Pin::Forever,
            None => Pin::No,
        };
        Some(SnapshotMark {
            id: id?.value,
            pinned,
            expires: expires.map(|time| time.value),
            note: note.map(|text| text.value),
        })
    });
    let mut known: Vec<SnapshotMark> = Vec::with_capacity(marks.len());
    for mark in marks {
        add(reader, &mut known, mark.position, mark.value);
    }
    known
}

/// Of two that contradict each other nobody knows which is meant.
fn add(reader: &mut Reader<'_>, known: &mut Vec<SnapshotMark>, position: Position, mark: SnapshotMark) {
    if known.iter().any(|other| other.id == mark.id) {
        let message = format!(
            "the snapshot `{}` stands here twice",
            mark.id.get(..8).unwrap_or(&mark.id)
        );
        reader.fault(
            KEY,
            position,
            Complaint::new(message).hint("remove one of the two"),
        );
    } else {
        known.push(mark);
    }
}

fn id(text: &str) -> Result<String, Complaint> {
    let is_id = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_id {
        Ok(text.to_owned())
    } else {
        Err(
            Complaint::new(format!("{} is no full id of a snapshot", quoted(text)))
                .hint("write all of its 64 digits, as `backupctl snapshots --json` shows them"),
        )
    }
}

fn time(text: &str) -> Result<Timestamp, Complaint> {
    text.parse()
        .map_err(|_| Complaint::new(format!("{} is no time", quoted(text))).hint(TIME))
}

#[cfg(test)]
mod tests;
