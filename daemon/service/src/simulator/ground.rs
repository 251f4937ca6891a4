//! What everything in a simulated world stands on: its time, its chance, what comes, and when somebody pulls the plug.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    future::pending,
    hash::{DefaultHasher, Hasher as _},
    sync::{Arc, Mutex},
};

use backupd_core::{
    condition::Condition,
    name::{JobName, RunId},
    run::Trigger,
};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::number;
use crate::ports::Clock;

/// Time that has passed since the world began, whatever any clock says.
pub(super) type Age = SignedDuration;

/// What comes by itself at its time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Happening {
    /// Somebody or something does something, whatever the seed says.
    Whim,
    /// The worker of an attempt goes on with its script; void where it has another one by now.
    Worker(RunId, u32, u32),
    /// All that a worker said is read to a new daemon.
    Replay(RunId, u32),
    /// The coordinator is told how the conditions stand that it asked for.
    Standing,
    /// A condition is another than before.
    Flap(Condition),
    /// A repository can be reached again, or cannot.
    Outage(usize),
    /// The disk under the store is full, or has room again.
    Disk(bool),
    /// A daemon that ended starts again.
    Start,
    /// The machine wakes up.
    WakeUp,
    /// A clock that was wrong is set right.
    SetRight,
    /// A path changed, or a device came.
    Trigger(JobName, Trigger),
    /// A quiet time begins: nothing fails any more, and nobody interferes.
    Quiet,
    /// It is over.
    End,
}

#[derive(Default)]
struct Wheel {
    comes: BTreeMap<(Age, u64), Happening>,
    number: u64,
}

struct Time {
    age: Age,
    /// What the clock on the wall showed when the world began, by its present setting.
    origin: Timestamp,
    booted: Age,
    /// Since when it sleeps, and for how long it has since it was booted.
    asleep_since: Option<Age>,
    asleep: SignedDuration,
}

/// See the module.
pub(super) struct Ground {
    time: Mutex<Time>,
    wheel: Mutex<Wheel>,
    rng: Mutex<Rng>,
    /// So many writes until the plug is pulled.
    fuse: Mutex<Option<u32>>,
    blown: Notify,
    /// Writes take up to so many milliseconds.
    pub(super) latency: i64,
    wrong: Mutex<Vec<String>>,
    tale: Mutex<Tale>,
    /// So many of its last lines are kept.
    told: usize,
}

/// What happened: the last lines, and a digest of all.
#[derive(Default)]
struct Tale {
    lines: VecDeque<String>,
    digest: DefaultHasher,
}

/// Enough to see what led to most things.
const TOLD: usize = 160;

impl Ground {
    pub(super) fn new(seed: u64, begins: Timestamp) -> Arc<Self> {
        let mut rng = Rng::with_seed(seed);
        let latency = *rng.choice(&[0, 0, 3, 40]).unwrap();
        Arc::new(Self {
            time: Mutex::new(Time {
                age: Age::ZERO,
                origin: begins,
                booted: Age::from_hours(-1),
                asleep_since: None,
                asleep: SignedDuration::ZERO,
            }),
            wheel: Mutex::default(),
            rng: Mutex::new(rng),
            fuse: Mutex::default(),
            blown: Notify::new(),
            latency,
            wrong: Mutex::default(),
            tale: Mutex::default(),
            told: number("BACKUPD_SIM_TOLD").map_or(TOLD, |told| usize::try_from(told).unwrap()),
        })
    }

    /// A number below that.
    pub(super) fn below(&self, bound: i64) -> i64 {
        self.rng.lock().unwrap().i64(0..bound.max(1))
    }

    /// The same for what is counted.
    pub(super) fn index(&self, bound: usize) -> usize {
        self.rng.lock().unwrap().usize(0..bound)
    }

    pub(super) fn bits(&self) -> u128 {
        self.rng.lock().unwrap().u128(..)
    }

    /// Whether something of this probability is.
    pub(super) fn chance(&self, probability: f64) -> bool {
        self.rng.lock().unwrap().f64() < probability
    }

