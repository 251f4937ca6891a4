//! What keeps a run from starting beside the queue, and stops one that has: pauses, windows, conditions.

use std::collections::{BTreeMap, BTreeSet};

use backupd_core::{
    condition::{Condition, Standing, WhenLost},
    config::Job,
    name::RunId,
    run::{BlockedBy, Operation, Run, RunEvent, RunState, RunWindow, Trigger},
    schedule::{Schedule, Window},
    zones,
};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Coordinator,
    agenda::Appointment,
    start::title,
    triggers::{GOES_DOWN, is_for_a_moment},
};
use crate::journal::{messages, of_run};

/// What a run needs and does not have, of a kind.
pub(super) struct Hold {
    kind: Kind,
    pub(super) reason: BlockedBy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its time has not come.
    Time,
    /// A condition, or its window.
    Condition,
    /// A condition of which nobody knows yet.
    Unknown,
}

impl Hold {
    /// Whether somebody has looked.
    pub(super) fn is_known(&self) -> bool {
        self.kind != Kind::Unknown
    }

    /// Whether something else is to change, and not only time to pass.
    pub(super) fn is_condition(&self) -> bool {
        self.kind == Kind::Condition
    }
}

impl Coordinator {
    /// All that holds a run now, whatever the others do.
    pub(super) fn holds(&self, run: &Run, now: Timestamp) -> Vec<Hold> {
        let mut holds: Vec<Hold> = self.backs_off(run, now).into_iter().collect();
        holds.extend(self.doubts_clock(run, now));
        holds.extend(self.lacks_its_job(run, now));
        holds.extend(self.goes_down(run, now));
        if run.trigger == Trigger::Manual {
            return holds;
        }
        let hold = |kind: Kind, what: String, clears: String| Hold {
            kind,
            reason: BlockedBy {
                what,
                since: now,
                clears,
            },
        };
        let pause = match &run.job {
            Some(job) => self.pause_of(job),
            None => self.pause_of_all(),
        };
        if let Some(pause) = pause {
            let what = match &pause.reason {
                Some(reason) => format!("it is paused: {reason}"),
                None => "it is paused".to_owned(),
            };
            let clears = match pause.until {
                Some(until) => format!("the end of the pause at {}", self.local_time(until)),
                None => "`backupctl resume`".to_owned(),
            };
            holds.push(hold(Kind::Time, what, clears));
        }
        if let Some(window) = &run.window {
            let zone = self.zone_of(window);
            if !window.window.contains(now, &zone) {
                let opens = window.window.opens_after(now, &zone);
                let clears = opens.map_or_else(
                    || "nothing: it never opens".to_owned(),
                    |opens| format!("its opening at {}", self.local_time(opens)),
                );
                holds.push(hold(
                    Kind::Condition,
                    format!("the window {} is closed", window.window),
                    clears,
                ));
            }
        }
        for condition in self.conditions_of(run) {
            if run.state.has_worker() && !condition.is_kept_while_running() {
                continue;
            }
            match self.standings.get(condition) {
                Some(Standing::Holds) => {}
                Some(Standing::Fails { what, clears }) => {
                    holds.push(hold(Kind::Condition, what.clone(), clears.clone()));
                }
                None => holds.push(hold(
                    Kind::Unknown,
                    format!("{condition} is required, and being looked at"),
                    "the answer".to_owned(),
                )),
            }
        }
        holds
    }

    fn backs_off(&self, run: &Run, now: Timestamp) -> Option<Hold> {
        let at = run
            .next_attempt
            .filter(|at| *at > now && run.state == RunState::Backoff)?;
        let (last, retry) = run.attempts.last().zip(run.retry.as_ref())?;
        let why = run
            .failure
            .as_ref()
            .map_or("it failed", |failure| failure.message.as_str());
        let counted = run.attempts.iter().filter(|attempt| !attempt.made_way).count();
        Some(Hold {
            kind: Kind::Time,
            reason: BlockedBy {
                what: format!("attempt {counted} of {} failed: {why}", retry.attempts),
                since: last.finished.unwrap_or(now),
                clears: format!("the next attempt at {}", self.local_time(at)),
            },
        })
    }

    /// What begins while the machine goes down would be cut off.
    fn goes_down(&self, run: &Run, now: Timestamp) -> Option<Hold> {
        let waits = self.departing.is_some() && !is_for_a_moment(run.trigger) && !run.state.has_worker();
        waits.then(|| Hold {
            kind: Kind::Time,
            reason: BlockedBy {
                what: GOES_DOWN.to_owned(),
                since: now,
                clears: "its next start".to_owned(),
            },
        })
    }

