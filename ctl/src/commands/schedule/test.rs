//! `backupctl schedule test`

use std::iter::successors;

use backupd_core::{
    config::{format_duration, parse_duration},
    schedule::{ExpressionError, Schedule, When, parse_cron, parse_plain, parse_zone},
};
use jiff::{Timestamp, tz::TimeZone};

use super::clock;
use crate::{
    cli::{TestArgs, Toward, moment},
    commands::Context,
    errors::{Done, Failure, SUCCESS},
    output::{
        Output,
        escape::escape,
        human, json,
        table::{Cell, Table},
    },
};

pub(super) fn run(context: &Context<'_>, arguments: &TestArgs) -> Done {
    let output = context.output;
    let schedule = read(arguments)?;
    let zone = schedule.zone_or(&output.zone);
    let from = match &arguments.from {
        Some(text) => {
            let now = output.now.to_zoned(zone.clone());
            moment(text, &now, Toward::Future)
                .map_err(|wrong| Failure::usage(format!("`--from`: {wrong}")))?
        }
        // A count from now shows no fractions of seconds.
        None => Timestamp::from_second(output.now.as_second()).unwrap_or(output.now),
    };
    let next = |after: Timestamp| schedule.next_after(after, &output.zone, from);
    let count = usize::try_from(arguments.count).unwrap_or(usize::MAX);
    let elapses: Vec<Timestamp> = successors(next(from), |last| next(*last)).take(count).collect();
    let fault = schedule.check(from, &output.zone).err();
    if elapses.is_empty() {
        let none = || Failure::usage(format!("`{}` never elapses", schedule.text));
        return Err(fault.map_or_else(none, wrong));
    }
    if output.json {
        let elapses: Vec<String> = elapses.iter().map(|at| rfc3339(*at, zone)).collect();
        output.document(&json::list("elapses", &elapses))?;
        return Ok(SUCCESS);
    }
    output.line(head(&schedule, zone))?;
    let since = arguments.from.as_ref().map(|_| from);
    output.page()?;
    output.lines(lines(output, &schedule, zone, &elapses, since))?;
    if elapses.len() < count {
        output.line("it does not elapse any more after that")?;
    }
    if let Some(fault) = fault {
        output.note(&format!("a job cannot have this schedule: {fault}"));
    }
    Ok(SUCCESS)
}

/// The schedule that is meant.
fn read(arguments: &TestArgs) -> Result<Schedule, Failure> {
    let text = arguments.expression.as_str();
    let when = match (arguments.cron, arguments.every) {
        (true, _) => parse_cron(text).map_err(|mut error| {
            if parse_plain(text).is_ok() {
                error.hint = Some("it is read without `--cron`".to_owned());
            }
            wrong(error)
        })?,
        (_, true) => every(text)?,
        _ => parse_plain(text).map_err(wrong)?,
    };
    let mut schedule = Schedule::new(when, text);
    schedule.zone = arguments
        .timezone
        .as_deref()
        .map(parse_zone)
        .transpose()
        .map_err(wrong)?;
    Ok(schedule)
}

fn every(text: &str) -> Result<When, Failure> {
    let text = text.strip_prefix("every ").unwrap_or(text);
    let period = parse_duration(text).map_err(Failure::usage)?;
    if period.is_zero() {
        return Err(Failure::usage(format!("`{text}` is no time at all")).hint("write one such as `4h`"));
    }
    Ok(When::Every(period))
}

fn wrong(error: ExpressionError) -> Failure {
    Failure::usage(error.message).hint_if_none(error.hint)
}

/// Without fractions, where there are none, and always with an offset in numbers.
fn rfc3339(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%.f%:z")
        .to_string()
}

/// What was understood.
fn head(schedule: &Schedule, zone: &TimeZone) -> String {
    let text = escape(&schedule.text);
    let place = zone
        .iana_name()
        .map(|name| format!(", on the clock of {name}"))
        .unwrap_or_default();
    let plainly = match &schedule.when {
        When::Every(period) => format!("every {}", format_duration(*period)),
        When::Calendar(event) => event.to_string(),
        When::Cron(_) => schedule.text.clone(),
    };
    if plainly == schedule.text {
        format!("`{text}`{place}")
    } else {
        format!("`{text}` is `{plainly}`{place}")
    }
}

/// Each elapse, and below it what the clock does to it.
fn lines(
    output: &Output,
    schedule: &Schedule,
    zone: &TimeZone,
    elapses: &[Timestamp],
    since: Option<Timestamp>,
) -> Vec<String> {
    let mut table = Table::new(&["", "TIME", "LEFT"]).without_head();
    for at in elapses {
        let left = match since {
            // What is asked for another time is told from there.
            Some(since) => format!(
                "{} later",
                human::about(at.duration_since(since).as_secs().unsigned_abs())
            ),
            None => human::relative(*at, output.now),
        };
        let time = at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z");
        table.row(vec![
            "".into(),
            time.to_string().into(),
            Cell::styled(left, output.look.palette.dim),
        ]);
    }
    let rows = output.rendered(&table);
    let told = elapses.iter().map(|at| clock::moved(schedule, *at, zone));
    rows.into_iter()
        .zip(told)
        .flat_map(|(row, moved)| {
            let moved = moved.map(|moved| output.look.paint(output.look.palette.warn, &moved));
            [Some(row), moved.map(|moved| format!("      {moved}"))]
        })
        .flatten()
        .collect()
}
