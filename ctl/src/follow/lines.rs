//! What is said of a run on its way.

use backupd_dbus::{ProgressProperties, RunProperties};

use crate::output::{
    Output,
    describe::{self, Details},
    escape::escape,
    human,
};

/// What a run is called among others.
pub(super) fn title(run: &RunProperties) -> String {
    let job = run.job_name.as_deref().filter(|job| !job.is_empty());
    let repository = run.repository_name.as_deref().unwrap_or_default();
    let operation = run.operation.as_deref().unwrap_or("run");
    match (job, operation) {
        (Some(job), "backup") => escape(job),
        (Some(job), "copy") => escape(&format!("copy of {job} to {repository}")),
        (Some(job), operation) => escape(&format!("{operation} of {job}")),
        (None, "restore") => escape(&format!("restore from {repository}")),
        (None, operation) => escape(&format!("{operation} of {repository}")),
    }
}

/// The part of a run that is news when it changes.
pub(super) fn stage(run: &RunProperties) -> String {
    let state = run.state.as_deref().unwrap_or_default();
    match state {
        "running" => run
            .phase
            .clone()
            .filter(|phase| !phase.is_empty())
            .unwrap_or_else(|| state.to_owned()),
        _ if run.cancel_requested == Some(true) => format!("{state}, cancelling"),
        _ => state.to_owned(),
    }
}

/// Where a run stands, in one line.
pub(super) fn standing(output: &Output, run: &RunProperties) -> String {
    let stage = stage(run);
    match run.state.as_deref() {
        Some("backoff") => match output.next_attempt(run) {
            Some(next) => format!("{stage}: {next}"),
            None => stage,
        },
        // A run at work has a reason to stand still where a lock of somebody else is in its way.
        Some("queued" | "waiting" | "running") if let Some([first, ..]) = run.blocked_by.as_deref() => {
            format!("{stage}: {}", output.blocked(first))
        }
        Some("running") => match run
            .progress
            .as_ref()
            .map(|progress| amounts(progress, unit_of(run)))
            .filter(|amounts| !amounts.is_empty())
        {
            Some(amounts) => format!("{stage} {amounts}"),
            None => stage,
        },
        _ => stage,
    }
}

/// What an operation goes through one by one.
fn unit_of(run: &RunProperties) -> &'static str {
    match run.operation.as_deref() {
        Some("check" | "prune" | "repair") => "packs",
        _ => "files",
    }
}

/// `42 %, 120 of 300 files, 1.0 GiB of 2.0 GiB, 12.0 MiB/s, 3m 5s left`.
pub(super) fn amounts(progress: &ProgressProperties, unit: &str) -> String {
    // What has not begun and has no known end says nothing.
    let amount = |done: Option<u64>, total: Option<u64>, show: fn(u64) -> String| match (done, total) {
        (Some(done), Some(total)) if total > 0 => Some(format!("{} of {}", show(done), show(total))),
        (Some(done), _) if done > 0 => Some(show(done)),
        _ => None,
    };
    let files = amount(progress.files_done, progress.files_total, human::count);
    let mut parts = Vec::new();
    parts.extend(describe::percent(progress).map(|percent| format!("{percent} %")));
    parts.extend(files.map(|files| format!("{files} {unit}")));
    parts.extend(amount(progress.bytes_done, progress.bytes_total, human::size));
    parts.extend(progress.rate.filter(|rate| *rate >= 1.0).map(human::rate));
    parts.extend(
        progress
            .left_usec
            .map(|left| format!("{} left", human::duration(left))),
    );
    if let Some(unreadable) = progress.unreadable.filter(|unreadable| *unreadable > 0) {
        parts.push(format!("{} unreadable", human::count(unreadable)));
    }
    parts.join(", ")
}

/// How a run ended, in one line.
pub(super) fn ending(output: &Output, run: &RunProperties) -> String {
    let (outcome, style) = output.outcome(run);
    let mut line = vec![format!("{} {}", output.look.paint(style, &outcome), title(run))];
    if let Some(took) = output.took(run) {
        line.push(format!(" in {took}"));
    }
    if let Some(snapshot) = run.snapshot.as_deref().filter(|snapshot| !snapshot.is_empty()) {
        line.push(format!(", snapshot {}", escape(human::short(snapshot))));
    }
    line.concat()
}

/// What a run has done, below its [`ending`].
pub(super) fn summary(output: &Output, run: &RunProperties) -> Vec<String> {
    let mut details = Details::default();
    describe::overrode(&mut details, run);
    if let Some(sums) = &run.statistics {
        describe::statistics(&mut details, run.operation.as_deref(), sums);
    }
    details.text("snapshot", run.snapshot.as_deref());
    describe::failure(&mut details, run);
    details.lines(output)
}

/// What a run overrode, below its [`ending`] where nothing else is told.
pub(super) fn overrode(output: &Output, run: &RunProperties) -> Vec<String> {
    let mut details = Details::default();
    describe::overrode(&mut details, run);
    details.lines(output)
}

/// Where to read on, for a run that had something to say.
pub(super) fn where_to_look(run: &RunProperties) -> Option<String> {
    let warned = run
        .statistics
        .as_ref()
        .and_then(|sums| sums.warnings)
        .is_some_and(|warnings| warnings > 0);
    let well = run.result.as_deref() == Some("success") && !warned;
    let id = run.id.as_deref()?;
    (!well).then(|| format!("log {id}"))
}
