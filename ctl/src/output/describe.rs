//! Lines about a job or a run, for the detailed views.

use anstyle::Style;
use backupd_core::failure::FailureClass;
use backupd_dbus::{Blocked, ProgressProperties, RunProperties, StatisticsProperties};
use serde::{Deserialize as _, de::IntoDeserializer as _};

use super::{Output, escape::escape, human, style};

/// Lines of `name: value`, the names right-aligned as `systemctl status` has them.
#[derive(Default)]
pub(crate) struct Details {
    rows: Vec<(&'static str, String)>,
}

impl Details {
    /// A row with text of ours.
    pub(crate) fn row(&mut self, name: &'static str, value: impl Into<String>) {
        self.rows.push((name, value.into()));
    }

    /// A row with text from outside, if there is any.
    pub(crate) fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.row(name, escape(value));
        }
    }

    /// The lines; rows of the same name in succession name it once.
    pub(crate) fn lines(&self, output: &Output) -> Vec<String> {
        let widest = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut before = "";
        let mut lines = Vec::with_capacity(self.rows.len());
        for (name, value) in &self.rows {
            let label = if *name == before {
                String::new()
            } else {
                format!("{name}:")
            };
            before = name;
            let padding = " ".repeat((widest + 1).saturating_sub(label.len()) + 2);
            let label = output.look.paint(output.look.palette.dim, &label);
            lines.push(format!("{padding}{label} {}", output.look.degrade(value)));
        }
        lines
    }
}

impl Output {
    /// `2h ago (2026-11-20 18:40:22 CET)`.
    pub(crate) fn when(&self, usec: Option<u64>) -> Option<String> {
        let time = human::moment(usec)?;
        Some(format!(
            "{} ({})",
            human::relative(time, self.now),
            human::absolute(time, &self.zone)
        ))
    }

    /// `until 2026-11-21 08:00:00 CET (in 13h)`, or until somebody resumes it.
    pub(crate) fn until(&self, usec: Option<u64>) -> String {
        let Some(time) = human::moment(usec) else {
            return "until it is resumed".to_owned();
        };
        format!(
            "until {} ({})",
            human::absolute(time, &self.zone),
            human::relative(time, self.now)
        )
    }

    /// `2h ago`, or `never`.
    pub(crate) fn ago(&self, usec: Option<u64>) -> String {
        human::moment(usec).map_or_else(|| "never".to_owned(), |time| human::relative(time, self.now))
    }

    /// How long a run takes or took; nothing before it began.
    pub(crate) fn took(&self, run: &RunProperties) -> Option<String> {
        let from = run.started_usec.filter(|usec| *usec > 0)?;
        let now = u64::try_from(self.now.as_microsecond()).unwrap_or(0);
        let to = run.finished_usec.filter(|usec| *usec > 0).unwrap_or(now);
        Some(human::duration(to.saturating_sub(from)))
    }

    /// A health: symbol and word in its colour.
    pub(crate) fn health(&self, health: Option<&str>) -> (String, Style) {
        let word = health.unwrap_or("unknown");
        let (symbol, style) = style::health(&self.look.palette, word);
        (format!("{symbol} {word}"), style)
    }

    /// A run's result, or its state before there is one: symbol and word in its colour.
    pub(crate) fn outcome(&self, run: &RunProperties) -> (String, Style) {
        let (state, result) = (
            run.state.as_deref().unwrap_or_default(),
            run.result.as_deref().unwrap_or_default(),
        );
        let (symbol, style) = style::run(&self.look.palette, state, result);
        let word = match (result, state) {
            ("", "finished") => "finished",
            ("", state) if run.cancel_requested == Some(true) => {
                return (format!("{symbol} {state}, cancelling"), style);
            }
            ("", state) => state,
            (result, _) => result,
        };
        (format!("{symbol} {word}"), style)
    }

