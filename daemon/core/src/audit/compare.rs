//! A log beside the copy of it in the journal: what a chain cannot tell of itself, a copy can.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    record::Record,
    seal::{Sealed, hash},
};

/// The first record that differs from its copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The copy of the record has another hash: the chain was recomputed.
    Differs(u64),
    /// These records, from and to, have copies and are gone.
    Missing(u64, u64),
    /// The copies are of another log, which this one does not name: the whole of it was replaced.
    Replaced(OtherLog),
}

impl Difference {
    /// The record that it is about; 1 for the whole log.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Differs(seq) | Self::Missing(seq, _) => *seq,
            Self::Replaced(_) => 1,
        }
    }

    /// A word for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Differs(_) => "differs",
            Self::Missing(..) => "missing",
            Self::Replaced(_) => "replaced",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(seq) => write!(
                f,
                "record {seq}: the journal has another one: it was edited, and the hashes computed anew"
            ),
            Self::Missing(from, to) if from == to => {
                write!(f, "record {from}: it is missing; the journal has it")
            }
            Self::Missing(from, to) => {
                write!(
                    f,
                    "record {from}: it is missing, and all others up to {to}; the journal has them"
                )
            }
            Self::Replaced(other) => write!(
                f,
                "record 1: the journal has records of another log, `{}`, up to {}, of which this one says nothing: \
                 that one was deleted or replaced",
                other.log, other.seq
            ),
        }
    }
}

/// Another log that the journal knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherLog {
    /// Its name.
    pub log: String,
    /// Its last record in the journal.
    pub seq: u64,
    /// When that was.
    pub time_usec: i64,
}

/// What came of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Records that are the same in both.
    pub compared: u64,
    /// Records of which there is no copy.
    pub without_copy: u64,
    /// The oldest record that has a copy: what is older may have been rotated away.
    pub oldest_copy: Option<u64>,
    /// What is wrong.
    pub difference: Option<Difference>,
}

/// Takes copies and records; which first does not matter.
#[derive(Debug, Clone, Default)]
pub struct Comparer {
    copies: BTreeMap<String, Copies>,
    /// When a log began, and what its first record says of the one before it.
    beginnings: Vec<(i64, String)>,
    /// Place and hash of each record, in their order.
    records: Vec<(u64, String)>,
    /// How many records say that they belong to a log.
    logs: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default)]
struct Copies {
    hashes: BTreeMap<u64, BTreeSet<String>>,
    newest: i64,
}

impl Comparer {
    /// Takes a copy. Answers whether it is one: a record that has the hash beside it.
    pub fn copy(&mut self, record: &str, sealed_hash: &str) -> bool {
        if hash(record) != sealed_hash {
            return false;
        }
        let Ok(record) = serde_json::from_str::<Record>(record) else {
            return false;
        };
        let copies = self.copies.entry(record.log.clone()).or_default();
        copies
            .hashes
            .entry(record.seq)
            .or_default()
            .insert(sealed_hash.to_owned());
        copies.newest = copies.newest.max(record.entry.time_usec);
        self.note_beginning(record);
        true
    }

    /// Takes a record of the log; one that cannot be read is one that differs.
    pub fn record(&mut self, sealed: &Sealed) {
        self.records.push((sealed.seq, hash(&sealed.record)));
        if let Ok(record) = serde_json::from_str::<Record>(&sealed.record) {
            *self.logs.entry(record.log.clone()).or_default() += 1;
            self.note_beginning(record);
        }
    }

    /// All were taken.
    pub fn finish(self) -> Comparison {
        let log = self.logs.iter().max_by_key(|(_, count)| **count);
        let log = log.map(|(log, _)| log);
        let none = BTreeMap::new();
        let hashes = log.and_then(|log| self.copies.get(log));
        let hashes = hashes.map_or(&none, |copies| &copies.hashes);
        let mut found = Comparison {
            oldest_copy: hashes.keys().next().copied(),
            ..Comparison::default()
        };
        let mut last = 0;
        for (seq, hash) in &self.records {
            found.difference = found.difference.or_else(|| missing(hashes, last, *seq));
            last = last.max(*seq);
            match hashes.get(seq) {
                None => found.without_copy += 1,
                Some(copies) if copies.len() == 1 && copies.contains(hash) => found.compared += 1,
                Some(_) => found.difference = found.difference.or(Some(Difference::Differs(*seq))),
            }
        }
        found.difference = found
            .difference
            .or_else(|| missing(hashes, last, u64::MAX))
            .or_else(|| self.lost_log(log).map(Difference::Replaced));
        found
    }

    fn note_beginning(&mut self, record: Record) {
        if record.seq == 1 {
            self.beginnings.push((record.entry.time_usec, record.entry.old));
        }
    }

    /// The newest log beside ours that no log says it followed.
    fn lost_log(&self, log: Option<&String>) -> Option<OtherLog> {
        let mut others: Vec<_> = self
            .copies
            .iter()
            .filter(|(other, _)| Some(*other) != log)
            .collect();
        others.sort_by_key(|(_, copies)| copies.newest);
        for (began, before) in self.beginnings.iter().filter(|(_, before)| !before.is_empty()) {
            // One that says it followed a log that it could not read means the newest before it.
            let followed = others
                .iter()
                .rposition(|(other, _)| before.contains(other.as_str()));
            let followed =
                followed.or_else(|| others.iter().rposition(|(_, copies)| copies.newest <= *began));
            if let Some(followed) = followed {
                others.remove(followed);
            }
        }
        let (other, copies) = others.pop()?;
        Some(OtherLog {
            log: other.clone(),
            seq: *copies.hashes.keys().next_back()?,
            time_usec: copies.newest,
        })
    }
}

/// Copies between two records: what they are of is gone.
fn missing(hashes: &BTreeMap<u64, BTreeSet<String>>, last: u64, next: u64) -> Option<Difference> {
    let first = last.saturating_add(1);
    if first >= next {
        return None;
    }
    let mut between = hashes.range(first..next).map(|(seq, _)| *seq);
    let first = between.next()?;
    Some(Difference::Missing(first, between.next_back().unwrap_or(first)))
}
