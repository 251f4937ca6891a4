//! `backupctl repository …`

use std::path::{Path, PathBuf};

use backupd_core::{
    config::{
        PasswordSource,
        edit::{RepositoryDraft, render_repository},
    },
    name::{CredentialName, InvalidCredentialName, NameError, RepositoryName as Name},
};
use backupd_dbus::{CareProperties, ExitCode, RepositoryInfo, RepositoryProperties};
use serde::Serialize;

use super::{
    Context, contents, keys, locks, moving, password, place, recovery, set_password, space, text, validate,
};
use crate::{
    cli::{AddArgs, RepositoryCommand},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    objects::{Objects, run_of},
    output::{
        Output,
        describe::Details,
        escape::escape,
        human,
        json::{self, Document, RepositoryShape},
        table::{Cell, Table},
    },
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, command: RepositoryCommand) -> Done {
    match command {
        RepositoryCommand::Add(arguments) => add(context, &arguments).await,
        RepositoryCommand::Adopt(arguments) => contents::adopt(context, &arguments).await,
        RepositoryCommand::Orphans(arguments) => contents::orphans(context, &arguments.name).await,
        RepositoryCommand::Init(arguments) => {
            let daemon = Daemon::connect(context).await?;
            daemon.objects().await?.known_repository(&arguments.name)?;
            initialize(context, &daemon, &arguments.name).await
        }
        RepositoryCommand::SetPassword(arguments) => set_password::run(context, &arguments).await,
        RepositoryCommand::Key(command) => keys::run(context, command).await,
        RepositoryCommand::RecoverySheet(arguments) => recovery::run(context, &arguments).await,
        RepositoryCommand::Move(arguments) => moving::run(context, &arguments).await,
        RepositoryCommand::List => list(context).await,
        RepositoryCommand::Locks(arguments) => locks::list(context, &arguments.name).await,
        RepositoryCommand::Unlock(arguments) => locks::unlock(context, &arguments).await,
        RepositoryCommand::Test(arguments) => test(context, &arguments.name).await,
        RepositoryCommand::Show(arguments) => show(context, &arguments.name).await,
        RepositoryCommand::Stats(arguments) => space::statistics(context, &arguments.name).await,
    }
}

async fn add(context: &Context<'_>, arguments: &AddArgs) -> Done {
    let output = context.output;
    let without_password = arguments.password.is_empty();
    if without_password && arguments.init {
        return Err(Failure::usage("`--init` needs a password").hint(
            "give `--generate-password` or where the password is, or leave `--init` out and set the password first",
        ));
    }
    let daemon = Daemon::connect(context).await?;
    let Added {
        name,
        generated,
        configuration,
    } = register(context, &daemon, arguments).await?;
    if let Some(file) = &generated {
        output.note(&warning(output, file));
    }
    if arguments.init {
        return initialize(context, &daemon, name.as_str()).await;
    }
    if output.json {
        let repository = serde_json::json!({ "name": name.as_str(), "configuration": configuration });
        output.document(&Document::new("repository", repository))?;
    } else {
        if without_password {
            let command = context.scope.command(&format!("repository set-password {name}"));
            output.note(&format!("it has no password yet: set it with `{command}`"));
        }
        let create = context.scope.command(&format!("repository init {name}"));
        let adopt = context.scope.command(&format!("repository adopt {name}"));
        output.note(&format!(
            "if there is none at its place yet, create it with `{create}`; if there is one, `{adopt}` shows what is in it"
        ));
    }
    Ok(SUCCESS)
}

/// A repository that has a file now.
pub(super) struct Added {
    pub(super) name: Name,
    /// Where its new password is.
    generated: Option<PathBuf>,
    configuration: String,
}

/// Has the daemon write the file of a new repository, and says so.
pub(super) async fn register(
    context: &Context<'_>,
    daemon: &Daemon,
    arguments: &AddArgs,
) -> Result<Added, Failure> {
    let output = context.output;
    let name: Name = arguments
        .name
        .parse()
        .map_err(|error: NameError| Failure::usage(format!("`{}` is no name: {error}", arguments.name)))?;
    let objects = daemon.objects().await?;
    if objects.repository(name.as_str()).is_some() {
        let message = format!("the repository `{name}` exists already");
        return Err(
            Failure::new("AlreadyExists", ExitCode::Failed, message).hint(format!(
                "choose another name; `{}` shows that one",
                context.scope.command(&format!("repository show {name}"))
            )),
        );
    }
    let generated = if arguments.password.generate_password {
        Some(password::generate(
            &configuration_directory(context, &objects)?,
            name.as_str(),
        )?)
    } else {
        None
    };
    let configuration = render_repository(&draft(arguments, generated.as_deref())?);
    let created = daemon
        .manager()
        .await?
        .create_repository(name.as_str(), &configuration, &[].into())
        .await;
    if let Err(error) = created {
        let failure = daemon.failure(error);
        // A password that nothing was made with is only in the way; where it is not known whether, it stays.
        if let Some(file) = generated.filter(|_| failure.code != ExitCode::Unreachable as u8) {
            let _ = std::fs::remove_file(file);
        }
        return Err(failure);
    }
    if !output.json {
        output.line(format!("added the repository `{name}`"))?;
    }
    Ok(Added {
        name,
        generated,
        configuration,
    })
}

