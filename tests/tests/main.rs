//! The processes together: daemon, worker, client and bus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say at once what is wrong"
)]

mod cancel;
mod crash;
mod flow;
mod queue;
mod reload;
mod restart;
mod workers;
