//! `backupctl check` and `backupctl prune`

use std::collections::HashMap;

use backupd_dbus::{Error, PrunePlan};
use serde::Serialize;
use zbus::{OwnedObjectPath, Variant};

use super::{
    Context,
    start::{self, Started},
};
use crate::{
    cli::{CheckRepositoryArgs, PruneArgs, StayArgs},
    connect::{Daemon, run_id},
    errors::{Done, SUCCESS},
    follow::Mode,
    output::{Output, describe::Details, escape::escape, human, json::Document},
    records::Records,
};

pub(super) async fn check(context: &Context<'_>, arguments: &CheckRepositoryArgs) -> Done {
    let daemon = connect(context, &arguments.name).await?;
    let mut options = start::options(&arguments.note);
    if let Some(read_data) = arguments.read_data {
        options.insert("read-data", Variant::from(read_data.to_string()));
    }
    let repository = daemon.repository(&arguments.name).await?;
    let reply = repository.check(&options).await;
    stay(context, &daemon, reply, None, arguments.stay).await
}

pub(super) async fn prune(context: &Context<'_>, arguments: &PruneArgs) -> Done {
    let daemon = connect(context, &arguments.name).await?;
    let mut options = if arguments.dry_run {
        HashMap::new()
    } else {
        start::options(&arguments.note)
    };
    if let Some(max_unused) = arguments.max_unused {
        options.insert("max-unused", Variant::from(max_unused.to_string()));
    }
    if let Some(max_repack) = arguments.max_repack {
        options.insert("max-repack", Variant::from(max_repack.0));
    }
    let repository = daemon.repository(&arguments.name).await?;
    if arguments.dry_run {
        let plan = repository.open_prune_plan(&options).await;
        let plan = Records::<PrunePlan>::new(plan.map_err(|error| daemon.failure(error))?).one()?;
        return tell(context.output, &arguments.name, &plan);
    }
    let reply = repository.prune(&options).await;
    stay(context, &daemon, reply, None, arguments.stay).await
}

/// A daemon that knows the repository.
async fn connect(context: &Context<'_>, repository: &str) -> Result<Daemon, crate::errors::Failure> {
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(repository)?;
    Ok(daemon)
}

/// Tells of the run, or stays with it.
pub(super) async fn stay(
    context: &Context<'_>,
    daemon: &Daemon,
    reply: Result<OwnedObjectPath, Error>,
    job: Option<String>,
    arguments: StayArgs,
) -> Done {
    let path = reply.map_err(|error| daemon.failure(error))?;
    let started = [Started {
        id: run_id(&path)?,
        job,
    }];
    start::stay(context, daemon, &started, mode(context, arguments)).await
}

/// How to stay with a run, if at all.
pub(super) fn mode(context: &Context<'_>, arguments: StayArgs) -> Option<Mode> {
    if arguments.no_wait {
        None
    } else if arguments.follow.follow || (!arguments.follow.wait && context.output.draws()) {
        Some(Mode::Follow)
    } else {
        Some(Mode::Wait)
    }
}

fn tell(output: &Output, name: &str, plan: &PrunePlan) -> Done {
    #[derive(Serialize)]
    struct Told<'a> {
        repository: &'a str,
        #[serde(flatten)]
        plan: &'a PrunePlan,
    }
    if output.json {
        let told = Told {
            repository: name,
            plan,
        };
        output.document(&Document::new("prune-plan", told))?;
        return Ok(SUCCESS);
    }
    let packs = |count: u64, bytes: u64| format!("{}, {}", human::counted(count, "pack"), human::size(bytes));
    output.line(format!("a prune of `{}` would do this:", escape(name)))?;
    let mut details = Details::default();
    details.row("keep", human::counted(plan.snapshots, "snapshot"));
    details.row(
        "stored",
        format!(
            "{}, of which {} of no use",
            human::size(plan.bytes_repository),
            human::size(plan.bytes_unused)
        ),
    );
    details.row("write anew", packs(plan.packs_repacked, plan.bytes_repacked));
    details.row(
        "mark",
        format!(
            "{}, to be removed by a later prune",
            human::counted(plan.packs_marked, "pack")
        ),
    );
    details.row("remove", packs(plan.packs_removed, plan.bytes_freed));
    details.row("stays unused", human::size(plan.bytes_unused_after));
    output.lines(details.lines(output))?;
    Ok(SUCCESS)
}
