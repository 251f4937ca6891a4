//! Where passwords are kept: encrypted credentials of systemd, and files for their owner's eyes only.

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
    protocol::Keep,
};
use zeroize::Zeroizing;

use crate::{
    attempt::Context,
    credential::{self, Refused},
    failure,
};

/// So many names are tried before somebody is asked to clean up.
const MOST: u32 = 100;

/// There while systemd is what runs this machine; see `sd_booted(3)`.
const BOOTED: &str = "/run/systemd/system";

/// Is told where a password will be, before it is there.
pub(super) type Announce<'a> = dyn FnMut(&PasswordSource) -> Result<(), Failure> + 'a;

/// Keeps passwords of one repository.
pub(super) struct Keeping<'a> {
    pub(super) context: &'a Context<'a>,
    /// Folder of plain password files.
    pub(super) secrets: &'a Path,
}

impl Keeping<'_> {
    /// Keeps a password where nothing is yet.
    pub(super) fn keep(
        &self,
        password: &str,
        keep: Keep,
        announce: &mut Announce<'_>,
    ) -> Result<PasswordSource, Failure> {
        match keep {
            Keep::File => self.file(password, announce),
            Keep::Credential => self.sealed(password, announce),
            Keep::Auto if !Path::new(BOOTED).exists() => self.file(password, announce),
            Keep::Auto => self.sealed(password, announce).or_else(|failure| {
                if self.context.cancellation.is_cancelled() {
                    return Err(failure);
                }
                tracing::info!("{failure}; a file is used");
                self.file(password, announce)
            }),
        }
    }

    /// Removes a password that was kept here; one that is gone is as good.
    pub(super) fn discard(&self, place: &PasswordSource) -> Result<(), Failure> {
        let path = match place {
            PasswordSource::File(path) if path.parent() == Some(self.secrets) => path.clone(),
            PasswordSource::Credential(name) => match self.stores().encrypted.first() {
                Some(directory) => directory.join(name.as_str()),
                None => return Ok(()),
            },
            // Not ours to remove.
            _ => return Ok(()),
        };
        remove(&path).map_err(|error| {
            let what = format!("{place} cannot be removed: {}", said(&path, &error));
            Failure::new(
                FailureClass::Configuration,
                failure::about(self.context.spec, &what),
            )
            .hint("set that right, and rotate again")
        })
    }

    fn stores(&self) -> &backupd_core::protocol::CredentialStores {
        &self.context.spec.repository.credentials
    }

    /// As an encrypted credential, which is opened once to see that it can be.
    fn sealed(&self, password: &str, announce: &mut Announce<'_>) -> Result<PasswordSource, Failure> {
        let context = self.context;
        let repository = &context.spec.repository;
        let stores = self.stores();
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
        make_directory(directory).map_err(|error| failed(&said(directory, &error)))?;
        let secret = password.as_bytes();
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
            let place = PasswordSource::Credential(name.clone());
            announce(&place)?;
            match write_new(&path, &text) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                written => written.map_err(|error| failed(&said(&path, &error)))?,
            }
            let read = credential::decrypt(&name, &path, stores, context.cancellation);
            return match read {
                Ok(read) if *read == secret => Ok(place),
                other => {
                    let _ = fs::remove_file(&path);
                    Err(other.map_or_else(refused, |_| failed("it does not open as what it was made of")))
                }
            };
        }
        Err(failed(&format!("`{base}` and {MOST} names like it are taken")))
    }

    /// As a file for its owner's eyes only.
    fn file(&self, password: &str, announce: &mut Announce<'_>) -> Result<PasswordSource, Failure> {
        let failed = |what: &str| {
            let what = format!("the password cannot be kept: {what}");
            Failure::new(
                FailureClass::Configuration,
                failure::about(self.context.spec, &what),
            )
            .hint("set that right, and set the password again")
        };
        let secrets = self.secrets;
        make_directory(secrets).map_err(|error| failed(&said(secrets, &error)))?;
        let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        text.extend_from_slice(password.as_bytes());
        text.push(b'\n');
        for name in free_names(self.context.spec.repository.name.as_str()) {
            let path = secrets.join(name);
            // What is not there may still come; what is there need not be announced.
            if path.symlink_metadata().is_ok() {
                continue;
            }
            let place = PasswordSource::File(path.clone());
            announce(&place)?;
            match write_new(&path, &text) {
                Ok(()) => return Ok(place),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&said(&path, &error))),
            }
        }
        Err(failed(&format!(
            "there are {MOST} files of this repository in `{}`",
            secrets.display()
        )))
    }
}

/// The name, and then others that no other repository can have.
fn free_names(base: &str) -> impl Iterator<Item = String> {
    std::iter::once(base.to_owned()).chain((2..=MOST).map(move |number| format!("{base}+{number}")))
}

pub(super) fn said(path: &Path, error: &io::Error) -> String {
    format!("`{}`: {error}", path.display())
}

/// A directory for its owner's eyes only. One that exists and is open to others is not for secrets.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
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
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let (file, directory) = written(path, content)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

/// As [`write_new`], in the place of what is there.
pub(super) fn write_over(path: &Path, content: &[u8]) -> io::Result<()> {
    let (file, directory) = written(path, content)?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

fn written(path: &Path, content: &[u8]) -> io::Result<(tempfile::NamedTempFile, PathBuf)> {
    let directory: PathBuf = path.parent().unwrap_or(Path::new("/")).to_owned();
    // Its mode is 0600 from the start.
    let mut file = tempfile::Builder::new()
        .prefix(".backupd-")
        .tempfile_in(&directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok((file, directory))
}

/// Removes a file for good; one that is gone is as good.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => {
            removed?;
            File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
        }
    }
}
