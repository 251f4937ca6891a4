//! `backupctl start`

use std::collections::HashMap;

use backupd_dbus::{Error, ExitCode, RunProperties};
use serde::Serialize;
use zbus::Variant;

use super::{Context, runs};
use crate::{
    cli::{FollowArgs, NoteArgs, StartArgs, StartWhichArgs},
    connect::{Daemon, run_id},
    errors::{Done, Failure, SUCCESS, worst},
    follow::{self, Mode},
    objects::{Objects, listed},
    output::json,
};

/// A run that was started, for `--json`.
#[derive(Serialize)]
pub(super) struct Started {
    pub(super) id: String,
    pub(super) job: Option<String>,
}

pub(super) async fn run(context: &Context<'_>, arguments: &StartArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let names = match &arguments.which {
        StartWhichArgs {
            jobs,
            group: None,
            all: false,
        } => jobs.clone(),
        which => together(context, &daemon.objects().await?, which.group.as_deref())?,
    };
    let manager = daemon.manager().await?;
    let options = options(&arguments.note);
    let mut code = SUCCESS;
    let mut started = Vec::new();
    let reply = match names.as_slice() {
        [name] => manager.start_job(name, &options).await.map(|path| vec![path]),
        names => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            manager.start_jobs(&names, &options).await
        }
    };
    match reply {
        Ok(paths) => {
            for (path, job) in paths.iter().zip(&names) {
                let job = Some(job.clone());
                started.push(Started {
                    id: run_id(path)?,
                    job,
                });
            }
        }
        Err(error) => {
            let failure = refused(&daemon, &names, error).await;
            output.report(&failure);
            code = failure.code;
        }
    }
    let ended = stay(context, &daemon, &started, mode(arguments.follow)).await?;
    Ok(worst(code, ended))
}

/// The jobs of a group, or all; without those that are switched off.
fn together(context: &Context<'_>, objects: &Objects, group: Option<&str>) -> Result<Vec<String>, Failure> {
    let found: Vec<_> = match group {
        Some(group) => objects.known_group(group)?,
        None => objects.jobs.iter().collect(),
    };
    let what = group.map_or_else(|| "job".to_owned(), |group| format!("job of the group `{group}`"));
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for job in found {
        let names = if job.enabled == Some(false) {
            &mut off
        } else {
            &mut on
        };
        names.extend(job.name.as_deref());
    }
    match (on.is_empty(), off.as_slice()) {
        (true, []) => {
            let command = context
                .scope
                .command("job create NAME --repository R --source DIR");
            let failure = Failure::new("JobNotFound", ExitCode::NoSuchObject, "there are no jobs");
            Err(failure.hint(format!("create one with `{command}`")))
        }
        (true, off) => {
            let command = context.scope.command(&format!("job enable {}", off.join(" ")));
            let failure = Failure::new(
                "JobDisabled",
                ExitCode::Failed,
                format!("each {what} is switched off"),
            );
            Err(failure.hint(format!("let them run with `{command}`")))
        }
        (false, off) => {
            if !off.is_empty() {
                context
                    .output
                    .note(&format!("switched off, and left out: {}", listed(off)));
            }
            Ok(on.into_iter().map(str::to_owned).collect())
        }
    }
}

pub(super) fn mode(arguments: FollowArgs) -> Option<Mode> {
    match (arguments.follow, arguments.wait) {
        (true, _) => Some(Mode::Follow),
        (_, true) => Some(Mode::Wait),
        _ => None,
    }
}

/// What is noted with a run, as options of the bus.
pub(super) fn options(note: &NoteArgs) -> HashMap<&str, Variant<'_>> {
    let mut options = HashMap::new();
    if let Some(description) = &note.description {
        options.insert("description", Variant::from(description.as_str()));
    }
    if let Some(metadata) = &note.metadata {
        options.insert("metadata", Variant::from(metadata.as_str()));
    }
    options
}

/// Why nothing was started, and what to do.
async fn refused(daemon: &Daemon, names: &[String], error: Error) -> Failure {
    let unknown = matches!(error, Error::JobNotFound(_));
    let disabled = matches!(error, Error::JobDisabled(_));
    let busy = matches!(error, Error::AlreadyRunning(_));
    // What is looked at for all of them before the first is queued; whatever else came may have come in between.
    let none = unknown
        || disabled
        || matches!(
            error,
            Error::NotAuthorized(_)
                | Error::NotAuthorizedCanObtain(_)
                | Error::NotAuthorizedDismissed(_)
                | Error::InvalidArgument(_)
                | Error::UnknownOption(_)
                | Error::LimitsExceeded(_)
        );
    let mut failure = daemon.failure(error);
    let several = names.len() > 1;
    if failure.hints.is_empty() && (unknown || disabled || busy) {
        let objects = daemon.objects().await.unwrap_or_default();
        let command = |command: &str, name: &str| daemon.scope.command(&format!("{command} {name}"));
        let advice = names.iter().find_map(|name| match objects.known_job(name) {
            Err(advice) if unknown => advice.hints.into_iter().next(),
            Ok(job) if disabled && (!several || job.enabled == Some(false)) => {
                Some(format!("let it run with `{}`", command("job enable", name)))
            }
            _ if busy && !several => Some(format!("see it with `{}`", command("show", name))),
            _ => None,
        });
        failure = failure.hint_if_none(advice);
    }
    if several && none {
        failure.message.push_str("; none of the jobs was started");
    }
    failure
}

/// Tells of runs that were started, or stays with them until they are over.
pub(super) async fn stay(
    context: &Context<'_>,
    daemon: &Daemon,
    started: &[Started],
    mode: Option<Mode>,
) -> Done {
    let output = context.output;
    let Some(mode) = mode else {
        if output.json {
            output.document(&json::list("runs", started))?;
            return Ok(SUCCESS);
        }
        for run in started {
            let what = run
                .job
                .as_deref()
                .map(|job| format!("`{job}` "))
                .unwrap_or_default();
            output.line(format!("started {what}as run {}", run.id))?;
        }
        if let [run, ..] = started {
            output.note(&format!(
                "watch it with `{}`",
                daemon.scope.command(&format!("show {}", run.id))
            ));
        }
        return Ok(SUCCESS);
    };
    let ids: Vec<String> = started.iter().map(|run| run.id.clone()).collect();
    let ended = if ids.is_empty() {
        Vec::new()
    } else {
        follow::follow(daemon, output, &ids, mode).await?
    };
    if output.json {
        runs::document(output, &ended)?;
    }
    follow::advise(output, daemon.scope, &ended);
    Ok(worst_ending(&ended))
}

fn worst_ending(runs: &[RunProperties]) -> u8 {
    runs.iter()
        .map(follow::exit_code)
        .fold(ExitCode::Success as u8, worst)
}