    pub(super) fn choice<'a, T>(&self, of: &'a [T]) -> &'a T {
        self.rng.lock().unwrap().choice(of).unwrap()
    }

    /// Any time up to that, short ones more often.
    pub(super) fn while_up_to(&self, longest: SignedDuration) -> SignedDuration {
        let part = self.rng.lock().unwrap().f64();
        SignedDuration::from_secs_f64(longest.as_secs_f64() * part * part)
    }

    pub(super) fn age(&self) -> Age {
        self.time.lock().unwrap().age
    }

    /// Time passes, awake or asleep.
    pub(super) fn pass(&self, by: SignedDuration) {
        self.time.lock().unwrap().age += by;
    }

    /// Somebody sets the clock.
    pub(super) fn set(&self, now: Timestamp) {
        let mut time = self.time.lock().unwrap();
        time.origin = now - time.age;
    }

    pub(super) fn boot(&self) {
        let mut time = self.time.lock().unwrap();
        time.booted = time.age;
        time.asleep_since = None;
        time.asleep = SignedDuration::ZERO;
    }

    /// The machine falls asleep, or wakes up.
    pub(super) fn sleep(&self, asleep: bool) {
        let mut time = self.time.lock().unwrap();
        if let Some(since) = time.asleep_since.take() {
            time.asleep = time.asleep + (time.age - since);
        }
        time.asleep_since = asleep.then_some(time.age);
    }

    /// Has something come after that time.
    pub(super) fn after(&self, delay: SignedDuration, what: Happening) {
        let at = self.age() + delay;
        let mut wheel = self.wheel.lock().unwrap();
        wheel.number += 1;
        let number = wheel.number;
        wheel.comes.insert((at, number), what);
    }

    pub(super) fn first(&self) -> Option<Age> {
        let wheel = self.wheel.lock().unwrap();
        wheel.comes.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn take(&self) -> Option<Happening> {
        self.wheel.lock().unwrap().comes.pop_first().map(|(_, what)| what)
    }

    pub(super) fn has(&self, what: &Happening) -> bool {
        self.wheel
            .lock()
            .unwrap()
            .comes
            .values()
            .any(|other| other == what)
    }

    /// Puts off all of a kind: what sleeps does nothing.
    pub(super) fn put_off(&self, by: SignedDuration, which: impl Fn(&Happening) -> bool) {
        let mut wheel = self.wheel.lock().unwrap();
        let (moved, kept) = std::mem::take(&mut wheel.comes)
            .into_iter()
            .partition(|(_, what)| which(what));
        wheel.comes = kept;
        let moved: BTreeMap<(Age, u64), Happening> = moved;
        let moved = moved
            .into_iter()
            .map(|((at, number), what)| ((at + by, number), what));
        wheel.comes.extend(moved);
    }

    /// Takes out all of a kind.
    pub(super) fn drop_all(&self, which: impl Fn(&Happening) -> bool) {
        self.wheel.lock().unwrap().comes.retain(|_, what| !which(what));
    }

    /// Has the daemon die at one of its next writes.
    pub(super) fn light_fuse(&self, writes: u32) {
        *self.fuse.lock().unwrap() = Some(writes);
    }

    pub(super) fn cut_fuse(&self) {
        *self.fuse.lock().unwrap() = None;
    }

    /// Something that is written to disk or started: it takes its time, and may be the last thing that is done.
    pub(super) async fn write(&self) {
        if self.latency > 0 {
            self.pass(SignedDuration::from_millis(self.below(self.latency)));
        }
        let burnt = {
            let mut fuse = self.fuse.lock().unwrap();
            match fuse.as_mut() {
                Some(0) => true,
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => false,
            }
        };
        if burnt {
            self.blown.notify_one();
            pending::<()>().await;
        }
    }

    /// Becomes ready when the daemon is to die.
    pub(super) async fn blown(&self) {
        self.blown.notified().await;
    }

    /// Says that something is as it must not be.
    pub(super) fn wrong(&self, what: impl Into<String>) {
        let what = what.into();
        self.tell(format!("WRONG: {what}"));
        self.wrong.lock().unwrap().push(what);
    }

    pub(super) fn wrongs(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// Writes down what happens.
    pub(super) fn tell(&self, what: impl AsRef<str>) {
        let line = format!(
            "{:>12.3} {}  {}",
            self.age().as_secs_f64(),
            self.now(),
            what.as_ref()
        );
        let mut tale = self.tale.lock().unwrap();
        tale.digest.write(line.as_bytes());
        if tale.lines.len() == self.told {
            tale.lines.pop_front();
        }
        tale.lines.push_back(line);
    }

    /// The last lines.
    pub(super) fn tale(&self) -> String {
        let tale = self.tale.lock().unwrap();
        tale.lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        })
    }

    /// Of all that was told.
    pub(super) fn digest(&self) -> u64 {
        self.tale.lock().unwrap().digest.finish()
    }
}

impl Clock for Ground {
    fn now(&self) -> Timestamp {
        let time = self.time.lock().unwrap();
        time.origin + time.age
    }

    fn since_boot(&self) -> SignedDuration {
        let time = self.time.lock().unwrap();
        time.age - time.booted
    }

    fn awake(&self) -> SignedDuration {
        let time = self.time.lock().unwrap();
        time.age - time.booted - time.asleep
    }
}
