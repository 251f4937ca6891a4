//! `backupctl repair`

use std::collections::HashMap;

use backupd_core::protocol::RepairRecord;
use serde::Serialize;
use zbus::Variant;

use super::{Context, care, start};
use crate::{
    cli::{RepairArgs, RepairCommand},
    connect::Daemon,
    errors::{Done, SUCCESS},
    output::{Output, describe::Details, escape::escape, human, json::Document},
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, command: RepairCommand) -> Done {
    match command {
        RepairCommand::Index(arguments) => {
            repair(context, "index", &arguments.repair, arguments.read_data).await
        }
        RepairCommand::Snapshots(arguments) => repair(context, "snapshots", &arguments, false).await,
    }
}

async fn repair(context: &Context<'_>, what: &str, arguments: &RepairArgs, read_data: bool) -> Done {
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(&arguments.name)?;
    let mut options = if arguments.dry_run {
        HashMap::new()
    } else {
        start::options(&arguments.note)
    };
    if read_data {
        options.insert("read-data", Variant::from(true));
    }
    let repository = daemon.repository(&arguments.name).await?;
    if arguments.dry_run {
        let plan = repository.open_repair_plan(what, &options).await;
        let plan = plan.map_err(|error| daemon.failure(error))?;
        let plan: Vec<RepairRecord> = Records::new(plan).collect::<Result<_, _>>()?;
        return tell(context.output, &arguments.name, what, &plan);
    }
    let reply = repository.repair(what, &options).await;
    care::stay(context, &daemon, reply, None, arguments.stay).await
}

fn tell(output: &Output, name: &str, what: &str, plan: &[RepairRecord]) -> Done {
    #[derive(Serialize)]
    struct Told<'a> {
        repository: &'a str,
        repair: &'a str,
        plan: &'a [RepairRecord],
    }
    if output.json {
        let told = Told {
            repository: name,
            repair: what,
            plan,
        };
        output.document(&Document::new("repair-plan", told))?;
        return Ok(SUCCESS);
    }
    output.page()?;
    let hurt = plan
        .iter()
        .filter(|record| matches!(record, RepairRecord::Snapshot { .. }))
        .count();
    for record in plan {
        match record {
            RepairRecord::Damage { path, reason } => {
                output.line(format!("{}: {}", escape(path), escape(reason)))?;
            }
            RepairRecord::Index { .. } => index(output, name, record)?,
            RepairRecord::Snapshot {
                id,
                lost,
                files,
                directories,
            } => {
                let short = escape(human::short(id));
                output.line(if *lost {
                    format!("snapshot {short} would be removed: nothing of it is left")
                } else {
                    format!(
                        "snapshot {short} would be replaced by what is left of it, without {} and {}",
                        human::counted(*files, "file"),
                        human::counted(*directories, "folder")
                    )
                })?;
            }
        }
    }
    if what == "snapshots" && hurt == 0 {
        output.note(&format!("nothing is lost of any snapshot in `{name}`"));
    }
    Ok(SUCCESS)
}

fn index(output: &Output, name: &str, record: &RepairRecord) -> Result<(), crate::errors::Failure> {
    let RepairRecord::Index {
        index_files,
        index_damaged,
        packs,
        packs_found,
        packs_missing,
        packs_corrected,
        packs_damaged,
        packs_unreadable,
        blobs_lost,
    } = record
    else {
        return Ok(());
    };
    let wrong =
        index_damaged + packs_found + packs_missing + packs_corrected + packs_damaged + packs_unreadable;
    if wrong == 0 {
        let packs = human::counted(*packs, "pack");
        output.note(&format!("nothing is wrong with the index of `{name}`: {packs}"));
        return Ok(());
    }
    output.line(format!(
        "a repair of the index of `{}` would do this:",
        escape(name)
    ))?;
    let mut details = Details::default();
    for (what, count) in [
        ("index files", *index_files),
        ("of them damaged", *index_damaged),
        ("packs found", *packs_found),
        ("packs missing", *packs_missing),
        ("packs corrected", *packs_corrected),
        ("packs damaged", *packs_damaged),
        ("packs unreadable", *packs_unreadable),
        ("pieces lost", *blobs_lost),
        ("packs then", *packs),
    ] {
        if count > 0 {
            details.row(what, human::count(count));
        }
    }
    output.lines(details.lines(output))
}
