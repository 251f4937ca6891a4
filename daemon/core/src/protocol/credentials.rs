//! Where systemd keeps credentials.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, FailureClass},
    name::{CredentialName, RepositoryName},
};

/// systemd's folders of credentials, the first to look into first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialStores {
    /// They are one user's, and encrypted for that user.
    pub user: bool,
    /// What stands there is encrypted for this machine. New ones go into the first.
    pub encrypted: Vec<PathBuf>,
    /// What stands there is the secret itself.
    pub plain: Vec<PathBuf>,
}

/// A credential in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredCredential {
    /// The secret itself.
    Plain(PathBuf),
    /// Encrypted for this machine, or for this user on it.
    Encrypted(PathBuf),
}

impl CredentialStores {
    /// Those of the machine.
    pub fn system() -> Self {
        Self::below(false, &["/etc".into(), "/run".into(), "/usr/lib".into()])
    }

    /// Those of a user with these directories for configuration and sockets.
    pub fn user(configuration: PathBuf, runtime: Option<PathBuf>) -> Self {
        let bases: Vec<PathBuf> = std::iter::once(configuration).chain(runtime).collect();
        Self::below(true, &bases)
    }

    fn below(user: bool, bases: &[PathBuf]) -> Self {
        let named = |name| bases.iter().map(|base| base.join(name)).collect();
        Self {
            user,
            encrypted: named("credstore.encrypted"),
            plain: named("credstore"),
        }
    }

    /// Where a credential is; an encrypted one comes before a plain one, as with systemd.
    pub fn find(&self, name: &CredentialName, exists: impl Fn(&Path) -> bool) -> Option<StoredCredential> {
        let first = |directories: &[PathBuf]| {
            let mut paths = directories.iter().map(|directory| directory.join(name.as_str()));
            paths.find(|path| exists(path))
        };
        first(&self.encrypted)
            .map(StoredCredential::Encrypted)
            .or_else(|| first(&self.plain).map(StoredCredential::Plain))
    }
}

/// What is there and cannot be decrypted.
pub fn undecryptable(
    repository: &RepositoryName,
    name: &CredentialName,
    file: &Path,
    of_password: bool,
) -> Failure {
    let why = format!(
        "cannot be decrypted from `{}`: it was encrypted on another machine or under another name",
        file.display()
    );
    failure(repository, name, &why, of_password)
}

/// What systemd could not load for a worker, from where it was found.
pub fn unloadable(
    repository: &RepositoryName,
    name: &CredentialName,
    stored: Option<&StoredCredential>,
    of_password: bool,
) -> Failure {
    match stored {
        Some(StoredCredential::Encrypted(file)) => undecryptable(repository, name, file, of_password),
        Some(StoredCredential::Plain(file)) => {
            let why = format!("cannot be loaded from `{}`", file.display());
            failure(repository, name, &why, of_password)
        }
        None => failure(repository, name, "cannot be loaded: it is not there", of_password),
    }
}

/// `of_password`: whether the password of the repository is in it, and not what its place asks for.
fn failure(repository: &RepositoryName, name: &CredentialName, why: &str, of_password: bool) -> Failure {
    let message = format!("repository `{repository}`: credential `{name}` {why}");
    let set = if of_password {
        format!("set the password with `backupctl repository set-password {repository}`")
    } else {
        format!("store it: `systemd-creds encrypt --name={name} - /etc/credstore.encrypted/{name}`")
    };
    Failure::new(FailureClass::Credentials, message).hint(format!(
        "{set}, then test it: `backupctl repository test {repository}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_ones_come_first_as_systemd_has_it() {
        let stores = CredentialStores::system();
        let name: CredentialName = "nas".parse().unwrap();
        let plain = |path: &str| Some(StoredCredential::Plain(path.into()));
        let encrypted = |path: &str| Some(StoredCredential::Encrypted(path.into()));
        let mut there: Vec<&str> = Vec::new();
        for (path, found) in [
            ("/usr/lib/credstore/nas", plain("/usr/lib/credstore/nas")),
            ("/run/credstore/nas", plain("/run/credstore/nas")),
            ("/etc/credstore/nas", plain("/etc/credstore/nas")),
            (
                "/run/credstore.encrypted/nas",
                encrypted("/run/credstore.encrypted/nas"),
            ),
            (
                "/etc/credstore.encrypted/nas",
                encrypted("/etc/credstore.encrypted/nas"),
            ),
            (
                "/etc/credstore.encrypted/other",
                encrypted("/etc/credstore.encrypted/nas"),
            ),
        ] {
            there.push(path);
            let exists = |path: &Path| there.iter().any(|one| path == Path::new(one));
            assert_eq!(stores.find(&name, exists), found, "{path}");
        }
        assert_eq!(stores.find(&name, |_| false), None);
        let of_user = CredentialStores::user("/home/a/.config".into(), Some("/run/user/1".into()));
        assert_eq!(of_user.plain[1], Path::new("/run/user/1/credstore"));
    }
}
