//! Sentences about what is.

use backupd_dbus::{AttemptProperties, ElapseProperties, JobProperties, RunProperties};
use jiff::{Timestamp, tz::TimeZone};

use super::Case;
use crate::output::{Output, describe, escape::escape, human};

pub(super) fn all(output: &Output, case: &Case<'_>) -> Vec<String> {
    let name = escape(case.job.name.as_deref().unwrap_or_default());
    let mut reasons = match case.active {
        Some(run) => of_active(output, &name, run),
        None => vec![idle(output, &name, case)],
    };
    reasons.extend(next(output, case));
    reasons.extend(skipped(output, case));
    reasons.push(health(output, case.job));
    reasons.extend(last(output, case));
    reasons
}

/// Why nothing runs.
fn idle(output: &Output, name: &str, case: &Case<'_>) -> String {
    let job = case.job;
    if job.enabled == Some(false) {
        return format!("`{name}` is switched off by its file");
    }
    if job.paused == Some(true) {
        let all = case.objects.manager.paused == Some(true);
        let who = if all { "as all jobs are" } else { "by name" };
        let until = output.until(job.paused_until_usec);
        return format!("`{name}` is not running: it is paused, {who}, {until}");
    }
    let scheduled = job
        .schedule
        .as_deref()
        .is_some_and(|schedules| !schedules.is_empty());
    if !scheduled {
        return format!("`{name}` is not running: nobody has started it, and it has no schedule");
    }
    match human::moment(job.next_usec) {
        None => format!("`{name}` is not running: its schedules do not elapse any more"),
        Some(next) if next <= output.now => format!(
            "`{name}` is due since {}; it starts when the machine has settled after its start or its sleep",
            human::absolute(next, &output.zone)
        ),
        Some(_) => format!("`{name}` is not running: it is not due"),
    }
}

/// When it starts by itself, and why then.
fn next(output: &Output, case: &Case<'_>) -> Option<String> {
    let elapse = case.elapse?;
    let at = human::moment(elapse.at_usec)?;
    let starts = if case.job.paused == Some(true) {
        "its next elapse is"
    } else {
        "it starts next"
    };
    let schedule = elapse.schedule.as_deref().map(escape).unwrap_or_default();
    Some(format!(
        "{starts} {} ({}{}), by its schedule `{schedule}`",
        human::relative(at, output.now),
        human::absolute(at, &output.zone),
        there(output, elapse, at).unwrap_or_default(),
    ))
}

/// What the job's own clock shows, where that is another time.
fn there(output: &Output, elapse: &ElapseProperties, at: Timestamp) -> Option<String> {
    let name = elapse.time_zone.as_deref().filter(|name| !name.is_empty())?;
    let zone = TimeZone::get(name).ok()?;
    let differs = zone.to_offset(at) != output.zone.to_offset(at);
    let there = at.to_zoned(zone);
    differs.then(|| format!(", {} in {}", there.strftime("%a %H:%M"), escape(name)))
}

/// The elapse that was passed over last.
fn skipped(output: &Output, case: &Case<'_>) -> Option<String> {
    let run = case.skipped?;
    let at = human::moment(run.scheduled_usec).or_else(|| human::moment(run.queued_usec))?;
    let why = run.failure_message.as_deref().filter(|why| !why.is_empty());
    let why = why.map(|why| format!(": {}", escape(why))).unwrap_or_default();
    Some(format!(
        "its elapse at {} was passed over{why}",
        human::absolute(at, &output.zone)
    ))
}

fn health(output: &Output, job: &JobProperties) -> String {
    let health = escape(job.health.as_deref().unwrap_or("unknown"));
    let reason = job.health_reason.as_deref().filter(|reason| !reason.is_empty());
    let never = job.last_success_usec.is_none_or(|usec| usec == 0);
    let text = match reason {
        Some(reason) => format!("its health is {health}: {}", escape(reason)),
        None if never => format!("its health is {health}: it has not succeeded yet"),
        None => {
            let ago = output.ago(job.last_success_usec);
            format!("its health is {health}: the last success was {ago}")
        }
    };
    let late = human::moment(job.late_usec).map(|late| (late, human::absolute(late, &output.zone)));
    match late {
        None => text,
        Some((late, clock)) if late <= output.now => format!("{text}; late since {clock}"),
        Some((_, clock)) => format!("{text}; late from {clock} on, unless it succeeds before"),
    }
}

