//! `backupctl forget` and `backupctl retention`

use std::collections::HashMap;

use backupd_core::{
    protocol::{DecisionRecord, UnforgetRecord},
    retention::{Decision, Objection},
};
use backupd_dbus::ExitCode;
use serde::Serialize;
use zbus::Variant;

use super::{Context, care, start};
use crate::{
    cli::{ForgetArgs, PreviewArgs, RetentionCommand},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    find,
    output::{
        Output,
        escape::escape,
        human,
        json::Document,
        table::{Cell, Table},
    },
    records::Records,
};

/// Digits of a full id.
const FULL: usize = 64;

pub(super) async fn run(context: &Context<'_>, command: RetentionCommand) -> Done {
    match command {
        RetentionCommand::Preview(arguments) => preview(context, &arguments).await,
        RetentionCommand::Show(arguments) => {
            let daemon = Daemon::connect(context).await?;
            let run = run_proxy(&daemon, &arguments.run).await?;
            let decisions = run.open_decisions(&[].into()).await;
            let decisions = Told::read(decisions.map_err(|error| daemon.failure(error))?)?;
            decisions.show(context.output, false)
        }
    }
}

pub(super) async fn forget(context: &Context<'_>, arguments: &ForgetArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    let Some(job) = &arguments.job else {
        return undo(context, &daemon, arguments).await;
    };
    daemon.objects().await?.known_job(job)?;
    let mut options = start::options(&arguments.note);
    if arguments.force {
        options.insert("force", Variant::from(true));
    }
    let reply = daemon.job(job).await?.forget(&options).await;
    care::stay(context, &daemon, reply, Some(job.clone()), arguments.stay).await
}

async fn run_proxy(daemon: &Daemon, text: &str) -> Result<backupd_dbus::RunProxy<'static>, Failure> {
    let objects = daemon.objects().await?;
    let run = find::run_of_job(daemon, &objects, text).await?;
    let id = run.id.unwrap_or_default();
    // A run that is history gets its object back.
    let path = daemon.reader().await?.get_run(&id, &[].into()).await;
    daemon
        .run_proxy(path.map_err(|error| daemon.failure(error))?)
        .await
}

async fn undo(context: &Context<'_>, daemon: &Daemon, arguments: &ForgetArgs) -> Done {
    #[derive(Serialize)]
    struct Undone<'a> {
        run: &'a str,
        snapshots: &'a [UnforgetRecord],
    }
    let output = context.output;
    let id = arguments.undo.as_deref().unwrap_or_default();
    let run = run_proxy(daemon, id).await?;
    let mut options: HashMap<&str, Variant<'_>> = HashMap::new();
    if !arguments.snapshots.is_empty() {
        let snapshots = in_full(daemon, &run, id, &arguments.snapshots).await?;
        options.insert("snapshots", Variant::new(snapshots));
    }
    let answer = run
        .unforget(&options)
        .await
        .map_err(|error| daemon.failure(error))?;
    let records: Vec<UnforgetRecord> = Records::new(answer).collect::<Result<_, _>>()?;
    let lost = records.iter().filter(|record| !record.present).count();
    let code = if lost == 0 {
        SUCCESS
    } else {
        ExitCode::Partial as u8
    };
    if output.json {
        let undone = Undone {
            run: id,
            snapshots: &records,
        };
        output.document(&Document::new("unforget", undone))?;
        return Ok(code);
    }
    if records.is_empty() {
        output.note("the run removed no snapshot");
        return Ok(SUCCESS);
    }
    for record in &records {
        let short = escape(human::short(&record.id));
        match &record.reason {
            None => output.line(format!("{short} is there"))?,
            Some(reason) => output.line(format!("{short} is lost: {}", escape(reason)))?,
        }
    }
    if lost < records.len() {
        output.note("note: the job's next backup lets them go again, unless its `retention` says something else by then");
    }
    Ok(code)
}

/// The full ids of snapshots that a run removed, each given by a beginning that no other has.
async fn in_full(
    daemon: &Daemon,
    run: &backupd_dbus::RunProxy<'_>,
    id: &str,
    texts: &[String],
) -> Result<Vec<String>, Failure> {
    if texts.iter().all(|text| text.len() == FULL) {
        return Ok(texts.to_vec());
    }
    let decisions = run.open_decisions(&[].into()).await;
    let told = Told::read(decisions.map_err(|error| daemon.failure(error))?)?;
    let gone = |snapshot: &&Snapshot| !snapshot.decision.verdict.is_keep();
    let ids: Vec<&str> = told
        .snapshots
        .iter()
        .filter(gone)
        .map(|snapshot| snapshot.decision.id.as_str())
        .collect();
    let full = |text: &String| {
        let mut found = ids.iter().filter(|id| id.starts_with(text.as_str()));
        let wrong = match (found.next(), found.next()) {
            (Some(only), None) => return Ok((*only).to_owned()),
            (Some(_), Some(_)) => format!(
                "several snapshots that run {id} removed begin with `{}`",
                escape(text)
            ),
            (None, _) => format!("run {id} has removed no snapshot `{}`", escape(text)),
        };
        let show = daemon.scope.command(&format!("retention show {id}"));
        Err(Failure::new("SnapshotNotFound", ExitCode::NoSuchObject, wrong)
            .hint(format!("`{show}` lists what it removed")))
    };
    texts.iter().map(full).collect()
}

