//! What can stand for a job, group, run, repository or snapshot: what everybody may read, and nothing that would ask for a
//! password or start a daemon.

use std::{env, ffi::OsStr, time::Duration};

use backupd_dbus::{Interaction, JobProperties, RepositoryProperties, RunProperties};
use clap_complete::CompletionCandidate;

use crate::{connect::Daemon, objects::Objects, output::human::short, scope::Scope};

/// Who types does not wait longer. A daemon that is well answers in milliseconds.
const PATIENCE: Duration = Duration::from_millis(750);

/// What a value names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Job,
    Run,
    Repository,
    Snapshot,
    Group,
}

impl Kind {
    /// By the word for it in usage lines.
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "JOB" => Some(Self::Job),
            "RUN" => Some(Self::Run),
            "REPOSITORY" => Some(Self::Repository),
            "SNAPSHOT" => Some(Self::Snapshot),
            "GROUP" => Some(Self::Group),
            _ => None,
        }
    }
}

/// All candidates of these kinds; none where the daemon does not answer.
pub(super) fn all(kinds: &[Kind]) -> Vec<CompletionCandidate> {
    let Some(objects) = ask() else {
        return Vec::new();
    };
    kinds
        .iter()
        .flat_map(|kind| match kind {
            Kind::Job => objects.jobs.iter().filter_map(job).collect(),
            Kind::Run => objects.runs.iter().filter_map(run).collect(),
            Kind::Repository => objects.repositories.iter().filter_map(repository).collect(),
            Kind::Snapshot => snapshots(&objects.runs, chosen("--job").as_deref()),
            Kind::Group => objects
                .group_names()
                .into_iter()
                .map(|name| group(&objects, name))
                .collect(),
        })
        .collect()
}

fn ask() -> Option<Objects> {
    let word = |wanted: &str| env::args_os().any(|word| word == wanted);
    let scope = match (word("--system"), word("--user")) {
        (true, _) => Scope::System,
        (_, true) => Scope::User,
        _ => Scope::usual(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let question = async {
            let daemon = Daemon::running(scope, Interaction::Forbidden).await.ok()??;
            daemon.objects().await.ok()
        };
        tokio::time::timeout(PATIENCE, question).await.ok().flatten()
    })
}

/// The value of an option among the words so far.
fn chosen(option: &str) -> Option<String> {
    let words: Vec<_> = env::args_os().collect();
    let text = |word: &OsStr| word.to_str().map(str::to_owned);
    words.iter().zip(words.iter().skip(1)).rev().find_map(
        |(word, next)| {
            if word == option { text(next) } else { None }
        },
    )
}

fn job(job: &JobProperties) -> Option<CompletionCandidate> {
    let name = job.name.as_deref()?;
    let help = match job.description.as_deref() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => format!("job: {}", job.health.as_deref().unwrap_or_default()),
    };
    Some(CompletionCandidate::new(name).help(Some(help.into())))
}

fn group(objects: &Objects, name: &str) -> CompletionCandidate {
    let jobs = objects.known_group(name).unwrap_or_default();
    let jobs: Vec<&str> = jobs.iter().filter_map(|job| job.name.as_deref()).collect();
    CompletionCandidate::new(name).help(Some(format!("group: {}", jobs.join(", ")).into()))
}

fn repository(repository: &RepositoryProperties) -> Option<CompletionCandidate> {
    let name = repository.name.as_deref()?;
    let help = match repository.description.as_deref() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => format!("repository: {}", repository.url.as_deref().unwrap_or_default()),
    };
    Some(CompletionCandidate::new(name).help(Some(help.into())))
}

fn run(run: &RunProperties) -> Option<CompletionCandidate> {
    let word = |word: &Option<String>| word.clone().unwrap_or_default();
    let how = if run.result.as_deref().is_none_or(str::is_empty) {
        &run.state
    } else {
        &run.result
    };
    let help = format!("{} {}: {}", word(&run.operation), word(&run.job_name), word(how));
    Some(CompletionCandidate::new(run.id.as_deref()?).help(Some(help.into())))
}

/// Of what the last runs stored, newest first.
fn snapshots(runs: &[RunProperties], job: Option<&str>) -> Vec<CompletionCandidate> {
    let mut candidates = vec![CompletionCandidate::new("latest").help(Some("the newest".into()))];
    candidates.extend(
        runs.iter()
            .filter(|run| run.operation.as_deref() == Some("backup"))
            .filter(|run| job.is_none_or(|job| run.job_name.as_deref() == Some(job)))
            .filter_map(|run| {
                let id = run.snapshot.as_deref().filter(|id| !id.is_empty())?;
                let help = format!("snapshot of {}", run.job_name.as_deref().unwrap_or_default());
                Some(CompletionCandidate::new(short(id)).help(Some(help.into())))
            }),
    );
    candidates
}