/// What nobody should overlook.
fn warning(output: &Output, file: &Path) -> String {
    let file = escape(&file.to_string_lossy());
    let loud = output
        .look
        .paint(output.look.palette.warn, "KEEP A COPY OF THE PASSWORD ELSEWHERE");
    format!(
        "{loud}: it is in `{file}`, and nowhere else\n\
         whoever loses it can restore nothing from this repository: no backup is of use without it"
    )
}

/// Where the daemon's configuration is, by its own account.
fn configuration_directory(context: &Context<'_>, objects: &Objects) -> Result<PathBuf, Failure> {
    let told = objects.manager.configuration_directory.as_deref();
    match told.filter(|directory| !directory.is_empty()) {
        Some(directory) => Ok(PathBuf::from(directory)),
        None => validate::directory(context.scope),
    }
}

/// The one that was named, or the one in which `set-password` keeps it.
fn credential(arguments: &AddArgs) -> Result<CredentialName, Failure> {
    let named = arguments.password.password_credential.as_deref();
    let default = format!("backupd-repository-{}", arguments.name);
    named
        .unwrap_or(&default)
        .parse()
        .map_err(|error: InvalidCredentialName| {
            Failure::usage(error.to_string())
                .hint("give the name of a file in `/etc/credstore.encrypted` or `/etc/credstore`")
        })
}

fn draft(arguments: &AddArgs, generated: Option<&Path>) -> Result<RepositoryDraft, Failure> {
    let asked = &arguments.password;
    let password = match (generated, &asked.password_file) {
        (Some(file), _) => PasswordSource::File(file.to_owned()),
        (None, Some(file)) => PasswordSource::File(text::absolute_text(file)?.into()),
        (None, None) if !asked.password_command.is_empty() => {
            PasswordSource::Command(asked.password_command.clone())
        }
        (None, None) => PasswordSource::Credential(credential(arguments)?),
    };
    Ok(RepositoryDraft {
        password: Some(password),
        engine: arguments.engine,
        description: arguments.description.clone(),
        ..place::draft(&arguments.url, &arguments.place)?
    })
}

async fn initialize(context: &Context<'_>, daemon: &Daemon, name: &str) -> Done {
    let fd = daemon.repository(name).await?.initialize(&[].into()).await;
    let info = Records::<RepositoryInfo>::new(fd.map_err(|error| daemon.failure(error))?).one()?;
    tell(context.output, name, &info, "created the repository")
}

async fn test(context: &Context<'_>, name: &str) -> Done {
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(name)?;
    let fd = daemon.repository(name).await?.test(&[].into()).await;
    let info = Records::<RepositoryInfo>::new(fd.map_err(|error| daemon.failure(error))?).one()?;
    tell(context.output, name, &info, "the password opens the repository")
}

fn tell(output: &Output, name: &str, info: &RepositoryInfo, what: &str) -> Done {
    #[derive(Serialize)]
    struct Told<'a> {
        name: &'a str,
        id: &'a str,
        format: u32,
        snapshots: u64,
    }
    if output.json {
        let told = Told {
            name,
            id: &info.id,
            format: info.version,
            snapshots: info.snapshots,
        };
        output.document(&Document::new("repository", told))?;
    } else {
        let snapshots = human::counted(info.snapshots, "snapshot");
        let id = escape(&info.id);
        output.line(format!(
            "{what} `{name}`: id {id}, format {}, {snapshots}",
            info.version
        ))?;
    }
    Ok(SUCCESS)
}

async fn list(context: &Context<'_>) -> Done {
    let output = context.output;
    let objects = Daemon::connect(context).await?.objects().await?;
    if output.json {
        let shapes = output.shapes();
        let repositories: Vec<_> = objects
            .repositories
            .iter()
            .map(|found| shapes.repository(found))
            .collect();
        output.document(&json::list("repositories", &repositories))?;
        return Ok(SUCCESS);
    }
    if objects.repositories.is_empty() {
        let command = context
            .scope
            .command("repository add NAME --url PATH --generate-password");
        output.note(&format!("there are no repositories; add one with `{command}`"));
        return Ok(SUCCESS);
    }
    let mut table = Table::new(&["REPOSITORY", "HEALTH", "ENGINE", "SIZE", "FREE", "PLACE", "JOBS"]);
    for repository in &objects.repositories {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let size = |bytes: Option<u64>| bytes.map_or_else(|| "–".to_owned(), human::size);
        let space = repository.space.as_ref();
        let jobs = repository.jobs.as_deref().unwrap_or_default().join(", ");
        let (health, style) = output.health(repository.health.as_deref());
        table.row(vec![
            text(&repository.name).into(),
            Cell::styled(health, style),
            text(&repository.engine).into(),
            size(space.and_then(|space| space.bytes_stored)).into(),
            size(space.and_then(|space| space.bytes_free)).into(),
            text(&repository.url).into(),
            if jobs.is_empty() {
                "–".into()
            } else {
                jobs.into()
            },
        ]);
    }
    output.table(&table)?;
    Ok(SUCCESS)
}

