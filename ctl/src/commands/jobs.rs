//! `backupctl jobs`, and how jobs are shown elsewhere.

use backupd_core::config::format_duration;
use backupd_dbus::{CopyProperties, JobProperties, RunProperties};
use jiff::SignedDuration;

use super::{Context, runs};
use crate::{
    connect::Daemon,
    errors::{Done, SUCCESS},
    objects::Objects,
    output::{
        Output,
        describe::{self, Details},
        escape::escape,
        human, json, style,
        table::{Cell, Table},
    },
};

pub(super) async fn run(context: &Context<'_>) -> Done {
    let output = context.output;
    let objects = Daemon::connect(context).await?.objects().await?;
    if output.json {
        let shapes = output.shapes();
        let jobs: Vec<_> = objects.jobs.iter().map(|job| shapes.job(job)).collect();
        output.document(&json::list("jobs", &jobs))?;
    } else if objects.jobs.is_empty() {
        let command = context
            .scope
            .command("job create NAME --repository R --source DIR");
        output.note(&format!("there are no jobs; create one with `{command}`"));
    } else {
        output.page()?;
        output.table(&table(output, &objects, &objects.jobs))?;
    }
    Ok(SUCCESS)
}

/// A row for each job.
pub(super) fn table(output: &Output, objects: &Objects, jobs: &[JobProperties]) -> Table {
    let columns = [
        "HEALTH",
        "JOB",
        "REPOSITORY",
        "LAST SUCCESS",
        "LAST RESULT",
        "NEXT",
        "NOW",
    ];
    // Where there is little room it is for what changes.
    let shown = |column: &str| column != "REPOSITORY" || !output.is_narrow();
    let mut table = Table::new(
        &columns
            .into_iter()
            .filter(|column| shown(column))
            .collect::<Vec<_>>(),
    );
    for job in jobs {
        let (health, health_style) = output.health(job.health.as_deref());
        let result = job.last_result.as_deref().unwrap_or_default();
        let (symbol, result_style) = style::run(&output.look.palette, "finished", result);
        let result = if result.is_empty() {
            Cell::from("–")
        } else {
            Cell::styled(format!("{symbol} {result}"), result_style)
        };
        let cells: [Cell; 7] = [
            Cell::styled(health, health_style),
            job.name.as_deref().unwrap_or_default().into(),
            job.repository_name.as_deref().unwrap_or_default().into(),
            output.ago(job.last_success_usec).into(),
            result,
            next(output, job),
            now(output, objects, job),
        ];
        let cells = columns.into_iter().zip(cells);
        table.row(
            cells
                .filter(|(column, _)| shown(column))
                .map(|(_, cell)| cell)
                .collect(),
        );
    }
    table
}

/// When a job starts by itself.
fn next(output: &Output, job: &JobProperties) -> Cell {
    if job.enabled == Some(false) {
        return "–".into();
    }
    if job.paused == Some(true) {
        let left = human::moment(job.paused_until_usec)
            .map(|until| until.duration_since(output.now).as_secs().max(0).unsigned_abs());
        let text = left.map_or_else(
            || "paused".to_owned(),
            |left| format!("paused for {}", human::about(left)),
        );
        return Cell::styled(text, output.look.palette.warn);
    }
    match human::moment(job.next_usec) {
        None => "–".into(),
        Some(next) if next <= output.now => Cell::styled("due", output.look.palette.busy),
        Some(next) => human::relative(next, output.now).into(),
    }
}

/// What a job is at.
fn now(output: &Output, objects: &Objects, job: &JobProperties) -> Cell {
    let Some(run) = objects.run_at(job.active_run.as_ref()) else {
        return "–".into();
    };
    let (_, style) = output.outcome(run);
    Cell::styled(standing(output, run), style)
}

