//! Checks that what a snapshot needs is there.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
};

use rustic_core::{
    DataId, FileType, Id, IndexedFull, Repository, RusticError, TreeId,
    repofile::{IndexFile, NodeType, SnapshotFile},
};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, Observer, Phase, Result, SnapshotQuery, VerifyLevel,
    VerifyReport,
};

use super::{
    bars::NoBars,
    failure::Cause,
    feed::Feed,
    session::{Opened, Opening, Session, version},
    snapshots,
    tree::Trees,
};

pub(super) fn run(
    access: &Access,
    snapshot: &str,
    level: VerifyLevel,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<VerifyReport> {
    observer.phase(Phase::Open);
    let (mut session, repository) = Session::open(
        access,
        Opening {
            cancellation,
            compression: None,
            bars: NoBars,
        },
    )?;
    session.lock_for_reading(version(&repository), observer)?;
    let mut roots = vec![snapshots::find(
        &session,
        &repository,
        snapshot,
        &SnapshotQuery::default(),
    )?];
    observer.phase(Phase::Index);
    // Whoever writes beside us writes packs, then the index, then snapshots: read in the other order, nothing that
    // is being stored looks as if it were missing.
    let structure = level == VerifyLevel::Structure;
    if structure {
        roots.extend(snapshots::matching(
            &session,
            &repository,
            &SnapshotQuery::default(),
        )?);
    }
    let named = if structure {
        index(&session, &repository)?
    } else {
        Index::default()
    };
    let repository = repository
        .to_indexed()
        .map_err(|error| session.failed("read the index of", &error))?;
    let packs = packs(&session)?;
    if structure {
        named.compare(&session, &packs)?;
    }
    observer.phase(Phase::Verify);
    let feed = Feed::default();
    let report = feed.follow(observer, || {
        let mut check = Check {
            trees: Trees {
                session: &session,
                repository: &repository,
            },
            packs: &packs,
            feed: &feed,
            seen_trees: HashSet::new(),
            seen_blobs: HashSet::new(),
        };
        for root in &roots {
            check.snapshot(root)?;
        }
        Ok(VerifyReport {
            trees: check.seen_trees.len() as u64,
            blobs: check.seen_blobs.len() as u64,
        })
    })?;
    observer.progress(feed.progress());
    Ok(report)
}

/// Fails with `Corrupt` unless all that these snapshots need is in the index, and their trees can be read.
pub(super) fn whole<S: IndexedFull>(
    session: &Session,
    repository: &Repository<S>,
    snapshots: &[SnapshotFile],
) -> Result<()> {
    let packs = packs(session)?;
    let feed = Feed::default();
    let mut check = Check {
        trees: Trees { session, repository },
        packs: &packs,
        feed: &feed,
        seen_trees: HashSet::new(),
        seen_blobs: HashSet::new(),
    };
    snapshots.iter().try_for_each(|snapshot| check.snapshot(snapshot))
}

/// Pack files with their sizes.
type Packs = HashMap<Id, u64>;

fn packs(session: &Session) -> Result<Packs> {
    let list = session.guard.list_strictly(FileType::Pack);
    let list = list.map_err(|error| session.failed_because("list the packs of", Cause::of(&error)))?;
    Ok(list.into_iter().collect())
}

/// Packs as the index has them.
#[derive(Default)]
struct Index {
    /// With their sizes.
    packs: Vec<(Id, u64)>,
    wrong: Vec<String>,
}

fn index(session: &Session, repository: &Opened) -> Result<Index> {
    let failed = |error: &RusticError| session.failed("read the index of", error);
    let mut index = Index::default();
    for file in repository
        .stream_files::<IndexFile>()
        .map_err(|error| failed(&error))?
    {
        session.check_cancelled()?;
        let (_, file) = file.map_err(|error| failed(&error))?;
        for pack in file.packs {
            index.packs.push((*pack.id, u64::from(pack.pack_size())));
            let id = pack.id.to_hex();
            let mut blobs = pack.blobs;
            blobs.sort_unstable();
            let mut end = 0;
            for blob in blobs {
                if blob.location.offset != end {
                    index
                        .wrong
                        .push(format!("the index of pack `{}` has a gap at {end}", id.as_str()));
                }
                end = blob.location.offset.saturating_add(blob.location.length);
            }
        }
    }
    Ok(index)
}

impl Index {
    /// Every pack is there, with the size that the index says.
    fn compare(self, session: &Session, packs: &Packs) -> Result<()> {
        let mut wrong = self.wrong;
        for (id, expected) in self.packs {
            let name = id.to_hex();
            match packs.get(&id) {
                None => wrong.push(format!("pack `{}` is missing", name.as_str())),
                Some(size) if *size != expected => {
                    wrong.push(format!(
                        "pack `{}` has {size} bytes, not {expected}",
                        name.as_str()
                    ));
                }
                Some(_) => {}
            }
        }
        wrong.sort();
        wrong.dedup();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(corrupt(&session.place.name, &wrong))
        }
    }
}

