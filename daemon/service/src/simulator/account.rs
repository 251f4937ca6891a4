//! What the time owes a job, worked out beside the coordinator: elapses that have come and that no run has begun for.

use backupd_core::{
    config::Job,
    schedule::{Schedule, Seed, Timetable},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::ground::Age;

/// An elapse for which no run has begun yet; the last of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    pub(super) elapse: Timestamp,
    /// When it came.
    pub(super) since: Age,
    /// It was seen to before, when the clock was ahead.
    pub(super) again: bool,
}

/// See the module.
pub(super) struct Account {
    pub(super) job: Job,
    local: TimeZone,
    anchor: Timestamp,
    seed: Seed,
    pub(super) next: Option<Timestamp>,
    /// The highest that the clock has ever been seen to by the job.
    pub(super) water: Timestamp,
    /// Since the clock was set back it has passed over one elapse that was seen to before.
    forgiven: bool,
    pub(super) owed: Option<Owed>,
    /// Elapses that have come.
    pub(super) come: u64,
}

impl Account {
    /// Of a job that is there from now on; up to `water` it was seen to before.
    pub(super) fn open(
        job: &Job,
        local: TimeZone,
        anchor: Timestamp,
        now: Timestamp,
        water: Timestamp,
    ) -> Self {
        let mut account = Self {
            job: job.clone(),
            local,
            anchor,
            seed: Seed::new("machine", &job.name),
            next: None,
            water,
            forgiven: false,
            owed: None,
            come: 0,
        };
        account.next = account.after(now);
        account
    }

    fn timetable(&self) -> Timetable<'_> {
        Timetable {
            schedules: &self.job.schedules,
            local: &self.local,
            anchor: self.anchor,
            seed: self.seed,
        }
    }

    fn after(&self, time: Timestamp) -> Option<Timestamp> {
        self.timetable().next_after(time).map(|elapse| elapse.at)
    }

    /// The job's file says other times by now, or counts them from another one: they count from now on.
    pub(super) fn reopen(&mut self, job: &Job, local: TimeZone, anchor: Timestamp, now: Timestamp) {
        let water = self.water.max(now);
        let come = self.come;
        *self = Self {
            come,
            ..Self::open(job, local, anchor, now, water)
        };
    }

    /// Whether elapses are as they were.
    pub(super) fn agrees(&self, job: &Job, local: &TimeZone, anchor: Timestamp) -> bool {
        self.is_said_by(job) && self.local == *local && self.anchor == anchor
    }

    /// Whether the job's file says of elapses what it said.
    pub(super) fn is_said_by(&self, job: &Job) -> bool {
        self.job.schedules == job.schedules && self.job.enabled == job.enabled
    }

    /// Time has passed up to now.
    pub(super) fn pass(&mut self, now: Timestamp, age: Age) {
        while let Some(elapse) = self.next.filter(|next| *next <= now) {
            self.come += 1;
            if elapse <= self.water && !self.forgiven {
                self.forgiven = true;
            } else {
                self.owed = Some(Owed {
                    elapse,
                    since: age,
                    again: elapse <= self.water,
                });
            }
            self.water = self.water.max(elapse);
            self.next = self.after(elapse);
        }
    }

    /// The clock is another: what was seen to when it was ahead need not be seen to again.
    fn forget(&mut self) {
        self.owed = self.owed.filter(|owed| !owed.again);
    }

    /// A daemon starts that cannot know that the clock was set back: it judges by what it shows now.
    pub(super) fn judge_anew(&mut self) {
        self.forget();
        self.forgiven = false;
    }

    /// The clock was set.
    pub(super) fn step(&mut self, before: Timestamp, now: Timestamp, age: Age) {
        self.forget();
        if now > before {
            let jumped = self.timetable().due(self.water.max(before), now);
            if let Some(due) = jumped {
                self.come += 1;
                self.water = due.last.at;
                self.owed = Some(Owed {
                    elapse: due.last.at,
                    since: age,
                    again: false,
                });
            }
        } else {
            self.forgiven = false;
            self.owed = self.owed.filter(|owed| owed.elapse <= now);
        }
        self.next = self.after(now);
    }

    /// Whether the coordinator may count an elapse as seen to.
    pub(super) fn may_forgive(&self, elapse: Timestamp) -> bool {
        elapse <= self.water && !self.forgiven
    }

    /// Whether it elapses once a day at least.
    pub(super) fn is_daily(&self) -> bool {
        let day = SignedDuration::from_hours(25);
        !self.job.schedules.is_empty()
            && self
                .timetable()
                .longest_gap(self.water)
                .is_some_and(|gap| gap <= day)
    }

    /// Whether a clock that shows this comes to more than one elapse again.
    pub(super) fn repeats(&self, now: Timestamp) -> bool {
        let second = self.after(now).and_then(|first| self.after(first));
        second.is_some_and(|second| second <= self.water)
    }

    /// The longest that what was missed waits after a disturbance.
    pub(super) fn settle(&self) -> SignedDuration {
        let settles = self.job.schedules.iter().map(|schedule| schedule.settle);
        settles.max().unwrap_or_default()
    }

    /// Whether what is missed may be passed over.
    pub(super) fn passes_over(&self) -> bool {
        self.job
            .schedules
            .iter()
            .any(|schedule: &Schedule| !schedule.catch_up)
    }
}
