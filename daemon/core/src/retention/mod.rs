//! Which snapshots of a job are kept, which go, and why; and what speaks against letting them go.
//!
//! [`decide`] is a function of the time, the zone, the [`Rules`] and what is known of the snapshots, and of nothing
//! else: whoever asks again gets the same answer. It does not know what it must not believe; [`guard`] looks at its
//! decisions before anything is forgotten, and objects where the rules were followed to the letter and the result
//! is not what anybody wanted. `docs/retention.md` tells people of both.
//!
//! What the rules keep is what `restic forget` keeps, with these differences: all times are read in one zone; the hour
//! that comes twice in autumn is two hours; tags, pins and the floor keep snapshots and never make others go; and
//! there are limits.

mod bucket;
mod decide;
mod decision;
mod facts;
mod guard;
mod objection;
mod reason;
mod rules;

pub use bucket::Period;
pub use decide::decide;
pub use decision::{Decision, Decisions, Verdict};
pub use facts::{Pin, SnapshotFacts};
pub use guard::{Guarded, HANDFUL, LEAST_HISTORY, TOLERANCE, guard};
pub use objection::{Objection, ObjectionKind};
pub use reason::{ForgetReason, KeepReason};
pub use rules::{DEFAULT_MINIMUM, Reach, Rule, Rules};

#[cfg(test)]
mod tests;
