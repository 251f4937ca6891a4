//! Frees snapshots of what is lost: the rest of each is stored as another one, and the file of the old one is kept elsewhere.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use rustic_core::{
    FileType, Id, IndexedFullStatus, RepairSnapshotsOptions, Repository,
    repofile::{Node, NodeType, SnapshotFile, Tree},
};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, HurtSnapshot, Observer, Phase, RepairSnapshotsReport,
    RepairSnapshotsRequest, Result, Warning,
    embedded::{
        catalog::{self, Catalog, Place},
        failure,
        feed::Feed,
        forget,
        kept::Kept,
        session::{Opened, Session},
        stored::Looked,
    },
};

/// Behind the name of a file of which a part is left.
const SUFFIX: &str = ".repaired";
/// What repaired snapshots are tagged with, beside the tags that they had.
const TAG: &str = "repaired";

pub(crate) fn run(
    access: &Access,
    request: &RepairSnapshotsRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<RepairSnapshotsReport> {
    let (session, repository) = super::open(access, request.dry_run, observer, cancellation)?;
    let catalog = whole_catalog(&session)?;
    observer.phase(Phase::Repair);
    let feed = Feed::default();
    let list = catalog::list(&session, FileType::Snapshot)?;
    feed.files_total.store(list.len() as u64, Ordering::Relaxed);
    let mut report = RepairSnapshotsReport {
        snapshots: list.len() as u64,
        hurt: Vec::new(),
    };
    let mut survey = Survey {
        session: &session,
        catalog: &catalog,
        observer,
        whole: HashSet::new(),
    };
    let mut hurt = Vec::new();
    feed.follow(observer, || {
        for (id, _) in &list {
            session.check_cancelled()?;
            if let Some(snapshot) = survey.snapshot(id)? {
                hurt.push(snapshot);
            }
            feed.files_done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    })?;
    if !request.dry_run && !hurt.is_empty() {
        mend(&session, repository, request, &mut hurt)?;
    }
    report.hurt = hurt.into_iter().map(|hurt| hurt.told).collect();
    observer.progress(feed.progress());
    Ok(report)
}

/// The index, as long as it can be believed: of packs that are not there it must not speak any more.
fn whole_catalog(session: &Session) -> Result<Catalog> {
    let wrong = |what: String| {
        EngineError::new(
            ErrorKind::Corrupt,
            format!(
                "the index of repository `{}` has to be repaired first: {what}",
                session.place.name
            ),
        )
    };
    let catalog = Catalog::read(session, |id, why| {
        Err(wrong(format!(
            "index file `{:.8}` is damaged: {why}",
            id.to_hex().as_str()
        )))
    })?;
    let lost = catalog.packs.iter().find(|pack| !pack.marked && !pack.is_there());
    if let Some(pack) = lost {
        let how = match pack.size {
            None => "is not there",
            Some(_) => "has another size",
        };
        return Err(wrong(format!("pack `{:.8}` {how}", pack.id.to_hex().as_str())));
    }
    Ok(catalog)
}

/// A snapshot of which something is lost.
struct Hurt {
    id: Id,
    /// Nothing where its file cannot be read.
    file: Option<SnapshotFile>,
    told: HurtSnapshot,
}

struct Survey<'a> {
    session: &'a Session,
    catalog: &'a Catalog,
    observer: &'a dyn Observer,
    /// Trees that are whole with all below them.
    whole: HashSet<Id>,
}

/// A tree on the way down.
struct Step {
    id: Id,
    path: PathBuf,
    left: std::vec::IntoIter<Node>,
    whole: bool,
}

impl Survey<'_> {
    /// What is lost of a snapshot; nothing if it is whole.
    fn snapshot(&mut self, id: &Id) -> Result<Option<Hurt>> {
        let mut told = HurtSnapshot {
            id: id.to_hex().as_str().to_owned(),
            repaired: None,
            is_lost: true,
            files: 0,
            directories: 0,
        };
        let file: SnapshotFile = match self.session.look_at(FileType::Snapshot, id)? {
            Ok(file) => file,
            Err(why) => {
                let path = format!("snapshots/{}", told.id);
                self.tell(Path::new(&path), &why);
                return Ok(Some(Hurt {
                    id: *id,
                    file: None,
                    told,
                }));
            }
        };
        let root = *file.tree;
        let short: String = told.id.chars().take(8).collect();
        let mut steps = match self.tree(&root)? {
            Ok(nodes) => {
                told.is_lost = false;
                vec![Step {
                    id: root,
                    path: PathBuf::from("/"),
                    left: nodes.into_iter(),
                    whole: true,
                }]
            }
            Err(why) => {
                told.directories = 1;
                self.lost(&short, Path::new("/"), &why);
                Vec::new()
            }
        };
        if self.whole.contains(&root) {
            return Ok(None);
        }
        while let Some(step) = steps.last_mut() {
            self.session.check_cancelled()?;
            let Some(node) = step.left.next() else {
                let whole = step.whole;
                if whole {
                    self.whole.insert(step.id);
                }
                steps.pop();
                if let Some(above) = steps.last_mut() {
                    above.whole &= whole;
                }
                continue;
            };
            let path = step.path.join(node.name());
            if let Some(why) = self.lost_of(&node) {
                step.whole = false;
                told.files += 1;
                self.lost(&short, &path, &why);
            }
            let Some(below) = node.subtree.filter(|_| node.is_dir()).map(|tree| *tree) else {
                continue;
            };
            if self.whole.contains(&below) {
                continue;
            }
            match self.tree(&below)? {
                Ok(nodes) => steps.push(Step {
                    id: below,
                    path,
                    left: nodes.into_iter(),
                    whole: true,
                }),
                Err(why) => {
                    step.whole = false;
                    told.directories += 1;
                    self.lost(&short, &path, &why);
                }
            }
        }
        let is_hurt = told.is_lost || told.files > 0 || told.directories > 0;
        Ok(is_hurt.then_some(Hurt {
            id: *id,
            file: Some(file),
            told,
        }))
    }

    /// Why a part of a file is lost, if so.
    fn lost_of(&self, node: &Node) -> Option<String> {
        if node.node_type != NodeType::File {
            return None;
        }
        let content = node.content.as_deref().unwrap_or_default();
        let lost = content
            .iter()
            .filter(|blob| catalog::find(self.catalog.data(), blob).is_none())
            .count();
        (lost > 0).then(|| format!("{lost} of {} pieces are lost", content.len()))
    }

    /// What is in a tree.
    fn tree(&self, id: &Id) -> Result<Looked<Vec<Node>>> {
        let Some((_, places)) = catalog::find(self.catalog.trees(), id) else {
            return Ok(Err("what is in it is lost".to_owned()));
        };
        let mut reason = "what is in it is lost".to_owned();
        for place in places.iter().filter(|place| self.catalog.is_within(place)) {
            match self.tree_at(place)? {
                Ok(tree) => return Ok(Ok(tree.nodes)),
                Err(why) => reason = format!("what is in it cannot be read: {why}"),
            }
        }
        Ok(Err(reason))
    }

    fn tree_at(&self, place: &Place) -> Result<Looked<Tree>> {
        let Some(pack) = self.catalog.pack(place) else {
            return Ok(Err("its pack is not in the index".to_owned()));
        };
        let sealed = match self.session.look_into(&pack.id, place.offset, place.length)? {
            Ok(sealed) => sealed,
            Err(why) => return Ok(Err(why)),
        };
        Ok(self
            .session
            .seal
            .open_blob(&sealed, place.unpacked(), &place.id)
            .map_err(|error| failure::reason(&error))
            .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string())))
    }

    fn lost(&self, snapshot: &str, path: &Path, why: &str) {
        self.tell(path, &format!("in snapshot `{snapshot}`: {why}"));
    }

    fn tell(&self, path: &Path, why: &str) {
        self.observer.warning(Warning {
            path: path.to_owned(),
            reason: why.to_owned(),
        });
    }
}

