//! Snapshots of a repository: listed, found, described.

use std::{collections::BTreeSet, path::PathBuf};

use rustic_core::{
    FileType, Open, Repository, RusticError,
    repofile::{DeleteOption, SnapshotFile},
};

use crate::{
    Access, Cancellation, Deletion, EngineError, ErrorKind, Result, Series, SnapshotGroup, SnapshotInfo,
    SnapshotQuery, store::Fault,
};

use super::{
    bars::NoBars,
    failure::{self, Cause},
    session::{Opening, Session},
};

/// Lists what matches, oldest first.
pub(super) fn list(access: &Access, query: &SnapshotQuery) -> Result<Vec<SnapshotInfo>> {
    let opening = Opening {
        cancellation: &Cancellation::default(),
        compression: None,
        bars: NoBars,
    };
    let (session, repository) = Session::open(access, opening)?;
    Ok(matching(&session, &repository, query)?.iter().map(info).collect())
}

/// Snapshots that match, oldest first.
pub(super) fn matching<S: Open>(
    session: &Session,
    repository: &Repository<S>,
    query: &SnapshotQuery,
) -> Result<Vec<SnapshotFile>> {
    let failed = |error: &RusticError| session.failed("list the snapshots of", error);
    let mut found = Vec::new();
    for snapshot in repository
        .stream_files::<SnapshotFile>()
        .map_err(|error| failed(&error))?
    {
        let (id, mut snapshot) = match snapshot {
            // Forgotten since it was listed, or before: some stores list what is gone.
            Err(error) if Fault::below(&*error).is_some_and(Fault::is_missing) => {
                let file = Cause::of(&*error);
                tracing::warn!("it is listed, and not there, and passed over: {file}");
                continue;
            }
            other => other.map_err(|error| failed(&error))?,
        };
        snapshot.id = id;
        if matches(&snapshot, query) {
            found.push(snapshot);
        }
    }
    found.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.id.cmp(&b.id)));
    Ok(found)
}

/// How many snapshot files there are.
pub(super) fn count(session: &Session) -> Result<u64> {
    let list = session.guard.list_strictly(FileType::Snapshot);
    let list = list.map_err(|error| session.failed_because("list the snapshots of", Cause::of(&error)))?;
    Ok(list.len() as u64)
}

/// The parent of a new snapshot.
pub(super) fn newest<S: Open>(
    session: &Session,
    repository: &Repository<S>,
    series: &Series,
) -> Result<Option<SnapshotFile>> {
    let query = SnapshotQuery {
        series: Some(series.clone()),
        ..SnapshotQuery::default()
    };
    Ok(matching(session, repository, &query)?.pop())
}

/// The snapshot that an id, a unique prefix of one, or `latest` names among those that match: who may have some of
/// them alone does not get another by its id.
pub(super) fn find<S: Open>(
    session: &Session,
    repository: &Repository<S>,
    name: &str,
    query: &SnapshotQuery,
) -> Result<SnapshotFile> {
    let refuse = |why: String| {
        let message = format!("{why} in repository `{}`", session.place.name);
        Err(EngineError::new(ErrorKind::SnapshotNotFound, message))
    };
    if name == "latest" {
        return match matching(session, repository, query)?.pop() {
            Some(snapshot) => Ok(snapshot),
            None => refuse("there is no matching snapshot".to_owned()),
        };
    }
    if name.is_empty() || !name.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return refuse(format!("`{name}` is no snapshot id: there is no such snapshot"));
    }
    let prefix = name.to_ascii_lowercase();
    let list = session.guard.list_strictly(FileType::Snapshot);
    let list = list.map_err(|error| session.failed_because("list the snapshots of", Cause::of(&error)))?;
    let ids: Vec<_> = list
        .into_iter()
        .map(|(id, _)| id)
        .filter(|id| id.to_hex().starts_with(&prefix))
        .collect();
    let ambiguous = || {
        refuse(format!(
            "there is more than one snapshot that begins with `{name}`"
        ))
    };
    // Where all match, none has to be read to know that there are too many.
    if ids.len() > 1 && query.host.is_none() && query.tags.is_empty() && query.series.is_none() {
        return ambiguous();
    }
    let mut found = None;
    for id in ids {
        let id = id.into();
        let mut snapshot: SnapshotFile = repository.get_file(&id).map_err(|error| {
            failure::caused(
                format!("cannot read the snapshot `{name}`"),
                Cause::of(&error),
                ErrorKind::Corrupt,
            )
        })?;
        snapshot.id = id;
        if matches(&snapshot, query) && found.replace(snapshot).is_some() {
            return ambiguous();
        }
    }
    found.map_or_else(|| refuse(format!("there is no matching snapshot `{name}`")), Ok)
}

/// What we say of a snapshot.
pub(super) fn info(snapshot: &SnapshotFile) -> SnapshotInfo {
    let summary = snapshot.summary.as_ref();
    SnapshotInfo {
        id: snapshot.id.to_hex().to_string(),
        time: snapshot.time.timestamp(),
        host: snapshot.hostname.clone(),
        tags: snapshot.tags.iter().cloned().collect(),
        paths: snapshot.paths.iter().map(PathBuf::from).collect(),
        description: snapshot.description.clone(),
        program_version: snapshot.program_version.clone(),
        parent: snapshot.parent.map(|parent| parent.to_hex().to_string()),
        files: summary.map(|summary| summary.total_files_processed),
        bytes: summary.map(|summary| summary.total_bytes_processed),
        bytes_stored: summary.map(|summary| summary.data_added_packed),
        deletion: match &snapshot.delete {
            DeleteOption::NotSet => Deletion::Unmarked,
            DeleteOption::Never => Deletion::Never,
            DeleteOption::After(time) => Deletion::After(time.timestamp()),
        },
    }
}

fn matches(snapshot: &SnapshotFile, query: &SnapshotQuery) -> bool {
    query.host.as_ref().is_none_or(|host| *host == snapshot.hostname)
        && query.tags.iter().all(|tag| snapshot.tags.contains(tag))
        && query
            .series
            .as_ref()
            .is_none_or(|series| is_of_series(&info(snapshot), series))
}

fn is_of_series(snapshot: &SnapshotInfo, series: &Series) -> bool {
    let own =
        snapshot.tags.contains(&series.tag) && series.host.as_ref().is_none_or(|host| *host == snapshot.host);
    own || series.adopted.iter().any(|group| group.holds(snapshot))
}

impl SnapshotGroup {
    /// Whether a snapshot is one of them.
    pub fn holds(&self, snapshot: &SnapshotInfo) -> bool {
        let is_without = |mark: &String| !snapshot.tags.iter().any(|tag| tag.starts_with(mark));
        self.host == snapshot.host
            && self.without.as_ref().is_none_or(is_without)
            && self
                .paths
                .as_deref()
                .is_none_or(|paths| are_same(paths, &snapshot.paths))
            && self
                .tags
                .as_deref()
                .is_none_or(|tags| are_same(tags, &snapshot.tags))
    }
}

/// Whether there are the same in both, in whatever order.
fn are_same<T: Ord>(one: &[T], other: &[T]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}
