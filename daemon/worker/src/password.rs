//! The password of the repository and what its place asks for, from where the specification says. No message holds any
//! of it.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{
            ffi::OsStringExt,
            fs::{OpenOptionsExt, PermissionsExt},
        },
    },
    path::Path,
    time::Duration,
};

use backupd_core::{
    config::{PasswordSource, Secret},
    failure::{Failure, FailureClass},
    name::{CredentialName, RepositoryName},
    protocol::{RepositorySpec, StoredCredential, undecryptable},
};
use backupd_engine::{Cancellation, Password, Secrets};
use zeroize::Zeroizing;

use crate::{
    attempt::Context,
    child::{self, Limits, Program, Stopped},
    credential::{self, MAX_SIZE, Refused},
    events::EventLog,
    surroundings,
};

const LIMITS: Limits = Limits {
    time: Duration::from_mins(1),
    output: MAX_SIZE,
};

/// What is wrong, after the name of the source, and what helps.
struct Fault {
    what: String,
    hint: String,
}

/// Somebody asked the attempt to stop, or something is wrong.
enum Without {
    Cancelled,
    Fault(Fault),
    /// The failure is known whole.
    Undecryptable(Failure),
}

impl From<Fault> for Without {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

type Bytes = Zeroizing<Vec<u8>>;

/// What a source is asked on behalf of.
#[derive(Clone, Copy)]
struct Asking<'a> {
    repository: &'a RepositorySpec,
    events: &'a EventLog,
    cancellation: &'a Cancellation,
    /// Whether it is for the password of the repository, and not for what its place asks for.
    of_password: bool,
}

/// Gets the password.
pub(crate) fn obtain(
    repository: &RepositorySpec,
    events: &EventLog,
    cancellation: &Cancellation,
) -> Result<Password, Failure> {
    let asking = Asking {
        repository,
        events,
        cancellation,
        of_password: true,
    };
    Ok(Password::new(secret(asking, &repository.password)?))
}

/// Gets what the place of the repository asks for.
pub(crate) fn secrets(
    repository: &RepositorySpec,
    events: &EventLog,
    cancellation: &Cancellation,
) -> Result<Secrets, Failure> {
    let asking = Asking {
        repository,
        events,
        cancellation,
        of_password: false,
    };
    let mut secrets = Secrets::default();
    for (name, value) in &repository.secrets {
        match value {
            Secret::Name(text) => secrets.set(name, text.clone()),
            Secret::From(source) => secrets.set(name, secret(asking, source)?),
        }
    }
    Ok(secrets)
}

/// Reads a password from where it was kept; nothing where none is.
pub(crate) fn kept(context: &Context<'_>, source: &PasswordSource) -> Result<Option<Password>, Failure> {
    let repository = &context.spec.repository;
    let is_there = match source {
        PasswordSource::File(path) => path.symlink_metadata().is_ok(),
        PasswordSource::Credential(name) => credential::find(name, &repository.credentials).is_some(),
        PasswordSource::Command(_) | PasswordSource::Environment(_) => false,
    };
    if !is_there {
        return Ok(None);
    }
    let asking = Asking {
        repository,
        events: context.events,
        cancellation: context.cancellation,
        of_password: true,
    };
    secret(asking, source).map(|text| Some(Password::new(text)))
}

/// Gets one secret.
fn secret(asking: Asking<'_>, source: &PasswordSource) -> Result<String, Failure> {
    let name = &asking.repository.name;
    let bytes = match source {
        PasswordSource::File(path) => from_file(path, asking.events).map_err(Without::from),
        PasswordSource::Command(words) => from_command(words, asking.events, asking.cancellation),
        PasswordSource::Credential(credential) => from_credential(asking, credential),
        PasswordSource::Environment(variable) => from_environment(variable).map_err(Without::from),
    };
    bytes
        .and_then(|bytes| Ok(text(&bytes, source)?))
        .map_err(|without| match without {
            Without::Cancelled => Failure::new(
                FailureClass::Cancelled,
                format!("stopped on request while the {source} of repository `{name}` was asked for"),
            ),
            Without::Undecryptable(failure) => failure,
            Without::Fault(Fault { what, hint }) => Failure::new(
                FailureClass::Credentials,
                format!("repository `{name}`: {source} {what}"),
            )
            .hint(format!(
                "{hint}, then test it: `backupctl repository test {name}`"
            )),
        })
}

/// Takes the password from standard input, whose end must come soon.
pub(crate) fn given(
    name: &RepositoryName,
    command: &str,
    cancellation: &Cancellation,
) -> Result<Password, Failure> {
    let failed = |what: &str| {
        Failure::new(
            FailureClass::Credentials,
            format!("repository `{name}`: the new password {what}"),
        )
        .hint(format!(
            "give it again with `backupctl repository {command} {name}`"
        ))
    };
    let bytes = match child::read_input(LIMITS, cancellation) {
        Ok(bytes) => bytes,
        Err(Stopped::Cancelled) => {
            let message = format!("repository `{name}`: stopped on request before the new password was read");
            return Err(Failure::new(FailureClass::Cancelled, message));
        }
        Err(Stopped::TooLong) => return Err(failed("did not come to an end within a minute")),
        Err(Stopped::TooMuch) => return Err(failed("has more than 64 KiB")),
        Err(Stopped::Start(error) | Stopped::Broken(error)) => {
            return Err(failed(&format!("cannot be read: {error}")));
        }
    };
    // As it will be read from where it is kept.
    let text = str::from_utf8(&bytes).map_err(|_| failed("is no UTF-8"))?.trim();
    if text.is_empty() {
        return Err(failed("is empty"));
    }
    Ok(Password::new(text.to_owned()))
}

