//! Keeps refused calls from filling the disk: of many alike, some are recorded, and the rest is counted.
//!
//! Of one user and kind of call, [`EACH`] are recorded in a window of a minute, and then one record counts the
//! others. A window in which calls were refused is followed by one twice as long, up to an hour: whoever goes on
//! for days leaves some records an hour. Beyond [`MOST`] users and kinds at once all others are counted together.

use std::{collections::BTreeMap, mem};

use jiff::{SignedDuration, Timestamp};

/// Calls of a user and kind that a window records one by one.
const EACH: u64 = 5;
/// Users and kinds that are told apart at once.
pub(super) const MOST: usize = 64;
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// What is to be done about a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Record it.
    Record,
    /// It is counted.
    Count,
}

/// Calls that were counted and not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped<K> {
    /// Whose, and of which kind; `None` for those that were too many to tell apart.
    pub key: Option<K>,
    /// How many.
    pub count: u64,
}

#[derive(Debug, Clone)]
struct Window {
    began: Timestamp,
    length: SignedDuration,
    calls: u64,
    /// The calls that were recorded one by one.
    recorded: u64,
}

impl Window {
    fn ends(&self) -> Timestamp {
        // At the end of time nothing is flooded any more.
        self.began.checked_add(self.length).unwrap_or(Timestamp::MAX)
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Gate<K> {
    windows: BTreeMap<Option<K>, Window>,
}

impl<K> Default for Gate<K> {
    fn default() -> Self {
        Self {
            windows: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Gate<K> {
    /// Takes a refused call. What [`Gate::due`] has to say comes before it.
    pub fn take(&mut self, key: K, now: Timestamp) -> Admission {
        let key = Some(key);
        let key = if self.windows.contains_key(&key) || self.windows.len() < MOST {
            key
        } else {
            None
        };
        let each = if key.is_some() { EACH } else { 0 };
        let window = self.windows.entry(key).or_insert(Window {
            began: now,
            length: SHORTEST,
            calls: 0,
            recorded: 0,
        });
        window.calls = window.calls.saturating_add(1);
        if window.recorded < each {
            window.recorded += 1;
            Admission::Record
        } else {
            Admission::Count
        }
    }

    /// What was counted in windows that are over.
    pub fn due(&mut self, now: Timestamp) -> Vec<Skipped<K>> {
        let mut skipped = Vec::new();
        let over = |window: &Window| window.ends() <= now || window.began > now;
        for (key, mut window) in mem::take(&mut self.windows) {
            if !over(&window) {
                self.windows.insert(key, window);
                continue;
            }
            let count = window.calls - window.recorded;
            if window.calls > 0 {
                window = Window {
                    began: now,
                    length: window.length.saturating_mul(2).min(LONGEST),
                    calls: 0,
                    recorded: 0,
                };
                self.windows.insert(key.clone(), window);
            }
            if count > 0 {
                skipped.push(Skipped { key, count });
            }
        }
        skipped
    }

    /// What was counted so far, before the end.
    pub fn finish(&mut self) -> Vec<Skipped<K>> {
        mem::take(&mut self.windows)
            .into_iter()
            .map(|(key, window)| Skipped {
                key,
                count: window.calls - window.recorded,
            })
            .filter(|skipped| skipped.count > 0)
            .collect()
    }

    /// When the next window ends.
    pub fn next(&self) -> Option<Timestamp> {
        self.windows.values().map(Window::ends).min()
    }
}
