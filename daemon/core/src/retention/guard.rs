//! The guard before the rules: what it takes for granted is that dates, clocks and people are wrong at times.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{
    decision::{Decision, Decisions},
    facts::SnapshotFacts,
    objection::{Objection, ObjectionKind},
};
use crate::text;

/// Dates may be wrong by this. A clock is off by less before it is set after a start; a date that somebody made up
/// within it displaces no more than the snapshots of that hour.
pub const TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// So many days may lose their snapshots whatever part of the history that is: small histories change by large parts.
pub const HANDFUL: usize = 5;

/// With fewer snapshots before it nobody can say that one is small.
pub const LEAST_HISTORY: usize = 3;

/// What the guard says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Where there is one of these, nothing may be forgotten.
    pub refused: Vec<Objection>,
    /// What would have been refused, had no administrator forced it; it goes on record.
    pub overridden: Vec<Objection>,
}

impl Guarded {
    /// Whether the snapshots may be forgotten.
    pub fn is_allowed(&self) -> bool {
        self.refused.is_empty()
    }
}

/// Objects to decisions that follow the rules and should not be carried out. Who lets nothing go meets no objection.
///
/// `history` are the snapshots as they are known right before they would be forgotten: a pin may have come since.
/// `clock_doubt` says why the clock is not believed, if so: see [`ClockWatch::doubt`](crate::clock::ClockWatch::doubt).
/// `force` is an administrator's word that all objections but those to breaking a promise are known.
///
/// An objection to dates stands until those snapshots are gone, or their dates are accepted.
pub fn guard(
    now: Timestamp,
    history: &[SnapshotFacts],
    decisions: &Decisions,
    clock_doubt: Option<&str>,
    force: bool,
) -> Guarded {
    if decisions.forgotten().next().is_none() {
        return Guarded::default();
    }
    let case = Case {
        now,
        facts: by_id(history),
        decisions,
    };
    let objections = [
        case.pinned(),
        case.floor(),
        case.unknown(),
        clock_doubt.map(|doubt| {
            let message = format!("the clock is not believed: {doubt}");
            objection(ObjectionKind::ClockDoubtful, message, [])
        }),
        case.future(),
        case.dates(),
        case.collapse(),
        case.shrunk(),
        case.last_verified(),
    ];
    let (overridden, refused) = objections
        .into_iter()
        .flatten()
        .partition(|objection| force && objection.kind.yields_to_force());
    Guarded { refused, overridden }
}

struct Case<'a> {
    now: Timestamp,
    facts: HashMap<&'a str, &'a SnapshotFacts>,
    decisions: &'a Decisions,
}

