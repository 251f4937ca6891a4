//! `backupctl start`

use std::collections::HashMap;

use backupd_dbus::{Error, ExitCode, RunProperties};
use serde::Serialize;
use zbus::Variant;

use super::{Context, runs};
use crate::{
    cli::{FollowArgs, NoteArgs, StartArgs},
    connect::{Daemon, run_id},
    errors::{Done, Failure, SUCCESS, worst},
    follow::{self, Mode},
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
    let manager = daemon.manager().await?;
    let mut code = SUCCESS;
    let mut started = Vec::new();
    for job in &arguments.jobs {
        let reply = manager.start_job(job, &options(&arguments.note)).await;
        match reply {
            Ok(path) => started.push(Started {
                id: run_id(&path)?,
                job: Some(job.clone()),
            }),
            Err(error) => {
                let failure = refused(&daemon, job, error).await;
                output.report(&failure);
                code = worst(code, failure.code);
            }
        }
    }
    let ended = stay(context, &daemon, &started, mode(arguments.follow)).await?;
    Ok(worst(code, ended))
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

/// Why a job was not started, and what to do.
async fn refused(daemon: &Daemon, job: &str, error: Error) -> Failure {
    let unknown = matches!(error, Error::JobNotFound(_));
    let disabled = matches!(error, Error::JobDisabled(_));
    let busy = matches!(error, Error::AlreadyRunning(_));
    let failure = daemon.failure(error);
    if unknown && failure.hints.is_empty() {
        let advice = daemon
            .objects()
            .await
            .ok()
            .and_then(|objects| objects.known_job(job).err());
        return failure.hint_if_none(advice.and_then(|advice| advice.hints.into_iter().next()));
    }
    let command = |command: &str| Some(daemon.scope.command(&format!("{command} {job}")));
    match (disabled, busy) {
        (true, _) => {
            failure.hint_if_none(command("job enable").map(|command| format!("let it run with `{command}`")))
        }
        (_, true) => failure.hint_if_none(command("show").map(|command| format!("see it with `{command}`"))),
        _ => failure,
    }
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
