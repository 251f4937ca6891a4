//! Keeping a new password. What is kept already stays: whoever still needs it finds it.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use backupd_core::{
    config::PasswordSource,
    failure::{Failure, FailureClass},
    name::CredentialName,
    protocol::{Keep, StorePasswordWork, StoredRecord},
};
use backupd_engine::ErrorKind;
use zeroize::Zeroizing;

use super::query::{ended, tell};
use crate::{
    attempt::{Context, Ended},
    credential::{self, Refused},
    failure,
};

/// So many names are tried before somebody is asked to clean up.
const MOST: u32 = 100;

/// There while systemd is what runs this machine; see `sd_booted(3)`.
const BOOTED: &str = "/run/systemd/system";

/// Opens the repository with the new password, and keeps it if it may.
pub(crate) fn store_password(
    context: &Context<'_>,
    work: &StorePasswordWork,
    answer: &mut dyn Write,
) -> Ended {
    let stored = opens(context, work.unchecked).and_then(|opens| {
        let password = keep(context, work)?;
        Ok(StoredRecord { password, opens })
    });
    match stored {
        Ok(record) => ended(context, tell(answer, &record).and_then(|()| answer.flush())),
        Err(failure) => failure.into(),
    }
}

/// Whether the password opens the repository; one that it does not open is a failure, none is not.
fn opens(context: &Context<'_>, unchecked: bool) -> Result<bool, Failure> {
    let Err(error) = context.engine.probe(context.access) else {
        return Ok(true);
    };
    let mut failed = failure::explain(&error, context.spec, context.cancellation);
    match error.kind() {
        ErrorKind::RepositoryNotFound => Ok(false),
        ErrorKind::WrongPassword => {
            let message = "the new password does not open it, and was not kept";
            Err(
                Failure::new(FailureClass::Credentials, failure::about(context.spec, message)).hint(
                    "give the password that the repository was created with: its key is not changed by this",
                ),
            )
        }
        ErrorKind::Cancelled => Err(failed),
        _ if unchecked => Ok(false),
        _ => {
            failed
                .message
                .push_str("; the new password was not tried and not kept");
            Err(failed
                .hint("try again when it can be opened, or keep the password untried with `--unchecked`"))
        }
    }
}

fn keep(context: &Context<'_>, work: &StorePasswordWork) -> Result<PasswordSource, Failure> {
    match work.keep {
        Keep::File => file(context, work),
        Keep::Credential => sealed(context),
        Keep::Auto if !Path::new(BOOTED).exists() => file(context, work),
        Keep::Auto => sealed(context).or_else(|failure| {
            if context.cancellation.is_cancelled() {
                return Err(failure);
            }
            tracing::info!("{failure}; a file is used");
            file(context, work)
        }),
    }
}

/// As an encrypted credential, which is opened once to see that it can be.
fn sealed(context: &Context<'_>) -> Result<PasswordSource, Failure> {
    let repository = &context.spec.repository;
    let stores = &repository.credentials;
    let failed = |what: &str| {
        Failure::new(
            FailureClass::Configuration,
            failure::about(context.spec, &format!("the credential cannot be made: {what}")),
        )
        .hint(format!(
            "keep the password in a file: `backupctl repository set-password {} --file`",
            repository.name
        ))
    };
    let refused = |refused: Refused| match refused {
        Refused::Cancelled => failure::cancelled(context.spec),
        Refused::Unusable(why) => failed(&format!("`systemd-creds` {why}")),
        Refused::Failed(line) => failed(&format!(
            "`systemd-creds` said: {}",
            line.as_deref().unwrap_or("nothing")
        )),
    };
    let directory = stores
        .encrypted
        .first()
        .ok_or_else(|| failed("there is no place for it"))?;
    make_directory(directory).map_err(|error| failed(&place(directory, &error)))?;
    let secret = context.access.password.reveal().as_bytes();
    let base = CredentialName::of_repository(&repository.name);
    for name in free_names(base.as_str()) {
        let Ok(name) = name.parse::<CredentialName>() else {
            break;
        };
        if credential::find(&name, stores).is_some() {
            continue;
        }
        let text = credential::encrypt(&name, secret, stores, context.cancellation).map_err(refused)?;
        let path = directory.join(name.as_str());
        match write(&path, &text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            written => written.map_err(|error| failed(&place(&path, &error)))?,
        }
        let read = credential::decrypt(&name, &path, stores, context.cancellation);
        return match read {
            Ok(read) if *read == secret => Ok(PasswordSource::Credential(name)),
            other => {
                let _ = fs::remove_file(&path);
                Err(other.map_or_else(refused, |_| failed("it does not open as what it was made of")))
            }
        };
    }
    Err(failed(&format!("`{base}` and {MOST} names like it are taken")))
}

/// As a file for its owner's eyes only.
fn file(context: &Context<'_>, work: &StorePasswordWork) -> Result<PasswordSource, Failure> {
    let failed = |what: &str| {
        let what = format!("the password cannot be kept: {what}");
        Failure::new(FailureClass::Configuration, failure::about(context.spec, &what))
            .hint("set that right, and set the password again")
    };
    make_directory(&work.secrets).map_err(|error| failed(&place(&work.secrets, &error)))?;
    let mut text = Zeroizing::new(Vec::with_capacity(context.access.password.reveal().len() + 1));
    text.extend_from_slice(context.access.password.reveal().as_bytes());
    text.push(b'\n');
    for name in free_names(context.spec.repository.name.as_str()) {
        let path = work.secrets.join(name);
        match write(&path, &text) {
            Ok(()) => return Ok(PasswordSource::File(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&place(&path, &error))),
        }
    }
    Err(failed(&format!(
        "there are {MOST} files of this repository in `{}`",
        work.secrets.display()
    )))
}

/// The name, and then others that no other repository can have.
fn free_names(base: &str) -> impl Iterator<Item = String> {
    std::iter::once(base.to_owned()).chain((2..=MOST).map(move |number| format!("{base}+{number}")))
}

fn place(path: &Path, error: &io::Error) -> String {
    format!("`{}`: {error}", path.display())
}

/// A directory for its owner's eyes only. One that exists and is open to others is not for secrets.
fn make_directory(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(directory)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(io::Error::other(format!(
                    "it has mode {:o}, so that others can look into it; `chmod 700` it",
                    mode & 0o7777
                )));
            }
            Ok(())
        }
        made => made,
    }
}

/// Writes a new file whole or not at all, and makes it last.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory: PathBuf = path.parent().unwrap_or(Path::new("/")).to_owned();
    // Its mode is 0600 from the start.
    let mut file = tempfile::Builder::new()
        .prefix(".backupd-")
        .tempfile_in(&directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}
