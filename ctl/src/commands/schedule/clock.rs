//! What it does to schedules that clocks go forward and back.

use backupd_core::schedule::{Schedule, When};
use jiff::{
    Timestamp, ToSpan as _,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneTransition},
};

/// A moment at which a clock goes forward or back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) at: Timestamp,
    /// What the clock shows when it happens, and then.
    before: DateTime,
    after: DateTime,
}

impl Edge {
    fn of(transition: &TimeZoneTransition<'_>, zone: &TimeZone) -> Option<Self> {
        let at = transition.timestamp();
        let before = zone
            .to_offset(at.checked_sub(1.nanosecond()).ok()?)
            .to_datetime(at);
        let after = transition.offset().to_datetime(at);
        // Some transitions change a name alone.
        (before != after).then_some(Self { at, before, after })
    }

    /// Those from the first moment to the second.
    pub(super) fn between(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Self> {
        zone.following(from)
            .take_while(|transition| transition.timestamp() <= to)
            .filter_map(|transition| Self::of(&transition, zone))
            .collect()
    }

    /// The one at a moment or beside it that makes the clock leave times out.
    fn gap_near(zone: &TimeZone, at: Timestamp) -> impl Iterator<Item = Self> {
        let past = at
            .checked_add(1.nanosecond())
            .ok()
            .and_then(|at| zone.preceding(at).next());
        let coming = zone.following(at).next();
        let edges = [past, coming].into_iter().flatten();
        let edges: Vec<Self> = edges
            .filter_map(|transition| Self::of(&transition, zone))
            .collect();
        edges.into_iter().filter(|edge| edge.before < edge.after)
    }

    /// `the clock goes forward from 02:00 to 03:00`.
    pub(super) fn told(&self) -> String {
        let way = if self.before < self.after {
            "forward"
        } else {
            "back"
        };
        let (before, after) = (time(self.before, self.after), time(self.after, self.before));
        format!("the clock goes {way} from {before} to {after}")
    }
}

/// How an elapse comes by its time where the clock leaves out the one that is meant, or shows it twice.
pub(super) fn moved(schedule: &Schedule, at: Timestamp, zone: &TimeZone) -> Option<String> {
    let local = zone.to_datetime(at);
    if meant(schedule, local)? {
        return match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { before, .. } => {
                let which = if zone.to_offset(at) == before {
                    "first"
                } else {
                    "second"
                };
                Some(format!(
                    "{} happens twice on that day; it runs the {which} time",
                    time(local, local)
                ))
            }
            _ => None,
        };
    }
    Edge::gap_near(zone, at).find_map(|edge| {
        let missing = local_after(schedule, edge.before.checked_sub(1.nanosecond()).ok()?)?;
        (missing < edge.after).then(|| {
            format!(
                "{} does not exist on that day, {}; it runs at {}",
                time(missing, local),
                edge.told(),
                time(local, missing)
            )
        })
    })
}

/// Whether the schedule names a local time; nothing where it names none.
fn meant(schedule: &Schedule, local: DateTime) -> Option<bool> {
    let next = local_after(schedule, local.checked_sub(1.nanosecond()).ok()?)?;
    Some(next == local)
}

fn local_after(schedule: &Schedule, local: DateTime) -> Option<DateTime> {
    match &schedule.when {
        When::Calendar(event) => event.next_after(local),
        When::Cron(cron) => cron.next_after(local),
        When::Every(_) => None,
    }
}

/// As short as it can be beside the other one.
fn time(time: DateTime, beside: DateTime) -> String {
    let date = if time.date() == beside.date() {
        ""
    } else {
        "%Y-%m-%d "
    };
    let clock = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.strftime(&format!("{date}{clock}")).to_string()
}
