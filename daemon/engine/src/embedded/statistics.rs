//! What a repository stores, and for whom: every directory is read once for each group of snapshots that needs it.
//!
//! What is kept of each blob are the 48 bytes of the catalog, who needs it in 4 more, and of a directory the bytes below
//! it in 8.

mod groups;
mod links;

use std::sync::atomic::Ordering;

use rustic_core::{Id, repofile::SnapshotFile};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, Observer, Phase, Result, SnapshotQuery, StatisticsReport,
    StatisticsRequest,
};

use super::{
    bars::NoBars,
    catalog::{self, Catalog, Place},
    directory::Directory,
    feed::Feed,
    session::{Opening, Session},
    snapshots,
};

use groups::{Groups, Set};
use links::Links;

/// Bytes by which a blob grows when it is sealed.
const SEAL: u64 = 32;

pub(super) fn run(
    access: &Access,
    request: &StatisticsRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<StatisticsReport> {
    observer.phase(Phase::Open);
    let opening = Opening {
        cancellation,
        compression: None,
        bars: NoBars,
    };
    // Without a lock: whoever counts must not be in anybody's way, and leaves nothing behind when it is killed.
    let (session, repository) = Session::open(access, opening)?;
    observer.phase(Phase::Index);
    // Snapshots first: whoever stores one meanwhile has stored all that it needs before.
    let snapshots = snapshots::matching(&session, &repository, &SnapshotQuery::default())?;
    let catalog = Catalog::read(&session, |id, why| {
        let id = id.to_hex();
        Err(gone(
            &session,
            &format!("index file `{:.8}` is damaged: {why}", id.as_str()),
        ))
    })?;
    observer.phase(Phase::Scan);
    let feed = Feed::default();
    feed.follow(observer, || {
        let mut count = Count::new(&session, &catalog, &feed);
        let mut groups = Groups::default();
        for snapshot in &snapshots {
            let group = groups.of(snapshot.tags.iter(), &request.group_by);
            let restored = count.snapshot(snapshot, group)?;
            groups.add(group, restored);
        }
        Ok(count.report(snapshots.len() as u64, groups))
    })
}

struct Count<'a> {
    session: &'a Session,
    catalog: &'a Catalog,
    feed: &'a Feed,
    sets: groups::Sets,
    /// Who needs it, by the number of the first place.
    trees: Vec<Set>,
    data: Vec<Set>,
    /// Bytes below each directory, without those of files with more than one name.
    below: Vec<u64>,
    links: Links,
    /// Directories that are being counted, each in the one before.
    open: Vec<Open>,
}

struct Open {
    number: usize,
    bytes: u64,
    ahead: std::vec::IntoIter<Id>,
}

impl<'a> Count<'a> {
    fn new(session: &'a Session, catalog: &'a Catalog, feed: &'a Feed) -> Self {
        Self {
            session,
            catalog,
            feed,
            sets: groups::Sets::default(),
            trees: vec![Set::default(); catalog.trees().len()],
            data: vec![Set::default(); catalog.data().len()],
            below: vec![0; catalog.trees().len()],
            links: Links::default(),
            open: Vec::new(),
        }
    }

    /// Bytes that a restore of it would write.
    fn snapshot(&mut self, snapshot: &SnapshotFile, group: u32) -> Result<u64> {
        let root = self.enter(&snapshot.tree, group)?;
        while let Some(open) = self.open.last_mut() {
            if let Some(id) = open.ahead.next() {
                let number = self.enter(&id, group)?;
                // One that was counted before is not entered again.
                let is_entered = self.open.last().is_some_and(|open| open.number == number);
                if !is_entered {
                    self.finished(number);
                }
                continue;
            }
            let Some(done) = self.open.pop() else { break };
            if let Some(below) = self.below.get_mut(done.number) {
                *below = done.bytes;
            }
            self.finished(done.number);
        }
        let plain = self.below.get(root).copied().unwrap_or_default();
        Ok(plain + self.links.bytes(root))
    }