async fn preview(context: &Context<'_>, arguments: &PreviewArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_job(&arguments.job)?;
    let mut options = HashMap::new();
    if let Some(at) = arguments.at {
        options.insert("at-usec", Variant::from(crate::cli::usec(at.0)));
    }
    let job = daemon.job(&arguments.job).await?;
    let answer = job.open_retention_preview(&options).await;
    let decisions = Told::read(answer.map_err(|error| daemon.failure(error))?)?;
    decisions.show(context.output, true)
}

/// What was decided, as a worker told it.
#[derive(Default, Serialize)]
struct Told {
    snapshots: Vec<Snapshot>,
    objections: Vec<Against>,
}

#[derive(Serialize)]
struct Snapshot {
    #[serde(flatten)]
    decision: Decision,
    bytes: Option<u64>,
    bytes_stored: Option<u64>,
}

#[derive(Serialize)]
struct Against {
    #[serde(flatten)]
    objection: Objection,
    overridden: bool,
}

impl Told {
    fn read(answer: zbus::OwnedFd) -> Result<Self, Failure> {
        let mut told = Self::default();
        for record in Records::<DecisionRecord>::new(answer) {
            match record? {
                DecisionRecord::Snapshot {
                    decision,
                    bytes_stored,
                    bytes,
                } => told.snapshots.push(Snapshot {
                    decision,
                    bytes,
                    bytes_stored,
                }),
                DecisionRecord::Objection {
                    objection,
                    overridden,
                } => told.objections.push(Against {
                    objection,
                    overridden,
                }),
            }
        }
        Ok(told)
    }

    /// `ahead` where it is still to happen.
    fn show(&self, output: &Output, ahead: bool) -> Done {
        if output.json {
            output.document(&Document::new("retention", self))?;
            return Ok(SUCCESS);
        }
        if self.snapshots.is_empty() {
            output.note("the job has no snapshots");
            return Ok(SUCCESS);
        }
        output.page()?;
        // Where the guard refused, nothing went.
        let ahead = ahead || self.objections.iter().any(|against| !against.overridden);
        let mut table = Table::new(&["SNAPSHOT", "TIME", "AGE", ">ADDED", "", "WHY"]);
        for snapshot in &self.snapshots {
            let decision = &snapshot.decision;
            let (word, style) = if decision.verdict.is_keep() {
                ("stays", output.look.palette.good)
            } else {
                (if ahead { "goes" } else { "went" }, output.look.palette.warn)
            };
            let added = snapshot.bytes_stored.map_or_else(|| "–".to_owned(), human::size);
            table.row(vec![
                human::short(&decision.id).into(),
                human::compact(decision.time, &output.zone).into(),
                human::relative(decision.time, output.now).into(),
                added.into(),
                Cell::styled(word, style),
                decision.verdict.why().into(),
            ]);
        }
        output.table(&table)?;
        output.line("")?;
        output.line(self.sum(ahead))?;
        for against in &self.objections {
            let what = if against.overridden {
                "forced, in spite of"
            } else {
                "the guard refuses"
            };
            output.line(format!("{what}: {}", escape(&against.objection.message)))?;
            if !against.overridden {
                output.line(format!("hint: {}", escape(&against.objection.hint)))?;
            }
        }
        Ok(SUCCESS)
    }

    /// `3 of 40 snapshots go: 1.2 GiB as stored`.
    fn sum(&self, ahead: bool) -> String {
        let going = self
            .snapshots
            .iter()
            .filter(|snapshot| !snapshot.decision.verdict.is_keep());
        let (count, bytes) = going.fold((0_u64, 0_u64), |(count, bytes), snapshot| {
            (
                count + 1,
                bytes.saturating_add(snapshot.bytes_stored.unwrap_or(0)),
            )
        });
        let all = human::counted(self.snapshots.len() as u64, "snapshot");
        let word = match (ahead, count) {
            (true, 1) => "goes",
            (true, _) => "go",
            (false, _) => "went",
        };
        if count == 0 {
            return format!("none of {all} {word}");
        }
        format!(
            "{} of {all} {word}: {} as stored, of which a prune frees what no other needs",
            human::count(count),
            human::size(bytes)
        )
    }
}
