//! Stores the sources as one snapshot.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    thread,
};

use jiff::Zoned;
use nix::unistd::{User, getgid, getuid};
use rustic_core::{
    BackupOptions, FileType, IndexedIdsStatus, ParentOptions, Repository,
    repofile::{IndexFile, SnapshotFile},
};

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, ErrorKind, Observer, Phase, Progress, Result,
};

use super::{
    bars::Bars,
    feed::Feed,
    room::Watch,
    session::{Opening, Session, version},
    snapshots,
    source::{self, Source},
    walk::Selection,
};

pub(super) fn run(
    access: &Access,
    request: &BackupRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<BackupReport> {
    let feed = Arc::new(Feed::default());
    let selection = Arc::new(Selection::of(request, &feed)?);
    observer.phase(Phase::Open);
    let opening = Opening {
        cancellation,
        compression: request.compression,
        bars: Bars(Arc::clone(&feed)),
    };
    let (mut session, repository) = Session::open(access, opening)?;
    session.check_cancelled()?;
    let watch = Watch::begin(&session.place, &request.allowance, cancellation)?;
    session.guard.watch_room(watch);
    session.lock(version(&repository), observer)?;
    session.guard.count_for(Arc::clone(&feed));
    observer.phase(Phase::Index);
    let parent = match &request.parent {
        Some(query) => snapshots::newest(&session, &repository, query)?,
        None => None,
    };
    let repository = repository
        .to_indexed_ids()
        .map_err(|error| session.failed("read the index of", &error))?;
    session.check_cancelled()?;
    observer.phase(Phase::Scan);
    let source = Source {
        selection,
        cancellation: cancellation.clone(),
        feed: Arc::clone(&feed),
    };
    observer.phase(Phase::Backup);
    let snapshot = feed
        .follow(observer, || {
            thread::scope(|scope| {
                // With a parent the walk itself is what takes the time, and knows the totals soonest.
                if parent.is_none() {
                    scope.spawn(|| source::count(&source));
                }
                let stored = archive(&session, &repository, request, parent.as_ref(), &source);
                feed.end();
                stored
            })
        })
        .inspect_err(|error| {
            if error.kind() == ErrorKind::NoSpace {
                take_back(&session);
            }
        })?;
    let report = report(&snapshot, &feed);
    observer.progress(last_progress(&report));
    Ok(report)
}

/// What it has stored so far fills the place and is of no use to anybody: the next attempt stores it again.
pub(super) fn take_back(session: &Session) {
    session.guard.end();
    session.guard.take_back_unnamed(|index| {
        let file = session.look_at::<IndexFile>(FileType::Index, index);
        let file = file.map_err(|error| io::Error::other(error.chain()))?;
        let file = file.map_err(io::Error::other)?;
        Ok(file.packs.iter().map(|pack| *pack.id).collect())
    });
}

fn archive(
    session: &Session,
    repository: &Repository<IndexedIdsStatus>,
    request: &BackupRequest,
    parent: Option<&SnapshotFile>,
    source: &Source,
) -> Result<SnapshotFile> {
    let mut parents = ParentOptions::default()
        // The library compares inodes only when told to ignore them (0.13 has the sense inverted).
        .ignore_inode(true);
    parents = match parent {
        Some(parent) => parents.parents(vec![parent.id.to_hex().to_string()]),
        None => parents.force(true),
    };
    let options = BackupOptions::default().parent_opts(parents).no_scan(true);
    let paths: Vec<PathBuf> = source.selection.sources.iter().cloned().collect();
    repository
        .archive(&options, source, describe(request), &paths)
        .map_err(|error| session.failed("back up to", &error))
}

fn describe(request: &BackupRequest) -> SnapshotFile {
    let mut snapshot = SnapshotFile {
        time: Zoned::now(),
        program_version: request.program_version.clone(),
        hostname: request.host.clone(),
        username: User::from_uid(getuid())
            .ok()
            .flatten()
            .map(|user| user.name)
            .unwrap_or_default(),
        uid: getuid().as_raw(),
        gid: getgid().as_raw(),
        description: request.description.clone(),
        ..SnapshotFile::default()
    };
    for tag in &request.tags {
        snapshot.tags.add(tag.clone());
    }
    snapshot
}

fn report(snapshot: &SnapshotFile, feed: &Feed) -> BackupReport {
    let summary = snapshot.summary.clone().unwrap_or_default();
    BackupReport {
        snapshot: snapshots::info(snapshot),
        files_new: summary.files_new,
        files_changed: summary.files_changed,
        files_unmodified: summary.files_unmodified,
        files_unreadable: feed.count_unreadable(),
        // The library counts the tree above `/`, which is no directory of anybody.
        directories: summary.total_dirs_processed.saturating_sub(1),
        bytes_processed: summary.total_bytes_processed,
        bytes_read: feed.bytes_read.load(Ordering::Relaxed),
        bytes_added: summary.data_added,
        bytes_stored: summary.data_added_packed,
    }
}

fn last_progress(report: &BackupReport) -> Progress {
    let files = report.files_new + report.files_changed + report.files_unmodified;
    Progress {
        files_done: files,
        files_total: files,
        bytes_done: report.bytes_processed,
        bytes_total: report.bytes_processed,
        bytes_added: report.bytes_added,
        unreadable: report.files_unreadable,
        current: None,
    }
}
