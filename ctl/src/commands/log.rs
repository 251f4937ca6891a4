//! `backupctl log`

use std::collections::HashMap;

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
    let text = |name: &str| {
        event
            .rest
            .get(name)
            .and_then(Value::as_str)
            .map(escape)
            .unwrap_or_default()
    };
    let (style, said) = match event.event.as_str() {
        "hello" => (palette.dim, hello(event)),
        "phase" => (palette.busy, text("phase")),
        "warning" => match text("path") {
            path if path.is_empty() => (palette.warn, text("reason")),
            path => (palette.warn, format!("{path}: {}", text("reason"))),
        },
        "snapshot" => (palette.good, text("snapshot")),
        "stats" => (palette.dim, sums(event.rest.get("statistics"))),
        "failure" => (palette.bad, failure(event.rest.get("failure"))),
        "done" => (palette.strong, text("result")),
        _ => (
            palette.dim,
            escape(&Value::Object(event.rest.clone()).to_string()),
        ),
    };
    let time = human::compact(event.time, &output.zone);
    let word = output.look.paint(style, &format!("{:<8}", escape(&event.event)));
    format!("{time}  {word}  {}", output.look.degrade(&said))
        .trim_end()
        .to_owned()
}

fn hello(event: &LogEvent) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(escape).unwrap_or_default();
    let mut said = vec![text(event.rest.get("program"))];
    if let Some(engine) = event.rest.get("engine").filter(|engine| engine.is_object()) {
        said.push(format!(
            "engine {} {}",
            text(engine.get("name")),
            text(engine.get("version"))
        ));
    }
    if let Some(attempt) = event.rest.get("attempt").and_then(Value::as_u64) {
        said.push(format!("attempt {attempt}"));
    }
    said.join(", ")
}

/// The sums that are not zero, by their own names.
fn sums(statistics: Option<&Value>) -> String {
    let Some(Value::Object(statistics)) = statistics else {
        return String::new();
    };
    let said = statistics.iter().filter_map(|(name, value)| {
        let number = value.as_u64().filter(|number| *number > 0)?;
        let shown = if name.starts_with("bytes") {
            human::size(number)
        } else {
            human::count(number)
        };
        Some(format!("{} {shown}", escape(&name.replace('_', " "))))
    });
    said.collect::<Vec<_>>().join(", ")
}

fn failure(failure: Option<&Value>) -> String {
    let text = |name: &str| {
        failure
            .and_then(|failure| failure.get(name))
            .and_then(Value::as_str)
            .map(escape)
    };
    let mut said = vec![format!(
        "{} ({})",
        text("message").unwrap_or_default(),
        text("class").unwrap_or_default()
    )];
    said.extend(text("hint").map(|hint| format!("hint: {hint}")));
    said.join("; ")
}
