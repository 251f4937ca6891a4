//! Which snapshots of a job go, and how they come back.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::Adopts,
    name::JobName,
    retention::{Decision, Objection, Rules, SnapshotFacts},
};

/// A forget: the rules are applied to the job's snapshots as they are when the worker looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetWork {
    /// Whose snapshots.
    pub job: JobName,
    /// Host name in them; the machine's own where `None`. Those of another machine's job of the same name are not this
    /// one's.
    pub host: Option<String>,
    /// What others have made and is let go as its own, of whatever machine.
    #[serde(default)]
    pub adopts: Vec<Adopts>,
    /// What is kept.
    pub rules: Rules,
    /// Name of the zone in which days are told; the machine's own where `None`.
    pub zone: Option<String>,
    /// What the daemon knows of snapshots beside what they say themselves.
    pub known: Vec<KnownSnapshot>,
    /// Since when the daemon knows the job: what is older and not in `known` was there before.
    pub known_since: Option<Timestamp>,
    /// Why nothing should be removed by this clock, if so.
    pub clock_doubt: Option<String>,
    /// An administrator's word that the guard's objections are known.
    pub force: bool,
}

/// What the daemon knows of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownSnapshot {
    /// Full id.
    pub id: String,
    /// See [`SnapshotFacts::arrival`].
    pub arrival: u64,
    /// See [`SnapshotFacts::date_accepted`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub date_accepted: bool,
    /// See [`SnapshotFacts::verified`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
}

impl KnownSnapshot {
    /// Adds what is known to what a snapshot says itself.
    pub fn complete(&self, facts: SnapshotFacts) -> SnapshotFacts {
        SnapshotFacts {
            arrival: Some(self.arrival),
            date_accepted: self.date_accepted,
            verified: self.verified,
            ..facts
        }
    }
}

/// Snapshots of a run that come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnforgetWork {
    /// Where the run's attempts kept their files, as far as they did.
    pub directories: Vec<PathBuf>,
    /// Full ids; all there are where empty.
    pub snapshots: Vec<String>,
}

/// A line of what a forget decided, or would decide: of each snapshot, then what speaks against it. It goes through to
/// the client as it is, so its members are part of the public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum DecisionRecord {
    /// What becomes of a snapshot.
    Snapshot {
        /// Its decision.
        #[serde(flatten)]
        decision: Decision,
        /// Bytes it added to the repository, where it says so.
        bytes_stored: Option<u64>,
        /// Bytes in it, as restored.
        bytes: Option<u64>,
    },
    /// Something that speaks against it.
    Objection {
        /// What.
        #[serde(flatten)]
        objection: Objection,
        /// It was forced all the same.
        overridden: bool,
    },
}

/// What became of a snapshot that was to come back. Its members are part of the public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnforgetRecord {
    /// Full id.
    pub id: String,
    /// It is in the repository now.
    pub present: bool,
    /// Why not, for people; nothing where it is.
    pub reason: Option<String>,
}

/// The question what a forget would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionPreview {
    /// The forget.
    pub forget: ForgetWork,
    /// As if it were then; now where `None`.
    pub at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::retention::{ForgetReason, KeepReason, ObjectionKind, Verdict};

    #[test]
    fn records_of_decisions_survive_their_lines() {
        let decision = |verdict| Decision {
            id: "a".repeat(64),
            time: Timestamp::UNIX_EPOCH,
            day: date(1970, 1, 1),
            verdict,
        };
        let snapshot = |verdict| DecisionRecord::Snapshot {
            decision: decision(verdict),
            bytes_stored: Some(3),
            bytes: None,
        };
        let objection = Objection {
            kind: ObjectionKind::Collapse,
            message: "much".to_owned(),
            hint: "look".to_owned(),
            snapshots: vec!["a".repeat(64)],
        };
        for record in [
            snapshot(Verdict::Keep(vec![KeepReason::Floor { of: 1 }])),
            snapshot(Verdict::Forget(vec![ForgetReason::NoRule])),
            DecisionRecord::Objection {
                objection,
                overridden: true,
            },
        ] {
            let line = serde_json::to_string(&record).unwrap();
            assert_eq!(
                serde_json::from_str::<DecisionRecord>(&line).unwrap(),
                record,
                "{line}"
            );
        }
    }
}
