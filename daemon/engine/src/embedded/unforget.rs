//! Brings forgotten snapshots back, each only if all that it needs is still there.

use std::{
    collections::{BTreeSet, HashSet},
    io,
    path::Path,
    sync::atomic::Ordering,
};

use jiff::Timestamp;
use rustic_core::{
    FileType, Id, WriteBackend,
    repofile::{IndexFile, IndexPack, SnapshotFile},
};

use crate::{Access, Cancellation, EngineError, ErrorKind, Lost, Observer, Phase, Result, UnforgetReport};

use super::{
    bars::NoBars,
    catalog::{self, Bits, Catalog, Place},
    directory::Directory,
    failure,
    feed::Feed,
    forget,
    kept::{self, Kept},
    session::{Opened, Opening, Session, version},
    stored::Looked,
};

/// Blobs in an index file, as the library has it.
const INDEX_BLOBS: usize = 50_000;

pub(super) fn run(
    access: &Access,
    keep: &Path,
    snapshots: &[String],
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<UnforgetReport> {
    kept::parse(snapshots)?;
    observer.phase(Phase::Open);
    let (session, repository) = Session::open(
        access,
        Opening {
            cancellation,
            compression: None,
            bars: NoBars,
        },
    )?;
    run_in(session, &repository, keep, snapshots, observer)
}

pub(super) fn run_in(
    mut session: Session,
    repository: &Opened,
    keep: &Path,
    snapshots: &[String],
    observer: &dyn Observer,
) -> Result<UnforgetReport> {
    let kept = Kept(keep);
    let wanted = match snapshots {
        [] => kept.list()?,
        named => kept::parse(named)?,
    };
    let version = version(repository);
    // With it no prune can be at work: what is there stays.
    session.lock(version, observer)?;
    observer.phase(Phase::Index);
    let there: HashSet<Id> = catalog::list(&session, FileType::Snapshot)?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let catalog = Catalog::read(&session, |id, why| {
        Err(EngineError::new(
            ErrorKind::Corrupt,
            format!(
                "index file `{:.8}` of repository `{}` is damaged: {why}",
                id.to_hex().as_str(),
                session.place.name
            ),
        ))
    })?;
    observer.phase(Phase::Verify);
    let feed = Feed::default();
    feed.files_total.store(wanted.len() as u64, Ordering::Relaxed);
    let mut report = UnforgetReport::default();
    let found = feed.follow(observer, || {
        let mut search = Search {
            session: &session,
            catalog: &catalog,
            trees: Bits::new(catalog.trees().len()),
            data: Bits::new(catalog.data().len()),
            marked: BTreeSet::new(),
        };
        let mut whole = Vec::new();
        for id in &wanted {
            if there.contains(id) {
                report.present.push(id.to_hex().as_str().to_owned());
            } else {
                match search.snapshot(id, &kept)? {
                    Ok(raw) => whole.push((*id, raw)),
                    Err(reason) => report.lost.push(Lost {
                        snapshot: id.to_hex().as_str().to_owned(),
                        reason,
                    }),
                }
            }
            feed.files_done.fetch_add(1, Ordering::Relaxed);
        }
        Ok((whole, search.marked))
    })?;
    let (whole, marked) = found;
    // The packs first: at no moment is there a snapshot without what it needs.
    recover(&session, &catalog, &marked, version)?;
    report.packs_recovered = marked.len() as u64;
    for (id, raw) in whole {
        session.check_cancelled()?;
        session
            .guard
            .write_bytes(FileType::Snapshot, &id, true, raw.into())
            .map_err(|error| session.failed("write a snapshot to", &error))?;
        report.restored.extend(forget::names(&[id]));
    }
    observer.progress(feed.progress());
    Ok(report)
}

/// Puts marked packs back among those that stay. Where a pack is in both lists, it stays.
fn recover(session: &Session, catalog: &Catalog, marked: &BTreeSet<u32>, version: u32) -> Result<()> {
    let mut wanted: HashSet<Id> = marked
        .iter()
        .filter_map(|number| catalog.packs.get(*number as usize))
        .map(|pack| pack.id)
        .collect();
    let mut packs: Vec<IndexPack> = Vec::new();
    if !wanted.is_empty() {
        catalog::each_index(session, |_, file| {
            for mut pack in file.map(|file| file.packs_to_delete).unwrap_or_default() {
                if wanted.remove(&*pack.id) {
                    pack.time = Some(Timestamp::now());
                    packs.push(pack);
                }
            }
            Ok(())
        })?;
    }
    let mut file = IndexFile::default();
    let mut blobs = 0;
    for pack in packs {
        blobs += pack.blobs.len();
        file.packs.push(pack);
        if blobs >= INDEX_BLOBS {
            session.store(version, FileType::Index, &std::mem::take(&mut file))?;
            blobs = 0;
        }
    }
    if !file.packs.is_empty() {
        session.store(version, FileType::Index, &file)?;
    }
    Ok(())
}

struct Search<'a> {
    session: &'a Session,
    catalog: &'a Catalog,
    /// Trees that are whole with all below them, and blobs that are there; by the number of the first place.
    trees: Bits,
    data: Bits,
    /// Packs that have to be recovered, by number.
    marked: BTreeSet<u32>,
}

