//! Durable events: what must not be lost of an attempt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    name::RunId,
    protocol::ReadUpTo,
    run::{EngineVersion, Phase, RunResult, Statistics},
};

/// Version of the event file; a reader takes lines of this version, and may pass over words it does not know.
pub const EVENTS_VERSION: u32 = 1;

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// From 1, without gaps.
    pub seq: u64,
    /// When the worker wrote it.
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen in a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The first event: the worker lives.
    Hello {
        /// Its process id.
        pid: u32,
        /// The run it works for.
        run: RunId,
        /// Which try of that run it is.
        attempt: u32,
        /// Its name and version.
        program: String,
        /// What will do the work.
        engine: Option<EngineVersion>,
    },
    /// A new part of the work began.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// Something could not be read or written as it should; the work goes on.
    Warning {
        /// What it is about; for a name that is no UTF-8, as near as it gets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// The exact bytes of a name that is no UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path_bytes: Option<Vec<u8>>,
        /// Why.
        reason: String,
        /// It holds what another program said, which may be a secret: the file alone has it, and no journal.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        private: bool,
    },
    /// A snapshot was stored, or chosen for a restore.
    Snapshot {
        /// Its full id.
        snapshot: String,
    },
    /// Somebody else's lock is waited for; without anybody, no one is waited for any more.
    Locked {
        /// Who holds it.
        by: Option<Holder>,
    },
    /// A check has read the stored data up to here; the last one counts.
    Read {
        /// Where the next one goes on.
        up_to: ReadUpTo,
    },
    /// A repository is at its new place, too.
    Moved {
        /// Tells the snapshots that are at the place before.
        contents: String,
    },
    /// The sums so far; the last one counts.
    Stats {
        /// The sums.
        statistics: Statistics,
    },
    /// Why the attempt does not end well; before `done`.
    Failure {
        /// The failure.
        failure: Failure,
    },
    /// The last event: how the attempt ended.
    Done {
        /// The result.
        result: RunResult,
    },
}

/// Who holds a lock of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Whose process it is, where it says so.
    pub user: String,
    /// On which host.
    pub host: String,
    /// Its number there; 0 where unknown.
    pub pid: u32,
    /// The run of a backupd that it was taken for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whether it lets nobody be there beside.
    pub exclusive: bool,
    /// Since when it is held, where that is known, or when it was written last.
    pub since: Option<Timestamp>,
    /// As long as it is held, this long it is waited for.
    pub until: Timestamp,
}

impl Holder {
    /// How it is held and by whom: "exclusively by root on `nas` (pid 12)".
    pub fn words(&self) -> String {
        let how = if self.exclusive { "exclusively by" } else { "by" };
        let user = if self.user.is_empty() {
            "somebody"
        } else {
            &self.user
        };
        let run = self
            .run
            .as_ref()
            .map(|run| format!(", run {run}"))
            .unwrap_or_default();
        format!("{how} {user} on `{}` (pid {}{run})", self.host, self.pid)
    }
}

/// The envelope of a line, with the version that [`Event`] itself need not carry around.
#[derive(Serialize, Deserialize)]
struct Line<T> {
    v: u32,
    #[serde(flatten)]
    event: T,
}

impl Event {
    /// The event as one line, with its line feed.
    pub fn to_line(&self) -> serde_json::Result<String> {
        let mut line = serde_json::to_string(&Line {
            v: EVENTS_VERSION,
            event: self,
        })?;
        line.push('\n');
        Ok(line)
    }

