//! Jobs and repositories as they stand in files: loading them, and changing one.

mod edit;
mod load;
mod programs;
mod texts;

pub(crate) use edit::{EditError, Editor, Kind, Prepared};
pub(crate) use load::{ENCRYPTION_KEY, load};
pub(crate) use programs::{AskWorker, Programs};
pub(crate) use texts::{Texts, difference, texts};

#[cfg(test)]
pub(crate) use programs::AllPrograms;

#[cfg(test)]
mod tests;
