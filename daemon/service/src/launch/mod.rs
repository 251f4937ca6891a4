//! Starting, following and stopping workers.
//!
//! A worker is known to live while it holds the lock of its run directory; what it does is read from its event
//! file. Neither needs the daemon that started it, so that the next one can take it up.

mod ask;
mod child;
mod follow;
mod process;
mod progress;
mod rundir;

pub(crate) use ask::clean as clean_questions;
pub(crate) use child::{ChildLauncher, LauncherSettings};
pub(crate) use progress::ProgressSocket;

#[cfg(test)]
mod tests;
