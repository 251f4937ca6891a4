//! `backupctl cancel`

use super::{Context, runs};
use crate::{
    cli::CancelArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS, worst},
    find,
    follow::{self, Mode},
    objects::Objects,
    output::json,
};

pub(super) async fn run(context: &Context<'_>, arguments: &CancelArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let mut code = SUCCESS;
    let mut cancelled = Vec::new();
    for text in &arguments.runs {
        match cancel(&daemon, &objects, text).await {
            Ok(id) => cancelled.push(id),
            Err(failure) => {
                output.report(&failure);
                code = worst(code, failure.code);
            }
        }
    }
    if arguments.wait && !cancelled.is_empty() {
        // That it stopped is what was asked for, whatever came first.
        let ended = follow::follow(&daemon, output, &cancelled, Mode::Wait).await?;
        if output.json {
            runs::document(output, &ended)?;
        }
    } else if output.json {
        let ids: Vec<_> = cancelled
            .iter()
            .map(|id| serde_json::json!({ "id": id }))
            .collect();
        output.document(&json::list("runs", &ids))?;
    } else {
        for id in &cancelled {
            output.line(format!("asked run {id} to stop"))?;
        }
    }
    Ok(code)
}

async fn cancel(daemon: &Daemon, objects: &Objects, text: &str) -> Result<String, Failure> {
    let id = find::active_run(daemon, objects, text).await?;
    let run = daemon.run_proxy(backupd_dbus::run_path(&id)).await?;
    run.cancel(&[].into())
        .await
        .map_err(|error| daemon.failure(error))?;
    Ok(id)
}
