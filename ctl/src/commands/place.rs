//! Where a repository is, as it is said on the command line.

use std::path::{Path, PathBuf};

use backupd_core::{
    config::{Credentials, Limit, PasswordSource, PlaceKind, Rate, Reach, Secret, edit::RepositoryDraft},
    name::InvalidCredentialName,
};

use super::text;
use crate::{cli::ReachArgs, errors::Failure};

/// What is known of a place; the daemon looks whether it fits.
pub(super) fn draft(url: &str, asked: &ReachArgs) -> Result<RepositoryDraft, Failure> {
    // A location with a beginning such as `local:` goes as it is; a plain path is made absolute.
    let plain = url.split('/').next().is_none_or(|first| !first.contains(':'));
    let url = if plain {
        text::absolute_text(Path::new(url))?
    } else {
        url.to_owned()
    };
    Ok(RepositoryDraft {
        credentials: credentials(&url, asked)?,
        reach: reach(asked)?,
        url: Some(url),
        ..RepositoryDraft::default()
    })
}

fn credentials(url: &str, asked: &ReachArgs) -> Result<Credentials, Failure> {
    let mut credentials = Credentials::new();
    let Some(login) = &asked.login else {
        return Ok(credentials);
    };
    let (name, secret) = PlaceKind::of(url).login().ok_or_else(|| {
        Failure::usage("`--login` is for `rest:`, `webdav:` and `s3:`")
            .hint("`sftp:` logs in with a key: give `--ssh-key`")
    })?;
    let source = match (&asked.secret_file, &asked.secret_credential) {
        (Some(file), _) => PasswordSource::File(text::absolute_text(file)?.into()),
        (None, Some(credential)) => PasswordSource::Credential(
            credential
                .parse()
                .map_err(|error: InvalidCredentialName| Failure::usage(error.to_string()))?,
        ),
        (None, None) => {
            return Err(
                Failure::usage("`--login` needs `--secret-file` or `--secret-credential`")
                    .hint("secrets are not given on the command line, where others can see them"),
            );
        }
    };
    credentials.insert(name.to_owned(), Secret::Name(login.clone()));
    credentials.insert(secret.to_owned(), Secret::From(source));
    Ok(credentials)
}

fn reach(asked: &ReachArgs) -> Result<Reach, Failure> {
    let path = |path: &Option<PathBuf>| -> Result<Option<PathBuf>, Failure> {
        path.as_deref()
            .map(|path| Ok(text::absolute_text(path)?.into()))
            .transpose()
    };
    Ok(Reach {
        ca_file: path(&asked.ca_file)?,
        region: asked.region.clone(),
        ssh_key: path(&asked.ssh_key)?,
        ssh_known_hosts: path(&asked.ssh_known_hosts)?,
        rclone_config: path(&asked.rclone_config)?,
        limit: Limit {
            upload: asked.limit_upload.map(Rate::Bytes),
            download: asked.limit_download.map(Rate::Bytes),
            ..Limit::default()
        },
        ..Reach::default()
    })
}
