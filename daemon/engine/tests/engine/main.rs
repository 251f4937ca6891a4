//! The embedded engine from outside: what a user of a repository sees, beside stock restic.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![allow(clippy::indexing_slicing, reason = "tests")]

mod cancel;
mod child;
mod damage;
mod failures;
mod interop;
mod locks;
mod restore;
mod roundtrip;
mod selection;
mod unreadable;
mod world;
