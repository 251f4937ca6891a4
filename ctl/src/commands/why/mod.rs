//! `backupctl why`

mod advice;
mod reasons;

use std::collections::HashMap;

use backupd_dbus::{ElapseProperties, JobProperties, RunProperties};
use serde::Serialize;
use zbus::Variant;

use super::Context;
use crate::{
    cli::WhyArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    find,
    objects::Objects,
    output::json::{Document, ElapseShape, JobShape, RunShape},
};

/// All that is looked at.
struct Case<'a> {
    objects: &'a Objects,
    job: &'a JobProperties,
    /// Its run that is not over.
    active: Option<&'a RunProperties>,
    /// Its newest run that is over.
    last: Option<&'a RunProperties>,
    /// Its newest run that was passed over, if nothing ran since.
    skipped: Option<&'a RunProperties>,
    /// Its next elapse.
    elapse: Option<&'a ElapseProperties>,
}

#[derive(Serialize)]
struct Why<'a> {
    reasons: Vec<String>,
    advice: Vec<String>,
    job: JobShape<'a>,
    run: Option<RunShape<'a>>,
    elapse: Option<ElapseShape<'a>>,
}

pub(super) async fn run(context: &Context<'_>, arguments: &WhyArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let job = objects.known_job(&arguments.job)?;
    let elapse = next(&daemon, job).await?;
    let skipped = skipped(&daemon, job).await?;
    let case = Case {
        objects: &objects,
        job,
        active: objects.run_at(job.active_run.as_ref()),
        last: objects.run_at(job.last_run.as_ref()),
        skipped: skipped.as_ref(),
        elapse: elapse.as_ref(),
    };
    let (reasons, advice) = (reasons::all(output, &case), advice::all(context.scope, &case));
    if output.json {
        let shapes = output.shapes();
        let why = Why {
            reasons,
            advice,
            job: shapes.job(job),
            run: case.active.map(|run| shapes.run(run)),
            elapse: case.elapse.map(|elapse| shapes.elapse(elapse)),
        };
        output.document(&Document::new("why", why))?;
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

/// What starts it next, where something does.
async fn next(daemon: &Daemon, job: &JobProperties) -> Result<Option<ElapseProperties>, Failure> {
    let name = job.name.as_deref().unwrap_or_default();
    if job.next_usec.is_none_or(|usec| usec == 0) {
        return Ok(None);
    }
    let options = HashMap::from([("job", Variant::from(name)), ("limit", Variant::from(1_u32))]);
    let elapses = daemon.reader().await?.list_elapses(&options).await;
    let elapses = elapses.map_err(|error| daemon.failure(error))?;
    Ok(elapses.into_iter().next())
}

/// The newest run, if it was passed over.
async fn skipped(daemon: &Daemon, job: &JobProperties) -> Result<Option<RunProperties>, Failure> {
    let name = job.name.as_deref().unwrap_or_default();
    let filter = HashMap::from([("job", Variant::from(name)), ("state", Variant::from("finished"))]);
    let newest = find::list_runs(daemon, filter, 1).await?;
    let mut newest = newest.into_iter();
    Ok(newest
        .next()
        .filter(|run| run.result.as_deref() == Some("skipped")))
}