struct Check<'a, S> {
    trees: Trees<'a, S>,
    packs: &'a Packs,
    feed: &'a Feed,
    seen_trees: HashSet<TreeId>,
    seen_blobs: HashSet<DataId>,
}

impl<S: IndexedFull> Check<'_, S> {
    /// Reads every tree of a snapshot, and looks up every blob and the pack that it is in.
    fn snapshot(&mut self, snapshot: &SnapshotFile) -> Result<()> {
        let mut wrong = Vec::new();
        let mut ahead = vec![snapshot.tree];
        while let Some(id) = ahead.pop() {
            if !self.seen_trees.insert(id) {
                continue;
            }
            self.look_up(&id, &mut wrong);
            if !wrong.is_empty() {
                break;
            }
            for node in self.trees.get(id)?.nodes {
                match node.node_type {
                    NodeType::Dir => match node.subtree {
                        Some(tree) => ahead.push(tree),
                        None => wrong.push(format!("the directory `{}` has no tree", node.name)),
                    },
                    NodeType::File => self.file(&node.content.unwrap_or_default(), &mut wrong),
                    _ => {}
                }
            }
            self.feed.files_done.fetch_add(1, Ordering::Relaxed);
        }
        if wrong.is_empty() {
            return Ok(());
        }
        wrong.sort();
        wrong.dedup();
        Err(corrupt(
            &format!(
                "{}`, snapshot `{:.8}",
                self.trees.session.place.name,
                snapshot.id.to_hex().as_str()
            ),
            &wrong,
        ))
    }

    fn file(&mut self, content: &[DataId], wrong: &mut Vec<String>) {
        for id in content {
            if self.seen_blobs.insert(*id) {
                self.look_up(id, wrong);
            }
        }
    }

    fn look_up<T: rustic_core::PackedId>(&self, id: &T, wrong: &mut Vec<String>) {
        let name = || (*id).into().to_hex().to_string();
        let Ok(entry) = self.trees.repository.get_index_entry(id) else {
            wrong.push(format!("blob `{}` is not in the index", name()));
            return;
        };
        let end = u64::from(entry.location.offset) + u64::from(entry.location.length);
        let pack = entry.pack.to_hex();
        match self.packs.get(&*entry.pack) {
            None => wrong.push(format!("pack `{}` is missing", pack.as_str())),
            Some(size) if *size < end => wrong.push(format!("pack `{}` is cut short", pack.as_str())),
            Some(_) => {}
        }
    }
}

/// Names what is wrong; of very much, the beginning.
fn corrupt(place: &str, wrong: &[String]) -> EngineError {
    const SHOWN: usize = 10;
    let shown: Vec<_> = wrong.iter().take(SHOWN).cloned().collect();
    let rest = wrong.len().saturating_sub(SHOWN);
    let rest = if rest > 0 {
        format!(", and {rest} more")
    } else {
        String::new()
    };
    EngineError::new(
        ErrorKind::Corrupt,
        format!("repository `{place}` is damaged: {}{rest}", shown.join(", ")),
    )
}