/// How the last run went, where that was not well.
fn last(output: &Output, case: &Case<'_>) -> Vec<String> {
    let Some(last) = case.last else {
        return Vec::new();
    };
    let Some(message) = last
        .failure_message
        .as_deref()
        .filter(|message| !message.is_empty())
    else {
        return Vec::new();
    };
    let ended = output.ago(last.finished_usec);
    let result = escape(last.result.as_deref().unwrap_or_default());
    let mut reasons = vec![format!(
        "its last run ended {ended} as {result}: {}",
        escape(message)
    )];
    reasons.extend(attempts(output, last));
    reasons.extend(describe::is_final(last).then(|| describe::IS_FINAL.to_owned()));
    reasons
}

/// Why each attempt failed; one is the run itself.
fn attempts(output: &Output, run: &RunProperties) -> Vec<String> {
    let attempts = run.attempts.as_deref().unwrap_or_default();
    let failed =
        |attempt: &&AttemptProperties| attempt.result.as_deref().is_some_and(|result| !result.is_empty());
    if attempts.len() < 2 && run.state.as_deref() == Some("finished") {
        return Vec::new();
    }
    attempts
        .iter()
        .filter(failed)
        .map(|attempt| {
            let message = attempt.failure_message.as_deref().unwrap_or_default();
            let colon = if message.is_empty() { "" } else { ": " };
            format!(
                "attempt {} ended {} as {}{colon}{}",
                attempt.number.unwrap_or_default(),
                output.ago(attempt.finished_usec),
                escape(attempt.result.as_deref().unwrap_or_default()),
                escape(message),
            )
        })
        .collect()
}

/// What a run that is not over is at, and why it began.
fn of_active(output: &Output, name: &str, run: &RunProperties) -> Vec<String> {
    let blocked = run.blocked_by.as_deref().unwrap_or_default();
    let state = run.state.as_deref().unwrap_or_default();
    let mut reasons = match state {
        "backoff" => {
            let at = output.when(run.next_attempt_usec);
            let next = run.attempt.unwrap_or_default().saturating_add(1);
            let at = at.map(|at| format!(": {at}")).unwrap_or_default();
            vec![format!("`{name}` waits before its attempt {next}{at}")]
        }
        "queued" | "waiting" if blocked.is_empty() => {
            vec![format!(
                "`{name}` is {state}; it starts as soon as its turn comes"
            )]
        }
        "queued" | "waiting" => Vec::new(),
        _ => {
            let since = human::moment(run.started_usec)
                .map(|time| format!(" since {}", human::absolute(time, &output.zone)))
                .unwrap_or_default();
            let progress = describe::progress(run);
            let colon = if progress.is_empty() { "" } else { ": " };
            vec![format!(
                "`{name}` is {}{since}{colon}{}",
                escape(state),
                escape(&progress)
            )]
        }
    };
    let waits = |blocked| format!("`{name}` waits: {}", output.blocked(blocked));
    reasons.extend(blocked.iter().map(waits));
    reasons.extend(began(output, run));
    if let Some(overrode) = run.overrode.as_deref().filter(|overrode| !overrode.is_empty()) {
        let overrode: Vec<String> = overrode.iter().map(|what| escape(what)).collect();
        reasons.push(format!("whoever started it overrode: {}", overrode.join("; ")));
    }
    reasons.extend(attempts(output, run));
    reasons
}

/// What a run began for.
fn began(output: &Output, run: &RunProperties) -> Option<String> {
    let at = human::moment(run.scheduled_usec).map(|at| human::absolute(at, &output.zone));
    let elapse = at.map_or_else(String::new, |at| format!(" at {at}"));
    Some(match run.trigger.as_deref()? {
        "manual" => "it was started by hand".to_owned(),
        "schedule" => format!("it was started by its schedule, for the elapse{elapse}"),
        "catch-up" => format!("it makes up for what was missed: the elapse{elapse}"),
        "package-upgrade" => "it was started because packages are about to change".to_owned(),
        "path-change" => "it was started because files in its sources changed".to_owned(),
        "shutdown" => "it was started because the machine is about to go down".to_owned(),
        "device" => "it was started because a device came".to_owned(),
        "backup" => "it was started because a backup of its job has ended well".to_owned(),
        other => format!("it was started by `{}`", escape(other)),
    })
}
