//! Lists of the repository's files that are whole or an error: what an unreadable directory hides must not look as if
//! it were gone.

use std::{fs, io, path::Path};

use rustic_core::{FileType, Id};

use super::Guard;

impl Guard {
    /// Every file of a type with its size, or the error that kept it from being known.
    pub(in crate::embedded) fn list_strictly(&self, tpe: FileType) -> io::Result<Vec<(Id, u64)>> {
        let mut found = Vec::new();
        let top = self.root.join(tpe.dirname());
        if tpe == FileType::Pack {
            for entry in fs::read_dir(&top)? {
                let entry = entry?;
                // Whatever else has such a name and is no directory is an error, not an empty one.
                if entry.file_name().to_str().is_some_and(is_pack_directory) {
                    list_directory(&entry.path(), &mut found)?;
                }
            }
        } else {
            list_directory(&top, &mut found)?;
        }
        Ok(found)
    }
}

/// Packs lie in directories named by the first two digits of their ids.
pub(super) fn is_pack_directory(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn list_directory(directory: &Path, found: &mut Vec<(Id, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(id) = name
            .to_str()
            .filter(|name| name.len() == 64)
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        found.push((id, entry.metadata()?.len()));
    }
    Ok(())
}
