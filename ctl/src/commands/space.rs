//! `backupctl repository stats`, `backupctl job estimate`, and what is said of room elsewhere.

use std::collections::HashMap;

use backupd_dbus::{Estimate, JobSize, RepositoryStatistics, Scan, SpaceProperties};
use zbus::Variant;

use super::Context;
use crate::{
    cli::EstimateArgs,
    connect::Daemon,
    errors::{Done, SUCCESS},
    output::{Output, describe::Details, escape::escape, human, json::Document, table::Table},
    records::Records,
};

/// Steps of the meter of a place.
const STEPS: u64 = 20;
/// Of the sizes before, so many are shown.
const SIZES: usize = 8;

pub(super) async fn statistics(context: &Context<'_>, name: &str) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(name)?;
    let answer = daemon.repository(name).await?.open_statistics(&[].into()).await;
    let counted =
        Records::<RepositoryStatistics>::new(answer.map_err(|error| daemon.failure(error))?).one()?;
    if output.json {
        let shape = output.shapes().statistics(&counted);
        output.document(&Document::new("repository-statistics", shape))?;
        return Ok(SUCCESS);
    }
    output.page()?;
    let name = output.look.paint(output.look.palette.strong, &escape(name));
    output.line(name)?;
    let mut details = Details::default();
    contents(&counted, &mut details);
    room(&Room::of(&counted), &mut details);
    for line in growth(output, &counted) {
        details.row("growth", line);
    }
    output.lines(details.lines(output))?;
    if !counted.jobs.is_empty() {
        output.line("")?;
        output.table(&jobs(&counted.jobs))?;
    }
    Ok(SUCCESS)
}

fn contents(counted: &RepositoryStatistics, details: &mut Details) {
    let snapshots = human::counted(counted.snapshots, "snapshot");
    details.row(
        "holds",
        format!("{snapshots}, restored {}", human::size(counted.bytes_restored)),
    );
    let of_use = format!(
        "{} in {}, of which snapshots need {} ({})",
        human::size(counted.bytes_stored),
        human::counted(counted.packs, "pack"),
        human::size(counted.bytes_needed),
        human::counted(counted.blobs, "blob"),
    );
    details.row("stores", of_use);
    if let (Some(deduplication), Some(compression)) = (counted.deduplication, counted.compression) {
        let saved = format!(
            "{deduplication:.1} times by storing once what is the same, {compression:.1} times by compression, {:.1} times in all",
            deduplication * compression
        );
        details.row("smaller", saved);
    }
    details.row("of no use", waiting(counted));
}

/// What a prune would free, and what it has marked.
fn waiting(counted: &RepositoryStatistics) -> String {
    let unused = human::size(counted.bytes_unused);
    match counted.bytes_marked {
        0 => format!("{unused} for the next prune to remove"),
        marked => format!(
            "{unused} for the next prune to remove, and {} that are marked and go with a later one",
            human::size(marked)
        ),
    }
}

fn growth(output: &Output, counted: &RepositoryStatistics) -> Vec<String> {
    let mut lines = Vec::new();
    match counted.bytes_per_day {
        Some(bytes) if bytes >= 0 => lines.push(format!("{} a day", human::size(bytes.unsigned_abs()))),
        Some(bytes) => lines.push(format!(
            "-{} a day: it shrinks",
            human::size(bytes.unsigned_abs())
        )),
        None => lines.push("not known yet: it takes sizes of a week at least".to_owned()),
    }
    // The first, the last, and some in between.
    let step = counted.growth.len().div_ceil(SIZES).max(1);
    for size in counted
        .growth
        .iter()
        .rev()
        .step_by(step)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        lines.push(format!(
            "{}  {}",
            human::compact(size.time, &output.zone),
            human::size(size.bytes_stored)
        ));
    }
    lines
}

fn jobs(jobs: &[JobSize]) -> Table {
    let mut table = Table::new(&["SNAPSHOTS", "RESTORED", "NEEDS", "ALONE", "JOB"]);
    for job in jobs {
        table.row(vec![
            human::count(job.snapshots).into(),
            human::size(job.bytes_restored).into(),
            human::size(job.bytes_needed).into(),
            human::size(job.bytes_alone).into(),
            job.job.as_deref().unwrap_or("(no job)").into(),
        ]);
    }
    table
}

/// What is known of the room at a place.
struct Room {
    free: Option<u64>,
    place: Option<u64>,
    reserve: u64,
    stored: Option<u64>,
    quota: Option<u64>,
    days: Option<u32>,
}

impl Room {
    fn of(counted: &RepositoryStatistics) -> Self {
        Self {
            free: counted.bytes_free,
            place: counted.bytes_place,
            reserve: counted.bytes_reserve,
            stored: Some(counted.bytes_stored),
            quota: counted.bytes_quota,
            days: counted.days_until_full,
        }
    }
}

fn room(room: &Room, details: &mut Details) {
    details.row("room", place(room));
    if let Some(quota) = room.quota {
        let stored = room.stored.map_or_else(|| "not known".to_owned(), human::size);
        details.row("quota", format!("{stored} of {}", human::size(quota)));
    }
    if let Some(days) = room.days {
        details.row("full", days_until(days));
    }
}

