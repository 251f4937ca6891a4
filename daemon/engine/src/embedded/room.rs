//! Watches the room at a place while a backup writes, and stops it before there is none: a prune must always find some.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    Access, Allowance, Cancellation, EngineError, ErrorKind, Result, Room, Space,
    access::Options,
    store::{Kind, Store},
};

use super::{failure::Cause, place::Place};

/// A place that is asked over a network is asked again after so long, or once half of what was left is used.
const ASKED_EVERY: Duration = Duration::from_secs(30);
/// How often the packs of a directory are counted while somebody else writes them.
const COUNTED_EVERY: Duration = Duration::from_millis(500);
/// Nobody waits longer to know how much room there is.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a place says of itself.
pub(super) fn look(access: &Access, count: bool) -> Result<Room> {
    let access = Access {
        options: Options {
            timeout: access.options.timeout.min(PATIENCE),
            retries: 0,
            ..access.options.clone()
        },
        ..access.clone()
    };
    let place = Place::of(&access)?;
    let space = place.store.space().map_err(|error| {
        let message = format!("cannot see how much room repository `{}` has", place.name);
        super::failure::caused(message, Cause::of(&error), ErrorKind::Other)
    })?;
    let stored = (count || place.root.is_some())
        .then(|| stored(&*place.store).ok())
        .flatten();
    Ok(Room { space, stored })
}

/// Bytes of all packs.
fn stored(store: &dyn Store) -> std::io::Result<u64> {
    Ok(store.list(Kind::Pack)?.iter().map(|entry| entry.size).sum())
}

/// Follows what a backup writes.
#[derive(Debug)]
pub(super) struct Watch {
    store: Arc<dyn Store>,
    allowance: Allowance,
    /// For people.
    work: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the place said last, and when; nothing where it says nothing.
    space: Option<Space>,
    looked: Option<Instant>,
    /// When the packs of somebody else were counted last.
    counted: Option<Instant>,
    /// Bytes written since it was asked.
    since: u64,
    /// Bytes of packs that are being written.
    pending: u64,
    /// Bytes of packs that this backup has written.
    written: u64,
    /// Bytes of all packs before it.
    before: Option<u64>,
    /// Why there is no room; it stays so, for what is written next may be smaller.
    out: Option<Out>,
}

/// Why there is too little room.
#[derive(Debug, Clone)]
pub(super) struct Out(String);

impl fmt::Display for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Out {
    pub(super) fn cause(&self) -> Cause {
        Cause::said(ErrorKind::NoSpace, &self.0)
    }
}

impl Watch {
    /// Looks whether a backup is likely to find room, before anything is stored. A place that does not say how much there
    /// is, or cannot be asked, is as good as one with enough.
    pub(super) fn begin(place: &Place, allowance: &Allowance, cancellation: &Cancellation) -> Result<Self> {
        Self::begin_for("backup", place, allowance, cancellation)
    }

    /// The same for a copy.
    pub(super) fn begin_copy(
        place: &Place,
        allowance: &Allowance,
        cancellation: &Cancellation,
    ) -> Result<Self> {
        Self::begin_for("copy", place, allowance, cancellation)
    }

    /// The same for a move.
    pub(super) fn begin_move(
        place: &Place,
        allowance: &Allowance,
        cancellation: &Cancellation,
    ) -> Result<Self> {
        Self::begin_for("move", place, allowance, cancellation)
    }

    fn begin_for(
        work: &'static str,
        place: &Place,
        allowance: &Allowance,
        cancellation: &Cancellation,
    ) -> Result<Self> {
        let watch = Self {
            store: place.store.until(cancellation),
            allowance: allowance.clone(),
            work,
            state: Mutex::default(),
        };
        let mut state = watch.state();
        state.before = match (allowance.quota, &place.root, allowance.stored) {
            (None, ..) => None,
            // What a directory holds is soon counted; what a server holds only where nobody knows.
            (Some(_), None, Some(stored)) => Some(stored),
            (Some(_), _, known) => stored(&*watch.store).ok().or(known),
        };
        watch.look(&mut state);
        let expected = allowance.expected.unwrap_or_default();
        let out = watch.out(&state, expected, || match allowance.expected {
            Some(expected) => format!(", and the {work} is expected to add {}", bytes(expected)),
            None => String::new(),
        });
        drop(state);
        match out {
            Some(out) => Err(EngineError::new(
                ErrorKind::NoSpace,
                format!("there is too little room for repository `{}`: {out}", place.name),
            )),
            None => Ok(watch),
        }
    }

