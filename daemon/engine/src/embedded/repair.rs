//! Mends the index, and frees snapshots of what is lost.

mod index;
mod salvage;
mod snapshots;

pub(crate) use index::run as index;
pub(crate) use snapshots::run as snapshots;
