//! Texts and tables that say when something runs by itself: the key `schedule` of a job, and the care of a repository.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    fault::{Complaint, quoted, shown},
    format_duration,
    job::values,
    place::Position,
    reader::{Located, Part, Reader, Scalar},
};
use crate::schedule::{
    ExpressionError, Schedule, When, Window, parse_calendar, parse_cron, parse_plain, parse_zone,
};

/// The keys of a table that says when.
pub(super) struct Keys {
    /// The table itself.
    pub(super) table: &'static str,
    calendar: &'static str,
    cron: &'static str,
    every: &'static str,
    timezone: &'static str,
    jitter: &'static str,
    window: &'static str,
    catch_up: &'static str,
    settle: &'static str,
    /// How to write two, where there may be more than one.
    several: Option<&'static str>,
}

/// The keys of a table of this name.
macro_rules! keys {
    ($table:literal, $several:expr) => {
        Keys {
            table: $table,
            calendar: concat!($table, ".calendar"),
            cron: concat!($table, ".cron"),
            every: concat!($table, ".every"),
            timezone: concat!($table, ".timezone"),
            jitter: concat!($table, ".jitter"),
            window: concat!($table, ".window"),
            catch_up: concat!($table, ".catch_up"),
            settle: concat!($table, ".settle"),
            several: $several,
        }
    };
}

/// Of a job.
const JOB: Keys = keys!(
    "schedule",
    Some("write a list of two tables: `schedule = [{ … }, { … }]`")
);
/// Of a copy of a job.
pub(super) const COPY: Keys = keys!("copies.schedule", None);
/// Of the check of a repository.
pub(super) const CHECK: Keys = keys!("check", None);
/// Of the prune of a repository.
pub(super) const PRUNE: Keys = keys!("prune", None);

const HINT: &str = "write when it runs, such as `schedule = \"daily at 02:00\"` or `schedule = { calendar = \"Mon..Fri 02:00\" }`";
/// More than people can keep in mind.
const MOST: usize = 64;
/// Characters of a message that repeats what was written.
const MOST_SAID: usize = 400;
const LONGEST_SETTLE: SignedDuration = SignedDuration::from_hours(24);

/// The instant at which schedules are judged, 2026-01-01: a file that was valid once stays so.
const JUDGED_AT: Timestamp = Timestamp::constant(1_767_225_600, 0);

impl From<ExpressionError> for Complaint {
    fn from(error: ExpressionError) -> Self {
        // It repeats what was written, whatever that is.
        Self {
            message: shown(&error.message, MOST_SAID),
            hint: error.hint.map(|hint| shown(&hint, MOST_SAID)),
        }
    }
}

/// The schedules of a job.
pub(super) fn schedules(reader: &mut Reader<'_>) -> Vec<Schedule> {
    let mut count = 0;
    let schedules = reader.each(JOB.table, HINT, |reader, part| {
        let position = part.position;
        count += 1;
        if count > MOST {
            if count == MOST + 1 {
                let complaint = Complaint::new(format!("a job has at most {MOST} schedules"));
                let hint = "one calendar event can stand for many: `Mon..Fri 08..18:00/15`";
                reader.fault(JOB.table, position, complaint.hint(hint));
            }
            return None;
        }
        match part.value {
            Part::Table => table(reader, position, &JOB),
            Part::Text(value) => text(reader, position, JOB.table, value),
        }
    });
    for (index, schedule) in schedules.iter().enumerate() {
        if schedules
            .iter()
            .take(index)
            .any(|other| other.value == schedule.value)
        {
            let complaint = Complaint::new(format!("{} stands here twice", quoted(&schedule.value.text)));
            reader.fault(
                JOB.table,
                schedule.position,
                complaint.hint("remove one of the two"),
            );
        }
    }
    schedules.into_iter().map(|schedule| schedule.value).collect()
}

/// What people say.
pub(super) fn text(
    reader: &mut Reader<'_>,
    position: Position,
    key: &'static str,
    value: String,
) -> Option<Schedule> {
    let text = Located { key, position, value };
    let plain = reader.checked(text, |text| judged(named(parse_plain(&text)?, &text)));
    plain.map(|schedule| schedule.value)
}

