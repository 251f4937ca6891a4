//! Looks for damage in a whole repository.

mod choose;
mod data;
mod found;
mod hurt;
mod structure;

use std::sync::atomic::Ordering;

use rustic_core::Id;

use crate::{Access, Cancellation, CheckReport, CheckRequest, Observer, Phase, Result};

use super::{
    bars::NoBars,
    catalog::Catalog,
    feed::Feed,
    session::{Opening, Session, version},
};

use found::{Found, Mask};

pub(super) fn run(
    access: &Access,
    request: &CheckRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<CheckReport> {
    let after = choose::validate(request)?;
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
    observer.phase(Phase::Index);
    let feed = Feed::default();
    let found = Found::new(&feed);
    // Snapshots first: whoever stores one meanwhile has stored all that it needs before.
    let snapshots = structure::snapshots(&session, &found)?;
    let catalog = structure::catalog(&session, &found)?;
    let chosen = choose::choose(&catalog, request.read_data, after);
    let mut report = CheckReport {
        snapshots: snapshots.count,
        packs: catalog.packs.iter().filter(|pack| !pack.marked).count() as u64,
        packs_marked: catalog.packs.iter().filter(|pack| pack.marked).count() as u64,
        packs_unreferenced: catalog.unreferenced,
        bytes_total: stored_bytes(&catalog),
        ..CheckReport::default()
    };
    let trees = tree_bytes(&catalog);
    feed.bytes_total.store(trees + chosen.bytes, Ordering::Relaxed);
    feed.files_total
        .store(chosen.packs.len() as u64, Ordering::Relaxed);
    observer.phase(Phase::Check);
    let hurt = feed.follow(observer, || {
        let seen = structure::walk(&session, &catalog, &snapshots.roots, &found, &feed)?;
        // Trees that no snapshot needs are not read.
        feed.bytes_total
            .store(seen.bytes + chosen.bytes, Ordering::Relaxed);
        let read = data::read(
            &session,
            &catalog,
            &chosen,
            request.max_time,
            &found,
            (&feed, observer),
        )?;
        (report.trees, report.blobs) = (seen.trees, seen.blobs);
        (report.packs_read, report.bytes_read) = (read.packs, seen.bytes + read.bytes);
        (report.packs_left, report.read_up_to) = (read.left, read.up_to);
        let mut hurt: Vec<(Id, Mask)> = snapshots.damaged.clone();
        hurt.extend(hurt::find(&session, &catalog, &snapshots.roots, &found.broken())?);
        Ok(hurt)
    })?;
    report.errors_total = found.total();
    if report.errors_total > 0 {
        session.check_lock()?;
    }
    let mut errors = found.into_errors();
    hurt::report(&hurt, &mut errors, &mut report);
    report.errors = errors;
    observer.progress(feed.progress());
    Ok(report)
}

/// Bytes of all packs that are there to stay.
fn stored_bytes(catalog: &Catalog) -> u64 {
    let packs = catalog.packs.iter().filter(|pack| !pack.marked);
    packs.filter_map(|pack| pack.size).sum()
}

/// Bytes of all trees, each counted once.
fn tree_bytes(catalog: &Catalog) -> u64 {
    catalog
        .trees()
        .chunk_by(|a, b| a.id == b.id)
        .filter_map(|places| places.first())
        .map(|place| u64::from(place.length))
        .sum()
}
