//! systemd's credentials, for which its own program does the encryption.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_core::{
    name::CredentialName,
    protocol::{CredentialStores, StoredCredential},
};
use backupd_engine::Cancellation;
use zeroize::Zeroizing;

use crate::child::{self, Limits, Program, Stopped};

/// More than this is no password, but a wrong file.
pub(crate) const MAX_SIZE: usize = 64 * 1024;

/// An encrypted one is longer: it is written in Base64, with what opens it.
const LIMITS: Limits = Limits {
    time: Duration::from_mins(1),
    output: 4 * MAX_SIZE,
};

/// Looks for a credential where systemd puts those of a service, then in its folders.
pub(crate) fn find(name: &CredentialName, stores: &CredentialStores) -> Option<StoredCredential> {
    given()
        .map(|directory| directory.join(name.as_str()))
        .filter(|path| path.exists())
        .map(StoredCredential::Plain)
        .or_else(|| stores.find(name, Path::exists))
}

/// "`/run/credentials/x`, `/etc/credstore.encrypted` or …": where it was looked for.
pub(crate) fn places(stores: &CredentialStores) -> String {
    let directories: Vec<String> = given()
        .iter()
        .chain(&stores.encrypted)
        .chain(&stores.plain)
        .map(|directory| format!("`{}`", directory.display()))
        .collect();
    directories.join(", ")
}

/// Where systemd puts the credentials of this service.
pub(crate) fn given() -> Option<PathBuf> {
    env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// `systemd-creds` did not do it.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Somebody asked the attempt to stop.
    Cancelled,
    /// It could not be run to its end.
    Unusable(String),
    /// It said no; its last line, for the log alone.
    Failed(Option<String>),
}

/// What stands in an encrypted file.
pub(crate) fn decrypt(
    name: &CredentialName,
    file: &Path,
    stores: &CredentialStores,
    cancellation: &Cancellation,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let file = file.to_string_lossy();
    systemd_creds("decrypt", name, [&file, "-"], &[], stores, cancellation)
}

/// The secret as an encrypted file holds it.
pub(crate) fn encrypt(
    name: &CredentialName,
    secret: &[u8],
    stores: &CredentialStores,
    cancellation: &Cancellation,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    systemd_creds("encrypt", name, ["-", "-"], secret, stores, cancellation)
}

fn systemd_creds(
    verb: &str,
    name: &CredentialName,
    [from, to]: [&str; 2],
    input: &[u8],
    stores: &CredentialStores,
    cancellation: &Cancellation,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let name = format!("--name={name}");
    let mut arguments = vec![verb, &name, from, to];
    if stores.user {
        arguments.insert(0, "--user");
    }
    let program = Program {
        name: "systemd-creds",
        arguments: &arguments,
        input,
    };
    let finished = child::run(&program, LIMITS, cancellation).map_err(|stopped| match stopped {
        Stopped::Cancelled => Refused::Cancelled,
        Stopped::Start(error) => Refused::Unusable(format!("cannot be started: {error}")),
        Stopped::Broken(error) => Refused::Unusable(format!("cannot be followed: {error}")),
        Stopped::TooLong => Refused::Unusable("did not end within a minute".to_owned()),
        Stopped::TooMuch => Refused::Unusable("prints too much".to_owned()),
    })?;
    if finished.status.success() {
        Ok(finished.stdout)
    } else {
        Err(Refused::Failed(child::last_line(&finished.stderr)))
    }
}
