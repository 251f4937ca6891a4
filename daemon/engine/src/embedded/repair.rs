//! Mends the index, and frees snapshots of what is lost.

mod index;
mod salvage;
mod snapshots;

use crate::{Access, Cancellation, Observer, Phase, Result};

use super::{
    bars::NoBars,
    session::{Opened, Opening, Session, version},
};

pub(crate) use index::run as index;
pub(crate) use snapshots::run as snapshots;

/// Opens the repository, for us alone unless only is said what would be done.
fn open(
    access: &Access,
    dry_run: bool,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<(Session, Opened)> {
    observer.phase(Phase::Open);
    let opening = Opening {
        cancellation,
        compression: None,
        bars: NoBars,
    };
    let (mut session, repository) = Session::open(access, opening)?;
    let version = version(&repository);
    if dry_run {
        session.lock_for_reading(version, observer)?;
    } else {
        session.check_removable(&repository)?;
        session.lock_exclusively(version, observer)?;
    }
    observer.phase(Phase::Index);
    Ok((session, repository))
}
