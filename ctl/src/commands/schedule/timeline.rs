//! What ran and what comes, line by line.

use backupd_dbus::{ElapseProperties, JobProperties, RunProperties};
use jiff::{Timestamp, tz::TimeZone};

use super::clock::Edge;
use crate::{
    objects::Objects,
    output::{
        Output, human,
        table::{Cell, Table},
    },
};

/// A line, and where it stands in time.
struct Line {
    at: Timestamp,
    cells: Vec<Cell>,
}

/// The lines of all of it, in the order of time.
pub(super) fn lines(
    output: &Output,
    objects: &Objects,
    past: &[RunProperties],
    elapses: &[ElapseProperties],
) -> Vec<String> {
    let mut lines: Vec<Line> = past.iter().filter_map(|run| ran(output, run)).collect();
    lines.extend(elapses.iter().filter_map(|elapse| comes(output, objects, elapse)));
    lines.push(now(output));
    // What the clock does at a moment comes before what elapses then.
    let span = |pick: fn(Timestamp, Timestamp) -> Timestamp| lines.iter().map(|line| line.at).reduce(pick);
    if let (Some(from), Some(to)) = (span(Timestamp::min), span(Timestamp::max)) {
        lines.splice(0..0, edges(output, elapses, from, to));
    }
    lines.sort_by_key(|line| line.at);
    let mut table = Table::new(&["TIME", "JOB", "WHAT", "WHY"]);
    for line in lines {
        table.row(line.cells);
    }
    output.rendered(&table)
}

fn clock(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone())
        .strftime("%a %Y-%m-%d %H:%M")
        .to_string()
}

fn now(output: &Output) -> Line {
    let style = output.look.palette.strong;
    let cells = vec![
        Cell::styled(clock(output.now, &output.zone), style),
        Cell::default(),
        Cell::styled("→ now", style),
    ];
    Line {
        at: output.now,
        cells,
    }
}

/// A run, where it began or was to begin.
fn ran(output: &Output, run: &RunProperties) -> Option<Line> {
    let at = human::moment(run.started_usec).or_else(|| human::moment(run.queued_usec))?;
    let (outcome, style) = output.outcome(run);
    let mut why = vec![run.trigger.clone().unwrap_or_default()];
    why.extend(beside_backup(
        run.operation.as_deref(),
        run.repository_name.as_deref(),
    ));
    let scheduled = human::moment(run.scheduled_usec);
    // A minute is what a run may well wait for its turn.
    why.extend(
        scheduled
            .filter(|scheduled| at.duration_since(*scheduled).as_secs() >= 60)
            .map(|scheduled| format!("for {}", clock(scheduled, &output.zone))),
    );
    why.extend(output.took(run).map(|took| format!("took {took}")));
    why.retain(|part| !part.is_empty());
    let cells = vec![
        clock(at, &output.zone).into(),
        run.job_name
            .as_deref()
            .filter(|job| !job.is_empty())
            .unwrap_or("–")
            .into(),
        Cell::styled(outcome, style),
        why.join(", ").into(),
    ];
    Some(Line { at, cells })
}

/// What is done that is no backup.
fn beside_backup(operation: Option<&str>, repository: Option<&str>) -> Option<String> {
    match operation? {
        "backup" | "" => None,
        operation @ ("check" | "prune" | "repair" | "move") => {
            Some(format!("{operation} of {}", repository.unwrap_or_default()))
        }
        "copy" => Some(format!("copy to {}", repository.unwrap_or_default())),
        operation => Some(operation.to_owned()),
    }
}

