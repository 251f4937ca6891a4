//! Makes the index say of all packs what is in them.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustic_core::{FileType, Id, WriteBackend, repofile::IndexFile};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Access, Cancellation, EngineError, Observer, Phase, RepairIndexReport, RepairIndexRequest, Result,
    Warning,
    embedded::{
        catalog,
        feed::Feed,
        pack::{self, Piece},
        session::{Session, version},
    },
};

use super::salvage;

/// A pack as an index file has it, in JSON: what is not ours to change goes through as it is.
pub(super) type IndexedPack = Value;

/// Blobs in an index file, as the library has it.
const INDEX_BLOBS: usize = 50_000;
/// Each reads a pack; more than a few only wait for the disk.
const THREADS: usize = 4;

pub(crate) fn run(
    access: &Access,
    request: RepairIndexRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<RepairIndexReport> {
    let (session, repository) = super::open(access, request.dry_run, observer, cancellation)?;
    let version = version(&repository);
    let feed = Feed::default();
    let mut repair = Repair {
        session: &session,
        request,
        observer,
        report: RepairIndexReport::default(),
        go: Vec::new(),
        keep: Vec::new(),
    };
    let suspects = repair.read()?;
    observer.phase(Phase::Repair);
    feed.files_total.store(suspects.len() as u64, Ordering::Relaxed);
    let total: u64 = suspects.iter().map(|suspect| u64::from(suspect.size)).sum();
    feed.bytes_total.store(total, Ordering::Relaxed);
    let mended = feed
        .follow(observer, || look(&session, request, &suspects, &feed))
        .and_then(|looked| {
            let (packs, damaged) = repair.judge(&suspects, looked);
            repair.write(version, &packs, &damaged)
        });
    if let Err(error) = mended {
        session.guard.end();
        session.guard.take_back();
        return Err(error);
    }
    observer.progress(feed.progress());
    Ok(repair.report)
}

/// A pack that is to be looked into.
struct Suspect {
    id: Id,
    size: u32,
    /// What the index says is in it; nothing where it does not name the pack.
    named: Option<Vec<Piece>>,
    /// In JSON.
    entry: Option<IndexedPack>,
    /// A prune has marked it for removal.
    marked: bool,
}

/// What was found in one.
enum Looked {
    /// It is as the index says.
    Well,
    /// It is whole, and says this of itself.
    Whole(IndexedPack),
    /// It is damaged. What is whole is in another one now, if anything is.
    Damaged {
        why: String,
        saved: Option<(IndexedPack, u64)>,
        lost: u64,
    },
    /// Nobody knows what is in it.
    Unreadable(String),
}

struct Repair<'a> {
    session: &'a Session,
    request: RepairIndexRequest,
    observer: &'a dyn Observer,
    report: RepairIndexReport,
    /// Index files that go.
    go: Vec<Id>,
    /// Entries of those that stay: packs, and marked packs.
    keep: Vec<(IndexedPack, bool)>,
}

