//! `backupctl audit`

mod journal;
mod verify;
mod who;

use std::collections::HashMap;

use backupd_core::audit::{Action, Outcome, Record, Sealed};
use backupd_dbus::AuditRecord;
use serde::Serialize;
use zbus::Variant;

use self::who::Users;
use super::Context;
use crate::{
    cli::{AuditArgs, AuditCommand},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{
        Output, human,
        table::{Cell, Table},
    },
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, arguments: &AuditArgs) -> Done {
    if let Some(AuditCommand::Verify) = arguments.command {
        return verify::run(context).await;
    }
    let mut options: HashMap<&str, Variant<'_>> = HashMap::new();
    for (key, value) in [("since-usec", arguments.since), ("until-usec", arguments.until)] {
        if let Some(value) = value {
            options.insert(key, Variant::from(value.usec()));
        }
    }
    if let Some(job) = &arguments.job {
        options.insert("job", Variant::from(job.as_str()));
    }
    if arguments.limit > 0 {
        options.insert("limit", Variant::from(arguments.limit));
    }
    let records = read(context, &options).await?;
    let mut users = Users::default();
    let output = context.output;
    if output.json {
        for sealed in records {
            let line = Line::new(&sealed?, &mut users);
            let line = serde_json::to_string(&line)
                .map_err(|error| Failure::internal(format!("the record cannot be written: {error}")))?;
            output.line(line)?;
        }
        return Ok(SUCCESS);
    }
    let mut table = Table::new(&["TIME", "WHO", "WHAT", "OBJECT", "RESULT"]);
    let mut empty = true;
    for sealed in records {
        table.row(row(output, &sealed?, &mut users));
        empty = false;
    }
    if empty {
        output.note("no records match");
    }
    output.page()?;
    output.table(&table)?;
    Ok(SUCCESS)
}

/// The records as the daemon hands them out.
async fn read(
    context: &Context<'_>,
    options: &HashMap<&str, Variant<'_>>,
) -> Result<impl Iterator<Item = Result<Sealed, Failure>> + use<>, Failure> {
    let daemon = Daemon::connect(context).await?;
    let fd = daemon.manager().await?.open_audit(options).await;
    let fd = fd.map_err(|error| daemon.failure(error))?;
    Ok(Records::<AuditRecord>::new(fd)
        .map(|record| record.map(|AuditRecord { seq, record, hash }| Sealed { seq, record, hash })))
}

/// A record for programs.
#[derive(Serialize)]
struct Line {
    seq: u64,
    hash: String,
    /// To the byte what the hash is of.
    canonical: String,
    user: Option<String>,
    /// Nothing where nobody can read it.
    record: Option<Record>,
}

impl Line {
    fn new(sealed: &Sealed, users: &mut Users) -> Self {
        let record: Option<Record> = serde_json::from_str(&sealed.record).ok();
        Self {
            seq: sealed.seq,
            hash: sealed.hash.clone(),
            canonical: sealed.record.clone(),
            user: record.as_ref().and_then(|record| users.name(record.entry.uid)),
            record,
        }
    }
}

fn row(output: &Output, sealed: &Sealed, users: &mut Users) -> Vec<Cell> {
    let palette = output.look.palette;
    let Ok(Record { entry, .. }) = serde_json::from_str::<Record>(&sealed.record) else {
        let said = format!(
            "record {} cannot be read: see `backupctl audit verify`",
            sealed.seq
        );
        let mut cells = vec![Cell::default(); 4];
        cells.push(Cell::styled(said, palette.bad));
        return cells;
    };
    let time = jiff::Timestamp::from_microsecond(entry.time_usec).ok();
    let what = if entry.action == Action::Call {
        entry.call.as_str()
    } else {
        entry.action.as_str()
    };
    let names = [&entry.job, &entry.repository];
    let name = names.into_iter().find(|name| !name.is_empty());
    let object = [name, Some(&entry.run)].into_iter().flatten();
    let object: Vec<&str> = object
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    let (style, result) = match entry.result {
        Outcome::Done => (palette.good, done(&entry)),
        Outcome::Refused => (palette.warn, format!("refused: {}", entry.reason)),
        Outcome::Failed => (palette.bad, format!("failed: {}", entry.reason)),
    };
    vec![
        time.map(|time| human::compact(time, &output.zone))
            .unwrap_or_default()
            .into(),
        users.of(&entry).into(),
        what.into(),
        object.join(" ").into(),
        Cell::styled(result, style),
    ]
}

/// What there is to say of something that was done.
fn done(entry: &backupd_core::audit::Entry) -> String {
    match entry.action {
        Action::RunRestore => format!("done: {} to {}", entry.snapshot, entry.target),
        Action::RunEnd => format!("done: {}", entry.new),
        _ if !entry.new_revision.is_empty() => format!("done: revision {}", entry.new_revision),
        _ if entry.reason.is_empty() => "done".to_owned(),
        _ => format!("done: {}", entry.reason),
    }
}