/// An elapse, with the job's own clock where it shows another time.
fn comes(output: &Output, objects: &Objects, elapse: &ElapseProperties) -> Option<Line> {
    let at = human::moment(elapse.at_usec)?;
    let name = elapse.job_name.as_deref().unwrap_or_default();
    let relative = human::relative(at, output.now);
    let held = match objects.job(name) {
        Some(job) => is_held(job, at),
        None => is_paused(objects, at),
    };
    let what = if held {
        Cell::styled(format!("{relative}, paused"), output.look.palette.warn)
    } else {
        relative.into()
    };
    let schedule = elapse.schedule.as_deref().unwrap_or_default();
    let care = beside_backup(elapse.operation.as_deref(), elapse.repository_name.as_deref());
    let mut why = match care {
        Some(care) => format!("{care}, {schedule}"),
        None => schedule.to_owned(),
    };
    if let Some((zone, zone_name)) = other_zone(output, elapse)
        && zone.to_offset(at) != output.zone.to_offset(at)
    {
        let (there, here) = (at.to_zoned(zone), at.to_zoned(output.zone.clone()));
        let same_day = there.date() == here.date();
        let there = there.strftime(if same_day { "%H:%M" } else { "%a %H:%M" });
        why = format!("{why} ({there} in {zone_name})");
    }
    let name = if name.is_empty() { "–" } else { name };
    let cells = vec![clock(at, &output.zone).into(), name.into(), what, why.into()];
    Some(Line { at, cells })
}

/// Whether a pause keeps the job from starting then.
fn is_held(job: &JobProperties, at: Timestamp) -> bool {
    let until = human::moment(job.paused_until_usec);
    job.paused == Some(true) && until.is_none_or(|until| at < until)
}

/// Whether the pause of all keeps a repository from being cared for then.
fn is_paused(objects: &Objects, at: Timestamp) -> bool {
    let until = human::moment(objects.manager.paused_until_usec);
    objects.manager.paused == Some(true) && until.is_none_or(|until| at < until)
}

/// The zone of the job's clock, if it is not the reader's.
fn other_zone<'a>(output: &Output, elapse: &'a ElapseProperties) -> Option<(TimeZone, &'a str)> {
    let name = elapse.time_zone.as_deref().filter(|name| !name.is_empty())?;
    if output.zone.iana_name() == Some(name) {
        return None;
    }
    Some((TimeZone::get(name).ok()?, name))
}

