//! The client against a daemon that answers from fixed data, over a private bus.
//!
//! What is pinned here is what people read and scripts lean on: output, JSON, errors and exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it expects"
)]

mod bus;
mod care;
mod client;
mod errors;
mod fake;
mod fixtures;
mod follow;
mod jobs;
mod keys;
mod look;
mod offline;
mod pause;
mod repositories;
mod retention;
mod runs;
mod schedule;
mod snapshots;
mod space;
mod start;
mod status;
mod why;
