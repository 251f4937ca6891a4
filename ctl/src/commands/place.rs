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
    let source = match (&asked.secret_file, &asked.secret_credential) {
        (Some(file), _) => Some(PasswordSource::File(text::absolute_text(file)?.into())),
        (None, Some(credential)) => {
            Some(PasswordSource::Credential(credential.parse().map_err(
                |error: InvalidCredentialName| Failure::usage(error.to_string()),
            )?))
        }
        (None, None) => None,
    };
    if asked.login.is_none() && source.is_none() {
        return Ok(credentials);
    }
    let (name, secret) = PlaceKind::of(url).login().ok_or_else(|| {
        Failure::usage("`--login` is for `rest:`, `webdav:`, `s3:`, `azure:`, `gs:` and `b2:`")
            .hint("`sftp:` logs in with a key: give `--ssh-key`")
    })?;
    let Some(source) = source else {
        return Err(
            Failure::usage("`--login` needs `--secret-file` or `--secret-credential`")
                .hint("secrets are not given on the command line, where others can see them"),
        );
    };
    match (name, &asked.login) {
        (Some(name), Some(login)) => {
            credentials.insert(name.to_owned(), Secret::Name(login.clone()));
        }
        (Some(_), None) => return Err(Failure::usage("the secret of whom? give `--login`, too")),
        (None, Some(_)) => {
            return Err(Failure::usage("`gs:` knows no `--login`")
                .hint("the JSON key of a service account says who it is: give it with `--secret-file`"));
        }
        (None, None) => {}
    }
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
        endpoint: asked.endpoint.clone(),
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

#[cfg(test)]
mod tests {
    use backupd_core::config::edit::render_repository;
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    fn said(url: &str, words: &[&str]) -> Result<String, Failure> {
        let command = ReachArgs::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(words).unwrap();
        let asked = ReachArgs::from_arg_matches(&matches).unwrap();
        let text = render_repository(&draft(url, &asked)?);
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn who_logs_in_is_called_as_the_place_calls_it() {
        for (url, words, expected) in [
            (
                "azure:c:/x",
                &["--login", "acc", "--secret-file", "/k", "--endpoint", "https://e"][..],
                "url = \"azure:c:/x\"; endpoint = \"https://e\"; [credentials]; account_key_file = \"/k\"; \
                 account_name = \"acc\"",
            ),
            (
                "gs:b:/",
                &["--secret-credential", "google"],
                "url = \"gs:b:/\"; [credentials]; service_account_credential = \"google\"",
            ),
            (
                "b2:b:x",
                &["--login", "id", "--secret-file", "/k", "--region", "us-west-004"],
                "url = \"b2:b:x\"; region = \"us-west-004\"; [credentials]; access_key_id = \"id\"; \
                 secret_access_key_file = \"/k\"",
            ),
        ] {
            assert_eq!(said(url, words).unwrap(), expected);
        }
        for (url, words) in [
            ("gs:b:/", &["--login", "me", "--secret-file", "/k"][..]),
            ("s3:https://h/b", &["--secret-file", "/k"]),
            ("azure:c:/x", &["--login", "acc"]),
            ("sftp:h:/x", &["--login", "me", "--secret-file", "/k"]),
        ] {
            assert!(said(url, words).is_err(), "{url}");
        }
    }
}