/// What was found of one snapshot.
#[derive(Default)]
struct Seen {
    trees: HashSet<usize>,
    data: HashSet<usize>,
    marked: BTreeSet<u32>,
}

impl Search<'_> {
    /// The kept file of a snapshot that is whole, or why it is not.
    fn snapshot(&mut self, id: &Id, kept: &Kept<'_>) -> Result<Looked<Vec<u8>>> {
        let raw = match kept.read(id) {
            Ok(raw) => raw,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Err("its file was not kept".to_owned()));
            }
            Err(error) => {
                return Ok(Err(format!(
                    "its kept file cannot be read: {}",
                    failure::reason(&error)
                )));
            }
        };
        let snapshot: SnapshotFile = match self.session.open_stored(id, &raw) {
            Ok(snapshot) => snapshot,
            Err(why) => {
                return Ok(Err(format!(
                    "its kept file is damaged, or of another repository: {why}"
                )));
            }
        };
        let mut seen = Seen::default();
        let mut ahead = vec![*snapshot.tree];
        while let Some(tree) = ahead.pop() {
            match self.tree(&tree, &mut seen)? {
                Ok(below) => ahead.extend(below),
                Err(why) => return Ok(Err(why)),
            }
        }
        for number in seen.trees {
            self.trees.insert(number);
        }
        for number in seen.data {
            self.data.insert(number);
        }
        self.marked.append(&mut seen.marked);
        Ok(Ok(raw))
    }

    /// The trees below one, whose own blobs are all there.
    fn tree(&self, id: &Id, seen: &mut Seen) -> Result<Looked<Vec<Id>>> {
        let Some((number, places)) = catalog::find(self.catalog.trees(), id) else {
            return Ok(Err(gone("directory", id)));
        };
        if self.trees.contains(number) || !seen.trees.insert(number) {
            return Ok(Ok(Vec::new()));
        }
        let Some(places) = self.there(places, seen) else {
            return Ok(Err(gone("directory", id)));
        };
        let mut reason = None;
        let directory = Directory::read(self.session, self.catalog, &places, |_, why| {
            reason.get_or_insert(why);
        })?;
        let Some(directory) = directory.filter(|directory| directory.blind == 0) else {
            let why = reason.unwrap_or_else(|| "it does not say what is in it".to_owned());
            return Ok(Err(format!(
                "its directory `{:.8}` is damaged: {why}",
                id.to_hex().as_str()
            )));
        };
        for blob in &directory.blobs {
            let Some((number, places)) = catalog::find(self.catalog.data(), blob) else {
                return Ok(Err(gone("piece of a file", blob)));
            };
            if self.data.contains(number) || !seen.data.insert(number) {
                continue;
            }
            if self.there(places, seen).is_none() {
                return Ok(Err(gone("piece of a file", blob)));
            }
        }
        Ok(Ok(directory.trees))
    }

    /// The places that are there; a pack that is marked is noted if no other has the blob.
    fn there(&self, places: &[Place], seen: &mut Seen) -> Option<Vec<Place>> {
        let whole = |place: &&Place| self.catalog.pack(place).is_some_and(catalog::Pack::is_there);
        let there: Vec<Place> = places.iter().filter(whole).copied().collect();
        // Those that stay come first.
        let first = there.first()?;
        if !self.catalog.stays(first) {
            seen.marked.insert(first.pack);
        }
        Some(there)
    }
}

fn gone(what: &str, id: &Id) -> String {
    format!(
        "a {what} that it needs (`{:.8}`) is not in the repository any more",
        id.to_hex().as_str()
    )
}
