//! Watches what a backup would store, and tells of changes. It ends when nobody reads that any more.
//!
//! inotify, not fanotify: to be told of a whole file system takes the right to administer the machine.

mod mounts;
mod news;
mod quiet;
mod tree;

#[cfg(test)]
mod tests;

use std::{
    io::{self, Read as _, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use backupd_core::{
    failure::{Failure, FailureClass},
    protocol::{Spec, WatchRecord, WatchWork},
};
use backupd_engine::{BackupRequest, Cancellation, Wanted};
use jiff::{SignedDuration, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};
use tracing::info;

use self::{
    mounts::Mounts,
    quiet::Quiet,
    tree::{Scope, Tree},
};
use super::query::tell;
use crate::{attempt::Ended, failure};

/// Directories for which no watch was left are looked at so often.
const LOOK: Duration = Duration::from_mins(10);

/// Who writes all the time wakes us so often at most: events wait in the kernel meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Tells of changes until nobody listens.
pub(crate) fn watch(
    spec: &Spec,
    work: &WatchWork,
    cancellation: &Cancellation,
    answer: &mut dyn Write,
) -> Ended {
    match scope(spec, work).and_then(|scope| follow(&scope, spec, work, cancellation, answer)) {
        Ok(()) => Ended::success(None),
        Err(failure) => failure.into(),
    }
}

fn scope(spec: &Spec, work: &WatchWork) -> Result<Scope, Failure> {
    let backup = &work.backup;
    let request = BackupRequest {
        include: backup.include.clone(),
        exclude: backup.exclude.clone(),
        exclude_if_present: backup.exclude_if_present.clone(),
        exclude_caches: backup.exclude_caches,
        ..BackupRequest::default()
    };
    let wanted =
        Wanted::of(&request).map_err(|error| failure::explain(&error, spec, &Cancellation::default()))?;
    Ok(Scope {
        sources: backup
            .sources
            .iter()
            .chain(&backup.optional_sources)
            .cloned()
            .collect(),
        wanted,
        own: work.own.clone(),
        one_file_system: backup.one_file_system,
    })
}

/// What may wake us beside the time.
struct Signals {
    /// How long events are left to gather.
    pause: Duration,
    /// Asked to stop.
    stop: UnixStream,
    mounts: Option<std::fs::File>,
}

impl Signals {
    fn new(quiet: Duration) -> io::Result<Self> {
        let (stop, told) = UnixStream::pair()?;
        stop.set_nonblocking(true)?;
        for signal in [SIGTERM, SIGINT] {
            pipe::register(signal, told.try_clone()?)?;
        }
        Ok(Self {
            pause: LONGEST_PAUSE.min(quiet / 4),
            stop,
            mounts: Mounts::watch().ok(),
        })
    }
}

/// What has happened.
#[derive(Debug, Default)]
struct Woken {
    events: bool,
    mounts: bool,
    /// Nobody reads any more, or somebody asked us to stop.
    end: bool,
}

fn follow(
    scope: &Scope,
    spec: &Spec,
    work: &WatchWork,
    cancellation: &Cancellation,
    answer: &mut dyn Write,
) -> Result<(), Failure> {
    let broken = |error: io::Error| unwatchable(&error, spec);
    let signals = Signals::new(positive(work.quiet)).map_err(broken)?;
    let mut quiet = Quiet::new(positive(work.quiet), positive(work.longest));
    let mut say = |record: WatchRecord| {
        let told = tell(answer, &record).and_then(|()| answer.flush());
        told.map_err(|error| failure::unanswered(&error, spec))
    };
    let mut since = work.since;
    let mut watching = None;
    loop {
        let built = Timestamp::now();
        let (mut tree, changed) = Tree::build(scope, since).map_err(broken)?;
        if changed {
            quiet.changed(Instant::now());
        }
        let look = Instant::now() + LOOK;
        let mut told = built;
        let lost = loop {
            let now_watching = (tree.directories(), tree.unwatched());
            // Said again where it has become whole, or is not any more.
            if watching.is_none_or(|(_, before)| (before == 0) != (now_watching.1 == 0)) {
                info!(
                    directories = now_watching.0,
                    unwatched = now_watching.1,
                    "watching"
                );
                watching = Some(now_watching);
                say(WatchRecord::Watching {
                    directories: now_watching.0,
                    unwatched: now_watching.1,
                })?;
            }
            if quiet.take(Instant::now()) {
                told = Timestamp::now();
                say(WatchRecord::Changed)?;
            }
            let again = (tree.unwatched() > 0).then_some(look);
            let woken = wait(&tree, &signals, quiet.due().into_iter().chain(again).min()).map_err(broken)?;
            if woken.end || cancellation.is_cancelled() {
                return Ok(());
            }
            if woken.mounts && tree.remounted() {
                quiet.changed(Instant::now());
            }
            if woken.events {
                let seen = tree.take(told);
                if seen.changed {
                    quiet.changed(Instant::now());
                }
                if seen.lost {
                    break true;
                }
            }
            if again.is_some_and(|again| again <= Instant::now()) {
                break false;
            }
        };
        // What was lost is a change, whatever it was.
        since = (!lost).then_some(built);
    }
}

/// Waits until something happens, or until then; events that come one after the other are taken together.
fn wait(tree: &Tree<'_>, signals: &Signals, until: Option<Instant>) -> io::Result<Woken> {
    let output = rustix::stdio::stdout();
    let mut woken = Woken::default();
    let mut until = until;
    loop {
        let mut watched = vec![
            // No more than that the other end was closed.
            PollFd::new(&output, PollFlags::empty()),
            PollFd::new(&signals.stop, PollFlags::IN),
        ];
        if let Some(mounts) = &signals.mounts {
            watched.push(PollFd::new(mounts, PollFlags::PRI));
        }
        let events = tree.events();
        if !woken.events {
            watched.insert(2, PollFd::from_borrowed_fd(events, PollFlags::IN));
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(Timespec::try_from).transpose().unwrap_or(None);
        match poll(&mut watched, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let happened = |index: usize| watched.get(index).is_some_and(|one| !one.revents().is_empty());
        let first = !woken.events;
        woken.end |= happened(0) || happened(1);
        woken.mounts |= happened(if first { 3 } else { 2 });
        if first && happened(2) {
            woken.events = true;
            let pause = Instant::now() + signals.pause;
            until = Some(until.map_or(pause, |until| until.min(pause)));
            if !woken.end && !woken.mounts {
                continue;
            }
        }
        if woken.end {
            let _ = (&signals.stop).read(&mut [0; 16]);
        }
        return Ok(woken);
    }
}

fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}

fn unwatchable(error: &io::Error, spec: &Spec) -> Failure {
    let failure = Failure::new(
        FailureClass::Configuration,
        failure::about(spec, &format!("changes cannot be watched for: {error}")),
    );
    match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::MFILE.raw_os_error() => {
            failure.hint("raise `fs.inotify.max_user_instances` with `sysctl`")
        }
        _ => failure.hint("the job runs by its schedule and by hand meanwhile"),
    }
}
