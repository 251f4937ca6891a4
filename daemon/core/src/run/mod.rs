//! A run: one execution of one operation, from the queue to its result.
//!
//! [`Run::apply`] alone moves a run; a move that is not in the table is an error, never a silent fix.

mod apply;
mod record;
mod words;

pub use apply::{IllegalMove, RunEvent};
pub use record::{Attempt, BlockedBy, EngineVersion, Run, RunWindow, Statistics};
pub use words::{Operation, Phase, PowerUse, RepositoryUse, RunResult, RunState, Trigger, UnknownWord};

pub(crate) use words::words;

#[cfg(test)]
mod tests;
