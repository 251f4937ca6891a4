//! `backupctl snapshots`

use std::collections::HashMap;

use backupd_dbus::Snapshot;
use futures_util::future::join_all;
use zbus::Variant;

use super::Context;
use crate::{
    cli::SnapshotsArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS, worst},
    objects::Objects,
    output::{
        Output, human, json,
        table::{Cell, Table},
    },
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, arguments: &SnapshotsArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let repositories = repositories(&objects, arguments)?;
    let several = repositories.len() > 1;
    let mut code = SUCCESS;
    let mut snapshots = Vec::new();
    let answers = join_all(repositories.iter().map(|name| read(&daemon, name, arguments))).await;
    for (name, answer) in repositories.iter().zip(answers) {
        match answer {
            Ok(found) => snapshots.extend(found),
            // The other repositories are worth seeing.
            Err(failure) => {
                let failure = if several {
                    failure.about(&format!("repository `{name}`"))
                } else {
                    failure
                };
                output.report(&failure);
                code = worst(code, failure.code);
            }
        }
    }
    snapshots.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.id.cmp(&b.id)));
    if output.json {
        let shapes = output.shapes();
        let snapshots: Vec<_> = snapshots
            .iter()
            .map(|snapshot| shapes.snapshot(snapshot))
            .collect();
        output.document(&json::list("snapshots", &snapshots))?;
    } else if snapshots.is_empty() && code == SUCCESS {
        output.note("there are no snapshots that match");
    } else {
        output.page()?;
        output.table(&table(output, &snapshots, several))?;
    }
    Ok(code)
}

/// The repositories to look into.
fn repositories(objects: &Objects, arguments: &SnapshotsArgs) -> Result<Vec<String>, Failure> {
    if let Some(repository) = &arguments.repository {
        objects.known_repository(repository)?;
        // A job that stores elsewhere by now may have stored here before.
        return Ok(vec![repository.clone()]);
    }
    if let Some(job) = &arguments.job {
        let job = objects.known_job(job)?;
        return Ok(job.repository_name.iter().cloned().collect());
    }
    Ok(objects
        .repository_names()
        .into_iter()
        .map(str::to_owned)
        .collect())
}

/// Every snapshot of each of these repositories.
pub(super) async fn all(daemon: &Daemon, repositories: &[String]) -> Vec<Result<Vec<Snapshot>, Failure>> {
    let none = SnapshotsArgs::default();
    join_all(repositories.iter().map(|name| read(daemon, name, &none))).await
}

async fn read(daemon: &Daemon, name: &str, arguments: &SnapshotsArgs) -> Result<Vec<Snapshot>, Failure> {
    let mut options: HashMap<&str, Variant<'_>> = HashMap::new();
    for (key, value) in [("job", &arguments.job), ("host", &arguments.host)] {
        if let Some(value) = value {
            options.insert(key, Variant::from(value.as_str()));
        }
    }
    if !arguments.tags.is_empty() {
        options.insert("tags", Variant::new(arguments.tags.clone()));
    }
    let repository = daemon.repository(name).await?;
    let fd = repository
        .open_snapshots(&options)
        .await
        .map_err(|error| daemon.failure(error))?;
    Records::new(fd).collect()
}

/// Whose it is; by whom it was made, too, where that is another one.
fn job_of(snapshot: &Snapshot) -> String {
    match &snapshot.job {
        Some(job) if snapshot.adopted => format!("{job}, adopted"),
        Some(job) => job.clone(),
        None => "–".to_owned(),
    }
}

fn table(output: &Output, snapshots: &[Snapshot], several: bool) -> Table {
    let mut columns = vec!["SNAPSHOT", "TIME", "AGE", "JOB"];
    if several {
        columns.push("REPOSITORY");
    }
    columns.extend(["HOST", ">FILES", ">SIZE", ">ADDED"]);
    let is_marked = |snapshot: &Snapshot| snapshot.pinned || snapshot.expires.is_some();
    let some_marked = snapshots.iter().any(is_marked);
    if some_marked {
        columns.push("KEPT");
    }
    columns.push("PATHS");
    let mut table = Table::new(&columns);
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "–".to_owned(), human::size);
    for snapshot in snapshots {
        let mut row: Vec<Cell> = vec![
            Cell::styled(human::short(&snapshot.id), output.look.palette.strong),
            human::compact(snapshot.time, &output.zone).into(),
            human::relative(snapshot.time, output.now).into(),
            job_of(snapshot).into(),
        ];
        if several {
            row.push(snapshot.repository.as_str().into());
        }
        let mut paths = vec![snapshot.paths.join(", ")];
        if !snapshot.tags.is_empty() {
            paths.push(format!("[{}]", snapshot.tags.join(", ")));
        }
        row.extend([
            Cell::from(snapshot.host.as_str()),
            snapshot.files.map_or_else(|| "–".to_owned(), human::count).into(),
            size(snapshot.bytes).into(),
            size(snapshot.bytes_stored).into(),
        ]);
        if some_marked {
            row.push(kept(output, snapshot).into());
        }
        row.push(paths.join(" ").into());
        table.row(row);
    }
    table
}

/// What is said of how long it stays.
fn kept(output: &Output, snapshot: &Snapshot) -> String {
    let until = |word: &str, time| format!("{word} {}", human::compact(time, &output.zone));
    let pinned = match snapshot.pinned_until {
        _ if !snapshot.pinned => None,
        None => Some("pinned".to_owned()),
        Some(time) => Some(until("pinned until", time)),
    };
    let expires = snapshot.expires.map(|time| until("expires", time));
    let said: Vec<String> = pinned.into_iter().chain(expires).collect();
    let said = said.join(", ");
    match &snapshot.note {
        Some(note) if !said.is_empty() => format!("{said}: {note}"),
        _ => said,
    }
}
