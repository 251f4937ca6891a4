//! Jobs and repositories as they stand in files: loading them, and changing one.

mod edit;
mod load;

pub(crate) use edit::{EditError, Editor, Kind};
pub(crate) use load::{ENCRYPTION_KEY, load};

#[cfg(test)]
mod tests;
