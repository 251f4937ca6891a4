//! `backupctl status`

use backupd_dbus::{ExitCode, JobProperties, ManagerProperties, RunProperties};

use super::{Context, jobs};
use crate::{
    cli::StatusArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    fault::Fault,
    objects::Objects,
    output::{Output, describe::Details, escape::escape, human},
};

pub(super) async fn run(context: &Context<'_>, arguments: &StatusArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let output = context.output;
    if let Some(name) = &arguments.job {
        let job = objects.known_job(name)?;
        if output.json {
            let runs = objects
                .active()
                .filter(|run| run.job_name.as_deref() == Some(name));
            document(output, &objects, std::iter::once(job), runs)?;
        } else {
            output.lines(jobs::lines(output, &objects, job))?;
        }
        return Ok(exit_code([job.health.as_deref()]));
    }
    if output.json {
        document(output, &objects, objects.jobs.iter(), objects.active())?;
    } else {
        whole(context, &objects)?;
    }
    let jobs = objects.jobs.iter().map(|job| job.health.as_deref());
    let repositories = objects
        .repositories
        .iter()
        .map(|repository| repository.health.as_deref());
    Ok(exit_code(jobs.chain(repositories)))
}

fn document<'a>(
    output: &Output,
    objects: &'a Objects,
    jobs: impl Iterator<Item = &'a JobProperties>,
    runs: impl Iterator<Item = &'a RunProperties>,
) -> Result<(), Failure> {
    output.document(&output.shapes().status(&objects.manager, jobs, runs))
}

fn whole(context: &Context<'_>, objects: &Objects) -> Result<(), Failure> {
    let output = context.output;
    let manager = &objects.manager;
    output.lines(head(context, manager, objects))?;
    let faults: Vec<Fault> = manager
        .configuration_faults
        .iter()
        .flatten()
        .map(Fault::from)
        .collect();
    if !faults.is_empty() {
        output.line("")?;
        output.line(
            output
                .look
                .paint(output.look.palette.strong, "Faults of the configuration"),
        )?;
        for fault in &faults {
            output.lines(fault.lines(output).iter().map(|line| format!("  {line}")))?;
        }
    }
    if objects.jobs.is_empty() {
        output.line("")?;
        let command = context
            .scope
            .command("job create NAME --repository R --source DIR");
        return output.line(format!("there are no jobs; create one with `{command}`"));
    }
    output.line("")?;
    output.table(&jobs::table(output, objects, &objects.jobs))
}

/// The lines that say how things are as a whole.
fn head(context: &Context<'_>, manager: &ManagerProperties, objects: &Objects) -> Vec<String> {
    let output = context.output;
    let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default());
    let (health, style) = output.health(manager.health.as_deref());
    let health = output.look.paint(style, &health);
    let mut lines = vec![format!(
        "{health}  backupd {}, {} scope",
        text(&manager.version),
        text(&manager.scope)
    )];
    let mut details = Details::default();
    for reason in manager.health_reasons.iter().flatten() {
        details.row("why", escape(reason));
    }
    if manager.paused == Some(true) {
        let resume = context.scope.command("resume --all");
        let until = output.until(manager.paused_until_usec);
        let text = format!("no job starts by itself {until}; `{resume}` ends that");
        details.row("paused", output.look.paint(output.look.palette.warn, &text));
    } else if let Some(next) = output.when(manager.next_usec) {
        details.row("next", next);
    }
    let limit = manager
        .max_parallel_runs
        .map(|limit| format!(" (at most {limit} at once)"))
        .unwrap_or_default();
    details.row(
        "runs",
        format!(
            "{} at work, {} queued{limit}",
            manager.active_runs.unwrap_or_default(),
            manager.queued_runs.unwrap_or_default()
        ),
    );
    let count = |number: usize, word| human::counted(u64::try_from(number).unwrap_or(u64::MAX), word);
    let repositories = match objects.repositories.len() {
        1 => "1 repository".to_owned(),
        number => format!("{number} repositories"),
    };
    details.row(
        "jobs",
        format!("{}, {repositories}", count(objects.jobs.len(), "job")),
    );
    if let Some(since) = output.when(manager.started_usec) {
        details.row("since", since);
    }
    if let Some(reason) = manager
        .launcher_reason
        .as_deref()
        .filter(|reason| !reason.is_empty())
    {
        details.row(
            "workers",
            format!("plain children of backupd: {}", escape(reason)),
        );
    }
    details.text("config", manager.configuration_directory.as_deref());
    lines.extend(details.lines(output));
    lines
}

/// 7 when a script should worry.
fn exit_code<'a>(healths: impl IntoIterator<Item = Option<&'a str>>) -> u8 {
    let bad = healths
        .into_iter()
        .any(|health| matches!(health, Some("late" | "failed")));
    if bad { ExitCode::Unhealthy as u8 } else { SUCCESS }
}
