//! `backupctl config …`

use super::{Context, offline, text, validate};
use crate::{
    cli::{CheckArgs, ConfigCommand},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    fault::{self, Fault},
    output::json::Document,
};

pub(super) async fn run(context: &Context<'_>, command: ConfigCommand) -> Done {
    match command {
        ConfigCommand::Check(arguments) => check(context, &arguments),
        ConfigCommand::Show => show(context).await,
        ConfigCommand::Reload => reload(context).await,
    }
}

fn check(context: &Context<'_>, arguments: &CheckArgs) -> Done {
    let directory = match &arguments.directory {
        Some(directory) => text::absolute(directory)?,
        None => validate::directory(context.scope)?,
    };
    if arguments.directory.is_some() && !directory.is_dir() {
        return Err(Failure::usage(format!(
            "`{}` is no directory",
            directory.display()
        )));
    }
    let faults = offline::check(&directory, None)?;
    fault::tell(
        context.output,
        &faults,
        &format!("no faults in `{}`", directory.display()),
    )
}

async fn show(context: &Context<'_>) -> Done {
    let daemon = Daemon::connect(context).await?;
    let settings = daemon.reader().await?.get_settings(&[].into()).await;
    let settings = settings.map_err(|error| daemon.failure(error))?;
    if context.output.json {
        let settings = serde_json::json!({ "configuration": settings });
        context.output.document(&Document::new("settings", settings))?;
    } else {
        context.output.page()?;
        context.output.raw(settings.as_bytes())?;
    }
    Ok(SUCCESS)
}

async fn reload(context: &Context<'_>) -> Done {
    let daemon = Daemon::connect(context).await?;
    let faults = daemon.manager().await?.reload(&[].into()).await;
    let faults: Vec<Fault> = faults
        .map_err(|error| daemon.failure(error))?
        .iter()
        .map(Fault::from)
        .collect();
    fault::tell(
        context.output,
        &faults,
        "the configuration was read again, and has no faults",
    )
}
