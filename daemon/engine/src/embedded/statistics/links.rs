//! Files with more than one name: in each snapshot they are restored once, in whichever directories their names are.

use std::collections::{HashMap, HashSet};

use crate::embedded::directory::Linked;

/// Directories with such files in or below them.
#[derive(Debug, Default)]
pub(super) struct Links(HashMap<usize, Below>);

#[derive(Debug, Default)]
struct Below {
    files: Vec<Linked>,
    /// Directories right below that lead to more.
    directories: Vec<usize>,
}

impl Links {
    /// These are in a directory.
    pub(super) fn add(&mut self, directory: usize, files: Vec<Linked>) {
        if !files.is_empty() {
            self.0.entry(directory).or_default().files = files;
        }
    }

    /// A directory is in another one.
    pub(super) fn pass_on(&mut self, directory: usize, above: usize) {
        if !self.0.contains_key(&directory) {
            return;
        }
        let above = self.0.entry(above).or_default();
        if !above.directories.contains(&directory) {
            above.directories.push(directory);
        }
    }

    /// Bytes of all of them below a directory, each once.
    pub(super) fn bytes(&self, directory: usize) -> u64 {
        let mut seen = HashSet::new();
        let mut files = HashSet::new();
        let mut ahead = vec![directory];
        let mut bytes = 0;
        while let Some(directory) = ahead.pop() {
            let Some(below) = self.0.get(&directory).filter(|_| seen.insert(directory)) else {
                continue;
            };
            for file in &below.files {
                if files.insert((file.device, file.inode)) {
                    bytes += file.size;
                }
            }
            ahead.extend_from_slice(&below.directories);
        }
        bytes
    }
}
