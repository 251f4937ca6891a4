//! The structure of a repository: packs against the index, snapshots against both.

use std::sync::atomic::Ordering;

use rustic_core::{FileType, Id, repofile::SnapshotFile};

use crate::{
    Damage, Result,
    embedded::{
        catalog::{self, Bits, Catalog, Pack, Place},
        directory::Directory,
        feed::Feed,
        session::Session,
    },
};

use super::found::{Extent, Found, Mask};

/// A snapshot and its tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root {
    pub(super) snapshot: Id,
    pub(super) tree: Id,
}

/// Snapshot files.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    pub(super) count: u64,
    pub(super) roots: Vec<Root>,
    /// Those that cannot be read, with their damage.
    pub(super) damaged: Vec<(Id, Mask)>,
}

/// What was looked at.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) trees: u64,
    pub(super) blobs: u64,
    pub(super) bytes: u64,
}

/// Reads the index; what of it cannot be read is damage.
pub(super) fn catalog(session: &Session, found: &Found<'_>) -> Result<Catalog> {
    let catalog = Catalog::read(session, |id, why| {
        let message = format!("index file `{:.8}` is damaged: {why}", id.to_hex().as_str());
        found.add(Damage::DamagedIndex, Some("index"), &id, message);
        Ok(())
    })?;
    for (number, pack) in (0..).zip(&catalog.packs) {
        // One that is marked may be gone: restic's prune removes what its index does not name.
        if !pack.marked && !pack.is_there() {
            let (mask, extent) = wrong_pack(pack, found);
            found.broken().packs.insert(number, (mask, extent));
        }
    }
    Ok(catalog)
}

fn wrong_pack(pack: &Pack, found: &Found<'_>) -> (Mask, Extent) {
    let id = pack.id.to_hex();
    match pack.size {
        None => {
            let message = format!("pack `{:.8}` is missing", id.as_str());
            let mask = found.add(Damage::MissingPack, Some("data"), &pack.id, message);
            (mask, Extent::Whole)
        }
        Some(size) => {
            let message = format!(
                "pack `{:.8}` has {size} bytes, and {} by the index",
                id.as_str(),
                pack.expected
            );
            let mask = found.add(Damage::PackSize, Some("data"), &pack.id, message);
            (mask, Extent::From(size))
        }
    }
}

/// Reads all snapshot files; one that is damaged hurts itself.
pub(super) fn snapshots(session: &Session, found: &Found<'_>) -> Result<Snapshots> {
    let list = catalog::list(session, FileType::Snapshot)?;
    let mut snapshots = Snapshots {
        count: list.len() as u64,
        ..Snapshots::default()
    };
    for (id, _) in list {
        match session.look_at::<SnapshotFile>(FileType::Snapshot, &id)? {
            Ok(snapshot) => snapshots.roots.push(Root {
                snapshot: id,
                tree: *snapshot.tree,
            }),
            Err(why) => {
                let message = format!("snapshot `{:.8}` is damaged: {why}", id.to_hex().as_str());
                let mask = found.add(Damage::DamagedSnapshot, Some("snapshots"), &id, message);
                snapshots.damaged.push((id, mask));
            }
        }
    }
    Ok(snapshots)
}

/// Reads every tree that a snapshot needs, and looks every blob up.
pub(super) fn walk(
    session: &Session,
    catalog: &Catalog,
    roots: &[Root],
    found: &Found<'_>,
    feed: &Feed,
) -> Result<Seen> {
    let mut walk = Walk {
        catalog,
        found,
        trees: Bits::new(catalog.trees().len()),
        data: Bits::new(catalog.data().len()),
        ahead: Vec::new(),
    };
    let mut bytes = 0;
    for root in roots {
        walk.tree(&root.tree);
        while let Some(number) = walk.ahead.pop() {
            let places = walk.places(number);
            let Some(first) = places.first() else { continue };
            let mut mask = 0;
            let directory = Directory::read(session, catalog, places, |place, why| {
                mask |= walk.damaged(place, &why);
            })?;
            match directory {
                Some(directory) => walk.directory(&first.id, &directory),
                // Else its packs are missing or too short, and that was told.
                None if mask != 0 => {
                    found.broken().trees.insert(first.id, mask);
                }
                None => {}
            }
            bytes += u64::from(first.length);
            feed.bytes_done
                .fetch_add(u64::from(first.length), Ordering::Relaxed);
        }
    }
    Ok(Seen {
        trees: walk.trees.count(),
        blobs: walk.data.count(),
        bytes,
    })
}

