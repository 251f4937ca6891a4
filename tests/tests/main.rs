//! The processes together: daemon, worker, client and bus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::unnecessary_debug_formatting,
    missing_docs,
    reason = "tests say at once what is wrong"
)]

mod adopt;
mod aliases;
mod audit;
mod bus;
mod calendar;
mod cancel;
mod care;
mod completion;
mod conditions;
mod configuration;
mod copies;
mod crash;
mod engines;
mod fleets;
mod flood;
mod flow;
mod fuzz;
mod history;
mod hooks;
mod idle;
mod journal;
mod keys;
mod listing;
mod locks;
mod manager;
mod manual;
mod marks;
mod moving;
mod objects;
mod packages;
mod passwords;
mod places;
mod planning;
mod power;
mod progress;
mod queue;
mod records;
mod reload;
mod repair;
mod repositories;
mod restart;
mod retention;
mod schedule;
mod secrets;
mod space;
mod store;
mod surroundings;
mod triggers;
mod units;
mod unknown;
mod workers;