    /// What is below a directory goes to the one that it is in.
    fn finished(&mut self, number: usize) {
        let bytes = self.below.get(number).copied().unwrap_or_default();
        if let Some(above) = self.open.last_mut() {
            above.bytes += bytes;
            self.links.pass_on(number, above.number);
        }
    }

    /// Begins a directory, unless it was counted for the group.
    fn enter(&mut self, id: &Id, group: u32) -> Result<usize> {
        let (number, places) = self.find(self.catalog.trees(), id, "directory")?;
        if !self.needs(true, number, group) {
            return Ok(number);
        }
        let directory = Directory::read(self.session, self.catalog, places, |_, _| ())?;
        let Some(directory) = directory else {
            return Err(gone(
                self.session,
                &format!("the directory `{:.8}` cannot be read", id.to_hex().as_str()),
            ));
        };
        for blob in &directory.blobs {
            let (number, _) = self.find(self.catalog.data(), blob, "piece of a file")?;
            self.needs(false, number, group);
        }
        let length = places.first().map_or(0, |place| u64::from(place.length));
        self.feed.bytes_done.fetch_add(length, Ordering::Relaxed);
        self.links.add(number, directory.linked);
        self.open.push(Open {
            number,
            bytes: directory.bytes,
            ahead: directory.trees.into_iter(),
        });
        Ok(number)
    }

    /// Notes that a group needs a blob; answers whether that is new.
    fn needs(&mut self, tree: bool, number: usize, group: u32) -> bool {
        let list = if tree { &mut self.trees } else { &mut self.data };
        let Some(set) = list.get_mut(number) else {
            return false;
        };
        let with = self.sets.with(*set, group);
        std::mem::replace(set, with) != with
    }

    fn find(&self, places: &'a [Place], id: &Id, what: &str) -> Result<(usize, &'a [Place])> {
        catalog::find(places, id).ok_or_else(|| {
            gone(
                self.session,
                &format!("the {what} `{:.8}` is in no index file", id.to_hex().as_str()),
            )
        })
    }

    fn report(self, snapshots: u64, groups: Groups) -> StatisticsReport {
        let mut report = StatisticsReport {
            snapshots,
            packs: self.catalog.unreferenced,
            bytes_stored: self.catalog.unreferenced_bytes,
            bytes_unused: self.catalog.unreferenced_bytes,
            ..StatisticsReport::default()
        };
        for pack in &self.catalog.packs {
            let Some(size) = pack.size else { continue };
            report.packs += 1;
            report.bytes_stored += size;
            if pack.marked {
                report.bytes_marked += size;
            }
        }
        let mut by_set = vec![0_u64; self.sets.len()];
        for (places, sets) in [
            (self.catalog.trees(), &self.trees),
            (self.catalog.data(), &self.data),
        ] {
            for (number, place) in places.iter().enumerate() {
                let length = u64::from(place.length);
                let is_first =
                    number == 0 || places.get(number - 1).is_none_or(|before| before.id != place.id);
                let set = sets.get(number).copied().unwrap_or_default();
                if is_first && !set.is_empty() {
                    report.blobs += 1;
                    report.bytes_needed += length;
                    report.bytes_unique += place.unpacked().map_or(length.saturating_sub(SEAL), u64::from);
                    if let Some(sum) = by_set.get_mut(set.number()) {
                        *sum += length;
                    }
                } else if self.catalog.stays(place) {
                    report.bytes_unused += length;
                }
            }
        }
        report.groups = groups.report(|group| self.sets.sums(&by_set, group));
        report.bytes_restored = report.groups.iter().map(|group| group.bytes_restored).sum();
        report
    }
}

/// Others may have removed it meanwhile, or it is damaged.
fn gone(session: &Session, what: &str) -> EngineError {
    EngineError::new(
        ErrorKind::Corrupt,
        format!(
            "cannot count what repository `{}` stores: {what}, unless somebody has pruned it meanwhile",
            session.place.name
        ),
    )
}
