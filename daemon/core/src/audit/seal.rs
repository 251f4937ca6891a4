//! Giving an entry its place in a log.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::record::{Entry, Record, VERSION};

/// What stands for the hash of the record before the first.
pub const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The SHA-256 of a canonical form, in 64 lower-case hexadecimal digits.
pub fn hash(record: &str) -> String {
    let digest = Sha256::digest(record.as_bytes());
    let mut text = String::with_capacity(64);
    for byte in digest {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A record as it is kept and handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Its place.
    pub seq: u64,
    /// Its canonical form, to the byte.
    pub record: String,
    /// The hash of that.
    pub hash: String,
}

/// The last record of a log, as far as the next one needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The log.
    pub log: String,
    /// Its place; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl Head {
    /// The head of a log that has no records yet.
    pub fn before_first(log: String) -> Self {
        Self {
            log,
            seq: 0,
            hash: NO_HASH.to_owned(),
        }
    }

    /// Puts an entry behind this head, in the place `seq`: one more than the head's own, unless somebody else put
    /// records there.
    pub fn seal(&self, entry: Entry, seq: u64) -> serde_json::Result<Sealed> {
        let record = serde_json::to_string(&Record {
            v: VERSION,
            seq,
            log: self.log.clone(),
            entry,
            prev: self.hash.clone(),
        })?;
        Ok(Sealed {
            seq,
            hash: hash(&record),
            record,
        })
    }

    /// The head that a record of this log makes.
    #[must_use]
    pub fn after(&self, sealed: &Sealed) -> Self {
        Self {
            log: self.log.clone(),
            seq: sealed.seq,
            hash: sealed.hash.clone(),
        }
    }
}
