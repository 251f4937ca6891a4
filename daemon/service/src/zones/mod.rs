//! Noticing that zones are others now: the machine was given another one, or the tz database was updated.
//!
//! inotify says when to look, and what is seen then decides; in between nobody wakes.

mod places;
#[cfg(test)]
mod tests;

use std::{io, path::Path, time::Duration};

use backupd_core::zones;
use jiff::tz::TimeZone;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{coordinator::Inbox, journal::messages, ports::Zones, readiness::Readiness};
pub(crate) use places::Places;

/// A package manager replaces the files of a database one by one; it is looked at when none has come for so long.
const QUIET: Duration = Duration::from_secs(1);
/// It is looked at after so long even where files never stop coming.
const LONGEST: Duration = Duration::from_mins(1);

const CHANGES: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVE)
    .union(AddWatchFlags::IN_CLOSE_WRITE)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// The zone of the machine that we are on.
pub(crate) struct SystemZones;

impl Zones for SystemZones {
    fn local(&self) -> TimeZone {
        zones::local()
    }

    fn trouble(&self) -> Option<String> {
        zones::trouble()
    }
}

/// Watches from the moment that it is made.
pub(crate) struct Watcher {
    places: Places,
    inotify: Readiness<Inotify>,
    seen: u64,
}

impl Watcher {
    pub(crate) fn new(places: Places) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let mut watcher = Self {
            places,
            inotify: Readiness::new(inotify)?,
            seen: 0,
        };
        watcher.look();
        Ok(watcher)
    }

    /// Tells the inbox of each change, when what is read is fresh already.
    pub(crate) async fn serve(mut self, inbox: Inbox) {
        let mut before = zones::local();
        loop {
            if let Err(error) = self.changed().await {
                return blind(&error);
            }
            zones::forget();
            let now = zones::local();
            tell(&before, &now);
            before = now;
            inbox.zones_changed().await;
        }
    }

    async fn changed(&mut self) -> io::Result<()> {
        loop {
            self.stirred().await?;
            self.settled().await?;
            if self.look() {
                return Ok(());
            }
        }
    }

    /// Whether what there is differs from what was seen before.
    fn look(&mut self) -> bool {
        // What changes after the look is told by the watches, so they come first. A directory that is watched already
        // is not watched twice.
        for directory in self.places.directories() {
            self.watch(&directory);
        }
        let now = self.places.look();
        std::mem::replace(&mut self.seen, now) != now
    }

    /// Watches the directory, or else the nearest above it that is there.
    fn watch(&self, directory: &Path) {
        for directory in directory.ancestors() {
            let Err(error) = self.inotify.get().add_watch(directory, CHANGES) else {
                return;
            };
            tracing::debug!(%error, directory = %directory.display(), "it cannot be watched");
        }
    }

    async fn stirred(&self) -> io::Result<()> {
        // What happened does not matter, nor that some of it may be lost.
        self.inotify
            .drain(|inotify| while inotify.read_events().is_ok() {})
            .await
    }

    async fn settled(&self) -> io::Result<()> {
        let restless = async {
            while let Ok(stirred) = timeout(QUIET, self.stirred()).await {
                stirred?;
            }
            Ok(())
        };
        timeout_at(Instant::now() + LONGEST, restless)
            .await
            .unwrap_or(Ok(()))
    }
}

/// Says that changes stay unnoticed.
pub(crate) fn blind(error: &io::Error) {
    tracing::warn!(
        "changes of the time zone are not noticed: {error}\nhint: `backupctl config reload` has zones read again"
    );
}

fn tell(before: &TimeZone, now: &TimeZone) {
    if before == now {
        tracing::info!(
            MESSAGE_ID = messages::ZONES_CHANGED,
            "the time zone database has changed and is read again"
        );
    } else {
        let shown = match zones::name(now) {
            "" => "one without a name".to_owned(),
            name => format!("`{name}`"),
        };
        tracing::info!(
            MESSAGE_ID = messages::ZONES_CHANGED,
            "the time zone of the machine is now {shown}"
        );
    }
    if let Some(trouble) = zones::trouble() {
        tracing::warn!(MESSAGE_ID = messages::ZONES_CHANGED, "{trouble}");
    }
}
