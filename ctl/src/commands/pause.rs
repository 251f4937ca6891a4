//! `backupctl pause` and `backupctl resume`

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use zbus::Variant;

use super::Context;
use crate::{
    cli::{PauseArgs, ResumeArgs, usec},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS, worst},
    objects::listed,
    output::{Output, human, json},
};

pub(super) async fn pause(context: &Context<'_>, arguments: &PauseArgs) -> Done {
    let output = context.output;
    let until = until(output, arguments)?;
    let options = || -> HashMap<&str, Variant<'_>> {
        let reason = arguments.reason.as_deref();
        reason
            .map(|reason| ("reason", Variant::from(reason)))
            .into_iter()
            .collect()
    };
    let at = until.map_or(0, usec);
    let daemon = Daemon::connect(context).await?;
    let told = output.until(Some(at));
    let paused = |name: Option<&str>| json!({ "name": name, "paused": true, "paused_until": until.map(|until| output.shapes().timestamp(until)) });
    if arguments.which.all {
        let done = daemon.manager().await?.pause(at, &options()).await;
        done.map_err(|error| daemon.failure(error))?;
        if output.json {
            output.document(&json::Document::new("manager", paused(None)))?;
        } else {
            output.line(format!("no job starts by itself {told}"))?;
            advise(context, "--all");
        }
        return Ok(SUCCESS);
    }
    let objects = daemon.objects().await?;
    let mut done = Vec::new();
    let code = each(output, &arguments.which.jobs, async |name: &str| {
        objects.known_job(name)?;
        let reply = daemon.job(name).await?.pause(at, &options()).await;
        reply.map_err(|error| daemon.failure(error))?;
        done.push(name.to_owned());
        Ok((
            format!("`{name}` does not start by itself {told}"),
            paused(Some(name)),
        ))
    })
    .await?;
    if !done.is_empty() {
        advise(context, &done.join(" "));
    }
    Ok(code)
}

/// Until when; nothing is until somebody resumes.
fn until(output: &Output, arguments: &PauseArgs) -> Result<Option<Timestamp>, Failure> {
    let ends = match (arguments.until, arguments.duration) {
        (Some(until), _) => until.0,
        (None, Some(period)) => output.now.checked_add(period.0).map_err(|_| {
            Failure::usage("`--for` is longer than the calendar").hint("leave it out to pause until `resume`")
        })?,
        (None, None) => return Ok(None),
    };
    if ends <= output.now {
        let text = human::absolute(ends, &output.zone);
        return Err(Failure::usage(format!("a pause until {text} is over already"))
            .hint("write a time to come, such as `tomorrow 08:00` or `2h`"));
    }
    Ok(Some(ends))
}

/// What follows from a pause.
fn advise(context: &Context<'_>, which: &str) {
    let command = context.scope.command(&format!("resume {which}"));
    context.output.note(&format!(
        "`{command}` ends the pause; what gets too old in the meantime is `late` all the same"
    ));
}

pub(super) async fn resume(context: &Context<'_>, arguments: &ResumeArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    if arguments.which.all {
        let done = daemon.manager().await?.resume(&[].into()).await;
        done.map_err(|error| daemon.failure(error))?;
        if output.json {
            output.document(&json::Document::new(
                "manager",
                json!({ "name": null, "paused": false }),
            ))?;
            return Ok(SUCCESS);
        }
        output.line("jobs start by themselves again")?;
        let objects = daemon.objects().await?;
        let names: Vec<&str> = objects
            .jobs
            .iter()
            .filter(|job| job.paused == Some(true))
            .filter_map(|job| job.name.as_deref())
            .collect();
        if !names.is_empty() {
            let command = context.scope.command(&format!("resume {}", names.join(" ")));
            output.note(&format!(
                "paused by name, and still so: {}; `{command}` ends that",
                listed(&names)
            ));
        }
        return Ok(SUCCESS);
    }
    let objects = daemon.objects().await?;
    let code = each(output, &arguments.which.jobs, async |name: &str| {
        objects.known_job(name)?;
        let reply = daemon.job(name).await?.resume(&[].into()).await;
        reply.map_err(|error| daemon.failure(error))?;
        let shape = json!({ "name": name, "paused": objects.manager.paused == Some(true) });
        Ok((format!("ended the pause of `{name}`"), shape))
    })
    .await?;
    if objects.manager.paused == Some(true) {
        let command = context.scope.command("resume --all");
        output.note(&format!("all jobs are paused; `{command}` ends that"));
    }
    Ok(code)
}

/// Does the same with each job; what fails is told, and the others go on.
async fn each(
    output: &Output,
    names: &[String],
    mut change: impl AsyncFnMut(&str) -> Result<(String, Value), Failure>,
) -> Done {
    let mut code = SUCCESS;
    let mut changed = Vec::new();
    for name in names {
        match change(name).await {
            Ok((_, shape)) if output.json => changed.push(shape),
            Ok((line, _)) => output.line(line)?,
            Err(failure) => {
                output.report(&failure);
                code = worst(code, failure.code);
            }
        }
    }
    if output.json {
        output.document(&json::list("jobs", &changed))?;
    }
    Ok(code)
}
