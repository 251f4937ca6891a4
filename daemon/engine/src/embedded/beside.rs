//! What an engine that leaves the work to a program takes from this one: questions are answered here, without it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rustic_core::FileType;

use crate::{
    Access, BackupRequest, Cancellation, EngineError, ErrorKind, ForgetReport, ForgetRequest, Observer,
    Result, SnapshotInfo, SnapshotQuery, Warning,
    store::{Address, Kind},
};

use super::{
    bars::NoBars,
    failure::Cause,
    feed::Feed,
    forget,
    kept::{self, Kept},
    place::Place,
    restore::{Wanted, target},
    room::Watch,
    session::{Opened, Opening, Session, version},
    snapshots,
    tree::Trees,
    walk::Selection,
};

pub(crate) use super::lock::{Claim, Origin};

/// What is known before a backup begins.
pub(crate) struct Prospect {
    /// Absolute, without `.` or `..`.
    pub(crate) sources: Vec<PathBuf>,
    /// The snapshot to compare with (full id).
    pub(crate) parent: Option<String>,
    /// What is worth telling of the sources.
    pub(crate) warnings: Vec<Warning>,
    watch: Watch,
}

impl Prospect {
    /// Fails with `NoSpace` once there is too little room for more.
    pub(crate) fn check_room(&self, access: &Access) -> Result<()> {
        self.watch.poll().map_err(|out| {
            let message = format!("cannot back up to repository `{}`", access.name);
            EngineError::new(ErrorKind::NoSpace, message).caused_by(out.cause())
        })
    }
}

/// Opens the repository, and looks at the sources, the room and the parent, as this engine's own backup does.
pub(crate) fn before_backup(
    access: &Access,
    request: &BackupRequest,
    cancellation: &Cancellation,
) -> Result<Prospect> {
    let feed = Feed::default();
    let selection = Selection::of(request, &feed)?;
    // Sources are wanted, whatever is said of what is around them; restic asks its patterns of them, too.
    let lost = selection
        .sources
        .iter()
        .find(|source| selection.patterns.excludes_within(source));
    if let Some(lost) = lost {
        return Err(EngineError::new(
            ErrorKind::InvalidRequest,
            format!(
                "restic would leave out the source `{}`, which a pattern of `exclude` matches",
                lost.display()
            ),
        ));
    }
    let (session, repository) = open(access, cancellation)?;
    session.check_cancelled()?;
    let watch = Watch::begin(&session.place, &request.allowance, cancellation)?;
    let parent = match &request.parent {
        Some(query) => snapshots::newest(&session, &repository, query)?,
        None => None,
    };
    session.check_cancelled()?;
    Ok(Prospect {
        sources: selection.sources.into_iter().collect(),
        parent: parent.map(|parent| parent.id.to_hex().to_string()),
        warnings: feed.take_warnings(),
        watch,
    })
}

/// Fails unless nothing is at the place.
pub(crate) fn require_nothing(access: &Access) -> Result<()> {
    Place::of(access)?.require_nothing()
}

/// The one snapshot that a name means. Fails unless all these paths are in it.
pub(crate) fn find(
    access: &Access,
    name: &str,
    query: &SnapshotQuery,
    paths: &[PathBuf],
) -> Result<SnapshotInfo> {
    let (session, repository) = open(access, &Cancellation::default())?;
    let snapshot = snapshots::find(&session, &repository, name, query)?;
    if !paths.is_empty() {
        let repository = repository
            .to_indexed()
            .map_err(|error| session.failed("read the index of", &error))?;
        let trees = Trees {
            session: &session,
            repository: &repository,
        };
        Wanted::find(&trees, &snapshot, paths)?;
    }
    Ok(snapshots::info(&snapshot))
}

/// The real path of the target of a restore, which is made.
pub(crate) fn make_target(access: &Access, target: &Path) -> Result<PathBuf> {
    let target = target::check(target, Place::of(access)?.root.as_deref())?;
    target::create(&target)?;
    Ok(target)
}

/// Keeps the files of snapshots that are to be forgotten, all of them or none; answers what there is to forget.
pub(crate) fn keep(
    access: &Access,
    request: &ForgetRequest,
    cancellation: &Cancellation,
) -> Result<ForgetReport> {
    let wanted = kept::parse(&request.snapshots)?;
    let (session, repository) = open(access, cancellation)?;
    session.check_removable(&repository)?;
    let (wanted, missing) = forget::split(&session, wanted)?;
    forget::keep(&session, &wanted, &Kept(&request.keep))?;
    session.check_cancelled()?;
    Ok(ForgetReport {
        forgotten: forget::names(&wanted),
        missing: forget::names(&missing),
    })
}

/// Fails where nothing may ever be removed.
pub(crate) fn check_removable(access: &Access, cancellation: &Cancellation) -> Result<()> {
    let (session, repository) = open(access, cancellation)?;
    session.check_removable(&repository)
}

/// Files of a kind with their sizes, by name.
pub(crate) fn files(access: &Access, kind: Kind) -> Result<BTreeMap<String, u64>> {
    let place = Place::of(access)?;
    let list = place.store.list(kind).map_err(|error| {
        let message = format!("cannot list the files of repository `{}`", place.name);
        super::failure::caused(message, Cause::of(&error), ErrorKind::Other)
    })?;
    Ok(list.into_iter().map(|entry| (entry.name, entry.size)).collect())
}

/// Bytes of the packs that index files of these names tell of.
pub(crate) fn bytes_indexed(access: &Access, names: &[String]) -> Result<u64> {
    let (session, _) = open(access, &Cancellation::default())?;
    let mut bytes = 0;
    for name in names {
        let Ok(id) = name.parse() else { continue };
        let file = session.look_at::<rustic_core::repofile::IndexFile>(FileType::Index, &id)?;
        let packs = file.map(|file| file.packs).unwrap_or_default();
        bytes += packs.iter().map(|pack| u64::from(pack.pack_size())).sum::<u64>();
    }
    Ok(bytes)
}

/// Waits until no lock is there that excludes a claim, as long as the access says; takes none.
pub(crate) fn wait_for_lock(
    access: &Access,
    claim: Claim,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<()> {
    if access.options.lock_wait.is_zero() {
        return Ok(());
    }
    let (session, repository) = open(access, cancellation)?;
    session.wait_for_lock(version(&repository), claim, observer)
}

/// The address, read.
pub(crate) fn address(access: &Access) -> Result<Address> {
    Address::parse(&access.url).map_err(|why| {
        EngineError::new(
            ErrorKind::InvalidRequest,
            format!("cannot use repository `{}`: {why}", access.name),
        )
    })
}

fn open(access: &Access, cancellation: &Cancellation) -> Result<(Session, Opened)> {
    Session::open(
        access,
        Opening {
            cancellation,
            compression: None,
            bars: NoBars,
        },
    )
}
