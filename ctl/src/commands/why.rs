//! `backupctl why`

use backupd_dbus::{JobProperties, RunProperties};
use serde::Serialize;

use super::Context;
use crate::{
    cli::WhyArgs,
    connect::Daemon,
    errors::{Done, SUCCESS},
    objects::Objects,
    output::{
        Output, describe,
        escape::escape,
        human,
        json::{Document, JobShape, RunShape},
    },
    scope::Scope,
};

#[derive(Serialize)]
struct Why<'a> {
    reasons: Vec<String>,
    advice: Vec<String>,
    job: JobShape<'a>,
    run: Option<RunShape<'a>>,
}

pub(super) async fn run(context: &Context<'_>, arguments: &WhyArgs) -> Done {
    let output = context.output;
    let objects = Daemon::connect(context).await?.objects().await?;
    let job = objects.known_job(&arguments.job)?;
    let active = objects.run_at(job.active_run.as_ref());
    let reasons = reasons(output, &objects, job, active);
    let advice = advice(context.scope, &objects, job, active);
    if output.json {
        let shapes = output.shapes();
        let run = active.map(|run| shapes.run(run));
        output.document(&Document::new(
            "why",
            Why {
                reasons,
                advice,
                job: shapes.job(job),
                run,
            },
        ))?;
        return Ok(SUCCESS);
    }
    output.lines(reasons.iter().map(|reason| output.look.degrade(reason)))?;
    let label = output.look.paint(output.look.palette.busy, "hint");
    output.lines(
        advice
            .iter()
            .map(|advice| format!("{label}: {}", output.look.degrade(advice))),
    )?;
    Ok(SUCCESS)
}

/// Sentences about what is.
fn reasons(
    output: &Output,
    objects: &Objects,
    job: &JobProperties,
    active: Option<&RunProperties>,
) -> Vec<String> {
    let name = escape(job.name.as_deref().unwrap_or_default());
    let mut reasons = Vec::new();
    match active {
        Some(run) => reasons.extend(of_active(output, &name, run)),
        None if job.enabled == Some(false) => reasons.push(format!("`{name}` is switched off by its file")),
        None => reasons.push(format!(
            "`{name}` is not running: nobody has started it, and it has no schedule"
        )),
    }
    let health = escape(job.health.as_deref().unwrap_or("unknown"));
    let reason = job
        .health_reason
        .as_deref()
        .filter(|reason| !reason.is_empty())
        .map(escape);
    reasons.push(match reason {
        Some(reason) => format!("its health is {health}: {reason}"),
        None if job.last_success_usec.is_none_or(|usec| usec == 0) => {
            format!("its health is {health}: it has not succeeded yet")
        }
        None => format!(
            "its health is {health}: the last success was {}",
            output.ago(job.last_success_usec)
        ),
    });
    if let Some(last) = objects.run_at(job.last_run.as_ref())
        && let Some(message) = last
            .failure_message
            .as_deref()
            .filter(|message| !message.is_empty())
    {
        let ended = output.ago(last.finished_usec);
        let result = escape(last.result.as_deref().unwrap_or_default());
        reasons.push(format!(
            "its last run ended {ended} as {result}: {}",
            escape(message)
        ));
    }
    reasons
}

fn of_active(output: &Output, name: &str, run: &RunProperties) -> Vec<String> {
    let blocked = run.blocked_by.as_deref().unwrap_or_default();
    let state = run.state.as_deref().unwrap_or_default();
    match state {
        "queued" | "waiting" | "backoff" if !blocked.is_empty() => blocked
            .iter()
            .map(|blocked| format!("`{name}` waits: {}", output.blocked(blocked)))
            .collect(),
        "queued" | "waiting" => vec![format!(
            "`{name}` is {state}; it starts as soon as its turn comes"
        )],
        "backoff" => vec![format!("`{name}` waits before its next attempt")],
        _ => {
            let since = human::moment(run.started_usec)
                .map(|time| format!(" since {}", human::absolute(time, &output.zone)))
                .unwrap_or_default();
            let progress = describe::progress(run);
            let progress = if progress.is_empty() {
                String::new()
            } else {
                format!(": {}", escape(&progress))
            };
            vec![format!("`{name}` is {}{since}{progress}", escape(state))]
        }
    }
}

/// What to do.
fn advice(
    scope: Scope,
    objects: &Objects,
    job: &JobProperties,
    active: Option<&RunProperties>,
) -> Vec<String> {
    let name = job.name.as_deref().unwrap_or_default();
    let command = |text: &str| scope.command(&format!("{text} {name}"));
    if let Some(run) = active {
        let id = run.id.as_deref().unwrap_or_default();
        return vec![format!(
            "stop it with `{}`",
            scope.command(&format!("cancel {id}"))
        )];
    }
    if job.enabled == Some(false) {
        return vec![format!("let it run with `{}`", command("job enable"))];
    }
    let last = objects.run_at(job.last_run.as_ref());
    let mut advice: Vec<String> = last
        .and_then(|run| run.failure_hint.as_deref())
        .filter(|hint| !hint.is_empty())
        .map(escape)
        .into_iter()
        .collect();
    if last.is_some_and(|run| run.result.as_deref() != Some("success")) {
        advice.push(format!(
            "all that its last run told is shown by `{}`",
            command("log")
        ));
    }
    advice.push(format!("start it with `{}`", command("start")));
    advice
}