    /// `attempt 2 in 3m`, of a run that waits for it.
    pub(crate) fn next_attempt(&self, run: &RunProperties) -> Option<String> {
        let at = human::moment(run.next_attempt_usec)?;
        let number = run.attempt.unwrap_or_default().saturating_add(1);
        Some(format!("attempt {number} {}", human::relative(at, self.now)))
    }

    /// What holds a run, since when, and what clears it.
    pub(crate) fn blocked(&self, blocked: &Blocked) -> String {
        let since = human::moment(Some(blocked.since_usec))
            .map(|time| self.now.duration_since(time).as_secs().max(0).unsigned_abs())
            .map(|seconds| format!(", for {}", human::about(seconds)))
            .unwrap_or_default();
        let clears = match blocked.clears.as_str() {
            "" => String::new(),
            clears => format!("; cleared by {}", escape(clears)),
        };
        format!("{}{since}{clears}", escape(&blocked.what))
    }
}

/// `backup 42 %, 12.0 MiB/s, 3m 5s left`; what is not known is left out.
pub(crate) fn progress(run: &RunProperties) -> String {
    let mut parts = vec![
        run.phase
            .as_deref()
            .filter(|phase| !phase.is_empty())
            .unwrap_or("")
            .to_owned(),
    ];
    if let Some(progress) = &run.progress {
        if let Some(percent) = percent(progress) {
            let phase = parts.pop().unwrap_or_default();
            parts.push(format!("{phase} {percent} %").trim_start().to_owned());
        }
        parts.extend(progress.rate.filter(|rate| *rate >= 1.0).map(human::rate));
        parts.extend(
            progress
                .left_usec
                .map(|left| format!("{} left", human::duration(left))),
        );
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// Whole percent, never 100 before the end.
pub(crate) fn percent(progress: &ProgressProperties) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 100"
    )]
    progress
        .fraction
        .map(|fraction| (fraction.clamp(0.0, 1.0) * 100.0) as u64)
}

/// Lines of sums, of a backup or a restore.
pub(crate) fn statistics(details: &mut Details, operation: Option<&str>, sums: &StatisticsProperties) {
    if is_zero(operation, sums) {
        return;
    }
    let count = |number: Option<u64>| human::count(number.unwrap_or_default());
    let size = |bytes: Option<u64>| human::size(bytes.unwrap_or_default());
    if let Some("check" | "prune" | "repair") = operation {
        care(details, sums);
        if let Some(replaced) = sums.snapshots_forgotten.filter(|count| *count > 0) {
            details.row("replaced", human::counted(replaced, "snapshot"));
        }
    } else if operation == Some("forget") {
        let gone = human::counted(sums.snapshots_forgotten.unwrap_or_default(), "snapshot");
        details.row("forgotten", gone);
        details.row("kept", count(sums.snapshots_kept));
    } else if operation == Some("copy") {
        let copied = human::counted(sums.snapshots_copied.unwrap_or_default(), "snapshot");
        details.row("copied", format!("{copied}, {} stored", size(sums.bytes_stored)));
        details.row("there already", count(sums.snapshots_present));
    } else if operation == Some("move") {
        let size = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0).map(human::size);
        for (name, bytes) in [
            ("brought", sums.bytes_stored),
            ("read there", sums.bytes_checked),
            ("removed", sums.bytes_freed),
        ] {
            if let Some(bytes) = size(bytes) {
                details.row(name, bytes);
            }
        }
    } else if operation == Some("restore") {
        let files = human::counted(sums.files_restored.unwrap_or_default(), "file");
        details.row("restored", format!("{files}, {}", size(sums.bytes_restored)));
    } else {
        details.row(
            "files",
            format!(
                "{} new, {} changed, {} unmodified, {} unreadable",
                count(sums.files_new),
                count(sums.files_changed),
                count(sums.files_unmodified),
                count(sums.files_unreadable)
            ),
        );
        let ratio = sums
            .compression_ratio
            .map(|ratio| format!(" (ratio {ratio:.2})"))
            .unwrap_or_default();
        details.row(
            "data",
            format!(
                "{} read, {} added, {} stored{ratio}",
                size(sums.bytes_read),
                size(sums.bytes_added),
                size(sums.bytes_stored)
            ),
        );
    }
    if let Some(rate) = sums.bytes_per_second.filter(|rate| *rate >= 1.0) {
        details.row("speed", human::rate(rate));
    }
    if let Some(warnings) = sums.warnings.filter(|warnings| *warnings > 0) {
        details.row("warnings", count(Some(warnings)));
    }
}

