//! When a job runs by itself: calendars, intervals, windows, and what follows from several of them.
//!
//! A time on a calendar is a local one. It is found without regard to the zone and resolved afterwards: one that
//! does not exist fires at the first instant after the gap, one that exists twice fires the first time.

mod check;
mod cron;
mod event;
mod gaps;
mod parse;
mod plain;
mod resolve;
mod timetable;
mod weekdays;
mod window;
mod zone;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

pub use cron::Cron;
pub use event::CalendarEvent;
pub use parse::{ExpressionError, parse_calendar, parse_cron, parse_plain};
pub use timetable::{Due, Elapse, Seed, Timetable};
pub use window::{Window, WindowError};
pub use zone::parse_zone;

/// When something happens again and again.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// A calendar event as in systemd.time(7).
    Calendar(CalendarEvent),
    /// A line of crontab(5), or one with seconds and years.
    Cron(Cron),
    /// After so long, counted from when the job was first known.
    Every(SignedDuration),
}

/// One way in which a job is started by the time.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// When.
    pub when: When,
    /// As it was written, for people.
    pub text: String,
    /// Where the clock stands that is meant; the machine's own where `None`.
    pub zone: Option<TimeZone>,
    /// Elapses are delayed by up to this, always by as much for one machine and job.
    pub jitter: SignedDuration,
    /// Runs begin inside of it only.
    pub window: Option<Window>,
    /// Whether one run makes up for what was missed.
    pub catch_up: bool,
    /// How long such a run waits after the machine has started or woken up.
    pub settle: SignedDuration,
}

impl Schedule {
    /// A schedule with nothing but its times.
    pub fn new(when: When, text: impl Into<String>) -> Self {
        Self {
            when,
            text: text.into(),
            zone: None,
            jitter: SignedDuration::ZERO,
            window: None,
            catch_up: true,
            settle: SETTLE,
        }
    }

    /// The zone whose clock the schedule and its window go by, `local` being the machine's.
    pub fn zone_or<'a>(&'a self, local: &'a TimeZone) -> &'a TimeZone {
        match &self.when {
            When::Calendar(event) => event.zone(),
            When::Cron(_) | When::Every(_) => None,
        }
        .or(self.zone.as_ref())
        .unwrap_or(local)
    }

    /// The first elapse after `after`, without jitter; `None` where there is none any more.
    pub fn next_after(&self, after: Timestamp, local: &TimeZone, anchor: Timestamp) -> Option<Timestamp> {
        self.next_in(after, self.zone_or(local), anchor)
    }

    /// The time after which its elapses come again, but for what clocks do that are set twice a year; `None` where that is
    /// longer than a week, or nobody knows.
    fn period(&self) -> Option<SignedDuration> {
        match &self.when {
            When::Calendar(event) => event.period(),
            When::Cron(cron) => cron.period(),
            When::Every(_) => None,
        }
    }

    fn next_in(&self, after: Timestamp, zone: &TimeZone, anchor: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Calendar(event) => resolve::next_after(after, zone, |time| event.next_after(time)),
            When::Cron(cron) => resolve::next_after(after, zone, |time| cron.next_after(time)),
            When::Every(period) => resolve::next_multiple(after, anchor, *period),
        }
    }
}

/// How long what was missed waits after a start or a wake-up, unless a schedule says otherwise.
pub const SETTLE: SignedDuration = SignedDuration::from_mins(1);

/// What becomes of an elapse that comes while a run of the same job is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// One more run begins when that one is over.
    #[default]
    Queue,
    /// It is passed over, and history says so.
    Skip,
    /// The run at work is stopped, and a new one takes its place.
    Replace,
}

impl Conflict {
    /// All of them, with the words that stand for them in files.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("queue", Self::Queue),
        ("skip", Self::Skip),
        ("replace", Self::Replace),
    ];

    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Skip => "skip",
            Self::Replace => "replace",
        }
    }
}
