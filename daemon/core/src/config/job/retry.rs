//! The table `retry` of a job's file.

use jiff::SignedDuration;

use super::values;
use crate::{
    config::{
        fault::Complaint,
        format_duration,
        reader::{Located, Reader, Scalar},
    },
    retry::Retry,
};

/// The keys of a table that says how something is tried again.
struct Keys {
    table: &'static str,
    attempts: &'static str,
    initial: &'static str,
    factor: &'static str,
    maximum: &'static str,
    deadline: &'static str,
}

/// The keys of a table of this name.
macro_rules! keys {
    ($table:literal) => {
        Keys {
            table: $table,
            attempts: concat!($table, ".attempts"),
            initial: concat!($table, ".initial"),
            factor: concat!($table, ".factor"),
            maximum: concat!($table, ".maximum"),
            deadline: concat!($table, ".deadline"),
        }
    };
}

/// Of a job.
const JOB: Keys = keys!("retry");
/// Of a copy of a job.
const COPY: Keys = keys!("copies.retry");

/// More attempts than this are an outage, not bad luck.
const MOST_ATTEMPTS: u32 = 100;
/// Nobody remembers for longer what is being waited for.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What the file says; nothing where it does not have the table.
pub(super) fn retry(reader: &mut Reader<'_>) -> Option<Retry> {
    table(reader, &JOB)
}

/// The same for a copy.
pub(super) fn retry_of_copy(reader: &mut Reader<'_>) -> Option<Retry> {
    table(reader, &COPY)
}

fn table(reader: &mut Reader<'_>, keys: &Keys) -> Option<Retry> {
    let given = reader.has(keys.table);
    let retry = reader.table(keys.table, |reader| inside(reader, keys));
    given.then_some(retry)
}

fn inside(reader: &mut Reader<'_>, keys: &Keys) -> Retry {
    // Of several tables of this name each has its own.
    let needless = [keys.initial, keys.factor, keys.maximum, keys.deadline];
    let needless: Vec<_> = needless.into_iter().filter(|key| reader.has(key)).collect();
    let attempts = reader.scalar(keys.attempts);
    let attempts = attempts.and_then(|value| reader.checked(value, attempts_in_all));
    let initial = wait(reader, keys.initial);
    let factor = reader.number(keys.factor);
    let factor = factor.and_then(|value| reader.checked(value, growth));
    let maximum = wait(reader, keys.maximum);
    let deadline = wait(reader, keys.deadline);

    if attempts.as_ref().is_some_and(|attempts| attempts.value == 1) {
        for key in needless {
            without_effect(reader, key);
        }
    }
    at_least_initial(reader, initial.as_ref(), maximum.as_ref(), "no wait is longer");
    at_least_initial(
        reader,
        initial.as_ref(),
        deadline.as_ref(),
        "no attempt begins later",
    );

    let default = Retry::default();
    let deadline = deadline.map(|value| value.value);
    let maximum = maximum.map(|value| value.value);
    // What is not given gives way to what is.
    let initial = initial.map_or_else(
        || {
            [maximum, deadline]
                .into_iter()
                .flatten()
                .fold(default.initial, SignedDuration::min)
        },
        |value| value.value,
    );
    Retry {
        attempts: attempts.map_or(default.attempts, |value| value.value),
        initial,
        factor: factor.map_or(default.factor, |value| value.value),
        maximum: maximum.unwrap_or(default.maximum.max(initial)),
        deadline,
    }
}

fn wait(reader: &mut Reader<'_>, key: &'static str) -> Option<Located<SignedDuration>> {
    let value = reader.scalar(key)?;
    reader.checked(value, |value| {
        let wait = values::duration(value)?;
        let name = key.rsplit('.').next().unwrap_or(key);
        if wait.is_zero() {
            return Err(
                Complaint::new(format!("`{name}` must be longer than nothing")).hint(
                    "write a duration such as `30s`; `attempts = 1` is for jobs that are never tried again",
                ),
            );
        }
        if wait > LONGEST {
            return Err(
                Complaint::new(format!("`{name}` is at most {}", format_duration(LONGEST)))
                    .hint("leave it to the schedule to start the job again"),
            );
        }
        Ok(wait)
    })
}

fn without_effect(reader: &mut Reader<'_>, key: &'static str) {
    if let Some(position) = reader.position_of(key) {
        let name = key.rsplit('.').next().unwrap_or(key);
        let message = format!("`{name}` is without effect: a single attempt is not repeated");
        let hint = "write more `attempts`, or remove it";
        reader.fault(key, position, Complaint::new(message).hint(hint));
    }
}

/// What ends the waiting before the first wait is over leaves no second attempt.
fn at_least_initial(
    reader: &mut Reader<'_>,
    initial: Option<&Located<SignedDuration>>,
    other: Option<&Located<SignedDuration>>,
    why: &str,
) {
    if let (Some(initial), Some(other)) = (initial, other)
        && other.value < initial.value
    {
        let name = other.key.rsplit('.').next().unwrap_or(other.key);
        let message = format!(
            "`{name}` is {}, less than `initial`, which is {}",
            format_duration(other.value),
            format_duration(initial.value)
        );
        let hint = format!("`initial` is the longest wait after the first attempt; {why} than `{name}`");
        reader.fault(other.key, other.position, Complaint::new(message).hint(hint));
    }
}

fn attempts_in_all(value: Scalar) -> Result<u32, Complaint> {
    let hint = format!("write how often a run is tried in all, from 1 (never again) to {MOST_ATTEMPTS}");
    values::ranged(value, 1..=MOST_ATTEMPTS, ("is no number of attempts", &hint))
}

fn growth(factor: f64) -> Result<f64, Complaint> {
    if (1.0..=10.0).contains(&factor) {
        return Ok(factor);
    }
    Err(Complaint::new(format!("`{factor}` is no factor"))
        .hint("write a number from 1 (all waits alike) to 10; `2` doubles the wait from attempt to attempt"))
}