/// `[########------------] 40 % used: 59.0 GiB free of 99.0 GiB, of which 256.0 MiB are kept for a prune`.
fn place(room: &Room) -> String {
    let Some(free) = room.free else {
        return "not known: its place does not say how much is free".to_owned();
    };
    let kept = match room.reserve {
        0 => String::new(),
        reserve if reserve > free => format!(
            ", less than the {} that are kept for a prune: backups stop",
            human::size(reserve)
        ),
        reserve => format!(", of which {} are kept for a prune", human::size(reserve)),
    };
    let free_text = human::size(free);
    match room.place.filter(|place| *place > 0) {
        Some(place) => {
            let used = u128::from(place.saturating_sub(free));
            let part =
                |steps: u64| usize::try_from(used * u128::from(steps) / u128::from(place)).unwrap_or(0);
            let steps = part(STEPS);
            let meter = format!(
                "[{}{}]",
                "#".repeat(steps),
                "-".repeat(usize::try_from(STEPS).unwrap_or(0).saturating_sub(steps))
            );
            format!(
                "{meter} {} % used: {free_text} free of {}{kept}",
                part(100),
                human::size(place)
            )
        }
        None => format!("{free_text} free{kept}"),
    }
}

fn days_until(days: u32) -> String {
    match days {
        0 => "now, at the pace of the last months".to_owned(),
        days => format!(
            "in {}, at the pace of the last months",
            human::counted(days.into(), "day")
        ),
    }
}

/// What `repository show` says of it.
pub(super) fn shown(output: &Output, space: &SpaceProperties, details: &mut Details) {
    if let Some(stored) = space.bytes_stored {
        let when = output.when(space.measured_usec);
        let when = when.map(|when| format!(", {when}")).unwrap_or_default();
        details.row("stores", format!("{}{when}", human::size(stored)));
    }
    let known = Room {
        free: space.bytes_free,
        place: space.bytes_place,
        reserve: space.bytes_reserve.unwrap_or_default(),
        stored: space.bytes_stored,
        quota: space.bytes_quota,
        days: space.days_until_full,
    };
    if known.free.is_some() {
        details.row("room", place(&known));
    }
    if let Some(quota) = known.quota {
        details.row("quota", human::size(quota));
    }
    if let Some(days) = known.days {
        details.row("full", days_until(days));
    }
}

pub(super) async fn estimate(context: &Context<'_>, arguments: &EstimateArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_job(&arguments.name)?;
    let mut options = HashMap::new();
    if arguments.scan {
        options.insert("scan", Variant::from(true));
    }
    let answer = daemon.job(&arguments.name).await?.open_estimate(&options).await;
    let estimate = Records::<Estimate>::new(answer.map_err(|error| daemon.failure(error))?).one()?;
    if output.json {
        output.document(&Document::new("job-estimate", &estimate))?;
        return Ok(SUCCESS);
    }
    output.line(format!(
        "a backup of `{}` to `{}`:",
        escape(&estimate.job),
        escape(&estimate.repository)
    ))?;
    let mut details = Details::default();
    details.row("adds", added(&estimate));
    if let Some(scan) = &estimate.scan {
        for line in found(scan) {
            details.row("finds", line);
        }
    }
    if let Some(stored) = estimate.bytes_stored {
        details.row("stored", human::size(stored));
    }
    room(
        &Room {
            free: estimate.bytes_free,
            place: estimate.bytes_place,
            reserve: estimate.bytes_reserve,
            stored: estimate.bytes_stored,
            quota: estimate.bytes_quota,
            days: estimate.days_until_full,
        },
        &mut details,
    );
    output.lines(details.lines(output))?;
    if estimate.scan.is_none() {
        let command = context
            .scope
            .command(&format!("job estimate {} --scan", arguments.name));
        output.note(&format!("what the sources hold now is shown by `{command}`"));
    }
    Ok(SUCCESS)
}

/// What those before it have added.
fn added(estimate: &Estimate) -> String {
    let (Some(median), Some(largest)) = (estimate.bytes_median, estimate.bytes_largest) else {
        return "nobody knows: no backup of it went well yet".to_owned();
    };
    let runs = human::counted(estimate.runs, "backup");
    match estimate.runs {
        1 => format!("{}, as the one backup before it", human::size(median)),
        _ => format!(
            "about {}, and {} at most, as the last {runs} did",
            human::size(median),
            human::size(largest)
        ),
    }
}

fn found(scan: &Scan) -> Vec<String> {
    let files = |files: u64, bytes: u64| format!("{}, {}", human::counted(files, "file"), human::size(bytes));
    let mut lines = vec![files(scan.files, scan.bytes)];
    match &scan.snapshot {
        Some(snapshot) => {
            let short = escape(human::short(snapshot));
            lines.push(format!(
                "new since snapshot {short}: {}",
                files(scan.files_new, scan.bytes_new)
            ));
            lines.push(format!(
                "changed since then: {}",
                files(scan.files_changed, scan.bytes_changed)
            ));
        }
        None => lines.push("all of them new: there is no snapshot to compare with".to_owned()),
    }
    if scan.files_unreadable > 0 {
        lines.push(format!(
            "{} cannot be read",
            human::counted(scan.files_unreadable, "file")
        ));
    }
    lines
}
