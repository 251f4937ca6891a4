//! How the program is told what to do: which repository, how to get there, and who we are to it.
//!
//! Secrets go through its standard input and its environment, which only its own user sees, never through arguments.

use std::{ffi::OsString, fs, process::Command};

use crate::{
    Access, Direction, EngineError, ErrorKind, Result,
    store::{Address, SshHost, ssh_arguments},
};

use super::{environment, program::Program};
use crate::embedded::beside;

/// How often it says how far it is, per second.
const PACE: &str = "4";

/// A call of the program that works on a repository.
pub(super) fn command(program: &Program, access: &Access, verb: &str) -> Result<Command> {
    let address = beside::address(access)?;
    let options = &access.options;
    let mut command = Command::new(program.path());
    command
        .env_clear()
        .envs(environment::kept())
        .env("RESTIC_REPOSITORY", repository(access, &address)?)
        .env("RESTIC_PROGRESS_FPS", PACE)
        .arg(verb);
    match &access.cache {
        Some(cache) => {
            let cache = cache.join("restic");
            // It makes packs in files, and in a sandbox there is no other place for them.
            let temporary = cache.join("tmp");
            match fs::create_dir_all(&temporary) {
                Ok(()) => {
                    command.env("TMPDIR", temporary);
                }
                Err(error) => tracing::warn!(%error, "cannot make a directory for temporary files"),
            }
            command.arg("--cache-dir").arg(cache);
        }
        None => {
            command.arg("--no-cache");
        }
    }
    if let Some(file) = &options.ca_file {
        command.arg("--cacert").arg(file);
    }
    for (direction, option) in [
        (Direction::Upload, "--limit-upload"),
        (Direction::Download, "--limit-download"),
    ] {
        // A local repository is not held back by the embedded engine either.
        let limit = options.pace.as_ref().and_then(|pace| pace.limit(direction));
        if let Some(limit) = limit.filter(|_| !matches!(address, Address::Local(_))) {
            let kibibytes = (limit.get() / 1024).max(1).to_string();
            command.args([option, &kibibytes]);
        }
    }
    match &address {
        Address::Sftp(host) => extend(&mut command, "sftp.command", &ssh(access, host)?),
        Address::Rclone(_) => extend(&mut command, "rclone.args", &rclone(access)?),
        Address::S3 { .. } => s3(&mut command, access),
        Address::Azure(_) | Address::Google(_) | Address::Backblaze(_) => cloud(&mut command, access)?,
        Address::Local(_) | Address::Rest(_) | Address::WebDav(_) => {}
    }
    Ok(command)
}

fn extend(command: &mut Command, name: &str, value: &str) {
    // Options are read as a line of comma-separated values.
    let value = value.replace('"', "\"\"");
    command.arg("-o").arg(format!("\"{name}={value}\""));
}

/// The address in restic's words. Older versions take a REST server's credentials from nowhere else.
fn repository(access: &Access, address: &Address) -> Result<OsString> {
    match address {
        Address::Local(path) => Ok(path.clone().into_os_string()),
        Address::Rest(url) => {
            let mut url = url.clone();
            if let Some(user) = access.secrets.get("username") {
                let password = access.secrets.get("password").unwrap_or_default();
                let taken = url
                    .set_username(user)
                    .and_then(|()| url.set_password(Some(password)));
                taken.map_err(|()| refused(access, "its address takes no credentials"))?;
            }
            Ok(format!("rest:{url}").into())
        }
        Address::WebDav(_) => Err(refused(
            access,
            "restic knows no WebDAV; use `engine = \"embedded\"`, or a remote of rclone",
        )),
        Address::S3 {
            endpoint,
            bucket,
            path,
        } => Ok(format!("s3:{endpoint}/{bucket}/{path}")
            .trim_end_matches('/')
            .into()),
        Address::Azure(bucket) => Ok(format!("azure:{}:/{}", bucket.name, bucket.path).into()),
        Address::Google(bucket) => Ok(format!("gs:{}:/{}", bucket.name, bucket.path).into()),
        Address::Backblaze(bucket) => Ok(format!("b2:{}:{}", bucket.name, bucket.path).into()),
        Address::Rclone(remote) => Ok(format!("rclone:{remote}").into()),
        Address::Sftp(host) => Ok(format!("sftp:{}:{}", bracketed(&host.name), host.path).into()),
    }
}

/// Who is asked is said by the command alone.
fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn ssh(access: &Access, host: &SshHost) -> Result<String> {
    let mut line = "ssh".to_owned();
    for word in ssh_arguments(host, &access.options) {
        line.push(' ');
        line.push_str(&quoted(access, &word)?);
    }
    Ok(line)
}

fn rclone(access: &Access) -> Result<String> {
    let mut line =
        "serve restic --stdio --b2-hard-delete --ask-password=false --low-level-retries 3".to_owned();
    if let Some(config) = &access.options.rclone_config {
        line.push_str(" --config ");
        line.push_str(&quoted(access, &config.to_string_lossy())?);
    }
    Ok(line)
}

/// One word for restic, which knows two kinds of quotes and nothing that escapes them.
fn quoted(access: &Access, word: &str) -> Result<String> {
    let quote = ['\'', '"'].into_iter().find(|quote| !word.contains(*quote));
    match quote.filter(|_| !word.contains('\\')) {
        Some(quote) => Ok(format!("{quote}{word}{quote}")),
        None => Err(refused(
            access,
            "a path that leads to it has quotes or backslashes in it, which restic does not understand",
        )),
    }
}

/// Hands over what is known of who we are.
fn secrets(command: &mut Command, access: &Access, names: &[(&str, &str)]) {
    for (name, variable) in names {
        if let Some(secret) = access.secrets.get(name) {
            command.env(variable, secret);
        }
    }
}

/// The services that have addresses of their own.
fn cloud(command: &mut Command, access: &Access) -> Result<()> {
    if access.options.endpoint.is_some() {
        return Err(refused(
            access,
            "restic knows no other `endpoint` than the service's own",
        ));
    }
    if access.secrets.get("service_account").is_some() {
        return Err(refused(
            access,
            "restic wants the key of a service account in a file; use `engine = \"embedded\"`, or an `access_token`",
        ));
    }
    secrets(
        command,
        access,
        &[
            ("account_name", "AZURE_ACCOUNT_NAME"),
            ("account_key", "AZURE_ACCOUNT_KEY"),
            ("account_sas", "AZURE_ACCOUNT_SAS"),
            ("access_token", "GOOGLE_ACCESS_TOKEN"),
            ("access_key_id", "B2_ACCOUNT_ID"),
            ("secret_access_key", "B2_ACCOUNT_KEY"),
        ],
    );
    Ok(())
}

fn s3(command: &mut Command, access: &Access) {
    secrets(
        command,
        access,
        &[
            ("access_key_id", "AWS_ACCESS_KEY_ID"),
            ("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
            ("session_token", "AWS_SESSION_TOKEN"),
        ],
    );
    if let Some(region) = &access.options.region {
        command.env("AWS_DEFAULT_REGION", region);
    }
}

fn refused(access: &Access, why: &str) -> EngineError {
    EngineError::new(
        ErrorKind::InvalidRequest,
        format!("cannot use repository `{}` by restic: {why}", access.name),
    )
}