    /// Nobody knows what a job does whose file has been broken since before this daemon began.
    fn lacks_its_job(&self, run: &Run, now: Timestamp) -> Option<Hold> {
        let job = run.job.as_ref().filter(|_| needs_its_job(run))?;
        let is_broken = self.catalog.faulty.contains(job) && !self.catalog.jobs.contains_key(job);
        let reason = BlockedBy {
            what: format!("the file of the job `{job}` has faults"),
            since: now,
            clears: "a file without; `backupctl config check` names them".to_owned(),
        };
        is_broken.then_some(Hold {
            kind: Kind::Condition,
            reason,
        })
    }

    /// What deletes by the age of things waits for a clock that is right.
    fn doubts_clock(&self, run: &Run, now: Timestamp) -> Option<Hold> {
        if !run.operation.is_destructive() {
            return None;
        }
        let jobs = self
            .catalog
            .jobs
            .values()
            .filter(|job| job.repository == run.repository);
        let newest = jobs
            .filter_map(|job| self.histories.get(&job.name)?.last_good)
            .max();
        let what = self.clock.doubt(self.parts.clock.reading(), newest)?;
        let reason = BlockedBy {
            what,
            since: now,
            clears: "a clock that is right, and a day without jumps".to_owned(),
        };
        Some(Hold {
            kind: Kind::Condition,
            reason,
        })
    }

