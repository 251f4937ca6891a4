//! The table `retention` of a job's file: which of its snapshots are kept.

use jiff::SignedDuration;

use super::{once, values};
use crate::{
    config::{
        fault::{Complaint, quoted},
        format_duration,
        reader::{Located, Reader, Scalar},
    },
    retention::Rules,
};

const KEY: &str = "retention";
const KEEP_LAST: &str = "retention.keep_last";
const KEEP_WITHIN: &str = "retention.keep_within";
const KEEP_DAYS: &str = "retention.keep_days";
const KEEP_TAGS: &str = "retention.keep_tags";
const KEEP_MINIMUM: &str = "retention.keep_minimum";
const MAX_COUNT: &str = "retention.max_count";
const MAX_SIZE: &str = "retention.max_size";

const COUNTS: [&str; 7] = [
    KEEP_LAST,
    "retention.keep_hourly",
    "retention.keep_daily",
    "retention.keep_weekly",
    "retention.keep_monthly",
    "retention.keep_quarterly",
    "retention.keep_yearly",
];
const SPANS: [&str; 6] = [
    "retention.keep_within_hourly",
    "retention.keep_within_daily",
    "retention.keep_within_weekly",
    "retention.keep_within_monthly",
    "retention.keep_within_quarterly",
    "retention.keep_within_yearly",
];

/// More snapshots than any repository holds.
const MOST: u32 = 100_000;
/// A hundred years.
const MOST_DAYS: u32 = 36_525;

const EXAMPLE: &str = "`keep_daily = 7`";

/// What the file says; nothing where it does not have the table. `tags` are those that each snapshot of the job gets.
pub(super) fn retention(reader: &mut Reader<'_>, tags: &[String]) -> Option<Rules> {
    let given = reader.has(KEY);
    let rules = reader.table(KEY, |reader| keys(reader, tags));
    given.then_some(rules)
}

fn keys(reader: &mut Reader<'_>, own_tags: &[String]) -> Rules {
    let counts = COUNTS.map(|key| count(reader, key, 0..=MOST));
    let within = span(reader, KEEP_WITHIN);
    let within = within_days(reader, within);
    let spans = SPANS.map(|key| span(reader, key));
    let tags = tags(reader, own_tags);
    let max_count = count(reader, MAX_COUNT, 1..=MOST);
    let max_size = reader.scalar(MAX_SIZE);
    let max_size = max_size.and_then(|value| reader.checked(value, size));
    let minimum = count(reader, KEEP_MINIMUM, 1..=MOST);

    for span in spans.iter().flatten() {
        if let Some(within) = within.as_ref().filter(|within| within.value >= span.value) {
            all_kept_already(reader, span, within);
        }
    }
    for count in counts.iter().chain([&minimum]).flatten() {
        if let Some(max) = max_count.as_ref().filter(|max| max.value < count.value) {
            more_than_max(reader, count, max);
        }
    }

    let value = |count: &Option<Located<u32>>| count.as_ref().map_or(0, |count| count.value);
    let [last, hourly, daily, weekly, monthly, quarterly, yearly] = counts.each_ref().map(value);
    let span = |span: &Option<Located<SignedDuration>>| span.as_ref().map(|span| span.value);
    let [
        within_hourly,
        within_daily,
        within_weekly,
        within_monthly,
        within_quarterly,
        within_yearly,
    ] = spans.each_ref().map(span);
    let rules = Rules {
        keep_last: last,
        keep_hourly: hourly,
        keep_daily: daily,
        keep_weekly: weekly,
        keep_monthly: monthly,
        keep_quarterly: quarterly,
        keep_yearly: yearly,
        keep_within: span(&within),
        keep_within_hourly: within_hourly,
        keep_within_daily: within_daily,
        keep_within_weekly: within_weekly,
        keep_within_monthly: within_monthly,
        keep_within_quarterly: within_quarterly,
        keep_within_yearly: within_yearly,
        keep_tags: tags,
        max_count: max_count.map(|value| value.value),
        max_size: max_size.map(|value| value.value),
        keep_minimum: minimum.map(|value| value.value),
    };
    let counted = counts.iter().any(Option::is_some);
    lets_something_go(reader, &rules, counted);
    rules
}

/// Nobody writes rules by which everything stays; what was meant is likely to be the opposite.
fn lets_something_go(reader: &mut Reader<'_>, rules: &Rules, counted: bool) {
    let others = [
        KEY,
        KEEP_WITHIN,
        KEEP_DAYS,
        KEEP_TAGS,
        KEEP_MINIMUM,
        MAX_COUNT,
        MAX_SIZE,
    ];
    let slips =
        reader.has_faults_in(&COUNTS) || reader.has_faults_in(&SPANS) || reader.has_faults_in(&others);
    let Some(position) = reader.position_of(KEY) else {
        return;
    };
    // What is not known may be a rule with a slip in it.
    if rules.let_go() || slips || reader.has_others() {
        return;
    }
    let message = if counted {
        "all counts are 0, and so none of them keeps a snapshot"
    } else if rules.keep_tags.is_empty() && rules.keep_minimum.is_none() {
        "`retention` is empty"
    } else {
        "`keep_tags` and `keep_minimum` alone say nothing of which snapshots go"
    };
    let hint = format!("write what is kept, such as {EXAMPLE}; to keep all snapshots, remove `retention`");
    reader.fault(KEY, position, Complaint::new(message).hint(hint));
}

