//! `backupctl trigger`

use std::{collections::HashMap, time::Duration};

use backupd_dbus::ExitCode;
use zbus::Variant;

use super::{
    Context,
    start::{self, Started},
};
use crate::{
    cli::TriggerArgs,
    connect::{Daemon, run_id},
    errors::{Done, Failure, SUCCESS},
    follow::Mode,
    objects::listed,
    output::json,
};

pub(super) async fn run(context: &Context<'_>, arguments: &TriggerArgs) -> Done {
    let daemon = if arguments.if_running {
        match Daemon::running(context.scope, context.interaction).await? {
            Some(daemon) => daemon,
            None => return nothing(context, "the daemon is not running; nothing was started"),
        }
    } else {
        Daemon::connect(context).await?
    };
    let mut options = HashMap::new();
    if let Some(metadata) = &arguments.metadata {
        options.insert("metadata", Variant::from(metadata.as_str()));
    }
    let paths = daemon
        .manager()
        .await?
        .trigger(&arguments.trigger, &options)
        .await;
    let paths = paths.map_err(|error| daemon.failure(error))?;
    if paths.is_empty() {
        return nothing(context, &format!("no job starts at `{}`", arguments.trigger));
    }
    let mut started = Vec::with_capacity(paths.len());
    for path in &paths {
        let id = run_id(path)?;
        let job = daemon.run(&id).await?.job_name;
        started.push(Started { id, job });
    }
    let mode = arguments.wait.then_some(Mode::Wait);
    let stay = start::stay(context, &daemon, &started, mode);
    let Some(limit) = arguments.timeout else {
        return stay.await;
    };
    let limit = Duration::try_from(limit.0).unwrap_or(Duration::MAX);
    tokio::time::timeout(limit, stay).await.unwrap_or_else(|_| {
        let ids: Vec<&str> = started.iter().map(|run| run.id.as_str()).collect();
        let message = format!("the time to wait is up; not over: {}", listed(&ids));
        let command = daemon.scope.command("runs");
        Err(Failure::new("TimedOut", ExitCode::Failed, message)
            .hint(format!("what has begun goes on; see it with `{command}`")))
    })
}

/// Hooks go on, and people are told.
fn nothing(context: &Context<'_>, why: &str) -> Done {
    let output = context.output;
    if output.json {
        output.document(&json::list::<Started>("runs", &[]))?;
    } else {
        output.note(why);
    }
    Ok(SUCCESS)
}
