//! `backupctl limit`

use std::collections::HashMap;

use backupd_core::config::format_size;
use backupd_dbus::RunLimits;
use serde::Serialize;

use super::Context;
use crate::{
    cli::{LimitArgs, LimitValues},
    connect::Daemon,
    errors::{Done, SUCCESS},
    find,
    output::{describe::Details, json::Document},
};

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    cpu_weight: Option<u64>,
    io_weight: Option<u64>,
    memory_high: Option<u64>,
    memory_max: Option<u64>,
}

pub(super) async fn run(context: &Context<'_>, arguments: &LimitArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let id = find::active_run(&daemon, &objects, &arguments.run).await?;
    let run = daemon.run_proxy(backupd_dbus::run_path(&id)).await?;
    let answer = run.set_limits(&options(arguments.limits)).await;
    let limits = answer.map_err(|error| daemon.failure(error))?;
    if output.json {
        let RunLimits {
            cpu_weight,
            io_weight,
            memory_high,
            memory_max,
        } = limits;
        let shown = Shown {
            id: &id,
            cpu_weight,
            io_weight,
            memory_high,
            memory_max,
        };
        output.document(&Document::new("limits", shown))?;
    } else {
        output.line(format!("run {id} is limited to"))?;
        output.lines(details(&limits).lines(output))?;
    }
    Ok(SUCCESS)
}

fn options(limits: LimitValues) -> backupd_dbus::Options<'static> {
    let values = [
        ("cpu-weight", limits.cpu_weight),
        ("io-weight", limits.io_weight),
        ("memory-high", limits.memory_high.map(|size| size.0)),
        ("memory-max", limits.memory_max.map(|size| size.0)),
    ];
    let given = values
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?.into())));
    given.collect::<HashMap<_, _>>()
}

fn details(limits: &RunLimits) -> Details {
    let weight = |weight: Option<u64>| {
        weight.map_or_else(|| "100, as everybody".to_owned(), |weight| weight.to_string())
    };
    let size = |size: Option<u64>| size.map_or_else(|| "no limit".to_owned(), format_size);
    let mut details = Details::default();
    details.row("cpu weight", weight(limits.cpu_weight));
    details.row("io weight", weight(limits.io_weight));
    details.row("memory high", size(limits.memory_high));
    details.row("memory max", size(limits.memory_max));
    details
}
