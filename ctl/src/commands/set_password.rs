//! `backupctl repository set-password`: a password goes to the daemon as a file without a name, never as text.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read, Seek as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
};

use backupd_dbus::PasswordProperties;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use serde::Serialize;
use zeroize::Zeroizing;

use super::Context;
use crate::{
    cli::SetPasswordArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::{escape::escape, json::Document},
};

/// The daemon takes no more.
const LONGEST: u64 = 64 * 1024;

pub(super) async fn run(context: &Context<'_>, arguments: &SetPasswordArgs) -> Done {
    let name = &arguments.name;
    let daemon = Daemon::connect(context).await?;
    daemon.objects().await?.known_repository(name)?;
    let password = sealed(&password(context, arguments)?)
        .map_err(|error| Failure::failed(format!("the password cannot be handed over: {error}")))?;
    let keep = match (arguments.keep.credential, arguments.keep.file) {
        (true, _) => "credential",
        (_, true) => "file",
        _ => "auto",
    };
    let mut options = backupd_dbus::Options::from([("keep", keep.into())]);
    if arguments.unchecked {
        options.insert("unchecked", true.into());
    }
    let stored = daemon
        .repository(name)
        .await?
        .set_password(zbus::Fd::from(password.as_fd()), &options)
        .await
        .map_err(|error| daemon.failure(error))?;
    tell(context, arguments, &stored)
}

/// From a file, from standard input, or from whoever sits at the terminal.
fn password(context: &Context<'_>, arguments: &SetPasswordArgs) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if let Some(path) = &arguments.password_file {
        let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
        return read(file).map_err(|error| Failure::file("read", path, &error));
    }
    if arguments.stdin {
        let input = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map(File::from)
            .and_then(read);
        return input.map_err(|error| Failure::failed(format!("standard input cannot be read: {error}")));
    }
    if !io::stdin().is_terminal() {
        let command = context
            .scope
            .command(&format!("repository set-password {} --stdin", arguments.name));
        return Err(Failure::usage("there is no terminal to ask for the password")
            .hint(format!("pipe it into `{command}`")));
    }
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(|error| Failure::failed(format!("the terminal cannot be asked: {error}")))
    };
    let first = ask(format!("Password of the repository `{}`: ", arguments.name))?;
    if first.trim().is_empty() {
        return Err(Failure::failed(
            "an empty password protects nothing; nothing was changed",
        ));
    }
    if *ask("The same again: ".to_owned())? != *first {
        return Err(Failure::failed("the two passwords differ; nothing was changed"));
    }
    Ok(Zeroizing::new(first.as_bytes().to_vec()))
}

fn read(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // As long as it may get: a vector that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024 + 1));
    source.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    Ok(bytes)
}

/// A file in memory that nobody can change any more.
fn sealed(password: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("backupd-password", flags)?);
    file.write_all(password)?;
    file.rewind()?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_read_from_its_start_and_never_changes() {
        let mut file = File::from(sealed(b"hush").unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hush");
        assert!(file.write_all(b"x").is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn what_is_too_long_is_no_password() {
        assert_eq!(read(&b"hush\n"[..]).unwrap().as_slice(), b"hush\n");
        assert!(read(io::repeat(b'x')).is_err());
    }
}
