//! Writes a snapshot, or paths of it, back.

mod contents;
mod metadata;
pub(super) mod target;
mod writer;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use rustic_core::{IndexedTree, repofile::SnapshotFile};

use crate::{Access, Cancellation, Observer, Phase, RestoreReport, RestoreRequest, Result};

use super::{
    bars::NoBars,
    feed::Feed,
    session::{Opening, Session, version},
    snapshots,
    tree::{self, Trees},
};

pub(super) fn run(
    access: &Access,
    request: &RestoreRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<RestoreReport> {
    observer.phase(Phase::Open);
    let (mut session, repository) = Session::open(
        access,
        Opening {
            cancellation,
            compression: None,
            bars: NoBars,
        },
    )?;
    let target = target::check(&request.target, session.place.root.as_deref())?;
    session.lock_for_reading(version(&repository), observer)?;
    let snapshot = snapshots::find(&session, &repository, &request.snapshot, &request.query)?;
    observer.phase(Phase::Index);
    let repository = repository
        .to_indexed()
        .map_err(|error| session.failed("read the index of", &error))?;
    let trees = Trees {
        session: &session,
        repository: &repository,
    };
    let wanted = Wanted::find(&trees, &snapshot, &request.paths)?;
    observer.phase(Phase::Scan);
    let feed = Feed::default();
    wanted.count(&trees, &snapshot, &feed)?;
    target::create(&target)?;
    observer.phase(Phase::Restore);
    let mut report = feed.follow(observer, || {
        let mut writer = writer::Writer::new(&trees, &target, &feed);
        trees.each(
            snapshot.tree,
            Path::new("/"),
            &mut |path, node| match wanted.says(&path) {
                Want::Whole | Want::Leads => writer.add(&path, node),
                Want::Not => Ok(false),
            },
        )?;
        writer.finish()
    })?;
    report.snapshot = snapshot.id.to_hex().to_string();
    report.failed = feed.count_unreadable();
    observer.progress(feed.progress());
    Ok(report)
}

/// Which paths of a snapshot are wanted; none named means all.
pub(super) struct Wanted {
    paths: BTreeSet<PathBuf>,
}

#[derive(PartialEq, Eq)]
enum Want {
    Whole,
    Leads,
    Not,
}

impl Wanted {
    /// Fails with all paths that are not in the snapshot.
    pub(super) fn find<S: IndexedTree>(
        trees: &Trees<'_, S>,
        snapshot: &SnapshotFile,
        paths: &[PathBuf],
    ) -> Result<Self> {
        let mut missing = Vec::new();
        for path in paths {
            if !path.is_absolute() || trees.find(snapshot.tree, path)?.is_none() {
                missing.push(path);
            }
        }
        if !missing.is_empty() {
            return Err(tree::missing(&snapshot.id.to_hex(), &missing));
        }
        Ok(Self {
            paths: paths.iter().map(|path| path.components().collect()).collect(),
        })
    }

    fn says(&self, path: &Path) -> Want {
        use std::ops::Bound::{Excluded, Unbounded};
        if self.paths.is_empty() || path.ancestors().any(|above| self.paths.contains(above)) {
            return Want::Whole;
        }
        let next = self.paths.range::<Path, _>((Excluded(path), Unbounded)).next();
        if next.is_some_and(|wanted| wanted.starts_with(path)) {
            Want::Leads
        } else {
            Want::Not
        }
    }

    /// Learns the totals: from the snapshot's own summary if all is wanted, else from the trees.
    fn count<S: IndexedTree>(
        &self,
        trees: &Trees<'_, S>,
        snapshot: &SnapshotFile,
        feed: &Feed,
    ) -> Result<()> {
        let (mut files, mut bytes) = (0, 0);
        match &snapshot.summary {
            Some(summary) if self.paths.is_empty() && summary.total_files_processed > 0 => {
                (files, bytes) = (summary.total_files_processed, summary.total_bytes_processed);
            }
            _ => trees.each(snapshot.tree, Path::new("/"), &mut |path, node| {
                let want = self.says(&path);
                if want == Want::Whole && !node.is_dir() {
                    files += 1;
                    bytes += node.meta.size;
                }
                Ok(want != Want::Not)
            })?,
        }
        feed.files_total.store(files, Ordering::Relaxed);
        feed.bytes_total.store(bytes, Ordering::Relaxed);
        Ok(())
    }
}
