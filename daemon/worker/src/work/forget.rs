//! A forget: the rules are applied to the job's snapshots as they are now, the guard looks, and then they go.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use backupd_core::{
    config::SnapshotMark,
    failure::{Failure, FailureClass},
    protocol::{DECISIONS_FILE, DecisionRecord, FORGOTTEN_DIRECTORY, ForgetWork, RetentionPreview, job_tag},
    retention::{self, Decisions, Guarded, Objection, SnapshotFacts},
    run::{Phase, Statistics},
    zones,
};
use backupd_engine::{ForgetRequest, SnapshotInfo, SnapshotQuery};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    counted,
    mark::mark,
    query::{ended, tell},
    series,
};
use crate::{
    attempt::{Context, Ended},
    failure, surroundings,
};

/// Removes the snapshots that the rules let go.
pub(crate) fn forget(context: &Context<'_>, work: &ForgetWork) -> Ended {
    let outcome = match decide(context, work, Timestamp::now()) {
        Ok(outcome) => outcome,
        Err(failure) => return failure.into(),
    };
    // First of all: what was decided is known whatever comes then.
    if let Err(error) = outcome.keep(context.directory) {
        return unwritten(context, &error).into();
    }
    if let Some(first) = outcome.guarded.refused.first() {
        for objection in &outcome.guarded.refused {
            context.events.warning(None, &objection.message);
        }
        return refused(context, work, first, outcome.guarded.refused.len()).into();
    }
    let snapshots: Vec<String> = outcome
        .decisions
        .forgotten()
        .map(|decision| decision.id.clone())
        .collect();
    let mut statistics = Statistics {
        snapshots_kept: outcome.decisions.kept().count() as u64,
        ..Statistics::default()
    };
    if snapshots.is_empty() {
        return Ended::success(Some(statistics));
    }
    let request = ForgetRequest {
        snapshots,
        keep: context.directory.join(FORGOTTEN_DIRECTORY),
    };
    let forgotten = context
        .engine
        .forget(context.access, &request, context.witness, context.cancellation);
    match forgotten {
        Ok(report) => {
            statistics.snapshots_forgotten = report.forgotten.len() as u64;
            Ended::success(Some(statistics))
        }
        Err(error) => failure::explain(&error, context.spec, context.cancellation).into(),
    }
}

/// Says what that would do.
pub(crate) fn retention_preview(
    context: &Context<'_>,
    preview: &RetentionPreview,
    answer: &mut dyn Write,
) -> Ended {
    let now = preview.at.unwrap_or_else(Timestamp::now);
    match decide(context, &preview.forget, now) {
        Ok(outcome) => ended(context, outcome.tell(answer).and_then(|()| answer.flush())),
        Err(failure) => failure.into(),
    }
}

/// What is to become of the snapshots.
struct Outcome {
    snapshots: Vec<SnapshotInfo>,
    decisions: Decisions,
    guarded: Guarded,
}

fn decide(context: &Context<'_>, work: &ForgetWork, now: Timestamp) -> Result<Outcome, Failure> {
    let spec = context.spec;
    let zone = zone(context, work)?;
    context.witness.enter(Phase::Index);
    // Other machines may have a job of this name, and the same repository.
    let query = SnapshotQuery {
        series: Some(series(
            &work.job,
            Some(work.host.clone().unwrap_or_else(surroundings::host)),
            &work.adopts,
        )),
        ..SnapshotQuery::default()
    };
    let snapshots = context
        .engine
        .snapshots(context.access, &query)
        .map_err(|error| failure::explain(&error, spec, context.cancellation))?;
    if context.cancellation.is_cancelled() {
        return Err(failure::cancelled(spec));
    }
    let marks = &spec.repository.marks;
    let facts: Vec<SnapshotFacts> = snapshots.iter().map(|info| facts(info, work, marks)).collect();
    let decisions = retention::decide(now, &zone, &work.rules, &facts);
    let guarded = retention::guard(now, &facts, &decisions, work.clock_doubt.as_deref(), work.force);
    Ok(Outcome {
        snapshots,
        decisions,
        guarded,
    })
}

