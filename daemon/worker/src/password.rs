//! The password of the repository, from where the specification says. No message holds any of it.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use backupd_core::{
    config::PasswordSource,
    failure::{Failure, FailureClass},
    name::RepositoryName,
};
use backupd_engine::{Cancellation, Password};

use crate::{
    child::{self, Limits, Stopped},
    events::EventLog,
};

/// More than this is no password, but a wrong file.
const MAX_SIZE: usize = 64 * 1024;

const LIMITS: Limits = Limits {
    time: Duration::from_mins(1),
    output: MAX_SIZE,
};

/// What is wrong, after the name of the source, and what helps.
struct Fault {
    what: String,
    hint: String,
}

/// Gets the password.
pub(crate) fn obtain(
    source: &PasswordSource,
    repository: &RepositoryName,
    events: &EventLog,
    cancellation: &Cancellation,
) -> Result<Password, Failure> {
    let bytes = match source {
        PasswordSource::File(path) => from_file(path, events),
        PasswordSource::Command(words) => match from_command(words, events, cancellation) {
            Err(None) => {
                return Err(Failure::new(
                    FailureClass::Cancelled,
                    format!(
                        "stopped on request while the {} of repository `{repository}` ran",
                        named(source)
                    ),
                ));
            }
            Err(Some(fault)) => Err(fault),
            Ok(bytes) => Ok(bytes),
        },
        PasswordSource::Environment(variable) => from_environment(variable),
    };
    bytes
        .and_then(|bytes| password(bytes, source))
        .map_err(|Fault { what, hint }| {
            Failure::new(
                FailureClass::Credentials,
                format!("repository `{repository}`: {} {what}", named(source)),
            )
            .hint(format!(
                "{hint}, then test it: `backupctl repository test {repository}`"
            ))
        })
}

/// The source as people know it; of a command the program alone, for its arguments may be secret.
pub(crate) fn named(source: &PasswordSource) -> String {
    match source {
        PasswordSource::File(path) => format!("password file `{}`", path.display()),
        PasswordSource::Command(words) => {
            format!("password command `{}`", words.first().map_or("", String::as_str))
        }
        PasswordSource::Environment(variable) => format!("environment variable `{variable}`"),
    }
}

fn password(bytes: Vec<u8>, source: &PasswordSource) -> Result<Password, Fault> {
    let text = String::from_utf8(bytes).map_err(|_| {
        fault(
            "gives something that is no UTF-8",
            "write the password there as plain text",
        )
    })?;
    // As restic reads them, so that one file opens a repository for both.
    let text = match source {
        PasswordSource::File(_) | PasswordSource::Command(_) => text.trim(),
        PasswordSource::Environment(_) => &text,
    };
    if text.is_empty() {
        return Err(fault("gives an empty password", "write the password there"));
    }
    Ok(Password::new(text.to_owned()))
}

fn from_file(path: &Path, events: &EventLog) -> Result<Vec<u8>, Fault> {
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
    env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|directory| path.starts_with(directory))
}

fn read_limited(file: File) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)?;
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

/// `Err(None)` is a cancellation.
fn from_command(
    words: &[String],
    events: &EventLog,
    cancellation: &Cancellation,
) -> Result<Vec<u8>, Option<Fault>> {
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| fault("is empty", "correct `password_command`"))?;
    let hint = "run it by hand as the user that backupd runs as";
    let finished = child::run(program, arguments, LIMITS, cancellation).map_err(|stopped| match stopped {
        Stopped::Cancelled => None,
        Stopped::Start(error) => Some(fault(
            &format!("cannot be started: {error}"),
            "correct `password_command`",
        )),
        Stopped::Broken(error) => Some(fault(&format!("cannot be followed: {error}"), hint)),
        Stopped::TooLong => {
            let seconds = LIMITS.time.as_secs();
            let what = format!("did not end within {seconds} seconds and was stopped");
            Some(fault(
                &what,
                "it must not ask anybody: run it by hand with standard input closed",
            ))
        }
        Stopped::TooMuch => Some(too_large()),
    })?;
    if finished.status.success() {
        return Ok(finished.stdout);
    }
    // What it says may hold a secret, and everybody may see a failure: it stands in the event file alone.
    if let Some(line) = last_line(&finished.stderr) {
        events.warning(None, &format!("the password command said: {line}"));
    }
    Err(Some(fault(&format!("failed ({})", finished.status), hint)))
}

/// The last line with something on it, fit for a log.
fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(
        line.chars()
            .filter(|letter| !letter.is_control())
            .take(200)
            .collect(),
    )
}

fn from_environment(variable: &str) -> Result<Vec<u8>, Fault> {
    child::keep_from_children(variable);
    env::var_os(variable)
        .map(std::os::unix::ffi::OsStringExt::into_vec)
        .ok_or_else(|| fault("is not set", "set it for the daemon"))
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
    use crate::testing::Recorder;

    fn get(source: &PasswordSource) -> Result<String, Failure> {
        let recorder = Recorder::new();
        let name = "nas".parse().unwrap();
        obtain(source, &name, &recorder.log, &Cancellation::default()).map(|p| p.reveal().to_owned())
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
                PasswordSource::Environment("BACKUPD_TEST_ABSENT".into()),
                "not set",
            ),
        ] {
            let failure = get(&source).unwrap_err();
            assert_eq!(failure.class, FailureClass::Credentials);
            assert!(failure.message.contains(says), "{}", failure.message);
            assert!(failure.message.contains("`nas`"), "{}", failure.message);
            assert!(failure.message.contains(&named(&source)), "{}", failure.message);
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
        let name = "nas".parse().unwrap();
        let failure = obtain(&shell("sleep 60"), &name, &recorder.log, &cancellation).unwrap_err();
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
            let name = "nas".parse().unwrap();
            let source = PasswordSource::File(path.clone());
            obtain(&source, &name, &recorder.log, &Cancellation::default()).unwrap();
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