async fn show(context: &Context<'_>, name: &str) -> Done {
    #[derive(Serialize)]
    struct Shown<'a> {
        configuration: String,
        revision: String,
        #[serde(flatten)]
        repository: RepositoryShape<'a>,
    }
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let repository = objects.known_repository(name)?;
    let file = daemon.repository(name).await?.get_configuration(&[].into()).await;
    let (configuration, revision) = file.map_err(|error| daemon.failure(error))?;
    if output.json {
        let shown = Shown {
            configuration,
            revision,
            repository: output.shapes().repository(repository),
        };
        output.document(&Document::new("repository", shown))?;
        return Ok(SUCCESS);
    }
    output.page()?;
    output.lines(lines(output, repository))?;
    output.line("")?;
    output.raw(configuration.as_bytes())?;
    Ok(SUCCESS)
}

/// All that is known of a repository.
pub(super) fn lines(output: &Output, repository: &RepositoryProperties) -> Vec<String> {
    let name = escape(repository.name.as_deref().unwrap_or_default());
    let description = repository.description.as_deref().filter(|text| !text.is_empty());
    let description = description
        .map(|text| format!(" – {}", escape(text)))
        .unwrap_or_default();
    let name = output.look.paint(output.look.palette.strong, &name);
    let mut lines = vec![format!("{name}{}", output.look.degrade(&description))];
    let mut details = Details::default();
    let (health, style) = output.health(repository.health.as_deref());
    let reason = repository
        .health_reason
        .as_deref()
        .filter(|reason| !reason.is_empty());
    let reason = reason
        .map(|reason| format!(", {}", escape(reason)))
        .unwrap_or_default();
    details.row("health", format!("{}{reason}", output.look.paint(style, &health)));
    details.text("place", repository.url.as_deref());
    let before = repository.moved_from.as_deref().filter(|url| !url.is_empty());
    if let Some(before) = before {
        let release = format!(
            "backupctl repository move {} --release",
            repository.name.as_deref().unwrap_or_default()
        );
        details.row(
            "before",
            format!(
                "{}, and still there: `{}` removes it",
                escape(before),
                escape(&release)
            ),
        );
    }
    details.text("engine", repository.engine.as_deref());
    let jobs = repository.jobs.as_deref().unwrap_or_default().join(", ");
    details.row(
        "jobs",
        if jobs.is_empty() {
            "none".to_owned()
        } else {
            escape(&jobs)
        },
    );
    for (name, care) in [
        ("check", &repository.check_care),
        ("prune", &repository.prune_care),
    ] {
        for line in care.iter().flat_map(|care| of_care(output, care)) {
            details.row(name, line);
        }
    }
    if let Some(known) = &repository.space {
        space::shown(output, known, &mut details);
    }
    lines.extend(details.lines(output));
    lines
}

/// When it is done, and how it went.
fn of_care(output: &Output, care: &CareProperties) -> Vec<String> {
    let mut lines = Vec::new();
    let next = output.when(care.next_usec).map(|next| format!(", next {next}"));
    match care.schedule.as_deref().filter(|schedule| !schedule.is_empty()) {
        Some(schedule) => lines.push(format!("{}{}", escape(schedule), next.unwrap_or_default())),
        None => lines.push("only by hand".to_owned()),
    }
    if let Some(run) = run_of(care.active_run.as_ref()) {
        lines.push(format!("at work or queued as run {run}"));
    }
    if let Some(result) = care.last_result.as_deref().filter(|result| !result.is_empty()) {
        let run = run_of(care.last_run.as_ref())
            .map(|run| format!(", run {run}"))
            .unwrap_or_default();
        let good = output.when(care.last_success_usec);
        let good = good.map(|good| format!("; last good {good}")).unwrap_or_default();
        lines.push(format!("last {}{run}{good}", escape(result)));
    }
    if let Some(bytes) = care.bytes_repository.filter(|bytes| *bytes > 0) {
        let unused = human::size(care.bytes_unused.unwrap_or_default());
        lines.push(format!(
            "{} stored then, of which {unused} of no use",
            human::size(bytes)
        ));
    }
    lines
}