/// Stores what is left of each, and then removes them all, once their files are kept.
fn mend(
    session: &Session,
    repository: Opened,
    request: &RepairSnapshotsRequest,
    hurt: &mut [Hurt],
) -> Result<()> {
    let ids: Vec<Id> = hurt.iter().map(|hurt| hurt.id).collect();
    forget::keep(session, &ids, &Kept(&request.keep))?;
    let repository = repository
        .to_indexed()
        .map_err(|error| session.failed("read the index of", &error))?;
    for hurt in hurt.iter_mut() {
        session.check_cancelled()?;
        if let Some(file) = hurt.file.take().filter(|_| !hurt.told.is_lost) {
            hurt.told.repaired = repaired(session, &repository, file)?;
        }
    }
    forget::remove(session, &ids)
}

/// Stores what is left of a snapshot; answers the id of what was stored.
fn repaired(
    session: &Session,
    repository: &Repository<IndexedFullStatus>,
    file: SnapshotFile,
) -> Result<Option<String>> {
    let snapshots = || -> Result<BTreeSet<Id>> {
        let list = catalog::list(session, FileType::Snapshot)?;
        Ok(list.into_iter().map(|(id, _)| id).collect())
    };
    // The call sets the tags anew.
    let mut tags = file.tags.clone();
    tags.add(TAG.to_owned());
    let options = RepairSnapshotsOptions::default()
        .delete(false)
        .suffix(SUFFIX)
        .tag(vec![tags]);
    let before = snapshots()?;
    repository
        .repair_snapshots(&options, vec![file], false)
        .map_err(|error| session.failed("store what is left of a snapshot in", &error))?;
    let new = snapshots()?.into_iter().find(|id| !before.contains(id));
    Ok(new.map(|id| id.to_hex().as_str().to_owned()))
}