fn name(key: &'static str) -> &'static str {
    key.rsplit('.').next().unwrap_or(key)
}

fn count(
    reader: &mut Reader<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<u32>,
) -> Option<Located<u32>> {
    let value = reader.scalar(key)?;
    let hint = format!(
        "write a number of snapshots from {} to {}, without quotes",
        range.start(),
        range.end()
    );
    let wrong = format!("is no value of `{}`", name(key));
    reader.checked(value, |value| values::ranged(value, range, (&wrong, &hint)))
}

fn span(reader: &mut Reader<'_>, key: &'static str) -> Option<Located<SignedDuration>> {
    let value = reader.scalar(key)?;
    reader.checked(value, |value| {
        let span = values::duration(value)?;
        let name = name(key);
        if span.is_zero() {
            return Err(Complaint::new(format!("`{name}` must be longer than nothing"))
                .hint("write how far back snapshots are kept, such as `30d`, or remove it"));
        }
        if span > days(MOST_DAYS) {
            return Err(Complaint::new(format!("`{name}` is at most {MOST_DAYS}d"))
                .hint("to keep all snapshots, remove `retention`"));
        }
        Ok(span)
    })
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

/// `keep_days = 30` is `keep_within = "30d"`.
fn within_days(
    reader: &mut Reader<'_>,
    within: Option<Located<SignedDuration>>,
) -> Option<Located<SignedDuration>> {
    let given = reader.position_of(KEEP_WITHIN).is_some();
    let value = reader.scalar(KEEP_DAYS);
    let number = value.and_then(|value| {
        let hint = format!(
            "write a number of days from 1 to {MOST_DAYS}; `keep_within` takes other spans, such as `36h`"
        );
        reader.checked(value, |value| {
            values::ranged(value, 1..=MOST_DAYS, ("is no number of days", &hint))
        })
    });
    let Some(position) = reader.position_of(KEEP_DAYS).filter(|_| given) else {
        return within.or_else(|| {
            let Located { key, position, value } = number?;
            let value = days(value);
            Some(Located { key, position, value })
        });
    };
    let complaint = Complaint::new("`keep_within` and `keep_days` exclude each other");
    let hint = "remove one of the two: `keep_days = 30` is another way to write `keep_within = \"30d\"`";
    reader.fault(KEEP_DAYS, position, complaint.hint(hint));
    within
}

fn tags(reader: &mut Reader<'_>, own: &[String]) -> Vec<String> {
    let tags = reader.parsed_list(KEEP_TAGS, values::tag);
    if let Some(tag) = tags.iter().find(|tag| own.contains(&tag.value)) {
        let message = format!(
            "each snapshot of the job has the tag {}, and so each would be kept",
            quoted(&tag.value)
        );
        let hint = "write a tag that only some snapshots have, or, to keep all of them, remove `retention`";
        reader.fault(tag.key, tag.position, Complaint::new(message).hint(hint));
    }
    once(reader, tags, |tag| format!("the tag {}", quoted(tag)))
}

fn size(value: Scalar) -> Result<u64, Complaint> {
    let size = values::size(value)?;
    if size == 0 {
        return Err(
            Complaint::new("with a `max_size` of 0 bytes nothing could be kept")
                .hint("write how much the job's snapshots may add to the repository, such as `500 GiB`"),
        );
    }
    Ok(size)
}

/// A rule that chooses among what is kept anyway.
fn all_kept_already(
    reader: &mut Reader<'_>,
    span: &Located<SignedDuration>,
    within: &Located<SignedDuration>,
) {
    let message = format!(
        "`{}` is without effect: `{}` keeps all snapshots of the last {}",
        name(span.key),
        name(within.key),
        format_duration(within.value)
    );
    let hint = "write a longer span, or remove it";
    reader.fault(span.key, span.position, Complaint::new(message).hint(hint));
}

/// A rule that the limit never lets keep what it names.
fn more_than_max(reader: &mut Reader<'_>, count: &Located<u32>, max: &Located<u32>) {
    let message = format!(
        "`max_count` is {}, less than `{}`, which is {}",
        max.value,
        name(count.key),
        count.value
    );
    let hint = "`max_count` is how many snapshots all rules together keep at most: write more, or remove it";
    reader.fault(MAX_COUNT, max.position, Complaint::new(message).hint(hint));
}