impl Repair<'_> {
    /// Reads index and packs; answers the packs that have to be looked into.
    fn read(&mut self) -> Result<Vec<Suspect>> {
        let mut files: Vec<(Id, Value)> = Vec::new();
        for (id, _) in catalog::list(self.session, FileType::Index)? {
            self.report.index_files += 1;
            match self.session.look_at::<Value>(FileType::Index, &id)? {
                // Whether it makes sense is decided by how others read it.
                Ok(file) => match IndexFile::deserialize(&file) {
                    Ok(_) => files.push((id, file)),
                    Err(error) => self.damaged_file(id, &format!("it makes no sense: {error}")),
                },
                Err(why) => self.damaged_file(id, &why),
            }
        }
        // Index files are written after their packs.
        let mut sizes: HashMap<Id, u64> = catalog::list(self.session, FileType::Pack)?.into_iter().collect();
        let there: HashMap<Id, u64> = sizes.clone();
        let mut suspects: HashMap<Id, Suspect> = HashMap::new();
        let mut missing = HashSet::new();
        for (file, content) in files {
            let mut kept = Vec::new();
            let mut changed = false;
            for (key, marked) in [("packs", false), ("packs_to_delete", true)] {
                for entry in content.get(key).and_then(Value::as_array).into_iter().flatten() {
                    let Some((id, named, expected)) = parsed(entry) else {
                        continue;
                    };
                    sizes.remove(&id);
                    match there.get(&id) {
                        None => {
                            changed = true;
                            if missing.insert(id) {
                                self.tell(&id, "data", "the index names it, and it is not there");
                            }
                        }
                        Some(size) if *size == expected && !self.request.read_data => {
                            kept.push((entry.clone(), marked));
                        }
                        Some(size) => {
                            // What stays of it is written anew; one that is well is put back below.
                            changed |= *size != expected;
                            let suspect = suspects.entry(id).or_insert(Suspect {
                                id,
                                size: u32::try_from(*size).unwrap_or(u32::MAX),
                                named: Some(named),
                                entry: Some(entry.clone()),
                                marked,
                            });
                            suspect.marked &= marked;
                        }
                    }
                }
            }
            // With all data read, every file is written anew only if one of its packs is not well: that is known later.
            if changed || self.request.read_data {
                self.go.push(file);
                self.keep.extend(kept);
            } else {
                self.report.packs += kept.len() as u64;
            }
        }
        self.report.packs_missing = missing.len() as u64;
        for (id, size) in sizes {
            suspects.insert(
                id,
                Suspect {
                    id,
                    size: u32::try_from(size).unwrap_or(u32::MAX),
                    named: None,
                    entry: None,
                    marked: false,
                },
            );
        }
        let mut suspects: Vec<Suspect> = suspects.into_values().collect();
        suspects.sort_unstable_by_key(|suspect| suspect.id);
        Ok(suspects)
    }

    fn damaged_file(&mut self, id: Id, why: &str) {
        self.report.index_damaged += 1;
        self.tell(&id, "index", why);
        self.go.push(id);
    }

    /// The entries that the new index gets, and the packs that go.
    fn judge(&mut self, suspects: &[Suspect], looked: Vec<Looked>) -> (Vec<(IndexedPack, bool)>, Vec<Id>) {
        let mut packs = std::mem::take(&mut self.keep);
        let mut damaged = Vec::new();
        for (suspect, looked) in suspects.iter().zip(looked) {
            match looked {
                Looked::Well => packs.extend(suspect.entry.clone().map(|entry| (entry, suspect.marked))),
                Looked::Whole(entry) => {
                    if suspect.named.is_none() {
                        self.report.packs_found += 1;
                        self.tell(&suspect.id, "data", "it is in no index file");
                    } else {
                        self.report.packs_corrected += 1;
                        self.tell(&suspect.id, "data", "the index says something else of it");
                    }
                    packs.push((entry, false));
                }
                Looked::Damaged { why, saved, lost } => {
                    self.report.packs_damaged += 1;
                    self.report.blobs_lost += lost;
                    let lost = match lost {
                        1 => "1 blob is lost".to_owned(),
                        lost => format!("{lost} blobs are lost"),
                    };
                    self.tell(&suspect.id, "data", &format!("{why}; {lost}"));
                    if let Some((entry, bytes)) = saved {
                        self.report.bytes_written += bytes;
                        packs.push((entry, false));
                    }
                    damaged.push(suspect.id);
                }
                Looked::Unreadable(why) => {
                    self.report.packs_unreadable += 1;
                    self.tell(
                        &suspect.id,
                        "data",
                        &format!("nothing is known of it, and it is left alone: {why}"),
                    );
                }
            }
        }
        self.report.packs += packs.len() as u64;
        (packs, damaged)
    }

    /// First what is new, then what it replaces goes: at no moment does the index lack what it had.
    fn write(&self, version: u32, packs: &[(IndexedPack, bool)], damaged: &[Id]) -> Result<()> {
        if self.request.dry_run || self.report.is_well() {
            return Ok(());
        }
        let session = self.session;
        let mut file = Batch::default();
        for (entry, marked) in packs {
            session.check_cancelled()?;
            file.add(entry, *marked);
            if file.blobs >= INDEX_BLOBS {
                session.store(version, FileType::Index, &std::mem::take(&mut file).json())?;
            }
        }
        if file.blobs > 0 {
            session.store(version, FileType::Index, &file.json())?;
        }
        let remove = |kind, id: &Id| -> Result<()> {
            session
                .guard
                .remove(kind, id, true)
                .map_err(|error| session.failed("remove a file from", &error))
        };
        self.go.iter().try_for_each(|id| remove(FileType::Index, id))?;
        damaged.iter().try_for_each(|id| remove(FileType::Pack, id))
    }

    fn tell(&self, id: &Id, folder: &str, why: &str) {
        self.observer.warning(Warning {
            path: PathBuf::from(format!("{folder}/{}", id.to_hex().as_str())),
            reason: why.to_owned(),
        });
    }
}

