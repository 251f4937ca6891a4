//! `backupctl runs`, and how runs are shown elsewhere.

use backupd_dbus::{AttemptProperties, RunProperties};

use super::{Context, jobs::standing};
use crate::{
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{
        Output,
        describe::{self, Details},
        escape::escape,
        human, json,
        table::{Cell, Table},
    },
};

pub(super) async fn run(context: &Context<'_>) -> Done {
    let objects = Daemon::connect(context).await?.objects().await?;
    list(
        context.output,
        &objects.runs,
        "there are no runs of late; see `backupctl history`",
    )?;
    Ok(SUCCESS)
}

/// Writes a list of runs.
pub(super) fn list(output: &Output, runs: &[RunProperties], none: &str) -> Result<(), Failure> {
    if output.json {
        return document(output, runs);
    }
    if runs.is_empty() {
        output.note(none);
        return Ok(());
    }
    output.page()?;
    output.table(&table(output, runs))
}

/// Writes runs as JSON.
pub(super) fn document(output: &Output, runs: &[RunProperties]) -> Result<(), Failure> {
    let shapes = output.shapes();
    let runs: Vec<_> = runs.iter().map(|run| shapes.run(run)).collect();
    output.document(&json::list("runs", &runs))
}

fn table(output: &Output, runs: &[RunProperties]) -> Table {
    let mut table = Table::new(&["RUN", "JOB", "OPERATION", "TRIGGER", "STARTED", "TOOK", "RESULT"]);
    for run in runs {
        let (outcome, style) = output.outcome(run);
        let outcome = if run.state.as_deref() == Some("finished") {
            let why = run
                .failure_message
                .as_deref()
                .filter(|message| !message.is_empty());
            why.map_or_else(|| outcome.clone(), |why| format!("{outcome}: {why}"))
        } else {
            standing(output, run)
        };
        table.row(vec![
            run.id.as_deref().unwrap_or_default().into(),
            run.job_name
                .as_deref()
                .filter(|job| !job.is_empty())
                .unwrap_or("–")
                .into(),
            run.operation.as_deref().unwrap_or_default().into(),
            run.trigger.as_deref().unwrap_or_default().into(),
            human::moment(run.started_usec)
                .map_or_else(|| "–".to_owned(), |time| human::relative(time, output.now))
                .into(),
            output.took(run).unwrap_or_else(|| "–".to_owned()).into(),
            Cell::styled(outcome, style),
        ]);
    }
    table
}

/// All that is known of a run.
pub(super) fn details(output: &Output, run: &RunProperties) -> Details {
    of_run(output, run, true)
}

/// The same below its job, which has said what it is and where it stores.
pub(super) fn details_in_job(output: &Output, run: &RunProperties) -> Details {
    of_run(output, run, false)
}

fn of_run(output: &Output, run: &RunProperties, alone: bool) -> Details {
    let mut details = Details::default();
    details.text("run", run.id.as_deref());
    let (outcome, style) = output.outcome(run);
    details.row("result", output.look.paint(style, &outcome));
    details.text("operation", run.operation.as_deref());
    if alone {
        details.text("job", run.job_name.as_deref());
        details.text("repository", run.repository_name.as_deref());
        details.text("copied from", run.source_name.as_deref());
    }
    details.text("unit", run.unit.as_deref());
    details.text("trigger", run.trigger.as_deref());
    details.text("note", run.description.as_deref());
    details.text(
        "metadata",
        run.metadata.as_deref().filter(|metadata| *metadata != "{}"),
    );
    for (name, time) in [
        ("scheduled", run.scheduled_usec),
        ("queued", run.queued_usec),
        ("started", run.started_usec),
        ("finished", run.finished_usec),
    ] {
        if let Some(when) = output.when(time) {
            details.row(name, when);
        }
    }
    if let Some(took) = output.took(run) {
        details.row("took", took);
    }
    for blocked in run.blocked_by.iter().flatten() {
        details.row("blocked by", output.blocked(blocked));
    }
    if let (Some(next), Some(at)) = (output.next_attempt(run), human::moment(run.next_attempt_usec)) {
        details.row("next", format!("{next} ({})", human::absolute(at, &output.zone)));
    }
    describe::overrode(&mut details, run);
    let progress = describe::progress(run);
    if run.state.as_deref() == Some("running") && !progress.is_empty() {
        details.row("progress", escape(&progress));
    }
    if let Some(sums) = &run.statistics {
        describe::statistics(&mut details, run.operation.as_deref(), sums);
    }
    details.text("snapshot", run.snapshot.as_deref());
    if let Some(engine) = run.engine.as_deref().filter(|engine| !engine.is_empty()) {
        let version = run.engine_version.as_deref().unwrap_or_default();
        details.row("engine", escape(format!("{engine} {version}").trim_end()));
    }
    describe::failure(&mut details, run);
    let attempts = run.attempts.as_deref().unwrap_or_default();
    // One attempt is the run itself, once it is over.
    if attempts.len() > 1 || (run.state.as_deref() == Some("backoff")) {
        for attempt in attempts {
            details.row("attempts", self::attempt(output, attempt));
        }
    }
    details
}

fn attempt(output: &Output, attempt: &AttemptProperties) -> String {
    let result = attempt
        .result
        .as_deref()
        .filter(|result| !result.is_empty())
        .unwrap_or("running");
    let mut text = vec![format!(
        "{}: {}",
        attempt.number.unwrap_or_default(),
        escape(result)
    )];
    if let Some(when) = human::moment(attempt.started_usec) {
        text.push(format!(", {}", human::relative(when, output.now)));
    }
    if let Some(message) = attempt
        .failure_message
        .as_deref()
        .filter(|message| !message.is_empty())
    {
        text.push(format!(": {}", escape(message)));
    }
    text.concat()
}