impl<'a> Case<'a> {
    fn facts_of(&self, decision: &Decision) -> Option<&'a SnapshotFacts> {
        self.facts.get(decision.id.as_str()).copied()
    }

    /// Those whose date nobody has accepted.
    fn doubtable(&self) -> impl Iterator<Item = &'a SnapshotFacts> {
        self.facts.values().copied().filter(|facts| !facts.date_accepted)
    }

    /// Those that go and are known.
    fn going(&self) -> impl Iterator<Item = &'a SnapshotFacts> {
        self.decisions
            .forgotten()
            .filter_map(|decision| self.facts_of(decision))
    }

    /// All decisions but those on snapshots that are ahead of the clock.
    fn come(&self) -> impl Iterator<Item = &'a Decision> {
        let now = self.now;
        self.decisions
            .all
            .iter()
            .filter(move |decision| decision.time <= now)
    }

    fn pinned(&self) -> Option<Objection> {
        let pinned: Vec<_> = self
            .going()
            .filter(|facts| facts.pinned.holds(self.now))
            .collect();
        let first = pinned.first()?;
        let message = format!("{} would go, and is pinned", shown(first));
        Some(objection(ObjectionKind::Pinned, message, ids(&pinned)))
    }

    fn floor(&self) -> Option<Objection> {
        let floor = usize::try_from(self.decisions.floor).unwrap_or(usize::MAX);
        let newest = self.come().take(floor);
        let going: Vec<&str> = newest
            .filter(|decision| !decision.verdict.is_keep())
            .map(|decision| decision.id.as_str())
            .collect();
        let first = going.first()?;
        let message = format!(
            "the snapshot `{}` would go, and is one of the newest {floor} that always stay",
            short(first)
        );
        Some(objection(ObjectionKind::Floor, message, going))
    }

    fn unknown(&self) -> Option<Objection> {
        let unknown: Vec<&str> = self
            .decisions
            .forgotten()
            .filter(|decision| self.facts_of(decision).is_none())
            .map(|decision| decision.id.as_str())
            .collect();
        let first = unknown.first()?;
        let message = format!(
            "the snapshot `{}` would go, and nothing is known of it",
            short(first)
        );
        Some(objection(ObjectionKind::UnknownSnapshot, message, unknown))
    }

    fn future(&self) -> Option<Objection> {
        let mut ahead: Vec<&SnapshotFacts> = self
            .doubtable()
            .filter(|facts| facts.time.duration_since(self.now) > TOLERANCE)
            .collect();
        newest_first(&mut ahead);
        let farthest = ahead.first()?;
        let message = match ahead.len() {
            1 => format!("{} has a date that has not come", shown(farthest)),
            number => format!(
                "{number} snapshots have dates that have not come, the farthest {}",
                shown(farthest)
            ),
        };
        Some(objection(ObjectionKind::FutureDate, message, ids(&ahead)))
    }

    /// Dates grow as snapshots come. Where they do not, one of two is wrong, and nobody can tell which.
    fn dates(&self) -> Option<Objection> {
        let order = |facts: &SnapshotFacts| (facts.arrival.is_none(), facts.arrival);
        let mut arrived: Vec<&SnapshotFacts> = self.doubtable().collect();
        arrived.sort_by_key(|facts| (order(facts), facts.time, facts.id.as_str()));
        let mut newest: Option<&SnapshotFacts> = None;
        let mut disagreeing: Vec<(&SnapshotFacts, &SnapshotFacts)> = Vec::new();
        for together in arrived.chunk_by(|a, b| order(a) == order(b)) {
            let before = newest;
            for facts in together {
                disagreeing.extend(
                    before
                        .filter(|before| before.time.duration_since(facts.time) > TOLERANCE)
                        .map(|before| (*facts, before)),
                );
                if newest.is_none_or(|newest| newest.time < facts.time) {
                    newest = Some(*facts);
                }
            }
        }
        let (later, before) = disagreeing.first()?;
        let others = match disagreeing.len() - 1 {
            0 => String::new(),
            1 => "; and so with another one".to_owned(),
            number => format!("; and so with {number} others"),
        };
        let message = format!(
            "{} came after {}, and one of the two dates is wrong{others}",
            shown(later),
            shown(before)
        );
        let mut all: Vec<&SnapshotFacts> = Vec::new();
        let mut seen = BTreeSet::new();
        for facts in disagreeing
            .into_iter()
            .flat_map(|(later, before)| [later, before])
        {
            if seen.insert(facts.id.as_str()) {
                all.push(facts);
            }
        }
        newest_first(&mut all);
        Some(objection(ObjectionKind::DatesDisagree, message, ids(&all)))
    }

    /// Counted in days, for that many snapshots of one day give way to one is what rules are for.
    fn collapse(&self) -> Option<Objection> {
        let before: BTreeSet<Date> = self.come().map(|decision| decision.day).collect();
        let after: BTreeSet<Date> = self
            .come()
            .filter(|decision| decision.verdict.is_keep())
            .map(|decision| decision.day)
            .collect();
        let lost = before.len().saturating_sub(after.len());
        if lost <= HANDFUL || lost * 2 <= before.len() {
            return None;
        }
        let message = format!(
            "{} of {} snapshots would go at once, and with them {lost} of {} days",
            self.decisions.forgotten().count(),
            self.come().count(),
            before.len()
        );
        let going = self.decisions.forgotten().map(|decision| decision.id.as_str());
        Some(objection(ObjectionKind::Collapse, message, going))
    }

    /// A source that was emptied or is not mounted loses nearly all, and who tidies up rarely half.
    fn shrunk(&self) -> Option<Objection> {
        let newest = self.come().next()?;
        let before: Vec<&Decision> = self.come().skip(1).collect();
        // One for each day: a job of many runs a day must not forget within hours what it held.
        let mut days = BTreeSet::new();
        let by_day: Vec<&Decision> = before
            .iter()
            .copied()
            .filter(|decision| decision.day != newest.day && days.insert(decision.day))
            .collect();
        let before = if by_day.len() < LEAST_HISTORY {
            before
        } else {
            by_day
        };
        let newest = self.facts_of(newest)?;
        let shrunk = |what: fn(&SnapshotFacts) -> Option<u64>| {
            let now = what(newest)?;
            let usual = median(
                before
                    .iter()
                    .filter_map(|decision| what(self.facts_of(decision)?))
                    .collect(),
            )?;
            (now < usual.div_ceil(2)).then_some((now, usual))
        };
        let files = shrunk(|facts| facts.files).map(|(now, usual)| {
            let (now, usual) = (text::count(now), text::count(usual));
            (format!("{now} files"), format!("{usual} files"))
        });
        let bytes = shrunk(|facts| facts.bytes).map(|(now, usual)| (text::size(now), text::size(usual)));
        let (now, usual): (Vec<String>, Vec<String>) = files.into_iter().chain(bytes).unzip();
        if now.is_empty() {
            return None;
        }
        let message = format!(
            "{}, the newest, holds {}, less than half of what those before hold: {}",
            shown(newest),
            now.join(" and "),
            usual.join(" and ")
        );
        Some(objection(ObjectionKind::Shrunk, message, [newest.id.as_str()]))
    }

    fn last_verified(&self) -> Option<Objection> {
        let mut kept = self.decisions.kept();
        if kept.any(|decision| self.facts_of(decision).is_some_and(|facts| facts.verified)) {
            return None;
        }
        let going: Vec<_> = self.going().filter(|facts| facts.verified).collect();
        let newest = going.first()?;
        let message = format!(
            "{} would go, the last that was verified; none that stays was",
            shown(newest)
        );
        Some(objection(ObjectionKind::LastVerified, message, ids(&going)))
    }
}

