//! The files of a run directory: one directory for each attempt.

/// What the worker is to do; written by the daemon before the worker starts.
pub const SPEC_FILE: &str = "spec.json";
/// Durable events, appended by the worker.
pub const EVENTS_FILE: &str = "events.jsonl";
/// Locked exclusively (`flock`) by the worker for as long as it lives.
pub const LOCK_FILE: &str = "worker.lock";
/// Standard error of the worker, where it is a plain child.
pub const LOG_FILE: &str = "worker.log";
/// What a forget decided of each snapshot, one [`DecisionRecord`](super::DecisionRecord) a line; written before the first
/// is removed.
pub const DECISIONS_FILE: &str = "decisions.jsonl";
/// The files of forgotten snapshots, as they were stored, by their ids.
pub const FORGOTTEN_DIRECTORY: &str = "forgotten";
