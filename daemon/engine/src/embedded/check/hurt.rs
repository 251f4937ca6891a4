//! Which snapshots cannot be restored as a whole, and because of what.
//!
//! Trees are read once more, from the leaves up, only where something is wrong: each then knows what is wrong anywhere
//! below it.

use rustic_core::Id;

use crate::{
    CheckError, CheckReport, Result,
    embedded::{
        catalog::{self, Bits, Catalog, Place},
        directory::Directory,
        session::Session,
    },
};

use super::{
    found::{Broken, Extent, Mask},
    structure::Root,
};

/// As many snapshots are named.
const NAMED: usize = 32;

/// What each snapshot suffers from.
pub(super) fn find(
    session: &Session,
    catalog: &Catalog,
    roots: &[Root],
    broken: &Broken,
) -> Result<Vec<(Id, Mask)>> {
    if broken.is_empty() {
        return Ok(Vec::new());
    }
    let mut search = Search {
        session,
        catalog,
        broken,
        known: Bits::new(catalog.trees().len()),
        masks: vec![0; catalog.trees().len()],
        open: Vec::new(),
    };
    let mut hurt = Vec::new();
    for root in roots {
        let mask = search.tree(&root.tree)?;
        if mask != 0 {
            hurt.push((root.snapshot, mask));
        }
    }
    Ok(hurt)
}

/// Writes it down, by damage and in all.
pub(super) fn report(hurt: &[(Id, Mask)], errors: &mut [CheckError], report: &mut CheckReport) {
    let name = |list: &mut Vec<String>, id: &Id| {
        if list.len() < NAMED {
            list.push(id.to_hex().as_str().to_owned());
        }
    };
    for (snapshot, mask) in hurt {
        report.hurt_total += 1;
        name(&mut report.hurt, snapshot);
        for (number, error) in errors.iter_mut().enumerate() {
            if mask & (1 << number) != 0 {
                error.snapshots_total += 1;
                name(&mut error.snapshots, snapshot);
            }
        }
    }
}

struct Search<'a> {
    session: &'a Session,
    catalog: &'a Catalog,
    broken: &'a Broken,
    /// Whose mask is known, by the number of the first place.
    known: Bits,
    masks: Vec<Mask>,
    /// Trees that are being worked on, each below the one before.
    open: Vec<Open>,
}

struct Open {
    number: usize,
    mask: Mask,
    below: std::vec::IntoIter<Id>,
}

impl Search<'_> {
    fn tree(&mut self, id: &Id) -> Result<Mask> {
        let mut last = self.enter(id)?;
        loop {
            // What is known of a tree goes to the one above it.
            if let (Some(mask), Some(above)) = (last, self.open.last_mut()) {
                above.mask |= mask;
            }
            let Some(above) = self.open.last_mut() else {
                return Ok(last.unwrap_or_default());
            };
            last = match above.below.next() {
                Some(id) => self.enter(&id)?,
                None => self.leave(),
            };
        }
    }

    /// The mask of a tree, if it is known; else it is the next to be worked on.
    fn enter(&mut self, id: &Id) -> Result<Option<Mask>> {
        let Some((number, places)) = catalog::find(self.catalog.trees(), id) else {
            return Ok(Some(self.broken.missing.get(id).copied().unwrap_or_default()));
        };
        if self.known.contains(number) {
            return Ok(self.masks.get(number).copied());
        }
        let mut mask = self.of_blob(id, places) | self.broken.trees.get(id).copied().unwrap_or_default();
        let below = match Directory::read(self.session, self.catalog, places, |_, _| ())? {
            Some(directory) => {
                for blob in &directory.blobs {
                    mask |= match catalog::find(self.catalog.data(), blob) {
                        Some((_, places)) => self.of_blob(blob, places),
                        None => self.broken.missing.get(blob).copied().unwrap_or_default(),
                    };
                }
                directory.trees
            }
            None => Vec::new(),
        };
        self.open.push(Open {
            number,
            mask,
            below: below.into_iter(),
        });
        Ok(None)
    }

    fn leave(&mut self) -> Option<Mask> {
        let Open { number, mask, .. } = self.open.pop()?;
        self.known.insert(number);
        if let Some(known) = self.masks.get_mut(number) {
            *known = mask;
        }
        Some(mask)
    }

    /// Nothing, if one of its places is well.
    fn of_blob(&self, id: &Id, places: &[Place]) -> Mask {
        // Known to be in marked packs alone.
        if let Some(mask) = self.broken.missing.get(id) {
            return *mask;
        }
        let mut all = 0;
        for place in places.iter().filter(|place| self.catalog.stays(place)) {
            match self.broken.packs.get(&place.pack) {
                Some((mask, extent)) if extent.holds(place) => all |= mask,
                _ => return 0,
            }
        }
        all
    }
}

impl Extent {
    fn holds(&self, place: &Place) -> bool {
        match self {
            Self::Whole => true,
            Self::From(end) => u64::from(place.offset) + u64::from(place.length) > *end,
            Self::Blobs(blobs) => blobs.contains(&place.id),
        }
    }
}