    /// What is required for a run.
    fn conditions_of<'a>(&'a self, run: &Run) -> &'a [Condition] {
        let job = run.job.as_ref().filter(|_| needs_its_job(run));
        let job = job.and_then(|job| self.catalog.jobs.get(job));
        job.map_or(&[], |job| &job.conditions.all)
    }

    fn stops_when_lost(&self, run: &Run) -> bool {
        let job = run.job.as_ref().and_then(|job| self.catalog.jobs.get(job));
        run.trigger != Trigger::Manual && job.is_some_and(|job| job.conditions.when_lost == WhenLost::Stop)
    }

    /// Says which conditions matter now. What nobody asks for is not watched, and not believed later.
    pub(super) fn want_conditions(&mut self) {
        let mut wanted: BTreeSet<Condition> = self.awaited_devices().cloned().collect();
        for id in &self.unfinished {
            let Some(live) = self.runs.get(id) else { continue };
            let run = &live.run;
            let of_run = self.conditions_of(run);
            let at_work = run.state.has_worker();
            let matters = match run.trigger {
                // What was overridden is asked for once.
                Trigger::Manual => !self.told_overridden.contains(id),
                _ if at_work => self.stops_when_lost(run),
                _ => run.next_attempt.is_none_or(|at| at <= self.parts.clock.now()),
            };
            let can_be_lost = |condition: &&Condition| {
                run.trigger == Trigger::Manual || !at_work || condition.is_kept_while_running()
            };
            wanted.extend(of_run.iter().filter(|_| matters).filter(can_be_lost).cloned());
        }
        self.standings.retain(|condition, _| wanted.contains(condition));
        if self.wanted_conditions != wanted {
            self.parts.surroundings.want(wanted.clone());
            self.wanted_conditions = wanted;
        }
    }

    /// Takes how conditions stand.
    pub(super) async fn stand(&mut self, standings: BTreeMap<Condition, Standing>) {
        let arrivals = self.arrivals(&standings);
        let wanted = &self.wanted_conditions;
        let news = standings
            .into_iter()
            .filter(|(condition, _)| wanted.contains(condition));
        self.standings.extend(news);
        for id in self.unfinished.clone() {
            self.note_overridden(id).await;
            self.stop_where_lost(id).await;
        }
        self.devices_came(arrivals).await;
        self.pump().await;
    }

    /// All windows may be others than before, or the time is.
    pub(super) async fn look_at_windows(&mut self) {
        for id in self.unfinished.clone() {
            self.appoint_window(id);
            self.stop_where_lost(id).await;
        }
    }

    /// A window has opened or closed, and may have done more since.
    pub(super) async fn window_moved(&mut self, id: RunId) {
        self.appoint_window(id);
        self.stop_where_lost(id).await;
    }

    /// Stops a run at work that has lost what it needs, where its job says so; it goes on later.
    async fn stop_where_lost(&mut self, id: RunId) {
        let Some(live) = self.runs.get(&id) else { return };
        let run = &live.run;
        if !run.state.has_worker() || run.makes_way.is_some() || !self.stops_when_lost(run) {
            return;
        }
        // What has not been looked at since it began is not lost.
        let lost = |hold: &Hold| hold.kind == Kind::Condition;
        let lost = self.holds(run, self.parts.clock.now()).into_iter().find(lost);
        if let Some(lost) = lost {
            self.make_way(id, lost.reason.what).await;
        }
    }

    /// Asks the worker of a run to stop for now.
    pub(super) async fn make_way(&mut self, id: RunId, reason: String) {
        let Some(live) = self.runs.get(&id) else { return };
        let mut run = Run::clone(&live.run);
        let now = self.parts.clock.now();
        if run.apply(RunEvent::MakeWay(reason.clone()), now) != Ok(true) {
            return;
        }
        of_run!(
            info,
            messages::RUN_MAKES_WAY,
            &run,
            "{} stops for now and goes on later: {reason}",
            title(&run)
        );
        // Kept before the worker is told: the next daemon would take its end for a cancel.
        self.save(&run, None).await;
        if let Some(attempt) = run.attempts.last() {
            self.parts.launcher.stop(id, attempt.number);
        }
        self.put_back(run);
    }

    /// Notes what did not hold when somebody started a run all the same; once, when all of it is known.
    async fn note_overridden(&mut self, id: RunId) {
        let Some(live) = self.runs.get(&id) else { return };
        let run = &live.run;
        if run.trigger != Trigger::Manual || self.told_overridden.contains(&id) {
            return;
        }
        let conditions = self.conditions_of(run);
        let Some(standings) = conditions
            .iter()
            .map(|condition| self.standings.get(condition))
            .collect::<Option<Vec<&Standing>>>()
        else {
            return;
        };
        let failing = standings.into_iter().filter_map(|standing| match standing {
            Standing::Fails { what, .. } => Some(what.clone()),
            Standing::Holds => None,
        });
        let overrode: Vec<String> = failing.collect();
        self.told_overridden.insert(id);
        if !overrode.is_empty() {
            let mut run = Run::clone(&live.run);
            run.overrode.extend(overrode);
            self.save(&run, None).await;
            self.put_back(run);
        }
    }

    /// Makes the appointment for the opening or closing of a run's window.
    pub(super) fn appoint_window(&mut self, id: RunId) {
        let now = self.parts.clock.now();
        let at = self.runs.get(&id).and_then(|live| {
            let run = &live.run;
            let window = run.window.as_ref().filter(|_| run.result.is_none())?;
            let zone = self.zone_of(window);
            match (run.state.has_worker(), window.window.contains(now, &zone)) {
                (false, false) => window.window.opens_after(now, &zone),
                // Nobody waits for a run any more that cannot start.
                (false, true) => window.window.closes_after(now, &zone),
                (true, true) if self.stops_when_lost(run) => window.window.closes_after(now, &zone),
                _ => None,
            }
        });
        self.agenda.set(Appointment::Window(id), at);
    }

    /// That no window of a job's schedules is open, where all of them have one.
    pub(super) fn closed_window(&self, job: &Job) -> Option<String> {
        let now = self.parts.clock.now();
        let windows = || {
            job.schedules
                .iter()
                .map(|schedule| schedule.window.as_ref().zip(Some(schedule)))
        };
        let closed = |(window, schedule): (&Window, &Schedule)| {
            !window.contains(now, schedule.zone.as_ref().unwrap_or(&self.local))
        };
        let all_closed = !job.schedules.is_empty() && windows().all(|pair| pair.is_some_and(closed));
        let (window, _) = windows().flatten().next().filter(|_| all_closed)?;
        Some(format!("the window {window} is closed"))
    }

    fn zone_of(&self, window: &RunWindow) -> TimeZone {
        let named = window.zone.as_deref().and_then(zones::get);
        named.unwrap_or_else(|| self.local.clone())
    }

    /// A time as the machine's clock shows it.
    pub(super) fn local_time(&self, at: Timestamp) -> String {
        at.to_zoned(self.local.clone())
            .strftime("%Y-%m-%d %H:%M:%S %Z")
            .to_string()
    }
}

/// Whether a run does what its job's file says, under the conditions that stand there.
fn needs_its_job(run: &Run) -> bool {
    matches!(run.operation, Operation::Backup | Operation::Copy)
}

#[cfg(test)]
mod tests;