/// Where clocks go forward or back: the reader's, and those of the jobs.
fn edges(output: &Output, elapses: &[ElapseProperties], from: Timestamp, to: Timestamp) -> Vec<Line> {
    let own = Edge::between(&output.zone, from, to);
    let mut told: Vec<(Edge, String)> = own.iter().map(|edge| (edge.clone(), edge.told())).collect();
    for (zone, name) in elapses.iter().filter_map(|elapse| other_zone(output, elapse)) {
        for edge in Edge::between(&zone, from, to) {
            // What the reader's own clock does too, at the same moment, is told already.
            let text = format!("in {name} {}", edge.told());
            let line = (edge, text);
            if !own.contains(&line.0) && !told.contains(&line) {
                told.push(line);
            }
        }
    }
    let style = output.look.palette.warn;
    told.into_iter()
        .map(|(edge, text)| Line {
            at: edge.at,
            cells: vec![
                Cell::styled(clock(edge.at, &output.zone), style),
                Cell::default(),
                Cell::styled("", style),
                Cell::styled(text, style),
            ],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        cli::Cli,
        output::style::{Look, Palette},
    };

    fn usec(text: &str) -> Option<u64> {
        let time: Timestamp = text.parse().unwrap();
        u64::try_from(time.as_microsecond()).ok()
    }

    fn elapse(job: &str, at: &str, schedule: &str, zone: &str) -> ElapseProperties {
        ElapseProperties {
            job_name: Some(job.to_owned()),
            at_usec: usec(at),
            schedule: Some(schedule.to_owned()),
            time_zone: Some(zone.to_owned()),
            ..ElapseProperties::default()
        }
    }

    /// The timeline around the night in which clocks go forward in Berlin.
    fn told(zone: &str, unicode: bool) -> String {
        let mut output = Output::new(&Cli::parse_from(["backupctl", "schedule"]).global);
        output.now = "2026-03-28T17:00:00Z".parse().unwrap();
        output.zone = TimeZone::get(zone).unwrap();
        output.look = Look {
            palette: Palette::default(),
            unicode,
        };
        let paused = JobProperties {
            name: Some("mail".to_owned()),
            paused: Some(true),
            paused_until_usec: usec("2026-03-28T22:00:00Z"),
            ..JobProperties::default()
        };
        let objects = Objects {
            jobs: vec![paused],
            ..Objects::default()
        };
        let ran = RunProperties {
            job_name: Some("home".to_owned()),
            operation: Some("backup".to_owned()),
            trigger: Some("catch-up".to_owned()),
            state: Some("finished".to_owned()),
            result: Some("success".to_owned()),
            scheduled_usec: usec("2026-03-28T01:30:00Z"),
            queued_usec: usec("2026-03-28T07:00:00Z"),
            started_usec: usec("2026-03-28T07:00:01Z"),
            finished_usec: usec("2026-03-28T07:01:24Z"),
            ..RunProperties::default()
        };
        let restored = RunProperties {
            job_name: None,
            operation: Some("restore".to_owned()),
            trigger: Some("manual".to_owned()),
            state: Some("queued".to_owned()),
            queued_usec: usec("2026-03-28T16:59:00Z"),
            ..RunProperties::default()
        };
        let elapses = [
            elapse("mail", "2026-03-28T18:00:00Z", "*-*-* 18:00 UTC", "UTC"),
            elapse("home", "2026-03-29T01:00:00Z", "02:30", "Europe/Berlin"),
            elapse("mail", "2026-03-29T18:00:00Z", "*-*-* 18:00 UTC", "UTC"),
            elapse("home", "2026-03-30T00:30:00Z", "02:30", "Europe/Berlin"),
            ElapseProperties {
                operation: Some("check".to_owned()),
                repository_name: Some("nas".to_owned()),
                ..elapse("", "2026-03-30T02:00:00Z", "04:00", "Europe/Berlin")
            },
        ];
        lines(&output, &objects, &[ran, restored], &elapses).join("\n")
    }

    #[test]
    fn what_ran_and_what_comes_stand_around_now() {
        insta::assert_snapshot!(told("Europe/Berlin", true), @"
        TIME                  JOB   WHAT           WHY
        Sat 2026-03-28 08:00  home  ✓ success      catch-up, for Sat 2026-03-28 02:30, took 1m 23s
        Sat 2026-03-28 17:59  –     ○ queued       manual, restore
        Sat 2026-03-28 18:00        → now
        Sat 2026-03-28 19:00  mail  in 1h, paused  *-*-* 18:00 UTC (18:00 in UTC)
        Sun 2026-03-29 03:00                       the clock goes forward from 02:00 to 03:00
        Sun 2026-03-29 03:00  home  in 8h          02:30
        Sun 2026-03-29 20:00  mail  in 25h         *-*-* 18:00 UTC (18:00 in UTC)
        Mon 2026-03-30 02:30  home  in 31h         02:30
        Mon 2026-03-30 04:00  –     in 33h         check of nas, 04:00
        ");
    }

    #[test]
    fn another_zone_is_told_beside_the_reader_s() {
        insta::assert_snapshot!(told("America/New_York", false), @"
        TIME                  JOB   WHAT           WHY
        Sat 2026-03-28 03:00  home  ok success     catch-up, for Fri 2026-03-27 21:30, took 1m 23s
        Sat 2026-03-28 12:59  -     o queued       manual, restore
        Sat 2026-03-28 13:00        -> now
        Sat 2026-03-28 14:00  mail  in 1h, paused  *-*-* 18:00 UTC (18:00 in UTC)
        Sat 2026-03-28 21:00                       in Europe/Berlin the clock goes forward from 02:00 to 03:00
        Sat 2026-03-28 21:00  home  in 8h          02:30 (Sun 03:00 in Europe/Berlin)
        Sun 2026-03-29 14:00  mail  in 25h         *-*-* 18:00 UTC (18:00 in UTC)
        Sun 2026-03-29 20:30  home  in 31h         02:30 (Mon 02:30 in Europe/Berlin)
        Sun 2026-03-29 22:00  -     in 33h         check of nas, 04:00 (Mon 04:00 in Europe/Berlin)
        ");
    }
}