fn objection<'a>(
    kind: ObjectionKind,
    message: String,
    snapshots: impl IntoIterator<Item = &'a str>,
) -> Objection {
    Objection {
        kind,
        message,
        hint: kind.hint().to_owned(),
        snapshots: snapshots.into_iter().map(str::to_owned).collect(),
    }
}

fn newest_first(snapshots: &mut [&SnapshotFacts]) {
    snapshots.sort_by(|a, b| (b.time, &b.id).cmp(&(a.time, &a.id)));
}

fn ids<'a>(snapshots: &[&'a SnapshotFacts]) -> Vec<&'a str> {
    snapshots.iter().map(|facts| facts.id.as_str()).collect()
}

/// Of two about one snapshot the one that is pinned for longer counts.
fn by_id(history: &[SnapshotFacts]) -> HashMap<&str, &SnapshotFacts> {
    let mut facts: HashMap<&str, &SnapshotFacts> = HashMap::with_capacity(history.len());
    for one in history {
        let known = facts.entry(&one.id).or_insert(one);
        if known.pinned < one.pinned {
            *known = one;
        }
    }
    facts
}

/// The upper one of two.
fn median(mut values: Vec<u64>) -> Option<u64> {
    if values.len() < LEAST_HISTORY {
        return None;
    }
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn shown(facts: &SnapshotFacts) -> String {
    format!("the snapshot `{}` of {}", short(&facts.id), facts.time)
}

/// As much of an id as restic shows.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
