//! `backupctl job validate`

use std::path::PathBuf;

use backupd_core::name::{JobName, NameError};
use backupd_dbus::ExitCode;

use super::{
    Context,
    offline::{self, Instead},
    text,
};
use crate::{
    cli::ValidateArgs,
    connect::Daemon,
    errors::{Done, Failure},
    fault::{self, Fault},
    scope::Scope,
};

pub(super) async fn run(context: &Context<'_>, arguments: &ValidateArgs) -> Done {
    let name: JobName = arguments
        .name
        .parse()
        .map_err(|error: NameError| Failure::usage(format!("`{}` is no name: {error}", arguments.name)))?;
    let given = arguments.file.as_deref().map(text::read).transpose()?;
    // The daemon knows the repositories as they are in force; without it the files tell.
    let mut faults = match with_daemon(context, &name, given.as_deref()).await {
        Err(failure) if failure.code == ExitCode::Unreachable as u8 => {
            context
                .output
                .note("the daemon is not reachable; the configuration files are read instead");
            without_daemon(context.scope, &name, given.as_deref())?
        }
        faults => faults?,
    };
    if let Some(file) = &arguments.file {
        // Faults are told of the file that the user knows.
        let own = format!("{name}.toml");
        for fault in &mut faults {
            if fault
                .file
                .as_deref()
                .is_none_or(|path| path.rsplit('/').next() == Some(own.as_str()))
            {
                fault.file = Some(file.to_string_lossy().into_owned());
            }
        }
    }
    fault::tell(
        context.output,
        &faults,
        &format!("the job `{name}` has no faults"),
    )
}

async fn with_daemon(
    context: &Context<'_>,
    name: &JobName,
    given: Option<&str>,
) -> Result<Vec<Fault>, Failure> {
    let daemon = Daemon::connect(context).await?;
    let text = if let Some(text) = given {
        text.to_owned()
    } else {
        daemon.objects().await?.known_job(name.as_str())?;
        let file = daemon
            .job(name.as_str())
            .await?
            .get_configuration(&[].into())
            .await;
        file.map_err(|error| daemon.failure(error))?.0
    };
    let manager = daemon.reader().await?;
    let faults = manager.validate_job(name.as_str(), &text, &[].into()).await;
    Ok(faults
        .map_err(|error| daemon.failure(error))?
        .iter()
        .map(Fault::from)
        .collect())
}

fn without_daemon(scope: Scope, name: &JobName, given: Option<&str>) -> Result<Vec<Fault>, Failure> {
    let directory = directory(scope)?;
    let file = directory.join("jobs.d").join(format!("{name}.toml"));
    if given.is_none() && !file.exists() {
        let message = format!("there is no job `{name}`: no file `{}`", file.display());
        return Err(Failure::new("JobNotFound", ExitCode::NoSuchObject, message));
    }
    let instead = given.map(|text| Instead { file: &file, text });
    let mut faults = offline::check(&directory, instead.as_ref())?;
    let own = file.to_string_lossy();
    faults.retain(|fault| fault.file.as_deref() == Some(&*own));
    Ok(faults)
}

/// The configuration directory of the scope.
pub(super) fn directory(scope: Scope) -> Result<PathBuf, Failure> {
    scope.configuration_directory().ok_or_else(|| {
        Failure::failed("it is not known where the configuration is").hint("set `XDG_CONFIG_HOME` or `HOME`")
    })
}
