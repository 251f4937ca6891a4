//! `backupctl repository adopt` and `orphans`: whose snapshots are in a repository, and which are gone.

use std::{collections::BTreeMap, path::Path};

use backupd_core::{
    name::JobName,
    protocol::{ContentsRecord, SnapshotGroupRecord},
};
use serde::Serialize;

use super::{Context, repository, set_password, text::quoted};
use crate::{
    cli::{AdoptArgs, KeepArgs, SetPasswordArgs},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{
        Output,
        escape::escape,
        human,
        json::Document,
        table::{Cell, Table},
    },
    records::Records,
};

/// More next steps than that are not read.
const MOST_STEPS: usize = 5;

/// What is in a repository.
#[derive(Debug, Default, Serialize)]
struct Contents {
    name: String,
    id: String,
    format: u32,
    snapshots: u64,
    keys: u64,
    bytes_stored: Option<u64>,
    groups: Vec<SnapshotGroupRecord>,
    missing: Vec<Missing>,
}

/// A snapshot that is gone.
#[derive(Debug, Serialize)]
struct Missing {
    id: String,
    job: String,
}

/// Takes over a repository, or looks into one that is known.
pub(super) async fn adopt(context: &Context<'_>, arguments: &AdoptArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    match arguments.addition() {
        None => drop(daemon.objects().await?.known_repository(&arguments.name)?),
        Some(addition) => {
            repository::register(context, &daemon, &addition).await?;
            if addition.password.is_empty() {
                ask_password(context, &daemon, arguments).await?;
            }
        }
    }
    let contents = read(&daemon, &arguments.name).await?;
    let output = context.output;
    if output.json {
        output.document(&Document::new("repository", &contents))?;
        return Ok(SUCCESS);
    }
    output.line(summary(&contents))?;
    if !contents.groups.is_empty() {
        output.table(&table(output, contents.groups.iter(), true))?;
    }
    tell_missing(output, &contents)?;
    for step in next_steps(context, &contents) {
        output.note(&step);
    }
    Ok(SUCCESS)
}

/// Lists what nobody looks after.
pub(super) async fn orphans(context: &Context<'_>, name: &str) -> Done {
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(name)?;
    let mut contents = read(&daemon, name).await?;
    contents.groups.retain(|group| group.owner.is_none());
    let output = context.output;
    if output.json {
        output.document(&Document::new("orphans", &contents))?;
        return Ok(SUCCESS);
    }
    if contents.groups.is_empty() && contents.missing.is_empty() {
        output.note(&format!(
            "every snapshot in the repository `{name}` is a job's, and none is missing"
        ));
        return Ok(SUCCESS);
    }
    output.page()?;
    if !contents.groups.is_empty() {
        output.table(&table(output, contents.groups.iter(), false))?;
    }
    tell_missing(output, &contents)?;
    for step in next_steps(context, &contents) {
        output.note(&step);
    }
    Ok(SUCCESS)
}

/// Has the password asked for, tried and kept.
async fn ask_password(context: &Context<'_>, daemon: &Daemon, arguments: &AdoptArgs) -> Result<(), Failure> {
    let name = &arguments.name;
    let wish = SetPasswordArgs {
        name: name.clone(),
        stdin: arguments.stdin,
        password_file: None,
        keep: KeepArgs::default(),
        unchecked: false,
    };
    let stored = set_password::store(context, daemon, &wish).await;
    stored.map(drop).map_err(|failure| {
        let set = context.scope.command(&format!("repository set-password {name}"));
        let adopt = context.scope.command(&format!("repository adopt {name}"));
        failure.hint(format!(
            "the repository is added, and has no password: `{set}` sets it, and then `{adopt}` goes on"
        ))
    })
}

async fn read(daemon: &Daemon, name: &str) -> Result<Contents, Failure> {
    let answer = daemon.repository(name).await?.open_contents(&[].into()).await;
    let mut contents = Contents {
        name: name.to_owned(),
        ..Contents::default()
    };
    for record in Records::new(answer.map_err(|error| daemon.failure(error))?) {
        match record? {
            ContentsRecord::Repository {
                id,
                version,
                snapshots,
                keys,
                bytes_stored,
            } => {
                contents.id = id;
                contents.format = version;
                contents.snapshots = snapshots;
                contents.keys = keys;
                contents.bytes_stored = bytes_stored;
            }
            ContentsRecord::Group(group) => contents.groups.push(group),
            ContentsRecord::Missing { id, job } => contents.missing.push(Missing { id, job }),
        }
    }
    Ok(contents)
}

