//! Where in its file each key stood, for faults that show only when files are compared.

use super::place::Position;

/// The places of the keys of one file, and of the items of their lists.
///
/// Two jobs that say the same are equal wherever it stands: an `Origin` equals every other one, so that the
/// types which carry it can derive their equality.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// A handful for each file, and there may be thousands of files.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    key: &'static str,
    /// Of an item of a list.
    index: Option<u32>,
    position: Position,
}

impl Origin {
    /// Where the value of a key stands.
    pub fn of(&self, key: &str) -> Option<Position> {
        self.find(key, None)
    }

    /// Where an item of a list stands; the list, when that is not known.
    pub fn item(&self, key: &'static str, index: usize) -> Option<Position> {
        let index = u32::try_from(index).ok();
        index
            .and_then(|index| self.find(key, Some(index)))
            .or_else(|| self.of(key))
    }

    fn find(&self, key: &str, index: Option<u32>) -> Option<Position> {
        let wanted = |place: &&Place| place.index == index && place.key == key;
        // What was recorded last holds.
        self.places.iter().rev().find(wanted).map(|place| place.position)
    }

    pub(super) fn record(&mut self, key: &'static str, position: Position) {
        self.places.push(Place {
            key,
            index: None,
            position,
        });
    }

    pub(super) fn record_item(&mut self, key: &'static str, index: usize, position: Position) {
        if let Ok(index) = u32::try_from(index) {
            self.places.push(Place {
                key,
                index: Some(index),
                position,
            });
        }
    }

    /// Lets go of the room that was kept for more.
    pub(super) fn complete(mut self) -> Self {
        self.places.shrink_to_fit();
        self
    }
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}
