//! Copies snapshots, with all that they need, from one repository into another.
//!
//! What is new goes through the library, in portions; the snapshots themselves are written by us, once all that they need
//! was looked for in the target. So whatever is damaged, or ends half-way, no snapshot looks whole that is not.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use rustic_core::{
    FileType, Id,
    repofile::{IndexFile, SnapshotFile},
};
use serde_json::{Map, Value};

use crate::{
    Access, Cancellation, CopiedSnapshot, CopyReport, CopyRequest, EngineError, ErrorKind, Observer, Phase,
    Progress, Result, Warning,
};

use super::{
    backup::take_back,
    bars::{CopyBars, NoBars},
    feed::Feed,
    kept,
    room::Watch,
    session::{Opened, Opening, Session, version},
    snapshots, verify,
};

/// So many snapshots are copied in one go: each go reads the target's index anew, and what it stores is of use only once
/// it has come to its end.
const PORTION: usize = 32;

pub(crate) fn run(
    source: &Access,
    target: &Access,
    request: &CopyRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<CopyReport> {
    kept::parse(&request.snapshots)?;
    let mut copy = Copy {
        source,
        target,
        request,
        observer,
        cancellation,
        feed: Arc::default(),
        report: CopyReport::default(),
        begun: false,
        tried: HashSet::new(),
        damaged: Vec::new(),
    };
    // The newest first: it is the one that people want, should there be no time for more.
    let mut most = 1;
    while copy.portion(None, most)? {
        most = PORTION;
    }
    copy.end()
}

/// A snapshot of the source, as its file has it.
struct Wanted {
    file: SnapshotFile,
    fields: Map<String, Value>,
}

/// What two files of one snapshot have in common: what `restic copy` and `restic tag` call the original, the tree, and the
/// time. Tags and pins may be others in the target.
type Identity = (Id, Id, jiff::Timestamp);

struct Copy<'a> {
    source: &'a Access,
    target: &'a Access,
    request: &'a CopyRequest,
    observer: &'a dyn Observer,
    cancellation: &'a Cancellation,
    feed: Arc<Feed>,
    report: CopyReport,
    /// The repositories were looked at.
    begun: bool,
    /// Snapshots of the source that were copied, or cannot be.
    tried: HashSet<Id>,
    /// Those that cannot be, with why.
    damaged: Vec<(Id, EngineError)>,
}

