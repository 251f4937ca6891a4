//! The package on a machine with a real systemd, in each release that is supported.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "tests say at once what is wrong"
)]

mod activation;
mod audit;
mod authority;
mod conditions;
mod copies;
mod credentials;
mod engines;
mod journal;
mod moving;
mod package;
mod places;
mod power;
mod reload;
mod restart;
mod schedule;
mod shutdown;
mod surroundings;
mod terminal;
mod triggers;
mod units;
mod upower;
mod user;
mod zones;
