//! A password for a new repository.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::errors::Failure;

/// Random bytes in a password.
const LENGTH: usize = 32;

/// Makes a password of 256 random bits and keeps it in `secrets/NAME`, which must not exist.
pub(super) fn generate(configuration: &Path, name: &str) -> Result<PathBuf, Failure> {
    let directory = configuration.join("secrets");
    make_directory(&directory).map_err(|error| Failure::file("make the directory", &directory, &error))?;
    let file = directory.join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut handle| {
            let password = password()?;
            handle.write_all(password.as_bytes())?;
            // The password must not be lost when the power is, after a repository was made with it.
            handle.sync_all()?;
            File::open(&directory)?.sync_all()
        });
    match written {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::failed(format!(
            "`{}` exists, and is not overwritten",
            file.display()
        ))
        .hint(format!(
            "if it is the password of this repository, give `--password-file {}`",
            file.display()
        ))),
        Err(error) => Err(Failure::file("write", &file, &error)),
    }
}

/// A directory for its owner's eyes only. One that exists and is open to others is not for secrets.
fn make_directory(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(directory)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(io::Error::other(format!(
                    "it exists with mode {:o}, so that others can look into it; `chmod 700` it",
                    mode & 0o7777
                )));
            }
            Ok(())
        }
        made => made,
    }
}

fn password() -> io::Result<String> {
    let mut bytes = [0_u8; LENGTH];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += getrandom(rest, GetRandomFlags::empty())?;
    }
    Ok(bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .chain(["\n".to_owned()])
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_kept_for_its_owner_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let file = generate(directory.path(), "nas").unwrap();
        assert_eq!(file, directory.path().join("secrets/nas"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        let password = fs::read_to_string(&file).unwrap();
        assert_eq!(password.trim_end().len(), 64);
        let failure = generate(directory.path(), "nas").unwrap_err();
        assert!(
            failure.message.ends_with("exists, and is not overwritten"),
            "{failure:?}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), password);
        let other = generate(directory.path(), "other").unwrap();
        assert_ne!(fs::read_to_string(other).unwrap(), password);
    }

    #[test]
    fn a_directory_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path().join("secrets");
        fs::create_dir(&secrets).unwrap();
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o755)).unwrap();
        let failure = generate(directory.path(), "nas").unwrap_err();
        assert!(failure.message.contains("mode 755"), "{failure:?}");
        assert!(!secrets.join("nas").exists());
    }
}