/// What one table says; the caller takes the keys that are not about time.
pub(super) fn table(reader: &mut Reader<'_>, place: Position, keys: &Keys) -> Option<Schedule> {
    let mut given = vec![keys.calendar, keys.cron, keys.every];
    given.retain(|key| reader.has(key));
    let calendar = reader.parsed(keys.calendar, |text| Ok(named(parse_calendar(text)?, text)));
    let cron = reader.parsed(keys.cron, |text| Ok(named(parse_cron(text)?, text)));
    let every = reader.scalar(keys.every);
    let every = every.and_then(|value| reader.checked(value, every_so_often));
    let timezone = reader.parsed(keys.timezone, |name| Ok(parse_zone(name)?));
    let jitter = reader.scalar(keys.jitter);
    let jitter = jitter.and_then(|value| reader.checked(value, values::duration));
    let window = reader.parsed(keys.window, |text| {
        let window = text.parse::<Window>();
        window.map_err(|error| Complaint::new(shown(&error.to_string(), MOST_SAID)))
    });
    let catch_up = reader.boolean(keys.catch_up, true);
    let settle = reader.scalar(keys.settle);
    let settle = settle.and_then(|value| reader.checked(value, settling));

    if let Some(settle) = settle.as_ref().filter(|_| !catch_up) {
        let complaint = Complaint::new("`settle` is without effect beside `catch_up = false`");
        let hint = "remove it: only what is caught up waits for the machine to settle";
        reader.fault(keys.settle, settle.position, complaint.hint(hint));
    }
    if given.len() != 1 {
        not_one(reader, place, keys, &given);
        return None;
    }
    let schedule = calendar.or(cron).or(every)?;
    if let Some(timezone) = &timezone
        && let Some(why) = zoneless(&schedule.value.when, window.is_some())
    {
        let complaint = Complaint::new(format!("`timezone` is without effect: {why}"));
        reader.fault(keys.timezone, timezone.position, complaint.hint("remove it"));
    }
    // One after the other, so that each complaint stands at the key that it is about.
    let mut schedule = reader.checked(schedule, judged)?.value;
    schedule.zone = timezone.map(|zone| zone.value);
    schedule.catch_up = catch_up;
    schedule.settle = settle.map_or(schedule.settle, |settle| settle.value);
    if let Some(jitter) = jitter {
        let jittery = |jitter| judged(Schedule { jitter, ..schedule });
        schedule = reader.checked(jitter, jittery)?.value;
    }
    if let Some(window) = window {
        let windowed = |window| {
            judged(Schedule {
                window: Some(window),
                ..schedule
            })
        };
        schedule = reader.checked(window, windowed)?.value;
    }
    Some(schedule)
}

/// A schedule with its text on one line.
fn named(when: When, text: &str) -> Schedule {
    Schedule::new(when, text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Refuses what can be read and is of no use.
fn judged(schedule: Schedule) -> Result<Schedule, Complaint> {
    schedule.check(JUDGED_AT, &TimeZone::UTC)?;
    Ok(schedule)
}

fn not_one(reader: &mut Reader<'_>, place: Position, keys: &Keys, given: &[&'static str]) {
    let name = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let Some((first, others)) = given.split_first() else {
        let complaint = Complaint::new("`calendar`, `cron` or `every` is missing");
        reader.fault(
            keys.table,
            place,
            complaint.hint("write when, such as `calendar = \"02:00\"`"),
        );
        return;
    };
    for other in others {
        let message = format!("`{}` and `{}` exclude each other", name(first), name(other));
        let hint = keys.several.unwrap_or("leave one of the two");
        let position = reader.position_of(other).unwrap_or(place);
        reader.fault(other, position, Complaint::new(message).hint(hint));
    }
}

/// Why a zone changes nothing, if so.
fn zoneless(when: &When, windowed: bool) -> Option<&'static str> {
    match when {
        When::Calendar(event) if event.zone().is_some() => Some("the calendar event names its own"),
        When::Every(_) if !windowed => Some("`every` counts hours that pass, alike in all zones"),
        _ => None,
    }
}

fn every_so_often(value: Scalar) -> Result<Schedule, Complaint> {
    let period = values::duration(value)?;
    if period.is_zero() {
        let complaint = Complaint::new("`every` must be longer than nothing");
        return Err(complaint.hint("write a duration such as `4h`"));
    }
    let text = format!("every {}", format_duration(period));
    Ok(Schedule::new(When::Every(period), text))
}

fn settling(value: Scalar) -> Result<SignedDuration, Complaint> {
    let settle = values::duration(value)?;
    if settle > LONGEST_SETTLE {
        return Err(Complaint::new("`settle` is at most a day")
            .hint("write how long a machine that has started or woken up is left alone, such as `5m`"));
    }
    Ok(settle)
}
