//! `backupctl repository locks` and `unlock`

use std::collections::HashMap;

use backupd_core::protocol::{LockRecord, LockState};
use backupd_dbus::ExitCode;
use jiff::tz::TimeZone;
use serde::Serialize;
use zbus::Variant;

use super::{Context, confirm::confirmed};
use crate::{
    cli::UnlockArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{
        Output, human,
        json::{self, Document},
        table::Table,
    },
    records::Records,
};

/// Shows all locks.
pub(super) async fn list(context: &Context<'_>, name: &str) -> Done {
    let daemon = Daemon::connect(context).await?;
    let locks = read(&daemon, name).await?;
    let output = context.output;
    if output.json {
        output.document(&json::list("locks", &locks))?;
    } else if locks.is_empty() {
        output.note(&format!("nobody holds a lock of the repository `{name}`"));
    } else {
        output.table(&table(&locks))?;
    }
    Ok(SUCCESS)
}

/// Removes those that nobody holds, or those that are named.
pub(super) async fn unlock(context: &Context<'_>, arguments: &UnlockArgs) -> Done {
    let output = context.output;
    let name = arguments.name.as_str();
    let daemon = Daemon::connect(context).await?;
    let locks = read(&daemon, name).await?;
    let chosen = chosen(&locks, arguments)?;
    if !output.json {
        tell(output, name, &locks, &chosen)?;
    }
    if arguments.dry_run || chosen.is_empty() {
        return removed(output, arguments, &chosen);
    }
    if !arguments.yes {
        let question = format!(
            "remove {} of the repository `{name}`?",
            human::counted(chosen.len() as u64, "lock")
        );
        if !confirmed(context, &question, "give `--yes` to remove without a question")? {
            output.note("nothing was changed");
            return Ok(ExitCode::Failed as u8);
        }
    }
    let ids: Vec<&str> = chosen.iter().map(|lock| lock.id.as_str()).collect();
    let options: HashMap<&str, Variant<'_>> = if arguments.force {
        [("force", Variant::new(true))].into()
    } else {
        HashMap::new()
    };
    let answer = daemon.repository(name).await?.unlock(&ids, &options).await;
    let answer = answer.map_err(|error| daemon.failure(error))?;
    let gone: Vec<LockRecord> = Records::new(answer).collect::<Result<_, _>>()?;
    removed(output, arguments, &gone.iter().collect::<Vec<_>>())
}

async fn read(daemon: &Daemon, name: &str) -> Result<Vec<LockRecord>, Failure> {
    daemon.objects().await?.known_repository(name)?;
    let answer = daemon.repository(name).await?.open_locks(&[].into()).await;
    Records::new(answer.map_err(|error| daemon.failure(error))?).collect()
}

/// Those that are to go.
fn chosen<'a>(locks: &'a [LockRecord], arguments: &UnlockArgs) -> Result<Vec<&'a LockRecord>, Failure> {
    if arguments.locks.is_empty() {
        return Ok(locks.iter().filter(|lock| lock.state.is_over()).collect());
    }
    let mut chosen: Vec<&LockRecord> = Vec::new();
    for text in &arguments.locks {
        let mut found = locks
            .iter()
            .filter(|lock| !text.is_empty() && lock.id.starts_with(text));
        let lock = match (found.next(), found.next()) {
            (Some(lock), None) => lock,
            (Some(_), Some(_)) => {
                return Err(
                    Failure::usage(format!("the ids of several locks begin with `{text}`"))
                        .hint("give more of the id"),
                );
            }
            (None, _) => {
                let message = format!("no id of a lock begins with `{text}`");
                return Err(
                    Failure::new("NoSuchLock", ExitCode::NoSuchObject, message).hint(format!(
                        "each refresh gives a lock another id; `backupctl repository locks {}` shows them",
                        arguments.name
                    )),
                );
            }
        };
        if !arguments.force && !lock.state.is_over() {
            return Err(Failure::failed(format!(
                "the lock `{text}` may be held: {}",
                holder(lock)
            ))
            .hint("wait until that work is done; `--force` removes it where you know that nobody is at work there"));
        }
        if !chosen.iter().any(|other| other.id == lock.id) {
            chosen.push(lock);
        }
    }
    Ok(chosen)
}

fn tell(output: &Output, name: &str, locks: &[LockRecord], chosen: &[&LockRecord]) -> Result<(), Failure> {
    if !locks.is_empty() {
        output.table(&table(locks))?;
    }
    let held = locks.len() - chosen.len();
    if chosen.is_empty() && held > 0 {
        output.note(&format!(
            "nothing is left to remove: {} may be held, and will go by itself; `--lock ID --force` removes one \
             where you know that nobody is at work there",
            human::counted(held as u64, "lock")
        ));
    } else if chosen.is_empty() {
        output.note(&format!("nobody holds a lock of the repository `{name}`"));
    }
    Ok(())
}

fn removed(output: &Output, arguments: &UnlockArgs, locks: &[&LockRecord]) -> Done {
    #[derive(Serialize)]
    struct Removed<'a> {
        repository: &'a str,
        dry_run: bool,
        locks: &'a [&'a LockRecord],
    }
    if output.json {
        let removed = Removed {
            repository: &arguments.name,
            dry_run: arguments.dry_run,
            locks,
        };
        output.document(&Document::new("unlock", removed))?;
        return Ok(SUCCESS);
    }
    let word = if arguments.dry_run {
        "would remove"
    } else {
        "removed"
    };
    for lock in locks {
        output.line(format!(
            "{word} the lock {} of {}",
            human::short(&lock.id),
            holder(lock)
        ))?;
    }
    Ok(SUCCESS)
}

/// "root on `nas` (pid 12)".
fn holder(lock: &LockRecord) -> String {
    crate::output::escape::escape(&format!("{} on `{}` (pid {})", lock.user, lock.host, lock.pid))
}

fn table(locks: &[LockRecord]) -> Table {
    let zone = TimeZone::system();
    let mut table = Table::new(&["LOCK", "KIND", "STATE", "SINCE", "REFRESHED", "HELD BY"]);
    for lock in locks {
        let time = |time: Option<jiff::Timestamp>| {
            time.map_or_else(|| "–".to_owned(), |time| human::compact(time, &zone))
        };
        let run = lock.run.as_ref();
        let run = run.map(|run| format!(", run {run}")).unwrap_or_default();
        table.row(vec![
            human::short(&lock.id).into(),
            if lock.exclusive { "exclusive" } else { "shared" }.into(),
            match lock.state {
                LockState::Alive => "at work",
                LockState::Gone => "left over",
                LockState::Stale => "stale",
                LockState::Unknown => "may be held",
            }
            .into(),
            time(lock.since).into(),
            time(lock.refreshed).into(),
            format!("{} on {} (pid {}){run}", lock.user, lock.host, lock.pid).into(),
        ]);
    }
    table
}
