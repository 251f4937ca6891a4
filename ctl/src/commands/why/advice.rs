//! What to do.

use super::Case;
use crate::{output::escape::escape, scope::Scope};

pub(super) fn all(scope: Scope, case: &Case<'_>) -> Vec<String> {
    let job = case.job;
    let name = job.name.as_deref().unwrap_or_default();
    let command = |text: &str| scope.command(&format!("{text} {name}"));
    if job.enabled == Some(false) && case.active.is_none() {
        return vec![format!("let it run with `{}`", command("job enable"))];
    }
    let mut advice = Vec::new();
    if job.paused == Some(true) {
        let all = case.objects.manager.paused == Some(true);
        let resume = if all {
            scope.command("resume --all")
        } else {
            command("resume")
        };
        advice.push(format!("end the pause with `{resume}`"));
    }
    if let Some(run) = case.active {
        let id = run.id.as_deref().unwrap_or_default();
        let cancel = scope.command(&format!("cancel {id}"));
        advice.push(format!("stop it with `{cancel}`"));
        return advice;
    }
    let hint = case.last.and_then(|run| run.failure_hint.as_deref());
    advice.extend(hint.filter(|hint| !hint.is_empty()).map(escape));
    if case
        .last
        .is_some_and(|run| run.result.as_deref() != Some("success"))
    {
        let log = command("log");
        advice.push(format!("all that its last run told is shown by `{log}`"));
    }
    advice.push(format!("start it with `{}`", command("start")));
    let scheduled = job
        .schedule
        .as_deref()
        .is_some_and(|schedules| !schedules.is_empty());
    if !scheduled {
        let try_one = scope.command("schedule test daily");
        advice.push(format!(
            "its file says when it starts by itself, such as `schedule = \"daily\"`; try one with `{try_one}`"
        ));
    }
    advice
}