/// Lines of sums of a check or a prune; what neither did is left out.
fn care(details: &mut Details, sums: &StatisticsProperties) {
    let size = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0).map(human::size);
    if let Some(stored) = size(sums.bytes_repository) {
        let unused = size(sums.bytes_unused)
            .map(|unused| format!(", of which {unused} of no use"))
            .unwrap_or_default();
        details.row("stored", format!("{stored}{unused}"));
    }
    for (name, bytes) in [
        ("data read", sums.bytes_checked),
        ("written anew", sums.bytes_repacked),
        ("freed", sums.bytes_freed),
    ] {
        if let Some(bytes) = size(bytes) {
            details.row(name, bytes);
        }
    }
    if let Some(errors) = sums.errors_found.filter(|errors| *errors > 0) {
        details.row("errors", human::count(errors));
    }
}

/// Whether there is nothing to tell: the run did not come that far.
fn is_zero(operation: Option<&str>, sums: &StatisticsProperties) -> bool {
    // How large the repository is says nothing of what a backup did.
    let cares = matches!(operation, Some("check" | "prune" | "repair"));
    let sums = [
        sums.files_new,
        sums.files_changed,
        sums.files_unmodified,
        sums.files_unreadable,
        sums.files_restored,
        sums.bytes_processed,
        sums.bytes_stored,
        sums.bytes_restored,
        sums.bytes_repository.filter(|_| cares),
        sums.bytes_checked,
        sums.bytes_freed,
        sums.errors_found,
        sums.snapshots_forgotten,
        sums.snapshots_kept,
        sums.snapshots_copied,
        sums.snapshots_present,
        sums.warnings,
    ];
    sums.into_iter().flatten().all(|sum| sum == 0)
}

/// Lines of what whoever started a run overrode.
pub(crate) fn overrode(details: &mut Details, run: &RunProperties) {
    for what in run.overrode.iter().flatten() {
        details.text("overrode", Some(what));
    }
}

/// What is said of a run that the machine would try again, and does not.
pub(crate) const IS_FINAL: &str = "it is not tried again, since that would not help";

/// Whether a run failed for good: not for want of another attempt, but because none would end better by itself. Of runs
/// that are not tried again anyhow, such as most that somebody started, nobody is told.
pub(crate) fn is_final(run: &RunProperties) -> bool {
    let tried_again = run.kind.as_deref() == Some("automatic")
        || run.attempts.as_ref().is_some_and(|attempts| attempts.len() > 1);
    let class = run.failure_class.as_deref().unwrap_or_default();
    let class: Result<_, serde::de::value::Error> = FailureClass::deserialize(class.into_deserializer());
    tried_again && run.result.as_deref() == Some("failed") && class.is_ok_and(|class| !class.is_transient())
}

/// Lines of why a run did not end well.
pub(crate) fn failure(details: &mut Details, run: &RunProperties) {
    if let Some(class) = run.failure_class.as_deref().filter(|class| !class.is_empty()) {
        let message = run.failure_message.as_deref().unwrap_or_default();
        details.row("failure", format!("{} ({})", escape(message), escape(class)));
        if is_final(run) {
            details.row("retry", IS_FINAL);
        }
        details.text("hint", run.failure_hint.as_deref());
    }
}
