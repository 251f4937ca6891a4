//! What the index files say of all packs and blobs, held against the packs that are there.

use std::collections::HashMap;

use rustic_core::{
    FileType, Id,
    repofile::{BlobType, IndexFile, IndexPack},
};

use crate::Result;

use super::{failure::Cause, session::Session, stored::Looked};

/// Packs by number, blobs by id: 48 bytes a blob.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) packs: Vec<Pack>,
    /// Packs that are there and in no index file.
    pub(super) unreferenced: u64,
    /// Bytes of them.
    pub(super) unreferenced_bytes: u64,
    trees: Vec<Place>,
    data: Vec<Place>,
}

/// A pack that an index file names.
#[derive(Debug, Clone)]
pub(super) struct Pack {
    pub(super) id: Id,
    /// Bytes of its file; `None` if it is not there.
    pub(super) size: Option<u64>,
    /// Bytes that it has to have.
    pub(super) expected: u64,
    /// A prune has marked it for removal, so that what it holds does not count as stored.
    pub(super) marked: bool,
}

impl Pack {
    pub(super) fn is_there(&self) -> bool {
        self.size == Some(self.expected)
    }
}

/// One of the places of a blob.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) id: Id,
    /// Number of the pack.
    pub(super) pack: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
    /// Bytes of the blob once opened, if it is compressed; 0 otherwise.
    unpacked: u32,
}

impl Place {
    pub(super) fn unpacked(&self) -> Option<u32> {
        (self.unpacked != 0).then_some(self.unpacked)
    }
}

impl Catalog {
    /// Reads all index files; each that is damaged is told, and left out.
    pub(super) fn read(session: &Session, mut damaged: impl FnMut(Id, String) -> Result<()>) -> Result<Self> {
        let mut catalog = Self::default();
        let mut numbers = HashMap::new();
        each_index(session, |id, file| match file {
            Ok(file) => {
                for (packs, marked) in [(file.packs, false), (file.packs_to_delete, true)] {
                    for pack in packs {
                        catalog.add(pack, marked, &mut numbers);
                    }
                }
                Ok(())
            }
            Err(why) => damaged(id, why),
        })?;
        // Only now: whoever writes beside us writes packs before the index files that name them.
        let mut sizes: HashMap<Id, u64> = list(session, FileType::Pack)?.into_iter().collect();
        for pack in &mut catalog.packs {
            pack.size = sizes.remove(&pack.id);
        }
        catalog.unreferenced = sizes.len() as u64;
        catalog.unreferenced_bytes = sizes.values().sum();
        for places in [&mut catalog.trees, &mut catalog.data] {
            // Of several places those come first that are to stay.
            places.sort_unstable_by_key(|place| {
                let marked = catalog
                    .packs
                    .get(place.pack as usize)
                    .is_none_or(|pack| pack.marked);
                (place.id, marked, place.pack, place.offset)
            });
            places.dedup_by_key(|place| (place.id, place.pack, place.offset));
        }
        Ok(catalog)
    }

    fn add(&mut self, pack: IndexPack, marked: bool, numbers: &mut HashMap<Id, u32>) {
        let next = u32::try_from(self.packs.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(*pack.id).or_insert(next);
        match self.packs.get_mut(number as usize) {
            // A pack that one file marks and another does not is not marked.
            Some(known) => known.marked &= marked,
            None => self.packs.push(Pack {
                id: *pack.id,
                size: None,
                expected: u64::from(pack.pack_size()),
                marked,
            }),
        }
        for blob in pack.blobs {
            let place = Place {
                id: *blob.id,
                pack: number,
                offset: blob.location.offset,
                length: blob.location.length,
                unpacked: blob.location.uncompressed_length.map_or(0, u32::from),
            };
            match blob.tpe {
                BlobType::Tree => self.trees.push(place),
                BlobType::Data => self.data.push(place),
            }
        }
    }

    /// All places of trees, by id.
    pub(super) fn trees(&self) -> &[Place] {
        &self.trees
    }

    /// All places of pieces of files, by id.
    pub(super) fn data(&self) -> &[Place] {
        &self.data
    }

    /// What lies in each of some packs, as far as an index file says it.
    pub(super) fn contents(&self, of: impl Fn(u32) -> bool) -> Contents<'_> {
        let numbers = |places: &[Place]| -> Vec<(u32, u32)> {
            let mut numbers: Vec<_> = (0_u32..)
                .zip(places)
                .filter(|(_, place)| of(place.pack))
                .map(|(number, place)| (place.pack, number))
                .collect();
            numbers.sort_unstable();
            numbers
        };
        Contents {
            catalog: self,
            trees: numbers(&self.trees),
            data: numbers(&self.data),
        }
    }

