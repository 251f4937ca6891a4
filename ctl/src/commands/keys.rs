//! `backupctl repository key …`

use std::os::fd::AsFd as _;

use backupd_core::protocol::KeyRecord;
use backupd_dbus::{ExitCode, Options, RotationProperties};
use serde::Serialize;

use super::{
    Context,
    confirm::confirmed,
    secret::{Given, handed_over},
};
use crate::{
    cli::{AddKeyArgs, GivenArgs, KeyCommand, RemoveKeyArgs, RotateKeyArgs},
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{
        escape::escape,
        human,
        json::{self, Document},
        table::Table,
    },
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, command: KeyCommand) -> Done {
    match command {
        KeyCommand::List(arguments) => list(context, &arguments.name).await,
        KeyCommand::Add(arguments) => add(context, &arguments).await,
        KeyCommand::Remove(arguments) => remove(context, &arguments).await,
        KeyCommand::Rotate(arguments) => rotate(context, &arguments).await,
    }
}

async fn list(context: &Context<'_>, name: &str) -> Done {
    let daemon = Daemon::connect(context).await?;
    let keys = read(&daemon, name).await?;
    let output = context.output;
    if output.json {
        output.document(&json::list("keys", &keys))?;
        return Ok(SUCCESS);
    }
    let mut table = Table::new(&["KEY", "CREATED", "BY", "STATE"]);
    for key in &keys {
        let created = key
            .created
            .map_or_else(|| "–".to_owned(), |created| human::compact(created, &output.zone));
        table.row(vec![
            human::short(&key.id).into(),
            created.into(),
            maker(key).into(),
            match (key.damaged, key.current) {
                (true, _) => "damaged",
                (false, true) => "in use by backupd",
                (false, false) => "",
            }
            .into(),
        ]);
    }
    output.table(&table)?;
    Ok(SUCCESS)
}

async fn add(context: &Context<'_>, arguments: &AddKeyArgs) -> Done {
    let name = &arguments.name;
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(name)?;
    let password = given(context, name, "add", &arguments.given)?;
    let mut options = Options::new();
    for (key, value) in [("user", &arguments.username), ("host", &arguments.hostname)] {
        if let Some(value) = value {
            options.insert(key, value.as_str().into());
        }
    }
    let repository = daemon.repository(name).await?;
    let answer = repository
        .add_key(zbus::Fd::from(password.as_fd()), &options)
        .await;
    let key: KeyRecord = Records::new(answer.map_err(|error| daemon.failure(error))?).one()?;
    let output = context.output;
    if output.json {
        output.document(&Document::new("key", &key))?;
        return Ok(SUCCESS);
    }
    output.line(format!(
        "the repository `{name}` has the key {} of {}, and opens with its password",
        human::short(&key.id),
        escape(&maker(&key))
    ))?;
    Ok(SUCCESS)
}

async fn remove(context: &Context<'_>, arguments: &RemoveKeyArgs) -> Done {
    let name = &arguments.name;
    let daemon = Daemon::connect(context).await?;
    let keys = read(&daemon, name).await?;
    let key = chosen(&keys, arguments)?;
    let short = human::short(&key.id);
    let whose = escape(&maker(key));
    if !arguments.yes {
        let question =
            format!("remove the key {short} of {whose}? Its password will not open `{name}` any more.");
        if !confirmed(context, &question, "give `--yes` to remove without a question")? {
            context.output.note("nothing was changed");
            return Ok(ExitCode::Failed as u8);
        }
    }
    let repository = daemon.repository(name).await?;
    let answer = repository.remove_key(&key.id, &[].into()).await;
    let removed: KeyRecord = Records::new(answer.map_err(|error| daemon.failure(error))?).one()?;
    if context.output.json {
        context.output.document(&Document::new("key", &removed))?;
    } else {
        context
            .output
            .line(format!("removed the key {short} of {whose}"))?;
    }
    Ok(SUCCESS)
}

async fn rotate(context: &Context<'_>, arguments: &RotateKeyArgs) -> Done {
    let name = &arguments.name;
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(name)?;
    let is_given = arguments.prompt || arguments.given.stdin || arguments.given.password_file.is_some();
    let password = is_given
        .then(|| given(context, name, "rotate", &arguments.given))
        .transpose()?;
    let mut options = Options::new();
    if let Some(password) = &password {
        options.insert("password", zbus::Fd::from(password.as_fd()).into());
    }
    let rotated = daemon
        .repository(name)
        .await?
        .rotate_key(&options)
        .await
        .map_err(|error| daemon.failure(error))?;
    tell(context, name, &rotated)
}