struct Walk<'a> {
    catalog: &'a Catalog,
    found: &'a Found<'a>,
    /// By the number of the first place.
    trees: Bits,
    data: Bits,
    /// Trees to be read, by the number of the first place.
    ahead: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn places(&self, number: usize) -> &'a [Place] {
        let places = self.catalog.trees().get(number..).unwrap_or_default();
        let Some(first) = places.first() else { return &[] };
        let count = places.iter().take_while(|place| place.id == first.id).count();
        places.get(..count).unwrap_or_default()
    }

    fn directory(&mut self, id: &Id, directory: &Directory) {
        for tree in &directory.trees {
            self.tree(tree);
        }
        for blob in &directory.blobs {
            self.blob(blob);
        }
        if directory.blind > 0 {
            let message = format!(
                "tree `{:.8}` is damaged: {} of its directories say nothing of what is in them",
                id.to_hex().as_str(),
                directory.blind
            );
            let mask = self.found.add(Damage::DamagedTree, None, id, message);
            self.found.broken().trees.insert(*id, mask);
        }
    }

    fn tree(&mut self, id: &Id) {
        match catalog::find(self.catalog.trees(), id) {
            Some((number, places)) => {
                if self.trees.insert(number) {
                    self.marked("tree", places);
                    self.ahead.push(number);
                }
            }
            None => self.missing("tree", id),
        }
    }

    fn blob(&mut self, id: &Id) {
        match catalog::find(self.catalog.data(), id) {
            Some((number, places)) => {
                if self.data.insert(number) {
                    self.marked("blob", places);
                }
            }
            None => self.missing("blob", id),
        }
    }

    fn missing(&self, what: &str, id: &Id) {
        if self.found.broken().missing.contains_key(id) {
            return;
        }
        let message = format!("{what} `{:.8}` is in no index file", id.to_hex().as_str());
        let mask = self.found.add(Damage::MissingBlob, None, id, message);
        self.found.broken().missing.insert(*id, mask);
    }

    /// Readers do not look into packs that are marked.
    fn marked(&self, what: &str, places: &[Place]) {
        if places.iter().any(|place| self.catalog.stays(place)) {
            return;
        }
        let Some(place) = places.first() else { return };
        let Some(pack) = self.catalog.pack(place) else {
            return;
        };
        let (id, name) = (place.id.to_hex(), pack.id.to_hex());
        let (kind, message) = if places.iter().any(|place| self.catalog.is_within(place)) {
            let message = format!(
                "{what} `{:.8}` is only in pack `{:.8}`, which is marked for removal",
                id.as_str(),
                name.as_str()
            );
            (Damage::MarkedBlob, message)
        } else {
            let message = format!(
                "{what} `{:.8}` was only in pack `{:.8}`, which was marked for removal and is gone",
                id.as_str(),
                name.as_str()
            );
            (Damage::MissingBlob, message)
        };
        let mask = self.found.add(kind, None, &place.id, message);
        self.found.broken().missing.insert(place.id, mask);
    }

    fn damaged(&self, place: &Place, why: &str) -> Mask {
        let pack = self.catalog.pack(place).map_or(place.id, |pack| pack.id);
        let message = format!(
            "tree `{:.8}` in pack `{:.8}` is damaged: {why}",
            place.id.to_hex().as_str(),
            pack.to_hex().as_str()
        );
        self.found.add(Damage::DamagedTree, None, &place.id, message)
    }
}
