//! `backupctl job …`

use std::path::PathBuf;

use backupd_core::{
    config::{
        Adopts, Fault, Template, Verify,
        edit::{self, JobDraft, render_job},
    },
    name::{JobName, RepositoryName},
};
use serde::Serialize;

use super::{Context, confirm, space, text, validate};
use crate::{
    cli::{CopyArgs, CreateArgs, DeleteArgs, JobCommand, NamesArgs, ShowJobArgs},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS, worst},
    output::json::{self, Document, JobShape},
    scope::Scope,
};

pub(super) async fn run(context: &Context<'_>, command: JobCommand) -> Done {
    match command {
        JobCommand::Create(arguments) => create(context, &arguments).await,
        JobCommand::Copy(arguments) => copy(context, &arguments).await,
        JobCommand::Show(arguments) => show(context, &arguments).await,
        JobCommand::ShowUnit(arguments) => show_unit(context, &arguments.name).await,
        JobCommand::Estimate(arguments) => space::estimate(context, &arguments).await,
        JobCommand::Validate(arguments) => validate::run(context, &arguments).await,
        JobCommand::Enable(arguments) => set_enabled(context, &arguments, true).await,
        JobCommand::Disable(arguments) => set_enabled(context, &arguments, false).await,
        JobCommand::Delete(arguments) => delete(context, &arguments).await,
    }
}

async fn create(context: &Context<'_>, arguments: &CreateArgs) -> Done {
    let name: JobName = parsed(&arguments.name)?;
    let configuration = if let Some(file) = &arguments.file {
        text::read(file)?
    } else {
        let mut draft = draft(arguments)?;
        if let Some(Ok(template)) = arguments.template.as_deref().map(str::parse::<Template>) {
            template.fill(&mut draft, home(context)?.as_deref());
        }
        render_job(&draft)
    };
    make(context, &name, &configuration).await
}

/// The home of the person whose daemon it is; the machine has none.
fn home(context: &Context<'_>) -> Result<Option<PathBuf>, Failure> {
    match context.scope {
        Scope::System => Ok(None),
        Scope::User => std::env::var_os("HOME")
            .map(|home| Some(PathBuf::from(home)))
            .ok_or_else(|| Failure::failed("`HOME` is not set: nobody knows where your files are")),
    }
}

async fn copy(context: &Context<'_>, arguments: &CopyArgs) -> Done {
    let name: JobName = parsed(&arguments.to)?;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    objects.known_job(&arguments.from)?;
    let proxy = daemon.job(&arguments.from).await?;
    let file = proxy.get_configuration(&[].into()).await;
    let (mut configuration, _) = file.map_err(|error| daemon.failure(error))?;
    let unreadable = |fault: Fault| Failure::failed(format!("the file of `{}`: {fault}", arguments.from));
    if let Some(repository) = &arguments.repository {
        objects.known_repository(repository)?;
        let repository: RepositoryName = parsed(repository)?;
        configuration = edit::set_repository(&configuration, &repository).map_err(unreadable)?;
    }
    if arguments.disabled {
        configuration = edit::set_enabled(&configuration, false).map_err(unreadable)?;
    }
    make(context, &name, &configuration).await
}

/// Has the daemon write the file of a new job.
async fn make(context: &Context<'_>, name: &JobName, configuration: &str) -> Done {
    let daemon = Daemon::connect(context).await?;
    let manager = daemon.manager().await?;
    let created = manager.create_job(name.as_str(), configuration, &[].into()).await;
    created.map_err(|error| daemon.failure(error))?;
    let output = context.output;
    if output.json {
        let job = serde_json::json!({ "name": name.as_str(), "configuration": configuration });
        output.document(&Document::new("job", job))?;
    } else {
        output.line(format!("created the job `{name}`"))?;
        output.note(&format!(
            "start it with `{}`",
            context.scope.command(&format!("start {name}"))
        ));
    }
    Ok(SUCCESS)
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str) -> Result<T, Failure> {
    name.parse()
        .map_err(|error: T::Err| Failure::usage(format!("`{name}` is no name: {error}")))
}

