//! Whether a log is as it was written.

use std::fmt;

use super::{
    record::{Action, Record, VERSION},
    seal::{Head, NO_HASH, Sealed, hash},
};

/// The first record that is not as it was written, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq}: {kind}")]
pub struct Broken {
    /// Its place.
    pub seq: u64,
    /// What is wrong.
    pub kind: BrokenKind,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokenKind {
    /// There is no record at all, not even the one that a log begins with.
    Empty,
    /// This and the following records, up to the one named, are missing.
    Removed(u64),
    /// It stands in another place than it was written to.
    Moved(u64),
    /// It does not have the hash that stands beside it.
    Edited,
    /// It is no canonical record.
    Unreadable(String),
    /// It was written by a later version.
    Version(u32),
    /// It belongs to another log.
    OtherLog(String),
    /// It does not follow from the one before: that one was replaced, or this one was put there.
    Unlinked,
    /// The first record does not say that a log begins, or a later one does.
    Beginning,
}

impl BrokenKind {
    /// A word for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Removed(_) => "removed",
            Self::Moved(_) => "moved",
            Self::Edited => "edited",
            Self::Unreadable(_) => "unreadable",
            Self::Version(_) => "version",
            Self::OtherLog(_) => "other-log",
            Self::Unlinked => "unlinked",
            Self::Beginning => "beginning",
        }
    }
}

impl fmt::Display for BrokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there are no records at all, not even the one that a log begins with"),
            Self::Removed(last) => write!(f, "it is missing, and all others up to {last}"),
            Self::Moved(written) => write!(f, "it was written as record {written}, and moved here"),
            Self::Edited => f.write_str("it was edited: it does not have the hash that stands beside it"),
            Self::Unreadable(why) => write!(f, "it was edited: it is no canonical record: {why}"),
            Self::Version(version) => write!(f, "it has version {version}, which only a later backupctl knows"),
            Self::OtherLog(log) => write!(f, "it belongs to another log, `{log}`"),
            Self::Unlinked => f.write_str(
                "it does not follow from the record before it: that one was replaced or removed, or this one put \
                 there",
            ),
            Self::Beginning => f.write_str("only the first record says that a log begins"),
        }
    }
}

/// Takes the records of a log in their order.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    head: Option<Head>,
}

impl Verifier {
    /// A verifier that expects the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next record, and answers what it says. After an error nothing more is to be had from here.
    pub fn take(&mut self, sealed: &Sealed) -> Result<Record, Broken> {
        let broken = |seq, kind| Err(Broken { seq, kind });
        let at = |kind| broken(sealed.seq, kind);
        let expected = self.head.as_ref().map_or(1, |head| head.seq.saturating_add(1));
        if sealed.seq > expected {
            return broken(expected, BrokenKind::Removed(sealed.seq - 1));
        }
        if hash(&sealed.record) != sealed.hash {
            return at(BrokenKind::Edited);
        }
        let record: Record = match serde_json::from_str(&sealed.record) {
            Ok(record) => record,
            Err(error) => return at(unreadable(&sealed.record, &error)),
        };
        if record.v != VERSION {
            return at(BrokenKind::Version(record.v));
        }
        if serde_json::to_string(&record).ok().as_ref() != Some(&sealed.record) {
            return at(BrokenKind::Unreadable("it is written differently".to_owned()));
        }
        if record.seq != sealed.seq || sealed.seq != expected {
            return at(BrokenKind::Moved(record.seq));
        }
        if let Some(head) = &self.head
            && head.log != record.log
        {
            return at(BrokenKind::OtherLog(record.log));
        }
        let before = self.head.as_ref().map_or(NO_HASH, |head| &head.hash);
        if record.prev != before {
            return at(BrokenKind::Unlinked);
        }
        if (record.entry.action == Action::LogBegin) != (record.seq == 1) {
            return at(BrokenKind::Beginning);
        }
        self.head = Some(Head {
            log: record.log.clone(),
            seq: sealed.seq,
            hash: sealed.hash.clone(),
        });
        Ok(record)
    }

    /// The last record, when all were taken. That nothing is missing behind it, only a copy can tell.
    pub fn finish(self) -> Result<Head, Broken> {
        self.head.ok_or(Broken {
            seq: 1,
            kind: BrokenKind::Empty,
        })
    }
}

fn unreadable(text: &str, error: &serde_json::Error) -> BrokenKind {
    #[derive(serde::Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_str(text) {
        Ok(Version { v }) if v != VERSION => BrokenKind::Version(v),
        _ => BrokenKind::Unreadable(error.to_string()),
    }
}