    /// Reads one line.
    ///
    /// `Ok(None)` is an event whose kind a newer worker knows and we don't. A line of another version is an
    /// error.
    pub fn from_line(line: &str) -> Result<Option<Self>, EventError> {
        #[derive(Deserialize)]
        struct Head {
            v: u32,
            event: String,
        }
        const KNOWN: &[&str] = &[
            "hello", "phase", "warning", "snapshot", "locked", "read", "moved", "stats", "failure", "done",
        ];
        let head: Head = serde_json::from_str(line)?;
        if head.v != EVENTS_VERSION {
            return Err(EventError::Version(head.v));
        }
        if !KNOWN.contains(&head.event.as_str()) {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(line)?))
    }
}

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is no JSON, or not the JSON of an event.
    #[error("not an event: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A version that this program cannot read.
    #[error("event version {0} is not {EVENTS_VERSION}")]
    Version(u32),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::failure::FailureClass;

    fn samples() -> Vec<EventKind> {
        vec![
            EventKind::Hello {
                pid: 1,
                run: RunId::from_parts(5, 6),
                attempt: 1,
                program: "backupd-worker 0.1.0".into(),
                engine: Some(EngineVersion {
                    name: "embedded".into(),
                    version: "0.13.0".into(),
                }),
            },
            EventKind::Phase { phase: Phase::Backup },
            EventKind::Warning {
                path: Some("/a".into()),
                path_bytes: None,
                reason: "gone".into(),
                private: false,
            },
            EventKind::Warning {
                path: Some("/\u{fffd}".into()),
                path_bytes: Some(vec![47, 255]),
                reason: "gone".into(),
                private: true,
            },
            EventKind::Snapshot {
                snapshot: "a".repeat(64),
            },
            EventKind::Locked {
                by: Some(Holder {
                    user: "root".into(),
                    host: "nas".into(),
                    pid: 12,
                    run: None,
                    exclusive: true,
                    since: Some(Timestamp::UNIX_EPOCH),
                    until: Timestamp::UNIX_EPOCH,
                }),
            },
            EventKind::Locked { by: None },
            EventKind::Read {
                up_to: ReadUpTo::Pack("b".repeat(64)),
            },
            EventKind::Read { up_to: ReadUpTo::End },
            EventKind::Moved {
                contents: "c".repeat(64),
            },
            EventKind::Stats {
                statistics: Statistics {
                    files_new: 3,
                    ..Statistics::default()
                },
            },
            EventKind::Failure {
                failure: Failure::new(FailureClass::NoSpace, "full").hint("make room"),
            },
            EventKind::Done {
                result: RunResult::Success,
            },
        ]
    }

    #[test]
    fn every_event_survives_its_line_and_fits_the_schema() {
        let schema: serde_json::Value = serde_json::from_str(crate::protocol::EVENTS_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (seq, kind) in (1..).zip(samples()) {
            let event = Event {
                seq,
                time: Timestamp::UNIX_EPOCH,
                kind,
            };
            let line = event.to_line().unwrap();
            assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
            assert_eq!(Event::from_line(&line).unwrap(), Some(event));
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let faults: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(faults.is_empty(), "{line}{faults:?}");
        }
    }

    #[test]
    fn the_schema_refuses_what_is_no_event() {
        let schema: serde_json::Value = serde_json::from_str(crate::protocol::EVENTS_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for wrong in [
            r#"{"v":1,"seq":1,"time":"2026-01-01T00:00:00Z","event":"done"}"#,
            r#"{"v":1,"seq":0,"time":"2026-01-01T00:00:00Z","event":"done","result":"success"}"#,
            r#"{"v":1,"seq":1,"time":"2026-01-01T00:00:00Z","event":"done","result":"great"}"#,
        ] {
            assert!(
                !validator.is_valid(&serde_json::from_str(wrong).unwrap()),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_kind_of_tomorrow_is_passed_over_and_another_version_refused() {
        let line = r#"{"v":1,"seq":9,"time":"2026-01-01T00:00:00Z","event":"tea-break","cups":2}"#;
        assert_eq!(Event::from_line(line).unwrap(), None);
        let line = r#"{"v":2,"seq":9,"time":"2026-01-01T00:00:00Z","event":"done","result":"success"}"#;
        assert!(matches!(Event::from_line(line), Err(EventError::Version(2))));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in ".*") {
            let _ = Event::from_line(&line);
        }
    }
}
