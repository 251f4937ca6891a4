//! Starting, following and stopping workers.
//!
//! A worker is known to live while it holds the lock of its run directory; what it does is read from its event
//! file. Neither needs the daemon that started it, so that the next one can take it up.

mod ask;
mod base;
mod child;
mod choice;
mod follow;
mod process;
mod progress;
mod rundir;
mod systemd;
mod units;
mod watch;

pub(crate) use base::{Base, LauncherSettings};
pub(crate) use child::ChildLauncher;
pub(crate) use choice::{Unavailable, children_serve, choose, is_confined};
pub(crate) use progress::ProgressSocket;
pub(crate) use systemd::SystemdLauncher;

#[cfg(test)]
mod tests;
