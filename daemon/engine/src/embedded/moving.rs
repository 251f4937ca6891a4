//! Takes a repository to another place, file by file as they are, and removes what is needed no more where it was.
//!
//! The configuration comes last and goes first: what is at a place half-way is no repository. Each file is read back at its
//! new place, and is what its name says, before it counts.

mod copying;
mod files;
mod removal;

pub(crate) use copying::run;
pub(crate) use removal::remove;
