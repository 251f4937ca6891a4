//! What the cross-process tests stand on: a bed with a private bus, the real daemon, worker and client.
//!
//! Nothing here sleeps. Whatever is waited for is an event (a signal of the bus, a written file, the end of a
//! process), and every wait has a deadline that a loaded machine does not reach.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    clippy::unnecessary_debug_formatting,
    missing_docs,
    reason = "it is test code: what goes wrong here is to be seen at once"
)]

pub mod audit;
pub mod balancer;
pub mod bed;
pub mod bus;
pub mod client;
pub mod cluster;
pub mod daemon;
pub mod files;
pub mod gate;
pub mod journal;
pub mod listener;
pub mod logind;
pub mod machine;
pub mod measure;
pub mod notify;
pub mod process;
pub mod programs;
pub mod repositories;
pub mod runs;
pub mod skip;
pub mod wait;

pub use balancer::Balancer;
pub use bed::{Bed, PASSWORD};
pub use bus::Bus;
pub use client::Said;
pub use cluster::Cluster;
pub use gate::Gate;
pub use journal::Journal;
pub use listener::Listener;
pub use logind::Logind;
pub use machine::Machine;
pub use notify::NotifySocket;
pub use process::Process;
pub use skip::skip;