async fn read(daemon: &Daemon, name: &str) -> Result<Vec<KeyRecord>, Failure> {
    daemon.objects().await?.known_repository(name)?;
    let answer = daemon.repository(name).await?.open_keys(&[].into()).await;
    Records::new(answer.map_err(|error| daemon.failure(error))?).collect()
}

fn given(
    context: &Context<'_>,
    name: &str,
    verb: &str,
    given: &GivenArgs,
) -> Result<std::os::fd::OwnedFd, Failure> {
    handed_over(
        context,
        &Given {
            stdin: given.stdin,
            file: given.password_file.as_deref(),
            prompt: &format!("New password of the repository `{name}`"),
            command: &format!("repository key {verb} {name} --stdin"),
        },
    )
}

/// The one whose id begins so.
fn chosen<'a>(keys: &'a [KeyRecord], arguments: &RemoveKeyArgs) -> Result<&'a KeyRecord, Failure> {
    let text = arguments.key.as_str();
    let mut found = keys
        .iter()
        .filter(|key| !text.is_empty() && key.id.starts_with(text));
    let key = match (found.next(), found.next()) {
        (Some(key), None) => key,
        (Some(_), Some(_)) => {
            return Err(
                Failure::usage(format!("the ids of several keys begin with `{text}`"))
                    .hint("give more of the id"),
            );
        }
        (None, _) => {
            let message = format!("no id of a key begins with `{text}`");
            let hint = format!("`backupctl repository key list {}` shows them", arguments.name);
            return Err(Failure::new("NoSuchKey", ExitCode::NoSuchObject, message).hint(hint));
        }
    };
    if key.current {
        let message = format!(
            "the key {} is the one that backupd opens `{}` with, and stays",
            human::short(&key.id),
            arguments.name
        );
        return Err(Failure::failed(message).hint(format!(
            "`backupctl repository key rotate {}` replaces it by another",
            arguments.name
        )));
    }
    Ok(key)
}

/// "root@nas"; a key says what it likes, or nothing.
fn maker(key: &KeyRecord) -> String {
    match (key.user.as_str(), key.host.as_str()) {
        ("", "") => "somebody".to_owned(),
        (user, "") => user.to_owned(),
        ("", host) => format!("somebody@{host}"),
        (user, host) => format!("{user}@{host}"),
    }
}

fn tell(context: &Context<'_>, name: &str, rotated: &RotationProperties) -> Done {
    #[derive(Serialize)]
    struct Told<'a> {
        repository: &'a str,
        credential: Option<&'a str>,
        file: Option<&'a str>,
        before: Option<&'a str>,
        key: Option<&'a str>,
        old_key: Option<&'a str>,
        resumed: bool,
        /// Why the key and the password before are there still.
        left: Option<&'a str>,
        spared: bool,
    }
    let told = Told {
        repository: name,
        credential: rotated.credential.as_deref(),
        file: rotated.file.as_deref(),
        before: rotated.before.as_deref(),
        key: rotated.key.as_deref(),
        old_key: rotated.old_key.as_deref(),
        resumed: rotated.resumed.unwrap_or(false),
        left: rotated.left.as_deref(),
        spared: rotated.spared.unwrap_or(false),
    };
    let code = match told.left {
        Some(_) => ExitCode::Failed as u8,
        None => SUCCESS,
    };
    let output = context.output;
    if output.json {
        output.document(&Document::new("rotation", told))?;
        return Ok(code);
    }
    if told.resumed {
        output.note("this went on with a rotation that was cut off");
    }
    let place = match (told.credential, told.file) {
        (Some(credential), _) => format!("credential `{}`", escape(credential)),
        (None, Some(file)) => format!("password file `{}`", escape(file)),
        (None, None) => "unknown place".to_owned(),
    };
    let short = |key: Option<&str>| escape(human::short(key.unwrap_or_default()));
    output.line(format!(
        "the repository `{name}` has another password: it is kept in the {place}, and opens the key {}",
        short(told.key)
    ))?;
    let (old, before) = (short(told.old_key), escape(told.before.unwrap_or_default()));
    if let Some(why) = told.left {
        let command = context.scope.command(&format!("repository key rotate {name}"));
        output.note(&format!(
            "{}: the key {old}, and its password in the {before}, are there still: {}\n\
             `{command}` removes them when it is called again",
            output.look.paint(output.look.palette.warn, "NOT OVER"),
            escape(why)
        ));
        return Ok(code);
    }
    output.line(format!("the key {old}, which it replaces, is removed"))?;
    if told.spared {
        output.note(&format!(
            "the {before} stays, since it may be somebody else's too: it does not open this repository any more"
        ));
    }
    let command = context
        .scope
        .command(&format!("repository recovery-sheet {name} --with-secret"));
    output.note(&format!(
        "copies of the password before are of no use now: print `{command}` anew, and keep it elsewhere"
    ));
    Ok(code)
}
