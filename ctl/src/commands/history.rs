//! `backupctl history`

use std::collections::HashMap;

use zbus::Variant;

use super::{Context, runs};
use crate::{
    cli::HistoryArgs,
    connect::Daemon,
    errors::{Done, SUCCESS},
    find,
};

pub(super) async fn run(context: &Context<'_>, arguments: &HistoryArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    let mut filter: HashMap<&str, Variant<'_>> = HashMap::new();
    for (key, value) in [
        ("job", &arguments.job),
        ("repository", &arguments.repository),
        ("operation", &arguments.operation),
        ("result", &arguments.result),
        ("trigger", &arguments.trigger),
    ] {
        if let Some(value) = value {
            filter.insert(key, Variant::from(value.as_str()));
        }
    }
    for (key, value) in [("since-usec", arguments.since), ("until-usec", arguments.until)] {
        if let Some(value) = value {
            filter.insert(key, Variant::from(value.usec()));
        }
    }
    let found = find::list_runs(&daemon, filter, arguments.limit).await?;
    if found.is_empty()
        && let Some(job) = &arguments.job
    {
        // A job that was deleted has a history; one that never was has neither.
        let objects = daemon.objects().await?;
        let every =
            find::list_runs(&daemon, HashMap::from([("job", Variant::from(job.as_str()))]), 1).await?;
        if every.is_empty() {
            objects.known_job(job)?;
        }
    }
    runs::list(context.output, &found, "no runs match")?;
    Ok(SUCCESS)
}
