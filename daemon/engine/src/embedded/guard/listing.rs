//! Lists of the repository's files that are whole or an error: what an unreadable directory hides must not look as if
//! it were gone.

use std::io;

use rustic_core::{FileType, Id};

use super::Guard;
use crate::embedded::backend;

impl Guard {
    /// Every file of a type with its size, or the error that kept it from being known.
    pub(in crate::embedded) fn list_strictly(&self, tpe: FileType) -> io::Result<Vec<(Id, u64)>> {
        backend::list(&*self.store, tpe)
    }
}
