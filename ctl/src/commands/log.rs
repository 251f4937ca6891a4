//! `backupctl log`

use std::collections::HashMap;

use backupd_core::protocol::EventKind;
use backupd_dbus::LogEvent;
use serde_json::Value;
use zbus::Variant;

use super::Context;
use crate::{
    cli::LogArgs,
    connect::Daemon,
    errors::{Done, SUCCESS},
    find,
    output::{Output, escape::escape, human},
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, arguments: &LogArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let run = find::run_of_job(&daemon, &objects, &arguments.run).await?;
    let id = run.id.unwrap_or_default();
    // A run that is history gets its object back.
    let path = daemon.reader().await?.get_run(&id, &[].into()).await;
    let run = daemon
        .run_proxy(path.map_err(|error| daemon.failure(error))?)
        .await?;
    let mut options = HashMap::new();
    if let Some(attempt) = arguments.attempt {
        options.insert("attempt", Variant::from(attempt));
    }
    let fd = run
        .open_log(&options)
        .await
        .map_err(|error| daemon.failure(error))?;
    if output.json {
        for record in Records::<Value>::new(fd) {
            output.line(record?.to_string())?;
        }
        return Ok(SUCCESS);
    }
    output.page()?;
    for event in Records::<LogEvent>::new(fd) {
        output.line(line(output, &event?))?;
    }
    Ok(SUCCESS)
}

fn line(output: &Output, event: &LogEvent) -> String {
    let palette = output.look.palette;
    let style = match event.event.as_str() {
        "phase" => palette.busy,
        "warning" => palette.warn,
        "snapshot" => palette.good,
        "failure" => palette.bad,
        "done" => palette.strong,
        _ => palette.dim,
    };
    let time = human::compact(event.time, &output.zone);
    let word = output.look.paint(style, &format!("{:<8}", escape(&event.event)));
    format!("{time}  {word}  {}", output.look.degrade(&said(event)))
        .trim_end()
        .to_owned()
}

/// The words that the journal has too; of a worker that knows more than we do, all that it said.
fn said(event: &LogEvent) -> String {
    let mut whole = event.rest.clone();
    whole.insert("event".to_owned(), event.event.clone().into());
    serde_json::from_value(Value::Object(whole)).map_or_else(
        |_| escape(&Value::Object(event.rest.clone()).to_string()),
        |kind: EventKind| kind.text(),
    )
}