fn summary(contents: &Contents) -> String {
    let size = contents
        .bytes_stored
        .map(|bytes| format!(", {} stored", human::size(bytes)))
        .unwrap_or_default();
    format!(
        "the password opens the repository `{}`: id {}, format {}, {}, {}{size}",
        escape(&contents.name),
        escape(&contents.id),
        contents.format,
        human::counted(contents.snapshots, "snapshot"),
        human::counted(contents.keys, "key"),
    )
}

fn table<'a>(
    output: &Output,
    groups: impl Iterator<Item = &'a SnapshotGroupRecord>,
    with_owner: bool,
) -> Table {
    let mut columns = vec!["HOST", ">SNAPSHOTS", "FIRST", "LAST", ">SIZE"];
    columns.push(if with_owner { "JOB" } else { "MADE BY" });
    columns.extend(["TAGS", "PATHS"]);
    let mut table = Table::new(&columns);
    for group in groups {
        let job = match (&group.owner, &group.made_by) {
            (Some(owner), _) if group.adopted => format!("{owner}, adopted"),
            (Some(owner), _) => owner.clone(),
            (None, Some(job)) if !with_owner => format!("job {job}"),
            _ => "–".to_owned(),
        };
        let tags = if group.tags.is_empty() {
            "–".to_owned()
        } else {
            group.tags.join(", ")
        };
        table.row(vec![
            Cell::from(&group.host),
            group.snapshots.to_string().into(),
            human::compact(group.first, &output.zone).into(),
            human::compact(group.last, &output.zone).into(),
            group.bytes.map_or_else(|| "–".to_owned(), human::size).into(),
            job.into(),
            tags.into(),
            group.paths.join(", ").into(),
        ]);
    }
    table
}

fn tell_missing(output: &Output, contents: &Contents) -> Result<(), Failure> {
    if contents.missing.is_empty() {
        return Ok(());
    }
    let count = contents.missing.len() as u64;
    let verb = if count == 1 { "is" } else { "are" };
    output.line(format!(
        "{} that backupd has not removed {verb} gone from the repository:",
        human::counted(count, "snapshot")
    ))?;
    let mut table = Table::new(&["SNAPSHOT", "JOB"]);
    for missing in &contents.missing {
        let cell = Cell::styled(human::short(&missing.id), output.look.palette.strong);
        table.row(vec![cell, missing.job.as_str().into()]);
    }
    output.table(&table)?;
    output.note(
        "whoever has the password may have removed them with restic, or the place is an older copy of itself",
    );
    Ok(())
}

/// How jobs go on with what nobody owns.
fn next_steps(context: &Context<'_>, contents: &Contents) -> Vec<String> {
    let name = &contents.name;
    let orphans = contents.groups.iter().filter(|group| group.owner.is_none());
    // Tags come and go, and the series is one all the same.
    let mut series: BTreeMap<(&str, &[String]), u64> = BTreeMap::new();
    let mut made: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for group in orphans {
        let count = match &group.made_by {
            Some(job) => made.entry((job, &group.host)).or_default(),
            None => series.entry((&group.host, &group.paths)).or_default(),
        };
        *count += group.snapshots;
    }
    let adopted = series.iter().map(|((host, paths), count)| {
        let list: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
        let list = list.join(" ");
        let command = context.scope.command(&format!(
            "job create {} --repository {name} --source {list} --adopt {} --adopt-path {list}",
            job_for(paths, host),
            quoted(host)
        ));
        format!(
            "a job goes on with {} of `{}`: `{}`; one that exists, with `adopts` in its file",
            human::counted(*count, "snapshot"),
            escape(host),
            escape(&command)
        )
    });
    let kept = made.iter().map(|((job, host), count)| {
        format!(
            "{} of `{}` are of a job `{}` that is not here: one of that name with `host = \"{}\"` goes on with them",
            human::counted(*count, "snapshot"),
            escape(host),
            escape(job),
            escape(host)
        )
    });
    let mut steps: Vec<String> = adopted.chain(kept).collect();
    if let Some(more) = steps.len().checked_sub(MOST_STEPS).filter(|more| *more > 0) {
        steps.truncate(MOST_STEPS);
        steps.push(format!("so do {more} more"));
    }
    steps
}

/// A name for the job: what its first path is called, or its host.
fn job_for(paths: &[String], host: &str) -> String {
    let last = paths
        .first()
        .and_then(|path| Path::new(path).file_name()?.to_str());
    let names = [last, Some(host)].into_iter().flatten();
    names
        .filter_map(|name| name.parse::<JobName>().ok())
        .map(String::from)
        .next()
        .unwrap_or_else(|| "NAME".to_owned())
}