fn zone(context: &Context<'_>, work: &ForgetWork) -> Result<TimeZone, Failure> {
    let Some(name) = &work.zone else {
        return Ok(zones::local());
    };
    zones::get(name).ok_or_else(|| {
        let message = failure::about(context.spec, &format!("there is no time zone `{name}`"));
        Failure::new(FailureClass::Configuration, message)
            .hint("nothing was removed; install the system's time zones (the package `tzdata`)")
    })
}

/// What the snapshot says, with what the daemon knows.
fn facts(info: &SnapshotInfo, work: &ForgetWork, marks: &[SnapshotMark]) -> SnapshotFacts {
    let own = job_tag(&work.job);
    let SnapshotMark { pinned, expires, .. } = mark(info, marks);
    let facts = SnapshotFacts {
        bytes_stored: info.bytes_stored,
        bytes: info.bytes,
        files: info.files,
        tags: info.tags.iter().filter(|tag| **tag != own).cloned().collect(),
        pinned,
        expires,
        ..SnapshotFacts::new(info.id.clone(), info.time)
    };
    match work.known.iter().find(|known| known.id == info.id) {
        Some(known) => known.complete(facts),
        // It was there before all that the daemon has learnt of.
        None if work.known_since.is_some_and(|since| info.time < since) => SnapshotFacts {
            arrival: Some(0),
            ..facts
        },
        None => facts,
    }
}

impl Outcome {
    fn records(&self) -> impl Iterator<Item = DecisionRecord> {
        let decisions = self.decisions.all.iter().map(|decision| {
            let info = self.snapshots.iter().find(|info| info.id == decision.id);
            DecisionRecord::Snapshot {
                decision: decision.clone(),
                bytes_stored: info.and_then(|info| info.bytes_stored),
                bytes: info.and_then(|info| info.bytes),
            }
        });
        let objections = |objections: &[Objection], overridden| {
            let records = objections.iter().map(move |objection| DecisionRecord::Objection {
                objection: objection.clone(),
                overridden,
            });
            records.collect::<Vec<_>>()
        };
        decisions
            .chain(objections(&self.guarded.refused, false))
            .chain(objections(&self.guarded.overridden, true))
    }

    fn tell(&self, answer: &mut dyn Write) -> io::Result<()> {
        self.records().try_for_each(|record| tell(answer, &record))
    }

    /// Writes it into the run directory, to stay.
    fn keep(&self, directory: &Path) -> io::Result<()> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(directory.join(DECISIONS_FILE))?;
        let mut file = BufWriter::new(file);
        self.tell(&mut file)?;
        file.into_inner()?.sync_all()?;
        File::open(directory)?.sync_all()
    }
}

fn unwritten(context: &Context<'_>, error: &io::Error) -> Failure {
    let message = failure::about(
        context.spec,
        &format!("cannot write down which snapshots go, and so none went: {error}"),
    );
    let class = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureClass::NoSpace,
        _ => FailureClass::Engine,
    };
    Failure::new(class, message).hint(format!(
        "make room, and look at the mode of `{}`",
        context.directory.display()
    ))
}

fn refused(context: &Context<'_>, work: &ForgetWork, first: &Objection, count: usize) -> Failure {
    let more = match count {
        0 | 1 => String::new(),
        _ => format!("; {} more", counted(count as u64 - 1, "objection", "objections")),
    };
    let message = failure::about(
        context.spec,
        &format!("nothing was forgotten: {}{more}", first.message),
    );
    let force = if first.kind.yields_to_force() {
        format!(
            " (`backupctl retention preview {0}` shows it all, `backupctl forget {0} --force` forces it)",
            work.job
        )
    } else {
        String::new()
    };
    Failure::new(FailureClass::Guarded, message).hint(format!("{}{force}", first.hint))
}

#[cfg(test)]
mod tests;