fn text(bytes: &[u8], source: &PasswordSource) -> Result<String, Fault> {
    let text = str::from_utf8(bytes).map_err(|_| {
        fault(
            "gives something that is no UTF-8",
            "write the password there as plain text",
        )
    })?;
    // As restic reads them, so that one file opens a repository for both.
    let text = match source {
        PasswordSource::Environment(_) => text,
        _ => text.trim(),
    };
    if text.is_empty() {
        return Err(fault("gives an empty password", "write the password there"));
    }
    Ok(text.to_owned())
}

fn from_file(path: &Path, events: &EventLog) -> Result<Bytes, Fault> {
    // Not to wait for a writer, should it be a FIFO.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(fault(
            "is not a regular file",
            "name a file that holds the password",
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o066 != 0 && !is_credential(path) {
        let path_text = path.display();
        events.warning(
            Some(path),
            &format!(
                "password file has mode {mode:04o}: others than its owner may use it; \
                 run `chmod 600 {path_text}`"
            ),
        );
    }
    read_limited(file)
        .map_err(|error| unreadable(&error))?
        .ok_or_else(too_large)
}

/// systemd guards its credentials with an access list, which makes their mode look wider than it is.
fn is_credential(path: &Path) -> bool {
    credential::given().is_some_and(|directory| path.starts_with(directory))
}

fn read_limited(source: impl Read) -> io::Result<Option<Bytes>> {
    // As long as it may get: a vector that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SIZE + 1));
    source.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_SIZE).then_some(bytes))
}

fn unreadable(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => fault(
            "does not exist",
            "write the password into it (`chmod 600`), or correct `password_file`",
        ),
        io::ErrorKind::PermissionDenied => fault(
            "cannot be read: Permission denied",
            "make it readable for the user that backupd runs as",
        ),
        _ => fault(&format!("cannot be read: {error}"), "correct `password_file`"),
    }
}

fn too_large() -> Fault {
    fault(
        "gives more than 64 KiB, which is no password",
        "name the source of the password alone",
    )
}

fn from_command(words: &[String], events: &EventLog, cancellation: &Cancellation) -> Result<Bytes, Without> {
    let (name, arguments) = words
        .split_first()
        .ok_or_else(|| fault("is empty", "correct `password_command`"))?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = Program {
        name,
        arguments: &arguments,
        input: b"",
    };
    let hint = "run it by hand as the user that backupd runs as";
    let finished = child::run(&program, LIMITS, cancellation).map_err(|stopped| match stopped {
        Stopped::Cancelled => Without::Cancelled,
        Stopped::Start(error) => fault(
            &format!("cannot be started: {error}"),
            "correct `password_command`",
        )
        .into(),
        Stopped::Broken(error) => fault(&format!("cannot be followed: {error}"), hint).into(),
        Stopped::TooLong => {
            let seconds = LIMITS.time.as_secs();
            let what = format!("did not end within {seconds} seconds and was stopped");
            fault(
                &what,
                "it must not ask anybody: run it by hand with standard input closed",
            )
            .into()
        }
        Stopped::TooMuch => too_large().into(),
    })?;
    if finished.status.success() {
        return Ok(finished.stdout);
    }
    // What it says may hold a secret, and everybody may see a failure: it stands in the event file alone.
    if let Some(line) = child::last_line(&finished.stderr) {
        events.private_warning(None, &format!("the password command said: {line}"));
    }
    Err(fault(&format!("failed ({})", finished.status), hint).into())
}

fn from_credential(asking: Asking<'_>, name: &CredentialName) -> Result<Bytes, Without> {
    let Asking {
        repository,
        events,
        cancellation,
        of_password,
    } = asking;
    let set = if of_password {
        format!(
            "set the password with `backupctl repository set-password {}`",
            repository.name
        )
    } else {
        format!("store it: `systemd-creds encrypt --name={name} - /etc/credstore.encrypted/{name}`")
    };
    let stores = &repository.credentials;
    let file = match credential::find(name, stores) {
        Some(StoredCredential::Plain(path)) => return Ok(from_file(&path, events)?),
        Some(StoredCredential::Encrypted(file)) => file,
        None => {
            let what = format!("is not there; looked for in {}", credential::places(stores));
            return Err(fault(&what, &set).into());
        }
    };
    credential::decrypt(name, &file, stores, cancellation).map_err(|refused| match refused {
        Refused::Cancelled => Without::Cancelled,
        Refused::Unusable(why) => {
            let what = format!("is encrypted, and `systemd-creds` {why}");
            let hint = "install systemd, or keep the password in a file: \
                        `backupctl repository set-password NAME --file`";
            fault(&what, &hint.replace("NAME", repository.name.as_str())).into()
        }
        Refused::Failed(line) => {
            if let Some(line) = line {
                events.private_warning(Some(&file), &format!("`systemd-creds` said: {line}"));
            }
            Without::Undecryptable(undecryptable(&repository.name, name, &file, of_password))
        }
    })
}