fn draft(arguments: &CreateArgs) -> Result<JobDraft, Failure> {
    let repository: Option<RepositoryName> = arguments.repository.as_deref().map(parsed).transpose()?;
    let paths = |paths: &[std::path::PathBuf]| -> Result<Vec<String>, Failure> {
        paths.iter().map(|path| text::absolute_text(path)).collect()
    };
    let verify = arguments.verify.as_deref();
    Ok(JobDraft {
        repository,
        sources: paths(&arguments.sources)?,
        optional_sources: paths(&arguments.optional_sources)?,
        schedule: arguments.schedule.clone(),
        groups: arguments.groups.clone(),
        after: arguments.after.clone(),
        include: arguments.include.clone(),
        exclude: arguments.exclude.clone(),
        exclude_if_present: arguments.exclude_if_present.clone(),
        exclude_caches: arguments.exclude_caches.then_some(true),
        exclude_larger_than: arguments.exclude_larger_than.map(|size| size.0),
        one_file_system: arguments.one_file_system.then_some(true),
        tags: arguments.tags.clone(),
        host: arguments.host.clone(),
        description: arguments.description.clone(),
        compression: arguments.compression,
        verify: verify
            .and_then(|word| Verify::WORDS.into_iter().find(|(known, _)| *known == word))
            .map(|(_, level)| level),
        enabled: arguments.disabled.then_some(false),
        max_age: arguments.max_age.map(|age| age.0),
        retention: arguments.keep.rules(),
        adopts: adopts(arguments).into_iter().collect(),
        ..JobDraft::default()
    })
}

/// What of others the job is to take for its own.
fn adopts(arguments: &CreateArgs) -> Option<Adopts> {
    fn said<T: Clone>(items: &[T]) -> Option<Vec<T>> {
        (!items.is_empty()).then(|| items.to_vec())
    }
    Some(Adopts {
        host: arguments.adopt.clone()?,
        paths: said(&arguments.adopt_paths),
        tags: said(&arguments.adopt_tags),
    })
}

async fn show_unit(context: &Context<'_>, name: &str) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let proxy = daemon.job(name).await?;
    let unit = proxy
        .get_unit(&[].into())
        .await
        .map_err(|error| daemon.failure(error))?;
    if output.json {
        let job = serde_json::json!({ "name": name, "unit": unit });
        output.document(&Document::new("job", job))?;
    } else {
        output.page()?;
        output.raw(unit.as_bytes())?;
    }
    Ok(SUCCESS)
}

async fn show(context: &Context<'_>, arguments: &ShowJobArgs) -> Done {
    #[derive(Serialize)]
    struct Shown<'a> {
        configuration: String,
        revision: String,
        #[serde(flatten)]
        job: JobShape<'a>,
    }
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let job = objects.known_job(&arguments.name)?;
    let proxy = daemon.job(&arguments.name).await?;
    let file = proxy.get_configuration(&[].into()).await;
    let (configuration, revision) = file.map_err(|error| daemon.failure(error))?;
    if output.json {
        let shown = Shown {
            configuration,
            revision,
            job: output.shapes().job(job),
        };
        output.document(&Document::new("job", shown))?;
    } else {
        output.page()?;
        output.raw(configuration.as_bytes())?;
    }
    Ok(SUCCESS)
}

async fn set_enabled(context: &Context<'_>, arguments: &NamesArgs, enabled: bool) -> Done {
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let word = if enabled { "enabled" } else { "disabled" };
    each(context, &arguments.names, word, async |name: &str| {
        objects.known_job(name)?;
        let done = daemon.job(name).await?.set_enabled(enabled, &[].into()).await;
        done.map(drop).map_err(|error| daemon.failure(error))
    })
    .await
}

async fn delete(context: &Context<'_>, arguments: &DeleteArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    if !arguments.yes && !confirmed(context, &arguments.names)? {
        return Err(Failure::failed("nothing was deleted"));
    }
    each(context, &arguments.names, "deleted", async |name: &str| {
        objects.known_job(name)?;
        let done = daemon.job(name).await?.delete(&[].into()).await;
        done.map_err(|error| daemon.failure(error))
    })
    .await
}

/// Asks a person.
fn confirmed(context: &Context<'_>, names: &[String]) -> Result<bool, Failure> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let question = format!(
        "delete {}? The snapshots and the history stay.",
        crate::objects::listed(&names)
    );
    confirm::confirmed(context, &question, "give `--yes` to delete without a question")
}

/// Does the same with several jobs; what fails is told, and the others go on.
async fn each(
    context: &Context<'_>,
    names: &[String],
    word: &str,
    change: impl AsyncFn(&str) -> Result<(), Failure>,
) -> Done {
    let output = context.output;
    let mut code = SUCCESS;
    let mut changed = Vec::new();
    for name in names {
        match change(name).await {
            Ok(()) if output.json => changed.push(serde_json::json!({ "name": name })),
            Ok(()) => output.line(format!("{word} the job `{name}`"))?,
            Err(failure) => {
                output.report(&failure);
                code = worst(code, failure.code);
            }
        }
    }
    if output.json {
        output.document(&json::list("jobs", &changed))?;
    }
    Ok(code)
}