/// An index file that is being filled.
#[derive(Default)]
struct Batch {
    packs: Vec<Value>,
    marked: Vec<Value>,
    blobs: usize,
}

impl Batch {
    fn add(&mut self, entry: &IndexedPack, marked: bool) {
        let blobs = entry.get("blobs").and_then(Value::as_array).map_or(0, Vec::len);
        self.blobs += blobs.max(1);
        if marked {
            self.marked.push(entry.clone());
        } else {
            self.packs.push(entry.clone());
        }
    }

    fn json(self) -> Value {
        let mut file = json!({ "packs": self.packs });
        if !self.marked.is_empty()
            && let Some(fields) = file.as_object_mut()
        {
            fields.insert("packs_to_delete".to_owned(), self.marked.into());
        }
        file
    }
}

/// A pack's id, what is in it, and how many bytes it has to have.
fn parsed(entry: &Value) -> Option<(Id, Vec<Piece>, u64)> {
    let pack: rustic_core::repofile::IndexPack = serde_json::from_value(entry.clone()).ok()?;
    let expected = u64::from(pack.pack_size());
    let id = *pack.id;
    Some((id, pack.blobs.iter().map(Piece::of).collect(), expected))
}

fn look(
    session: &Session,
    request: RepairIndexRequest,
    suspects: &[Suspect],
    feed: &Feed,
) -> Result<Vec<Looked>> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Looked)>> = Mutex::default();
    let fatal: Mutex<Option<EngineError>> = Mutex::default();
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(1, THREADS);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::SeqCst)
                    && let Some(suspect) = suspects.get(number)
                    && lock(&fatal).is_none()
                {
                    match look_into(session, request, suspect, feed) {
                        Ok(looked) => lock(&found).push((number, looked)),
                        Err(error) => {
                            lock(&fatal).get_or_insert(error);
                        }
                    }
                    feed.files_done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    if let Some(error) = lock(&fatal).take() {
        return Err(error);
    }
    let mut found = std::mem::take(&mut *lock(&found));
    found.sort_unstable_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, looked)| looked).collect())
}

fn look_into(
    session: &Session,
    request: RepairIndexRequest,
    suspect: &Suspect,
    feed: &Feed,
) -> Result<Looked> {
    session.check_cancelled()?;
    let id = &suspect.id;
    // One that nobody knows of is new to the index, and not yet suspect.
    if suspect.named.is_none() && !request.read_data {
        feed.bytes_done
            .fetch_add(u64::from(suspect.size), Ordering::Relaxed);
        return Ok(match pack::pieces(session, id, suspect.size)? {
            Ok(pieces) => Looked::Whole(salvage::indexed(id, &pieces)),
            Err(why) => Looked::Unreadable(format!("its header: {why}")),
        });
    }
    let named = suspect.named.clone().unwrap_or_default();
    let inspect = |told: bool| {
        pack::inspect(session, id, named.clone(), suspect.size, |bytes| {
            if told {
                feed.bytes_done.fetch_add(bytes, Ordering::Relaxed);
            }
        })
    };
    let mut found = inspect(true)?;
    if found.damage.is_some() {
        // What is bad once may be the line or the memory.
        let again = inspect(false)?;
        found.bad.retain(|blob| again.bad.contains(blob));
        found.damage = again.damage.filter(|_| found.damage.is_some());
        found.misnamed = again.misnamed;
        found.pieces = again.pieces;
    }
    let Some(why) = found.damage else {
        return Ok(if suspect.named.is_none() || found.misnamed {
            Looked::Whole(salvage::indexed(id, &found.pieces))
        } else {
            Looked::Well
        });
    };
    if found.pieces.is_empty() {
        return Ok(Looked::Unreadable(why));
    }
    let (lost, whole): (Vec<Piece>, Vec<Piece>) = found
        .pieces
        .into_iter()
        .partition(|piece| found.bad.contains(&piece.id));
    let saved = if request.dry_run {
        None
    } else {
        salvage::write(session, id, &whole)?
    };
    Ok(Looked::Damaged {
        why,
        saved,
        lost: lost.len() as u64,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
