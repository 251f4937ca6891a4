//! `backupctl pin`, `unpin` and `expire`

use std::collections::HashMap;

use backupd_dbus::{ExitCode, Snapshot};
use serde::Serialize;
use zbus::Variant;

use super::{Context, snapshots};
use crate::{
    cli::{ExpireArgs, PinArgs, SnapshotArgs, UnpinArgs, usec},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{escape::escape, human, json::Document},
};

type Options<'a> = HashMap<&'static str, Variant<'a>>;

pub(super) async fn pin(context: &Context<'_>, arguments: &PinArgs) -> Done {
    let mut options = match arguments.until {
        None => Options::from([("pinned", Variant::from(true))]),
        Some(until) => Options::from([("pinned-until-usec", Variant::from(until.usec()))]),
    };
    if let Some(note) = &arguments.note {
        options.insert("note", Variant::from(note.as_str()));
    }
    let until = arguments.until.map(|until| until.0);
    let said = match until {
        None => "is pinned: it stays until it is unpinned".to_owned(),
        Some(until) => format!("is pinned until {}", human::absolute(until, &context.output.zone)),
    };
    say(context, &arguments.which, &options, &said).await
}

pub(super) async fn unpin(context: &Context<'_>, arguments: &UnpinArgs) -> Done {
    let options = Options::from([("pinned", Variant::from(false))]);
    let said = "is not pinned any more: the retention of its job decides";
    say(context, &arguments.which, &options, said).await
}

pub(super) async fn expire(context: &Context<'_>, arguments: &ExpireArgs) -> Done {
    let at = arguments.at.map(|at| at.0);
    let options = Options::from([("expires-usec", Variant::from(at.map_or(0, usec)))]);
    let said = match at {
        None => "does not expire: the retention of its job decides".to_owned(),
        Some(at) => format!(
            "expires {}: the first forget after that removes it, unless it is pinned or the newest",
            human::absolute(at, &context.output.zone)
        ),
    };
    say(context, &arguments.which, &options, &said).await
}

async fn say(context: &Context<'_>, which: &SnapshotArgs, options: &Options<'_>, said: &str) -> Done {
    #[derive(Serialize)]
    struct Marked<'a> {
        snapshot: &'a str,
        repository: &'a str,
    }
    let daemon = Daemon::connect(context).await?;
    let snapshot = find(context, &daemon, which).await?;
    let repository = daemon.repository(&snapshot.repository).await?;
    repository
        .mark_snapshot(&snapshot.id, options)
        .await
        .map_err(|error| daemon.failure(error))?;
    if context.output.json {
        let marked = Marked {
            snapshot: &snapshot.id,
            repository: &snapshot.repository,
        };
        context.output.document(&Document::new("snapshot", marked))?;
    } else {
        let short = escape(human::short(&snapshot.id));
        context
            .output
            .line(format!("{short} in `{}` {said}", escape(&snapshot.repository)))?;
    }
    Ok(SUCCESS)
}

/// The one snapshot that is meant.
async fn find(context: &Context<'_>, daemon: &Daemon, which: &SnapshotArgs) -> Result<Snapshot, Failure> {
    let objects = daemon.objects().await?;
    let names = match &which.repository {
        Some(name) => {
            objects.known_repository(name)?;
            vec![name.clone()]
        }
        None => objects
            .repository_names()
            .into_iter()
            .map(str::to_owned)
            .collect(),
    };
    let begins = |snapshot: &Snapshot| {
        !which.snapshot.is_empty()
            && snapshot
                .id
                .starts_with(which.snapshot.to_ascii_lowercase().as_str())
    };
    let mut found = Vec::new();
    let mut unread = 0;
    for (name, answer) in names.iter().zip(snapshots::all(daemon, &names).await) {
        match answer {
            Ok(snapshots) => found.extend(snapshots.into_iter().filter(begins)),
            Err(failure) if names.len() == 1 => return Err(failure),
            // It may be in another one.
            Err(failure) => {
                unread += 1;
                context
                    .output
                    .report(&failure.about(&format!("repository `{name}`")));
            }
        }
    }
    let shown = escape(&which.snapshot);
    let list = daemon.scope.command("snapshots");
    if found.len() > 1 {
        let places: Vec<&str> = found
            .iter()
            .map(|snapshot| snapshot.repository.as_str())
            .collect();
        return Err(
            Failure::usage(format!("{} snapshots begin with `{shown}`", found.len())).hint(format!(
                "give more of the id, or `--repository`: they are in `{}`",
                escape(&places.join("`, `"))
            )),
        );
    }
    found.pop().ok_or_else(|| {
        let where_ = match &which.repository {
            Some(name) => format!(" in the repository `{}`", escape(name)),
            None if unread > 0 => " in the repositories that could be read".to_owned(),
            None => String::new(),
        };
        Failure::new(
            "SnapshotNotFound",
            ExitCode::NoSuchObject,
            format!("there is no snapshot `{shown}`{where_}"),
        )
        .hint(format!("`{list}` lists them"))
    })
}