    /// The pack of a place.
    pub(super) fn pack(&self, place: &Place) -> Option<&Pack> {
        self.packs.get(place.pack as usize)
    }

    /// Whether a place is in a pack that is to stay.
    pub(super) fn stays(&self, place: &Place) -> bool {
        self.pack(place).is_some_and(|pack| !pack.marked)
    }

    /// Whether the file of the pack reaches so far.
    pub(super) fn is_within(&self, place: &Place) -> bool {
        let end = u64::from(place.offset) + u64::from(place.length);
        self.pack(place)
            .is_some_and(|pack| pack.size.is_some_and(|size| end <= size))
    }
}

/// Places by pack: 8 bytes for each.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    catalog: &'a Catalog,
    trees: Vec<(u32, u32)>,
    data: Vec<(u32, u32)>,
}

impl Contents<'_> {
    /// Places in a pack, with whether it is that of a tree, in no order.
    pub(super) fn of(&self, pack: u32) -> impl Iterator<Item = (&Place, bool)> {
        let lists = [
            (&self.trees, self.catalog.trees(), true),
            (&self.data, self.catalog.data(), false),
        ];
        lists.into_iter().flat_map(move |(numbers, places, tree)| {
            let first = numbers.partition_point(|(of, _)| *of < pack);
            numbers
                .iter()
                .skip(first)
                .take_while(move |(of, _)| *of == pack)
                .filter_map(move |(_, number)| Some((places.get(*number as usize)?, tree)))
        })
    }
}

/// Where the places of a blob are in a list of them: the number of the first, and all.
pub(super) fn find<'a>(places: &'a [Place], id: &Id) -> Option<(usize, &'a [Place])> {
    let first = places.partition_point(|place| place.id < *id);
    let rest = places.get(first..)?;
    let count = rest.iter().take_while(|place| place.id == *id).count();
    rest.get(..count)
        .filter(|found| !found.is_empty())
        .map(|found| (first, found))
}

/// Reads index files one after the other, or tells what is wrong with one.
pub(super) fn each_index(
    session: &Session,
    mut each: impl FnMut(Id, Looked<IndexFile>) -> Result<()>,
) -> Result<()> {
    for (id, _) in list(session, FileType::Index)? {
        session.check_cancelled()?;
        each(id, session.look_at(FileType::Index, &id)?)?;
    }
    Ok(())
}

/// All files of a type with their sizes, by id.
pub(super) fn list(session: &Session, tpe: FileType) -> Result<Vec<(Id, u64)>> {
    let what = match tpe {
        FileType::Index => "list the index files of",
        FileType::Snapshot => "list the snapshots of",
        FileType::Pack => "list the packs of",
        _ => "list the files of",
    };
    let mut list = session
        .guard
        .list_strictly(tpe)
        .map_err(|error| session.failed_because(what, Cause::of(&error)))?;
    list.sort_unstable();
    Ok(list)
}

/// One bit for each of many things.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    /// Sets one; says whether it was not set.
    pub(super) fn insert(&mut self, number: usize) -> bool {
        let Some(word) = self.0.get_mut(number / 64) else {
            return false;
        };
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.0
            .get(number / 64)
            .is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
