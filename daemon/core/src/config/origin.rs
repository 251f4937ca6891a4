//! Where in its file each key stood, for faults that show only when files are compared.

use std::collections::BTreeMap;

use super::place::Position;

/// The places of the keys of one file, and of the items of their lists.
///
/// Two jobs that say the same are equal wherever it stands: an `Origin` equals every other one, so that the
/// types which carry it can derive their equality.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    keys: BTreeMap<&'static str, Position>,
    items: BTreeMap<(&'static str, usize), Position>,
}

impl Origin {
    /// Where the value of a key stands.
    pub fn of(&self, key: &str) -> Option<Position> {
        self.keys.get(key).copied()
    }

    /// Where an item of a list stands; the list, when that is not known.
    pub fn item(&self, key: &'static str, index: usize) -> Option<Position> {
        self.items.get(&(key, index)).copied().or_else(|| self.of(key))
    }

    pub(super) fn record(&mut self, key: &'static str, position: Position) {
        self.keys.insert(key, position);
    }

    pub(super) fn record_item(&mut self, key: &'static str, index: usize, position: Position) {
        self.items.insert((key, index), position);
    }
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}
