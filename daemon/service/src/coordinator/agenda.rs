//! What is to be looked at, and when. The first time is what the daemon is woken for.

use std::collections::{BTreeMap, BTreeSet};

use backupd_core::name::{JobName, RunId};
use jiff::Timestamp;

use crate::{dense::pack, ports::CareKey};

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Appointment {
    /// The job's schedule elapses, or what has elapsed may start.
    Elapse(JobName),
    /// A repository is cared for.
    Care(CareKey),
    /// What is done to a repository was done too long ago.
    CareLate(CareKey),
    /// What a job was to start for may be looked at again.
    Trigger(JobName),
    /// The job becomes late.
    Late(JobName),
    /// The next attempt of a run.
    Attempt(RunId),
    /// The window of a run opens or closes.
    Window(RunId),
    /// The pause of a job, or of all, is over.
    PauseEnds(Option<JobName>),
    /// The store may work again.
    Store,
}

/// Appointments in the order of time; of each there is one.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    times: BTreeMap<Appointment, Timestamp>,
    order: BTreeSet<(Timestamp, Appointment)>,
}

impl Agenda {
    /// Makes an appointment, moves it, or takes it out.
    pub(super) fn set(&mut self, what: Appointment, at: Option<Timestamp>) {
        if self.times.get(&what) == at.as_ref() {
            return;
        }
        if let Some(old) = self.times.remove(&what) {
            self.order.remove(&(old, what.clone()));
        }
        if let Some(at) = at {
            self.times.insert(what.clone(), at);
            self.order.insert((at, what));
        }
    }

    /// Gives back the room that its growth left.
    pub(super) fn pack(&mut self) {
        pack(&mut self.times);
        self.order = std::mem::take(&mut self.order).into_iter().collect();
    }

    /// When the first one is.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    #[cfg(test)]
    pub(super) fn peek(&self) -> Option<(Timestamp, String)> {
        self.order.first().map(|(at, what)| (*at, format!("{what:?}")))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The first elapse.
    pub(super) fn first_elapse(&self) -> Option<(Timestamp, &JobName)> {
        self.order.iter().find_map(|(at, what)| match what {
            Appointment::Elapse(job) => Some((*at, job)),
            _ => None,
        })
    }

    /// When that is, if at all.
    pub(super) fn at(&self, what: &Appointment) -> Option<Timestamp> {
        self.times.get(what).copied()
    }

    /// Takes out the first one.
    pub(super) fn pop(&mut self) -> Option<(Timestamp, Appointment)> {
        let (at, what) = self.order.pop_first()?;
        self.times.remove(&what);
        Some((at, what))
    }

    /// Takes out all that have come, in their order.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Appointment> {
        let mut due = Vec::new();
        while self.first().is_some_and(|at| at <= now)
            && let Some((_, what)) = self.pop()
        {
            due.push(what);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appointments_come_in_order_and_each_once() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let elapse = |name: &str| Appointment::Elapse(name.parse().unwrap());
        let mut agenda = Agenda::default();
        agenda.set(elapse("a"), Some(at(5)));
        agenda.set(Appointment::Store, Some(at(3)));
        agenda.set(elapse("b"), Some(at(4)));
        agenda.set(elapse("a"), Some(at(2)));
        assert_eq!(agenda.first(), Some(at(2)));
        assert_eq!(agenda.take_due(at(3)), [elapse("a"), Appointment::Store]);
        assert_eq!(agenda.first_elapse(), Some((at(4), &"b".parse().unwrap())));
        agenda.set(elapse("b"), None);
        assert_eq!(agenda.first(), None);
    }
}
