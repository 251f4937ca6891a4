//! The real worker with the real engine on scratch directories.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

mod answers;
mod backup;
mod bench;
mod cancel;
mod credentials;
mod disk;
mod maintenance;
mod maintenance_faults;
mod password;
mod process;
mod restore;
mod retention;
mod space;
mod watch;
