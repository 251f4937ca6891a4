//! `backupctl repository set-password`: a password goes to the daemon as a file without a name, never as text.

use std::os::fd::AsFd as _;

use backupd_dbus::PasswordProperties;
use serde::Serialize;

use super::{
    Context,
    secret::{Given, handed_over},
};
use crate::{
    cli::SetPasswordArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{escape::escape, json::Document},
};

pub(super) async fn run(context: &Context<'_>, arguments: &SetPasswordArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(&arguments.name)?;
    let stored = store(context, &daemon, arguments).await?;
    tell(context, arguments, &stored)
}

/// Hands the password over.
pub(super) async fn store(
    context: &Context<'_>,
    daemon: &Daemon,
    arguments: &SetPasswordArgs,
) -> Result<PasswordProperties, Failure> {
    let name = &arguments.name;
    let password = handed_over(
        context,
        &Given {
            stdin: arguments.stdin,
            file: arguments.password_file.as_deref(),
            prompt: &format!("Password of the repository `{name}`"),
            command: &format!("repository set-password {name} --stdin"),
        },
    )?;
    let keep = match (arguments.keep.credential, arguments.keep.file) {
        (true, _) => "credential",
        (_, true) => "file",
        _ => "auto",
    };
    let mut options = backupd_dbus::Options::from([("keep", keep.into())]);
    if arguments.unchecked {
        options.insert("unchecked", true.into());
    }
    daemon
        .repository(name)
        .await?
        .set_password(zbus::Fd::from(password.as_fd()), &options)
        .await
        .map_err(|error| daemon.failure(error))
}

fn tell(context: &Context<'_>, arguments: &SetPasswordArgs, stored: &PasswordProperties) -> Done {
    #[derive(Serialize)]
    struct Told<'a> {
        repository: &'a str,
        credential: Option<&'a str>,
        file: Option<&'a str>,
        opens: bool,
        before: Option<&'a str>,
    }
    let (output, name) = (context.output, &arguments.name);
    let opens = stored.opens.unwrap_or(false);
    if output.json {
        let told = Told {
            repository: name,
            credential: stored.credential.as_deref(),
            file: stored.file.as_deref(),
            opens,
            before: stored.before.as_deref(),
        };
        output.document(&Document::new("password", told))?;
        return Ok(SUCCESS);
    }
    let place = match (&stored.credential, &stored.file) {
        (Some(credential), _) => format!("credential `{}`", escape(credential)),
        (None, Some(file)) => format!("password file `{}`", escape(file)),
        (None, None) => "unknown place".to_owned(),
    };
    let proof = if opens { "opens it, and " } else { "" };
    output.line(format!(
        "the password of the repository `{name}` {proof}is kept in the {place}"
    ))?;
    if let Some(before) = stored.before.as_deref().filter(|before| *before != place) {
        output.note(&format!(
            "the {} was used before, and stays as it is",
            escape(before)
        ));
    }
    output.note(if stored.credential.is_some() {
        "keep a copy of the password elsewhere: the credential can be read on this machine alone"
    } else {
        "keep a copy of the password elsewhere: no backup is of use without it"
    });
    if !opens {
        let command = context.scope.command(&format!("repository init {name}"));
        output.note(&format!(
            "it was not tried: if there is no repository at its place yet, create it with `{command}`"
        ));
    }
    Ok(SUCCESS)
}
