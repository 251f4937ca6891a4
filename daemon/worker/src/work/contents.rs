//! What is in the repository: its snapshots in groups, whose they are, and which are gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use backupd_core::{
    name::JobName,
    protocol::{ContentsRecord, ContentsWork, JobOwner, OwnedSnapshot, SnapshotGroupRecord, job_of_tags},
};
use backupd_engine::{Result, SnapshotInfo, SnapshotQuery};

use super::{
    group,
    query::{ended, tell},
};
use crate::{
    attempt::{Context, Ended},
    failure, surroundings,
};

/// Says what is in the repository.
pub(crate) fn contents(context: &Context<'_>, work: &ContentsWork, answer: &mut dyn Write) -> Ended {
    let records = match look(context, work) {
        Ok(records) => records,
        Err(error) => return failure::explain(&error, context.spec, context.cancellation).into(),
    };
    if context.cancellation.is_cancelled() {
        return failure::cancelled(context.spec).into();
    }
    let told = records.iter().try_for_each(|record| tell(answer, record));
    ended(context, told.and_then(|()| answer.flush()))
}

fn look(context: &Context<'_>, work: &ContentsWork) -> Result<Vec<ContentsRecord>> {
    let (engine, access) = (context.engine, context.access);
    let found = engine.probe(access)?;
    let keys = engine.keys(access)?;
    // What cannot be known of the room takes nothing from the rest.
    let stored = engine.room(access, false).ok().and_then(|room| room.stored);
    let snapshots = engine.snapshots(access, &SnapshotQuery::default())?;
    let mut records = vec![ContentsRecord::Repository {
        id: found.id,
        version: found.version,
        snapshots: snapshots.len() as u64,
        keys: keys.len() as u64,
        bytes_stored: stored,
    }];
    records.extend(
        groups(&snapshots, &work.owners)
            .into_iter()
            .map(ContentsRecord::Group),
    );
    let missing = missing(&snapshots, work).into_iter();
    records.extend(missing.map(|known| ContentsRecord::Missing {
        id: known.id.clone(),
        job: known.job.to_string(),
    }));
    Ok(records)
}

/// What should be there and is not.
fn missing<'a>(snapshots: &[SnapshotInfo], work: &'a ContentsWork) -> Vec<&'a OwnedSnapshot> {
    let there: BTreeSet<&str> = snapshots.iter().map(|snapshot| &*snapshot.id).collect();
    // A forget that was killed has not told what it had removed by then.
    let is_forgotten = |id: &str| work.forgotten.iter().any(|directory| directory.join(id).exists());
    let missing = work.known.iter().filter(|known| !there.contains(&*known.id));
    missing.filter(|known| !is_forgotten(&known.id)).collect()
}

/// The snapshots, which are in the order of their times, in groups.
fn groups(snapshots: &[SnapshotInfo], owners: &[JobOwner]) -> Vec<SnapshotGroupRecord> {
    let machine = surroundings::host();
    let mut groups: BTreeMap<(String, Vec<String>, Vec<String>), SnapshotGroupRecord> = BTreeMap::new();
    for snapshot in snapshots {
        let paths = snapshot
            .paths
            .iter()
            .map(|path| path.to_string_lossy().into_owned());
        let mut paths: Vec<String> = paths.collect();
        paths.sort();
        let mut tags = snapshot.tags.clone();
        tags.sort();
        let key = (snapshot.host.clone(), paths, tags);
        if let Some(group) = groups.get_mut(&key) {
            group.snapshots += 1;
            group.last = snapshot.time;
            group.latest.clone_from(&snapshot.id);
            group.bytes = snapshot.bytes;
            continue;
        }
        let owner = owner(snapshot, owners, &machine);
        let (host, paths, tags) = key.clone();
        let record = SnapshotGroupRecord {
            host,
            paths,
            tags,
            adopted: owner.is_some_and(|(_, adopted)| adopted),
            owner: owner.map(|(job, _)| job.to_string()),
            made_by: job_of_tags(snapshot.tags.iter().map(String::as_str)).map(String::from),
            snapshots: 1,
            first: snapshot.time,
            last: snapshot.time,
            latest: snapshot.id.clone(),
            bytes: snapshot.bytes,
        };
        groups.insert(key, record);
    }
    groups.into_values().collect()
}

/// The job that a snapshot is of, and whether it adopts it.
fn owner<'a>(snapshot: &SnapshotInfo, owners: &'a [JobOwner], machine: &str) -> Option<(&'a JobName, bool)> {
    if let Some(job) = job_of_tags(snapshot.tags.iter().map(String::as_str)) {
        // Another machine may have a job of this name.
        let is_ours =
            |owner: &&JobOwner| owner.job == job && owner.host.as_deref().unwrap_or(machine) == snapshot.host;
        return owners.iter().find(is_ours).map(|owner| (&owner.job, false));
    }
    adopter(snapshot, owners).map(|job| (job, true))
}

/// The job that adopts a snapshot which no job has made.
pub(super) fn adopter<'a>(snapshot: &SnapshotInfo, owners: &'a [JobOwner]) -> Option<&'a JobName> {
    let adopts = |owner: &&JobOwner| owner.adopts.iter().any(|adopts| group(adopts).holds(snapshot));
    owners.iter().find(adopts).map(|owner| &owner.job)
}

#[cfg(test)]
mod tests;
