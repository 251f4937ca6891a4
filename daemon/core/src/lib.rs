//! The domain of backupd: what a job, a run and a repository are, and the rules between them.
//!
//! Nothing here does I/O (but for zones, whose rules are files), knows a runtime or reads a clock: every function
//! takes the time it needs, so that the same code runs under the daemon and under a virtual clock.

pub mod audit;
pub mod clock;
pub mod condition;
pub mod config;
pub mod failure;
pub mod health;
pub mod name;
pub mod pause;
pub mod protocol;
pub mod queue;
pub mod recovery;
pub mod resources;
pub mod retention;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod space;
pub mod text;
pub mod unit;
pub mod zones;