impl Copy<'_> {
    /// Copies the next snapshots, so many at most, or the one that is named. Answers whether there may be more.
    fn portion(&mut self, named: Option<Id>, most: usize) -> Result<bool> {
        if !self.begun {
            self.observer.phase(Phase::Open);
        }
        let (mut from, source) = Session::open(self.source, self.opening(NoBars, None))?;
        let bars = CopyBars(Arc::clone(&self.feed));
        let (mut to, target) = Session::open(self.target, self.opening(bars, self.request.compression))?;
        from.check_cancelled()?;
        let watch = Watch::begin_copy(&to.place, &self.request.allowance, self.cancellation)?;
        to.guard.watch_room(watch);
        from.lock_for_reading(version(&source), self.observer)?;
        to.lock(version(&target), self.observer)?;
        to.guard.count_for(Arc::clone(&self.feed));
        let (missing, there) = self.missing(named, (&from, &source), (&to, &target))?;
        if !self.begun {
            self.begun = true;
            self.begin(&missing, there, &source, &target);
        }
        let left = missing.len();
        let portion: Vec<Wanted> = missing.into_iter().rev().take(most).collect();
        let ids: Vec<Id> = portion.iter().map(|wanted| *wanted.file.id).collect();
        let Some(first) = ids.first() else {
            return Ok(false);
        };
        self.tried.extend(&ids);
        match self.store((&from, source), (&to, target), &portion) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                take_back(&to);
                drop((from, to));
                if ids.len() == 1 {
                    self.damaged.push((*first, error));
                } else {
                    // Others of them may be well.
                    for id in ids {
                        self.portion(Some(id), 1)?;
                    }
                }
            }
            Err(error) => {
                if error.kind() == ErrorKind::NoSpace {
                    take_back(&to);
                }
                return Err(error);
            }
        }
        Ok(left > most)
    }

    fn opening<P: rustic_core::ProgressBars>(&self, bars: P, compression: Option<i32>) -> Opening<'_, P> {
        Opening {
            cancellation: self.cancellation,
            compression,
            bars,
        }
    }

    /// What is asked for and neither in the target nor tried, oldest first, and how much of it is there.
    fn missing(
        &self,
        named: Option<Id>,
        (from, source): (&Session, &Opened),
        (to, target): (&Session, &Opened),
    ) -> Result<(Vec<Wanted>, u64)> {
        let mut there: HashSet<Identity> = HashSet::new();
        for snapshot in snapshots::matching(to, target, &crate::SnapshotQuery::default())? {
            there.insert(identity(&snapshot));
        }
        let wanted: HashSet<&str> = self.request.snapshots.iter().map(String::as_str).collect();
        let mut missing = Vec::new();
        let mut count = 0;
        for file in snapshots::matching(from, source, &self.request.query)? {
            let name = file.id.to_hex();
            if !wanted.is_empty() && !wanted.contains(name.as_str()) {
                continue;
            }
            let is_next = named.map_or(!self.tried.contains(&*file.id), |named| named == *file.id);
            if there.contains(&identity(&file)) {
                count += 1;
            } else if is_next {
                let fields = from
                    .look_at(FileType::Snapshot, &file.id)?
                    .map_err(|why| corrupt(format!("snapshot `{:.8}`: {why}", name.as_str())))?;
                missing.push(Wanted { file, fields });
            }
        }
        Ok((missing, count))
    }

    /// What is known once both repositories were looked at.
    fn begin(&mut self, missing: &[Wanted], there: u64, source: &Opened, target: &Opened) {
        self.report.there_already = there;
        self.feed
            .files_total
            .store(missing.len() as u64, Ordering::Relaxed);
        // It matters where others store the same data there; who has copied before was told.
        if there == 0
            && !missing.is_empty()
            && source.config().chunker_polynomial != target.config().chunker_polynomial
        {
            self.observer.warning(Warning {
                path: PathBuf::from(&self.target.name),
                reason: "it cuts files in other places than the repository that is copied from: what backups store \
                         there themselves shares nothing with the copies"
                    .to_owned(),
            });
        }
        self.observer.phase(Phase::Index);
    }

    /// Stores what these snapshots need and the target lacks, looks at it, and then writes them.
    fn store(
        &mut self,
        (from, source): (&Session, Opened),
        (to, target): (&Session, Opened),
        portion: &[Wanted],
    ) -> Result<()> {
        let feed = Arc::clone(&self.feed);
        let read =
            |session: &Session, error: &rustic_core::RusticError| session.failed("read the index of", error);
        let source = source.to_indexed().map_err(|error| read(from, &error))?;
        let target = target.to_indexed_ids().map_err(|error| read(to, &error))?;
        from.check_cancelled()?;
        self.observer.phase(Phase::Copy);
        let files: Vec<SnapshotFile> = portion.iter().map(|wanted| wanted.file.clone()).collect();
        let format = version(&target);
        to.guard.hold_snapshots(true);
        let target = feed.follow(self.observer, || {
            let copied = source.copy(&target, &files);
            copied.map(|()| target).map_err(|error| {
                // The library reads there and writes here: a write that failed is remembered.
                if to.guard.failure().is_some() {
                    to.failed("copy to", &error)
                } else {
                    from.failed("copy from", &error)
                }
            })
        })?;
        to.guard.hold_snapshots(false);
        // It takes no notice of what its index lacks.
        let target = target
            .drop_index()
            .to_indexed()
            .map_err(|error| read(to, &error))?;
        verify::whole(to, &target, &files).map_err(|error| {
            // What the source lacks cannot have come.
            match verify::whole(from, &source, &files) {
                Err(cause) if error.kind() == ErrorKind::Corrupt && cause.kind() == ErrorKind::Corrupt => {
                    cause
                }
                _ => error,
            }
        })?;
        for wanted in portion {
            from.check_cancelled()?;
            let snapshot = to.store(format, FileType::Snapshot, &fields_of_copy(wanted))?;
            self.report.copied.push(CopiedSnapshot {
                source: wanted.file.id.to_hex().to_string(),
                snapshot: snapshot.to_hex().to_string(),
                time: wanted.file.time.timestamp(),
            });
            feed.files_done.fetch_add(1, Ordering::Relaxed);
        }
        self.report.blobs += blobs_written(to)?;
        Ok(())
    }

    fn end(self) -> Result<CopyReport> {
        let mut report = self.report;
        report.bytes_read = self.feed.bytes_done.load(Ordering::Relaxed);
        report.bytes_stored = self.feed.bytes_added.load(Ordering::Relaxed);
        let all = report.copied.len() + self.damaged.len();
        self.observer.progress(Progress {
            files_total: all as u64,
            bytes_total: report.bytes_read,
            ..self.feed.progress()
        });
        for (id, error) in &self.damaged {
            self.observer.warning(Warning {
                path: PathBuf::from(format!("snapshot {:.8}", id.to_hex().as_str())),
                reason: error.chain(),
            });
        }
        let count = self.damaged.len();
        match self.damaged.into_iter().next() {
            None => Ok(report),
            Some((_, error)) => Err(corrupt(format!(
                "{count} of {all} snapshots cannot be copied, and the others are: {}",
                error.chain()
            ))),
        }
    }
}

fn corrupt(message: String) -> EngineError {
    EngineError::new(ErrorKind::Corrupt, message)
}

fn identity(snapshot: &SnapshotFile) -> Identity {
    let original = snapshot.original.unwrap_or(snapshot.id);
    (*original, *snapshot.tree, snapshot.time.timestamp())
}

/// As `restic copy` writes it: all that the file says, with its first id, and without a parent, which may not be there.
fn fields_of_copy(wanted: &Wanted) -> Map<String, Value> {
    let mut fields = wanted.fields.clone();
    fields.remove("parent");
    fields.remove("parents");
    let original = wanted.file.original.unwrap_or(wanted.file.id);
    fields.insert("original".to_owned(), original.to_hex().as_str().into());
    fields
}

/// Blobs that the index files of this session name.
fn blobs_written(session: &Session) -> Result<u64> {
    let mut blobs = 0;
    for id in session.guard.written(FileType::Index) {
        if let Ok(file) = session.look_at::<IndexFile>(FileType::Index, &id)? {
            blobs += file.packs.iter().map(|pack| pack.blobs.len() as u64).sum::<u64>();
        }
    }
    Ok(blobs)
}
