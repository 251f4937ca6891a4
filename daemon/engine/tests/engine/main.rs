//! Both engines from outside: what a user of a repository sees, beside stock restic.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![allow(clippy::indexing_slicing, reason = "tests")]

mod cancel;
mod check;
mod check_damage;
mod check_rounds;
mod child;
mod copy;
mod damage;
mod engine;
mod failures;
mod forget;
mod interop;
mod keys;
mod kills;
mod locks;
mod moving;
mod places;
mod planted;
mod prune;
mod prune_faults;
mod repair;
mod restore;
mod room;
mod roundtrip;
mod scan;
mod sealed;
mod selection;
mod statistics;
mod unforget;
mod unreadable;
mod upkeep;
mod waiting;
mod world;
