//! From what a user typed to the object that is meant.

use std::collections::HashMap;

use backupd_dbus::{ExitCode, JobProperties, RepositoryProperties, RunProperties};
use zbus::Variant;

use crate::{
    cli::PlaceArgs,
    connect::Daemon,
    errors::Failure,
    objects::{Objects, advice, listed, run_of},
};

/// Letters and digits of a run's id.
const ID_LENGTH: usize = 26;

/// An object with a name or id.
pub(crate) enum Found<'a> {
    Job(&'a JobProperties),
    Repository(&'a RepositoryProperties),
    Run(Box<RunProperties>),
}

/// A job, a repository, or a run by a beginning of its id; names first.
pub(crate) async fn any<'a>(daemon: &Daemon, objects: &'a Objects, text: &str) -> Result<Found<'a>, Failure> {
    if let Some(job) = objects.job(text) {
        return Ok(Found::Job(job));
    }
    if let Some(repository) = objects.repository(text) {
        return Ok(Found::Repository(repository));
    }
    Ok(Found::Run(Box::new(run(daemon, objects, text).await?)))
}

/// A run by its id or a unique beginning of it.
pub(crate) async fn run(daemon: &Daemon, objects: &Objects, text: &str) -> Result<RunProperties, Failure> {
    let id = text.to_ascii_uppercase();
    if let Some(run) = objects.runs.iter().find(|run| run.id.as_deref() == Some(&id)) {
        return Ok(run.clone());
    }
    let unknown = || {
        let failure = Failure::new(
            "RunNotFound",
            ExitCode::NoSuchObject,
            format!("there is no job, repository or run `{text}`"),
        );
        let mut names = objects.job_names();
        names.extend(objects.repository_names());
        failure.hint(advice(text, &names, "names", "backupctl job create"))
    };
    if id.is_empty() || id.len() > ID_LENGTH || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(unknown());
    }
    let mut runs = list_runs(daemon, HashMap::from([("id", Variant::from(id.as_str()))]), 6).await?;
    match runs.len() {
        0 => Err(unknown()),
        1 => runs.pop().ok_or_else(unknown),
        _ => {
            let ids: Vec<&str> = runs.iter().filter_map(|run| run.id.as_deref()).collect();
            let failure = Failure::new(
                "RunNotFound",
                ExitCode::NoSuchObject,
                format!("more than one run begins with `{text}`"),
            );
            Err(failure.hint(format!("there are {}", listed(&ids))))
        }
    }
}

/// Runs of history, newest first, page by page; 0 for all.
pub(crate) async fn list_runs(
    daemon: &Daemon,
    filter: HashMap<&str, Variant<'_>>,
    limit: usize,
) -> Result<Vec<RunProperties>, Failure> {
    const PAGE: usize = 1000;
    let manager = daemon.reader().await?;
    let mut runs = Vec::new();
    let mut before = String::new();
    loop {
        let wanted = if limit == 0 {
            PAGE
        } else {
            (limit - runs.len()).min(PAGE)
        };
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let mut options = HashMap::from([("limit", Variant::from(wanted))]);
        if !before.is_empty() {
            options.insert("before", Variant::from(before.as_str()));
        }
        let page = manager.list_runs(&filter, &options).await;
        let (page, next) = page.map_err(|error| daemon.failure(error))?;
        let empty = page.is_empty();
        runs.extend(page);
        if next.is_empty() || empty || (limit > 0 && runs.len() >= limit) {
            return Ok(runs);
        }
        before = next;
    }
}

/// A run by id, or a job's active run, or else its last one.
pub(crate) async fn run_of_job(
    daemon: &Daemon,
    objects: &Objects,
    text: &str,
) -> Result<RunProperties, Failure> {
    let Some(job) = objects.job(text) else {
        return run(daemon, objects, text).await;
    };
    for path in [&job.active_run, &job.last_run] {
        if let Some(run) = objects.run_at(path.as_ref()) {
            return Ok(run.clone());
        }
    }
    let last = list_runs(daemon, HashMap::from([("job", Variant::from(text))]), 1).await?;
    last.into_iter().next().ok_or_else(|| {
        Failure::new(
            "RunNotFound",
            ExitCode::NoSuchObject,
            format!("the job `{text}` has never run"),
        )
        .hint(format!(
            "start it with `{}`",
            daemon.scope.command(&format!("start {text}"))
        ))
    })
}

/// The id of a run that can be stopped: a job's active one, or one by id.
pub(crate) async fn active_run(daemon: &Daemon, objects: &Objects, text: &str) -> Result<String, Failure> {
    if let Some(job) = objects.job(text) {
        return run_of(job.active_run.as_ref()).ok_or_else(|| {
            Failure::new(
                "NotRunning",
                ExitCode::Failed,
                format!("the job `{text}` is neither queued nor at work"),
            )
            .hint(format!(
                "`{}` shows its last run",
                daemon.scope.command(&format!("show {text}"))
            ))
        });
    }
    let run = run(daemon, objects, text).await?;
    Ok(run.id.unwrap_or_default())
}

/// Where a snapshot is looked for.
pub(crate) enum Place {
    Job { job: String, repository: String },
    Repository(String),
}

impl Place {
    pub(crate) fn repository(&self) -> &str {
        match self {
            Self::Job { repository, .. } | Self::Repository(repository) => repository,
        }
    }
}

/// The place that was asked for, or the only one there is.
pub(crate) fn place(objects: &Objects, asked: &PlaceArgs, snapshot: &str) -> Result<Place, Failure> {
    let of_job = |job: &JobProperties| Place::Job {
        job: job.name.clone().unwrap_or_default(),
        repository: job.repository_name.clone().unwrap_or_default(),
    };
    if let Some(job) = &asked.job {
        return objects.known_job(job).map(of_job);
    }
    if let Some(repository) = &asked.repository {
        objects.known_repository(repository)?;
        return Ok(Place::Repository(repository.clone()));
    }
    if snapshot == "latest" {
        return match objects.jobs.as_slice() {
            [only] => Ok(of_job(only)),
            _ => Err(ambiguous(
                "the latest snapshot of which job?",
                "--job",
                &objects.job_names(),
                "jobs",
            )),
        };
    }
    match objects.repository_names().as_slice() {
        [only] => Ok(Place::Repository((*only).to_owned())),
        names => Err(ambiguous(
            "a snapshot of which repository?",
            "--repository",
            names,
            "repositories",
        )),
    }
}

fn ambiguous(question: &str, option: &str, names: &[&str], what: &str) -> Failure {
    let failure = Failure::usage(format!("{question} give `{option}`"));
    match names {
        [] => Failure::new(
            "NoSuchObject",
            ExitCode::NoSuchObject,
            format!("there are no {what} yet"),
        ),
        names => failure.hint(format!("there are the {what} {}", listed(names))),
    }
}
