//! `backupctl repository recovery-sheet`

mod sheet;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use backupd_core::protocol::RecoveryRecord;
use serde::Serialize;
use zeroize::Zeroizing;

use self::sheet::{Sheet, render};
use super::{Context, secret};
use crate::{
    cli::RecoverySheetArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::json::Document,
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, arguments: &RecoverySheetArgs) -> Done {
    let output = context.output;
    let name = arguments.name.as_str();
    if let Some(path) = &arguments.output {
        refuse_existing(path, arguments.force)?;
    }
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let jobs = objects.known_repository(name)?.jobs.clone().unwrap_or_default();
    // What fewer may do is asked for first.
    let password = if arguments.with_secret {
        Some(password(&daemon, name).await?)
    } else {
        None
    };
    let repository = daemon.repository(name).await?;
    let answer = repository.open_recovery(&[].into()).await;
    let record: RecoveryRecord = Records::new(answer.map_err(|error| daemon.failure(error))?).one()?;
    let text = if output.json {
        document(&record, &jobs, password.as_ref())?
    } else {
        render(&Sheet {
            record: &record,
            jobs: &jobs,
            password: password.as_ref().map(|password| password.as_str()),
            zone: &output.zone,
        })
    };
    match &arguments.output {
        Some(path) => {
            write(path, text.as_bytes(), arguments.force)
                .map_err(|error| Failure::file("write", path, &error))?;
            output.note(&format!("the sheet is in `{}`", path.display()));
        }
        None => output.raw(text.as_bytes())?,
    }
    if password.is_some() {
        let loud = output
            .look
            .paint(output.look.palette.warn, "KEEP THIS SHEET SAFE AND SECRET");
        output.note(&format!(
            "{loud}: the password of the repository `{name}` is on it, and opens all of its backups"
        ));
    } else {
        output.note(
            "the password is not on the sheet, and nothing can be restored without it: keep it elsewhere, \
             or give `--with-secret`",
        );
    }
    Ok(SUCCESS)
}

/// A worker writes it into a file that only we have.
async fn password(daemon: &Daemon, name: &str) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("the password cannot be read: {error}"));
    let file = secret::in_memory().map_err(failed)?;
    daemon
        .repository(name)
        .await?
        .reveal_password(zbus::Fd::from(file.as_fd()), &[].into())
        .await
        .map_err(|error| daemon.failure(error))?;
    secret::written(file).map_err(failed)
}

fn document(
    record: &RecoveryRecord,
    jobs: &[String],
    password: Option<&Zeroizing<String>>,
) -> Result<Zeroizing<String>, Failure> {
    #[derive(Serialize)]
    struct Told<'a> {
        #[serde(flatten)]
        record: &'a RecoveryRecord,
        jobs: &'a [String],
        password: Option<&'a str>,
    }
    let told = Told {
        record,
        jobs,
        password: password.map(|password| password.as_str()),
    };
    let mut text = serde_json::to_string(&Document::new("recovery-sheet", told))
        .map_err(|error| Failure::internal(format!("the sheet cannot be written: {error}")))?;
    text.push('\n');
    Ok(Zeroizing::new(text))
}

/// Before anybody is asked for a password.
fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    if force || path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(
        Failure::failed(format!("`{}` exists, and is not overwritten", path.display()))
            .hint("choose another name, or give `--force` to replace it"),
    )
}

/// Writes a file of mode 0600, whole or not at all; what is there is replaced only by force.
fn write(path: &Path, content: &[u8], force: bool) -> io::Result<()> {
    let open = |path: &Path| {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    };
    let put = |mut file: File| file.write_all(content).and_then(|()| file.sync_all());
    if !force {
        let file = open(path)?;
        return put(file).inspect_err(|_| {
            let _ = fs::remove_file(path);
        });
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside: PathBuf = path.with_file_name(name);
    open(&beside)
        .and_then(put)
        .and_then(|()| fs::rename(&beside, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_sheet_is_its_owners_alone_and_replaces_nothing_unless_it_may() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sheet.txt");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write(&path, b"one", false).unwrap();
        assert_eq!(mode(), 0o600);
        assert_eq!(
            write(&path, b"two", false).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"two", true).unwrap();
        assert_eq!(
            (fs::read(&path).unwrap().as_slice(), mode()),
            (&b"two"[..], 0o600)
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, target) = (directory.path().join("link"), directory.path().join("target"));
        symlink(&target, &path).unwrap();
        assert!(refuse_existing(&path, false).is_err());
        assert!(write(&path, b"secret", false).is_err());
        write(&path, b"secret", true).unwrap();
        assert!(!target.exists() && !path.is_symlink());
    }
}