/// What an active run is at, in a few words.
pub(super) fn standing(output: &Output, run: &RunProperties) -> String {
    let progress = describe::progress(run);
    let (outcome, _) = output.outcome(run);
    match run.state.as_deref() {
        Some("queued" | "waiting" | "running") if let Some([first, ..]) = run.blocked_by.as_deref() => {
            format!("{outcome}: {}", first.what)
        }
        Some("running") if !progress.is_empty() => format!("↻ {progress}"),
        Some("backoff") => match output.next_attempt(run) {
            Some(next) => format!("{outcome}: {next}"),
            None => outcome,
        },
        _ => outcome,
    }
}

/// All that is known of a job.
pub(super) fn lines(output: &Output, objects: &Objects, job: &JobProperties) -> Vec<String> {
    let name = job.name.as_deref().unwrap_or_default();
    let (health, health_style) = output.health(job.health.as_deref());
    let description = job.description.as_deref().filter(|text| !text.is_empty());
    let description = description
        .map(|text| format!(" – {}", escape(text)))
        .unwrap_or_default();
    let head = format!(
        "{}{}",
        output.look.paint(output.look.palette.strong, &escape(name)),
        output.look.degrade(&description)
    );
    let mut details = Details::default();
    details.row("health", output.look.paint(health_style, &health));
    details.text("why", job.health_reason.as_deref());
    details.text("repository", job.repository_name.as_deref());
    if job.enabled == Some(false) {
        details.row("enabled", "no; it is not started");
    }
    timing(output, &mut details, job);
    details.row(
        "last success",
        output
            .when(job.last_success_usec)
            .unwrap_or_else(|| "never".to_owned()),
    );
    details.text("last snapshot", job.last_snapshot.as_deref());
    if let Some(age) = job.max_age_usec.filter(|age| *age > 0) {
        let age = SignedDuration::from_micros(i64::try_from(age).unwrap_or(i64::MAX));
        details.row("may be as old as", format_duration(age));
    }
    if let Some(late) = output.when(job.late_usec) {
        details.row("late", late);
    }
    for copy in job.copies.iter().flatten() {
        let place = escape(copy.repository_name.as_deref().unwrap_or_default());
        details.row("copy", format!("in {place}: {}", copied(output, copy)));
    }
    for blocked in job.blocked_by.iter().flatten() {
        details.row("blocked by", output.blocked(blocked));
    }
    let mut lines = vec![head];
    lines.extend(details.lines(output));
    for (title, path) in [("Active run", &job.active_run), ("Last run", &job.last_run)] {
        if let Some(run) = objects.run_at(path.as_ref()) {
            lines.push(String::new());
            lines.push(output.look.paint(output.look.palette.strong, title));
            lines.extend(runs::details_in_job(output, run).lines(output));
        }
    }
    lines
}

/// How old a copy is, and when it is made next.
fn copied(output: &Output, copy: &CopyProperties) -> String {
    let mut parts = vec![
        output
            .when(copy.last_success_usec)
            .unwrap_or_else(|| "never".to_owned()),
    ];
    if let Some(result) = copy.last_result.as_deref().filter(|result| *result != "success") {
        parts.push(format!("the last one is {}", escape(result)));
    }
    if copy.active_run.is_some() {
        parts.push("being made now".to_owned());
    }
    match output.when(copy.next_usec) {
        Some(next) => parts.push(format!("next {next}")),
        None if copy.schedule.is_none() => parts.push("after each backup".to_owned()),
        None => {}
    }
    parts.join("; ")
}

/// When it starts by itself, and beside which others.
fn timing(output: &Output, details: &mut Details, job: &JobProperties) {
    for schedule in job.schedule.iter().flatten() {
        details.text("schedule", Some(schedule));
    }
    if let Some(next) = output.when(job.next_usec) {
        details.row("next", next);
    }
    if job.paused == Some(true) {
        details.row("paused", output.until(job.paused_until_usec));
    }
    for (name, values) in [("groups", &job.groups), ("after", &job.after)] {
        details.text(name, Some(&values.as_deref().unwrap_or_default().join(", ")));
    }
    details.text("priority", job.priority.as_deref());
}