    /// A pack of so many bytes is about to be written: fails if what is to stay free would not.
    pub(super) fn before_pack(&self, size: u64) -> std::result::Result<(), Out> {
        let mut state = self.state();
        if let Some(out) = &state.out {
            return Err(out.clone());
        }
        if self.is_to_look(&state, size) {
            self.look(&mut state);
        }
        let (written, work) = (state.written, self.work);
        let out = self.out(&state, size, || {
            let (so_far, more) = (bytes(written), bytes(size));
            match self.allowance.expected {
                Some(expected) if expected > written => format!(
                    "; the {work} was stopped: it has added {so_far} of about {} that it is expected to add",
                    bytes(expected)
                ),
                _ => {
                    format!("; the {work} was stopped: it has added {so_far}, and needs {more} more at least")
                }
            }
        });
        if let Some(out) = out {
            state.out = Some(out.clone());
            return Err(out);
        }
        state.pending += size;
        Ok(())
    }

    /// As [`before_pack`](Self::before_pack), for packs that somebody else writes: fails once too little is left.
    pub(super) fn poll(&self) -> std::result::Result<(), Out> {
        let mut state = self.state();
        // What a directory holds is soon counted.
        let is_old = state
            .counted
            .is_none_or(|counted| counted.elapsed() >= COUNTED_EVERY);
        if self.allowance.quota.is_some() && !self.store.is_remote() && is_old {
            state.before = stored(&*self.store).ok().or(state.before);
            state.counted = Some(Instant::now());
        }
        if self.is_to_look(&state, 0) {
            self.look(&mut state);
        }
        let stopped = || "; the backup was stopped".to_owned();
        match self.out(&state, 0, stopped) {
            Some(out) => Err(out),
            None => Ok(()),
        }
    }

    /// The pack is written, or was not.
    pub(super) fn after_pack(&self, size: u64, written: bool) {
        let mut state = self.state();
        state.pending = state.pending.saturating_sub(size);
        if written {
            state.written += size;
            state.since += size;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file system of this machine answers at once; others are asked when it may matter.
    fn is_to_look(&self, state: &State, size: u64) -> bool {
        let Some(space) = state.space else { return false };
        let left = space.free.saturating_sub(self.reserve(&space));
        !self.store.is_remote()
            || state.since + state.pending + size > left / 2
            || state.looked.is_none_or(|looked| looked.elapsed() > ASKED_EVERY)
    }

    fn look(&self, state: &mut State) {
        match self.store.space() {
            Ok(space) => {
                state.space = space;
                state.since = 0;
            }
            // The next write says what is wrong with the place.
            Err(error) => tracing::debug!(%error, "cannot see how much room there is"),
        }
        state.looked = Some(Instant::now());
    }

    fn reserve(&self, space: &Space) -> u64 {
        let part = self.allowance.keep_percent.zip(space.total);
        let part = part.map(|(percent, total)| total / 100 * u64::from(percent));
        part.unwrap_or(u64::MAX).min(self.allowance.keep_free)
    }

    /// Why so many bytes more are too many.
    fn out(&self, state: &State, more: u64, needed: impl Fn() -> String) -> Option<Out> {
        if let (Some(quota), Some(before)) = (self.allowance.quota, state.before) {
            let stored = before + state.written + state.pending;
            if stored.saturating_add(more) > quota {
                return Some(Out(format!(
                    "it stores {} and may have {}{}",
                    bytes(stored),
                    bytes(quota),
                    needed()
                )));
            }
        }
        let space = state.space?;
        let free = space.free.saturating_sub(state.since + state.pending);
        let reserve = self.reserve(&space);
        if free >= reserve.saturating_add(more) {
            return None;
        }
        let kept = match bytes(reserve) {
            _ if reserve == 0 => String::new(),
            kept if free < reserve => {
                format!(", less than the {kept} that are kept so that a prune can work")
            }
            kept => format!(", of which {kept} are kept so that a prune can work"),
        };
        Some(Out(format!(
            "{} are free at its place{kept}{}",
            bytes(free),
            needed()
        )))
    }
}

/// As people read it.
fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    let unit = UNITS.iter().find(|(size, _)| count >= *size);
    match unit {
        Some((size, unit)) => {
            let tenths = u128::from(count) * 10 / u128::from(*size);
            match (tenths / 10, tenths % 10) {
                (whole, 0) => format!("{whole} {unit}"),
                (whole, tenths) => format!("{whole}.{tenths} {unit}"),
            }
        }
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1 << 20, "1 MiB"),
            (1_600_000, "1.5 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