fn from_environment(variable: &str) -> Result<Bytes, Fault> {
    child::keep_from_children(variable);
    let set = env::var_os(variable).map(|value| Zeroizing::new(value.into_vec()));
    let bytes = set.or_else(handed_over);
    if let Err(error) = surroundings::close_input() {
        tracing::warn!("{error}");
    }
    bytes.ok_or_else(|| fault("is not set", "set it for the daemon"))
}

/// What the daemon has in the variable, where the worker is a unit, of which everybody can see the variables: standard
/// input is a file without a name then.
fn handed_over() -> Option<Bytes> {
    let file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    read_limited(file).ok().flatten()
}

fn fault(what: &str, hint: &str) -> Fault {
    Fault {
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;
    use crate::testing::{Recorder, backup_spec};

    fn repository(source: &PasswordSource) -> RepositorySpec {
        let mut repository = backup_spec().repository;
        repository.password = source.clone();
        repository
    }

    fn get(source: &PasswordSource) -> Result<String, Failure> {
        let recorder = Recorder::new();
        obtain(&repository(source), &recorder.log, &Cancellation::default()).map(|p| p.reveal().to_owned())
    }

    fn shell(script: &str) -> PasswordSource {
        PasswordSource::Command(vec!["/bin/sh".into(), "-c".into(), script.into()])
    }

    #[test]
    fn white_space_around_it_is_taken_off_as_restic_does() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        for (content, expected) in [
            ("a b", "a b"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a"),
            (" a \n", "a"),
            ("a\nb\n", "a\nb"),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(get(&PasswordSource::File(path.clone())).unwrap(), expected);
        }
        assert_eq!(get(&shell("echo secret")).unwrap(), "secret");
    }

    #[test]
    fn each_fault_names_source_and_repository_and_a_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            PasswordSource::File(path)
        };
        for (source, says) in [
            (
                PasswordSource::File(directory.path().join("absent")),
                "does not exist",
            ),
            (
                PasswordSource::File(directory.path().into()),
                "not a regular file",
            ),
            (path("empty", b"\n"), "empty password"),
            (path("binary", b"\xff\xfe"), "no UTF-8"),
            (path("large", &vec![b'a'; MAX_SIZE + 1]), "64 KiB"),
            (shell("exit 3"), "exit status: 3"),
            (shell("kill -9 $$"), "signal: 9"),
            (shell("yes"), "64 KiB"),
            (shell(":"), "empty password"),
            (
                PasswordSource::Command(vec!["/no/such".into()]),
                "cannot be started",
            ),
            (PasswordSource::Command(vec![]), "is empty"),
            (
                PasswordSource::Credential("absent".parse().unwrap()),
                "is not there",
            ),
            (
                PasswordSource::Environment("BACKUPD_TEST_ABSENT".into()),
                "not set",
            ),
        ] {
            let failure = get(&source).unwrap_err();
            assert_eq!(failure.class, FailureClass::Credentials);
            assert!(failure.message.contains(says), "{}", failure.message);
            assert!(failure.message.contains("`nas`"), "{}", failure.message);
            assert!(
                failure.message.contains(&source.to_string()),
                "{}",
                failure.message
            );
            assert!(failure.hint.unwrap().contains("backupctl repository test nas"));
        }
    }

    #[test]
    fn what_a_failing_command_prints_is_not_told() {
        let failure = get(&shell("echo hush; echo hush >&2; exit 1")).unwrap_err();
        assert!(!failure.message.contains("hush"));
    }

    #[test]
    fn a_cancelled_command_is_a_cancellation() {
        let cancellation = Cancellation::default();
        cancellation.cancel();
        let recorder = Recorder::new();
        let failure = obtain(&repository(&shell("sleep 60")), &recorder.log, &cancellation).unwrap_err();
        assert_eq!(failure.class, FailureClass::Cancelled);
    }

    #[test]
    fn a_file_that_others_may_read_is_warned_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        File::create(&path).unwrap().write_all(b"hush\n").unwrap();
        for (mode, warned) in [(0o600, 0), (0o400, 0), (0o700, 0), (0o640, 1), (0o602, 1)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let recorder = Recorder::new();
            let source = PasswordSource::File(path.clone());
            obtain(&repository(&source), &recorder.log, &Cancellation::default()).unwrap();
            assert_eq!(recorder.log.end_warnings(), warned, "{mode:o}");
            let text = recorder.text();
            assert_eq!(
                text.contains(&format!("chmod 600 {}", path.display())),
                warned == 1
            );
            assert!(!text.contains("hush"));
        }
    }
}
