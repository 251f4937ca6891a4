//! `backupctl schedule`

mod clock;
mod test;
mod timeline;

use std::collections::HashMap;

use backupd_dbus::{ElapseProperties, RunProperties};
use serde::Serialize;
use zbus::Variant;

use super::Context;
use crate::{
    cli::{ScheduleArgs, ScheduleCommand, usec},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    find,
    output::{
        Output,
        json::{self, RunShape},
    },
};

/// What ran is shown as much of, where nobody says.
const PAST: u32 = 5;

pub(super) async fn run(context: &Context<'_>, arguments: &ScheduleArgs) -> Done {
    if let Some(ScheduleCommand::Test(arguments)) = &arguments.command {
        return test::run(context, arguments);
    }
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    if let Some(job) = &arguments.job {
        objects.known_job(job)?;
    }
    let past = past(output, &daemon, arguments).await?;
    let elapses = coming(output, &daemon, arguments).await?;
    if output.json {
        return document(output, &past, &elapses);
    }
    if past.is_empty() && elapses.is_empty() {
        output.note(&nothing(context, arguments.job.as_deref()));
        return Ok(SUCCESS);
    }
    output.page()?;
    output.lines(timeline::lines(output, &objects, &past, &elapses))?;
    if elapses.is_empty() && arguments.count > 0 {
        output.note(&nothing(context, arguments.job.as_deref()));
    }
    Ok(SUCCESS)
}

/// What ran, oldest first.
async fn past(
    output: &Output,
    daemon: &Daemon,
    arguments: &ScheduleArgs,
) -> Result<Vec<RunProperties>, Failure> {
    let since = arguments.from.filter(|from| from.0 <= output.now);
    // From a time to come on, nothing has run.
    let usual = if since.is_none() && arguments.from.is_some() {
        0
    } else {
        PAST
    };
    let most = match (arguments.past, since) {
        (Some(0), _) => return Ok(Vec::new()),
        (Some(most), _) => most,
        (None, Some(_)) => 0,
        (None, None) if usual == 0 => return Ok(Vec::new()),
        (None, None) => usual,
    };
    let mut filter: HashMap<&str, Variant<'_>> = HashMap::new();
    if let Some(job) = &arguments.job {
        filter.insert("job", Variant::from(job.as_str()));
    }
    if let Some(since) = since {
        filter.insert("since-usec", Variant::from(since.usec()));
    }
    if let Some(until) = arguments.until {
        filter.insert("until-usec", Variant::from(until.usec()));
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut runs = find::list_runs(daemon, filter, most).await?;
    runs.reverse();
    Ok(runs)
}

/// What comes, in order.
async fn coming(
    output: &Output,
    daemon: &Daemon,
    arguments: &ScheduleArgs,
) -> Result<Vec<ElapseProperties>, Failure> {
    let until = arguments.until.map(|until| until.0);
    if arguments.count == 0 || until.is_some_and(|until| until <= output.now) {
        return Ok(Vec::new());
    }
    let from = arguments.from.map_or(output.now, |from| from.0.max(output.now));
    let mut options = HashMap::from([
        ("from-usec", Variant::from(usec(from))),
        ("limit", Variant::from(arguments.count)),
    ]);
    if let Some(until) = until {
        options.insert("until-usec", Variant::from(usec(until)));
    }
    if let Some(job) = &arguments.job {
        options.insert("job", Variant::from(job.as_str()));
    }
    let elapses = daemon.reader().await?.list_elapses(&options).await;
    elapses.map_err(|error| daemon.failure(error))
}

fn nothing(context: &Context<'_>, job: Option<&str>) -> String {
    match job {
        Some(job) => format!(
            "`{job}` does not start by itself; `{}` says why",
            context.scope.command(&format!("why {job}"))
        ),
        None => "no job starts by itself; a job's file says when: `schedule = \"daily\"`".to_owned(),
    }
}

fn document(output: &Output, past: &[RunProperties], elapses: &[ElapseProperties]) -> Done {
    #[derive(Serialize)]
    struct Timeline<'a> {
        version: u32,
        past: Vec<RunShape<'a>>,
        elapses: Vec<json::ElapseShape<'a>>,
    }
    let shapes = output.shapes();
    output.document(&Timeline {
        version: json::VERSION,
        past: past.iter().map(|run| shapes.run(run)).collect(),
        elapses: elapses.iter().map(|elapse| shapes.elapse(elapse)).collect(),
    })?;
    Ok(SUCCESS)
}
